"""Checking a clone of the incident repository, with the public key from elsewhere and nothing more.

What must hold: one line of commits, each signed by the key; every commit adds one record or moves
checkpoints forward; nothing that was committed is ever changed or gone; each record is named and headed as
it should be and follows the opening of its incident; and the files in the folder are the signed ones.

Blind to: commits cut off the end. Whoever knows a commit that must be there hands it in; the control room
does, from its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from dulwich.errors import NotGitRepository
from dulwich.objects import Blob, Commit, ObjectID, Tree, TreeEntry
from dulwich.repo import Repo

from watchkeeper.operation.incidents import checkpoints, gitstore, keys, records, sshsig
from watchkeeper.operation.incidents.model import (
    CLOSED,
    FILE_FORM,
    FIRST_ANALYSIS,
    ID_FORM,
    OPENED,
    SEVERITIES,
)

_FIRST_FILES = frozenset({"README.md", "allowed_signers"})
_CHECKPOINT_PATHS = frozenset(checkpoints.path_of(log) for log in checkpoints.LOGS)
_COMMITS_MAX = 1_000_000
_PROBLEMS_MAX = 1_000
_RECORD_BYTES_MAX = 8_000_000
_SIGNATURE_HEADER = b"gpgsig "


class NotAnIncidentRepository(Exception):
    """There is no Git repository with a commit in this folder."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: in which commit, on which file, what is wrong."""

    commit: str
    path: str
    says: str


