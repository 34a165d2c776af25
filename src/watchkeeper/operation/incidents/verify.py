"""Checking the records anywhere, on a clone, with the public key alone: who signed, in what order, what was rewritten."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from dulwich.errors import NotGitRepository
from dulwich.objects import Commit, ObjectID, Tree
from dulwich.refs import HEADREF
from dulwich.repo import Repo

from watchkeeper.operation.incidents import records, sshsig
from watchkeeper.operation.incidents.repository import SIGNERS

_COMMITS_MAX = 200_000
PROBLEMS_MAX = 50
_FILE = re.compile(r"INC-\d{8}-\d{6}/\d{2}-(opened|closed|analysis)\.md")
_ALLOWED = re.compile(r"README\.md|allowed_signers|seals/(main|side)\.checkpoint")


class NoRepository(ValueError):
    """There is no Git repository in this folder."""


@dataclass(slots=True)
class RecordsReport:
    """What a check of the records found."""

    commits: int = 0
    incidents: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return self.commits > 0 and not self.problems

    def add(self, problem: str) -> None:
        """Note a problem, within bounds."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)


def verify(folder: Path, *, key_line: str | None = None) -> RecordsReport:
    """Check every commit and file. `key_line` is the public key from elsewhere; without it the clone's own is used.

    Raises `NoRepository`.
    """
    report = RecordsReport()
    try:
        repository = Repo(str(folder))
    except NotGitRepository as error:
        raise NoRepository(NoRepository.__doc__) from error
    with repository:
        head = repository.refs.as_dict().get(HEADREF)
        chain: list[Commit] = []
        at = head
        while at is not None and len(chain) < _COMMITS_MAX:
            commit = repository[ObjectID(at)]
            if not isinstance(commit, Commit):
                report.add("the history does not consist of commits")
                return report
            chain.append(commit)
            if len(commit.parents) > 1:
                report.add(f"{_short(commit)} joins two histories; the records are one line")
            at = commit.parents[0] if commit.parents else None
        chain.reverse()
        _walk(repository, chain, report, key_line)
    return report


def _walk(repository: Repo, chain: list[Commit], report: RecordsReport, key_line: str | None) -> None:
    before: dict[str, bytes] = {}
    for number, commit in enumerate(chain):
        files = dict(_files(repository, commit.tree, ""))
        if number == 0 and key_line is None:
            line = files.get(SIGNERS, b"")
            key_line = repository[ObjectID(line)].as_raw_string().decode("ascii", "replace") if line else ""
        report.commits += 1
        _check_signature(commit, key_line or "", report)
        for path, blob in files.items():
            if before.get(path) == blob:
                continue
            if path in before and not path.startswith("seals/"):
                report.add(f"{_short(commit)} rewrites {path}")
            if not _FILE.fullmatch(path) and not _ALLOWED.fullmatch(path):
                report.add(f"{_short(commit)} holds {path!r}, which is no record")
            elif _FILE.fullmatch(path):
                _check_record(repository, path, blob, files, report)
        for path in before.keys() - files.keys():
            report.add(f"{_short(commit)} removes {path}")
        before = files


def _short(commit: Commit) -> str:
    return f"commit {commit.id.decode('ascii')[:10]}"


def _check_signature(commit: Commit, key_line: str, report: RecordsReport) -> None:
    signature = commit.gpgsig
    if signature is None:
        report.add(f"{_short(commit)} is not signed")
        return
    try:
        sshsig.verify(commit.raw_without_sig(), signature, sshsig.key_of_line(key_line))
    except sshsig.SignatureWrong as error:
        report.add(f"{_short(commit)}: {error}")


def _files(repository: Repo, tree_id: bytes, prefix: str) -> list[tuple[str, bytes]]:
    tree = repository[ObjectID(tree_id)]
    found: list[tuple[str, bytes]] = []
    if not isinstance(tree, Tree):
        return found
    for name, mode, item in tree.iteritems():
        if name is None or mode is None or item is None:
            continue
        path = f"{prefix}{name.decode('utf-8', 'replace')}"
        if mode & 0o040000 and not prefix.count("/"):
            found.extend(_files(repository, item, f"{path}/"))
        else:
            found.append((path, item))
    return found


def _check_record(
    repository: Repo, path: str, blob: bytes, files: dict[str, bytes], report: RecordsReport
) -> None:
    incident = path.split("/", 1)[0]
    text = repository[ObjectID(blob)].as_raw_string().decode("utf-8", "replace")
    try:
        if records.read(text)["id"] != incident:
            report.add(f"{path} is of another incident")
    except records.RecordUnreadable as error:
        report.add(f"{path}: {error}")
    if path.endswith("01-opened.md"):
        report.incidents += 1
    elif f"{incident}/01-opened.md" not in files:
        report.add(f"{path} closes what was never opened")