@dataclass(slots=True)
class Report:
    """What the check found; sound when it lists no problem."""

    head: str
    commits: int = 0
    incidents: set[str] = field(default_factory=set)
    records: int = 0
    checkpoint_sizes: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every rule held."""
        return not self.problems

    def add(self, commit: str, path: str, says: str) -> None:
        """List a problem; beyond a bound only the first ones are kept."""
        if len(self.problems) < _PROBLEMS_MAX:
            self.problems.append(Problem(commit, path, says))


def verify_repository(folder: Path, allowed_signers: str, *, must_hold: str | None = None) -> Report:
    """Check a clone against a key that did not come from it: the text of incidents.pub or allowed_signers.

    `must_hold` is a commit that has to be in the history. Raises `NotAnIncidentRepository`, `NoKeyGiven`.
    """
    signers = keys.read_public(allowed_signers)
    try:
        with Repo(str(folder)) as repository:
            newest = repository.head()
            return _Check(repository, signers, Report(newest.decode("ascii"))).run(newest, must_hold)
    except (NotGitRepository, KeyError, OSError) as error:
        raise NotAnIncidentRepository(NotAnIncidentRepository.__doc__) from error


class _TreeUnreadable(Exception):
    """A list of files that this commit rests on is missing or damaged."""


class _Check:
    """The history walked once, oldest commit first, with what earlier commits established."""

    def __init__(self, repository: Repo, signers: tuple[Ed25519PublicKey, ...], report: Report) -> None:
        self._repository = repository
        self._signers = signers
        self._report = report
        #: Path of each record so far -> the start that it states.
        self._starts: dict[str, str | None] = {}
        self._checkpoints: dict[str, checkpoints.Checkpoint] = {}
        self._at = ""

    def run(self, newest: ObjectID, must_hold: str | None) -> Report:
        """Walk everything that `newest` rests on."""
        line = self._line(newest)
        parent_tree: ObjectID | None = None
        for commit_id, commit in reversed(line):
            self._at = commit_id.decode("ascii")
            self._report.commits += 1
            self._check_signature(commit)
            try:
                self._check_changes(commit.tree, parent_tree, first=not commit.parents)
            except _TreeUnreadable as error:
                self._problem("", str(error))
            parent_tree = commit.tree
        if must_hold is not None and must_hold.encode("ascii") not in {commit_id for commit_id, _ in line}:
            self._at = must_hold
            self._problem("", "this commit must be in the history and is not")
        if line:
            self._at = self._report.head
            try:
                self._check_folder(line[0][1].tree)
            except _TreeUnreadable as error:
                self._problem("", str(error))
        self._report.checkpoint_sizes = {path: kept.size for path, kept in self._checkpoints.items()}
        return self._report

    def _problem(self, path: str, says: str) -> None:
        self._report.add(self._at, path, says)

    def _line(self, newest: ObjectID) -> list[tuple[ObjectID, Commit]]:
        """The commits from the newest to the first; a broken line ends where it breaks, and is a problem."""
        line: list[tuple[ObjectID, Commit]] = []
        current: ObjectID | None = newest
        while current is not None:
            self._at = current.decode("ascii")
            if len(line) >= _COMMITS_MAX:
                self._problem("", "more commits than can be checked")
                break
            commit = self._object(current)
            if not isinstance(commit, Commit):
                self._problem("", "the history breaks off here: this commit is missing or damaged")
                break
            line.append((current, commit))
            if len(commit.parents) > 1:
                self._problem("", "a merge: the history is not one line")
            current = commit.parents[0] if commit.parents else None
        return line

    def _object(self, object_id: ObjectID) -> object | None:
        """An object whose bytes have the hash that names it, or None."""
        try:
            found = self._repository.object_store[object_id]
            raw = found.as_raw_string()
        except Exception:
            return None
        named = hashlib.sha1(
            b"%s %d\0" % (found.type_name, len(raw)) + raw, usedforsecurity=False
        ).hexdigest()
        return found if named.encode("ascii") == object_id else None

    def _check_signature(self, commit: Commit) -> None:
        if commit.author != gitstore.IDENTITY or commit.committer != gitstore.IDENTITY:
            self._problem("", "written in another name")
        signature, payload = _split(commit.as_raw_string())
        if signature is None:
            self._problem("", "not signed, or signed in another way")
            return
        try:
            for number, key in enumerate(self._signers, start=1):
                try:
                    sshsig.check(payload, signature, key=key)
                    break
                except sshsig.SignatureWrong:
                    if number == len(self._signers):
                        raise
        except (sshsig.SignatureMalformed, sshsig.SignatureWrong) as error:
            self._problem("", f"its signature is not accepted: {error}")

    def _check_changes(self, tree: ObjectID, parent_tree: ObjectID | None, *, first: bool) -> None:
        added_records = 0
        moved_checkpoints = 0
        seen: set[str] = set()
        for path, before, after in self._changes(tree, parent_tree):
            seen.add(path)
            if after is None:
                self._problem(path, "removed after its commit")
            elif after.mode != gitstore.FILE_MODE:
                self._problem(path, "not a plain file")
            elif path in _CHECKPOINT_PATHS:
                moved_checkpoints += 1
                self._check_checkpoint(path, self._content(path, after.sha))
            elif before is not None:
                self._problem(path, "changed after its commit")
            elif first and path in _FIRST_FILES:
                self._check_first_file(path, self._content(path, after.sha))
            else:
                added_records += 1
                self._check_record(path, self._content(path, after.sha))
        if first and seen != _FIRST_FILES:
            self._problem("", "the first commit holds something else than README.md and allowed_signers")
        if not first and (added_records > 1 or added_records + moved_checkpoints == 0):
            self._problem("", "adds neither one record nor a checkpoint")

    def _changes(
        self, tree: ObjectID, parent_tree: ObjectID | None
    ) -> Iterator[tuple[str, TreeEntry | None, TreeEntry | None]]:
        """What differs between two commits: path, entry before, entry after. Equal folders are skipped."""
        before = {} if parent_tree is None else self._entries(parent_tree)
        after = self._entries(tree)
        for name in sorted(after.keys() | before.keys()):
            old, new = before.get(name), after.get(name)
            if old == new:
                continue
            path = name.decode("utf-8", "backslashreplace")
            old_inside = self._inside(old)
            new_inside = self._inside(new)
            if old is not None and new is not None and (old_inside is None) != (new_inside is None):
                self._problem(path, "a file became a folder, or a folder a file")
            if old_inside is None and new_inside is None:
                yield path, old, new
                continue
            for inner in sorted((old_inside or {}).keys() | (new_inside or {}).keys()):
                was, now = (old_inside or {}).get(inner), (new_inside or {}).get(inner)
                if was != now:
                    yield f"{path}/{inner.decode('utf-8', 'backslashreplace')}", was, now

    def _inside(self, entry: TreeEntry | None) -> dict[bytes, TreeEntry] | None:
        return self._entries(entry.sha) if entry is not None and entry.mode == gitstore.FOLDER_MODE else None

    def _entries(self, tree_id: ObjectID) -> dict[bytes, TreeEntry]:
        tree = self._object(tree_id)
        if not isinstance(tree, Tree):
            raise _TreeUnreadable(_TreeUnreadable.__doc__)
        return {entry.path: entry for entry in tree.iteritems()}

    def _content(self, path: str, blob_id: ObjectID) -> str | None:
        blob = self._object(blob_id)
        if not isinstance(blob, Blob) or len(blob.data) > _RECORD_BYTES_MAX:
            self._problem(path, "missing, damaged or too large")
            return None
        try:
            return blob.data.decode("utf-8")
        except UnicodeDecodeError:
            self._problem(path, "no UTF-8")
            return None

    def _check_first_file(self, path: str, content: str | None) -> None:
        if path != "allowed_signers" or content is None:
            return
        try:
            named = {sshsig.key_blob(key) for key in keys.read_public(content)}
        except keys.NoKeyGiven:
            named = set()
        if not named & {sshsig.key_blob(key) for key in self._signers}:
            self._problem(path, "names another key than the one given")

    def _check_checkpoint(self, path: str, content: str | None) -> None:
        if content is None:
            return
        try:
            fresh = checkpoints.read(content)
            known = self._checkpoints.get(path)
            if known is not None and not checkpoints.goes_on(fresh, earlier=known):
                self._problem(path, "changed without growing")
            self._checkpoints[path] = fresh
        except (checkpoints.CheckpointMalformed, checkpoints.CheckpointWentBack) as error:
            self._problem(path, str(error))

    def _check_record(self, path: str, content: str | None) -> None:
        incident, _, name = path.partition("/")
        form = FILE_FORM.fullmatch(name)
        if ID_FORM.fullmatch(incident) is None or form is None:
            self._problem(path, "no file that belongs here")
            return
        self._report.records += 1
        self._report.incidents.add(incident)
        self._check_order(incident, name, number=int(form["number"]), kind=form["kind"])
        self._starts[path] = None
        if content is None:
            return
        try:
            fields = records.read_front_matter(content)
        except records.FrontMatterMalformed as error:
            self._problem(path, str(error))
            return
        self._starts[path] = fields.get("start")
        self._check_fields(path, fields, incident=incident, kind=form["kind"])

    def _check_order(self, incident: str, name: str, *, number: int, kind: str) -> None:
        path = f"{incident}/{name}"
        expected = {"opened": name == OPENED, "closed": name == CLOSED}.get(kind, number >= FIRST_ANALYSIS)
        if not expected:
            self._problem(path, "its number does not go with its kind")
        if kind != "opened" and f"{incident}/{OPENED}" not in self._starts:
            self._problem(path, f"stands without {OPENED}")
        if kind == "analysis" and number > FIRST_ANALYSIS:
            before = f"{incident}/{number - 1:02d}-analysis.md"
            if before not in self._starts:
                self._problem(path, "an analysis before it is missing")

    def _check_fields(self, path: str, fields: dict[str, str | None], *, incident: str, kind: str) -> None:
        missing = [key for key in records.FIELDS if key not in fields]
        if missing:
            self._problem(path, f"lacks {', '.join(missing)}")
            return
        if fields["id"] != incident or fields.get("record") != kind:
            self._problem(path, "says it is another record")
        needed = set(records.FIELDS) if kind == "closed" else records.KNOWN_AT_ONCE
        empty = sorted(key for key in needed if not (fields[key] or "").strip())
        if empty:
            self._problem(path, f"leaves {', '.join(empty)} empty")
        if fields["severity"] not in SEVERITIES:
            self._problem(path, "has no known severity")
        if kind != "opened" and fields["start"] != self._starts.get(f"{incident}/{OPENED}"):
            self._problem(path, "states another start than its opening")

    def _check_folder(self, tree: ObjectID) -> None:
        """The files that a person would read there are the signed ones."""
        if self._repository.bare:
            return
        for path, _, entry in self._changes(tree, None):
            blob = None if entry is None else self._object(entry.sha)
            file = Path(self._repository.path) / path
            shown = file.read_bytes() if file.is_file() and not file.is_symlink() else None
            if shown is None or not isinstance(blob, Blob) or shown != blob.data:
                self._problem(path, "the file in the folder is not the signed one")


def _split(raw: bytes) -> tuple[bytes | None, bytes]:
    """The signature of a raw commit and what was signed; None if it has no signature, or more than one."""
    head, separator, body = raw.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    found = 0
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(_SIGNATURE_HEADER):
            found += 1
            inside = True
            signature.append(line.removeprefix(_SIGNATURE_HEADER))
        elif inside and line.startswith(b" "):
            signature.append(line[1:])
        else:
            inside = False
            kept.append(line)
    if found != 1:
        return None, raw
    return b"\n".join(signature), b"\n".join(kept) + separator + body
