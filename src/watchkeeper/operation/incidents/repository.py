"""The worker between rows and Git: each record's file becomes one signed commit, exactly once.

What is due stands in rows, with its bytes. The worker claims a row, looks whether the branch has that file
already (it died after the commit, the last time), commits if not, and notes the commit. Two workers cannot
both commit: the branch moves only from the commit that they looked at. Nothing here runs inside the
caller's transaction; each step has a short one of its own.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dulwich.errors import ChecksumMismatch, FileFormatException, NotGitRepository
from dulwich.file import FileLocked
from dulwich.objects import ObjectID
from dulwich.repo import Repo

from watchkeeper.base import canonical
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database
from watchkeeper.base.utid import base36
from watchkeeper.operation.incidents import checkpoints, due, gitstore, keys, locks, readme

_T = TypeVar("_T")
#: How often a step is tried again because the branch moved or a left lock was taken away.
_TRIES_MAX = 8
_WAIT_SECONDS_MAX = 5.0
_COMPARED_AT_ONCE = 500
_SHOWN_AT_ONCE = 50
#: How dulwich and the file system say that the repository is damaged, gone, or on a full disk.
_DAMAGE = (OSError, KeyError, NotGitRepository, FileFormatException, ChecksumMismatch, zlib.error)


class RepositoryUnusable(Exception):
    """The incident repository cannot be read or written. Its records wait as rows."""


class RecordRewritten(Exception):
    """The branch holds other bytes where a record belongs. That incident's records wait."""


@dataclass(frozen=True, slots=True)
class _Worker:
    """The one worker, with all that it works on."""

    database: Database
    repository: Repo
    key: Ed25519PrivateKey
    clock: Clock
    lock_seconds_max: float

    def now_at(self) -> ObjectID:
        """The newest commit; a repository without one was never set up."""
        found = gitstore.head(self.repository)
        if found is None:
            msg = f"{RepositoryUnusable.__doc__} Its branch has no commit."
            raise RepositoryUnusable(msg)
        return found

    def patiently(self, step: Callable[[], _T]) -> _T:
        """Run a step of Git; again when the branch moved or a killed process had left a lock."""
        for _ in range(_TRIES_MAX):
            try:
                return step()
            except gitstore.HeadMoved:
                continue
            except FileLocked as locked:
                lock = Path(os.fsdecode(locked.lockfilename))
                locks.remove_left_lock(lock, clock=self.clock, seconds_max=self.lock_seconds_max)
                self.note("lock removed", f"{lock.name}: nobody held it any more")
        raise locks.RepositoryBusy(locks.RepositoryBusy.__doc__)

    def note(self, kind: str, detail: str, *, once: bool = False) -> None:
        """Store what happened to the repository, in a transaction of its own."""
        branch = gitstore.head(self.repository)
        with self.database.transaction("write"):
            due.note_event(
                self.database,
                kind=kind,
                head=None if branch is None else branch.decode("ascii"),
                detail=detail,
                at=self.clock.now(),
                once=once,
            )


def create(data: Path, *, system_id: str, clock: Clock, key: Ed25519PrivateKey | None = None) -> None:
    """Make the signing key and the repository at set-up, with README and allowed_signers committed."""
    signer = keys.create(data, key=key)
    repository = gitstore.init(data)
    try:
        files = {
            "README.md": readme.text(system_id).encode("utf-8"),
            "allowed_signers": keys.allowed_signers(signer.public_key()).encode("ascii"),
        }
        gitstore.commit_files(
            repository,
            files,
            message="The incident repository begins\n",
            at=clock.now(),
            key=signer,
            parent=None,
        )
        gitstore.show(repository, files)
    finally:
        repository.close()


@contextmanager
def _working(
    data: Path, database: Database, *, clock: Clock, wait_seconds_max: float, lock_seconds_max: float
) -> Iterator[_Worker]:
    key = keys.load(data)
    control = data / gitstore.FOLDER / ".git"
    try:
        with (
            locks.only_worker(control, clock=clock, wait_seconds_max=wait_seconds_max),
            gitstore.open_repository(data) as repository,
        ):
            yield _Worker(database, repository, key, clock, lock_seconds_max)
    except _DAMAGE as error:
        detail = f"{type(error).__name__}: {error}"
        with database.transaction("write"):
            due.note_event(
                database, kind="commit failed", head=None, detail=detail, at=clock.now(), once=True
            )
        raise RepositoryUnusable(f"{RepositoryUnusable.__doc__} {detail}") from error


def commit_due(
    data: Path,
    database: Database,
    *,
    clock: Clock,
    limit: int = 100,
    newest_checkpoints: Mapping[str, str] | None = None,
    wait_seconds_max: float = _WAIT_SECONDS_MAX,
    lock_seconds_max: float = locks.LOCK_SECONDS_MAX,
) -> int:
    """Commit the record files that are due, oldest first; how many now have their commit.

    `newest_checkpoints` (log -> text) travel with the first file where they are newer than what is kept.
    Call it outside a transaction. Raises `RepositoryBusy` (try again), `RepositoryUnusable`, `KeyUnreadable`,
    `CheckpointWentBack` and `RecordRewritten`, the last two after everything else was committed.
    """
    trouble: dict[str, Exception] = {}
    done = 0
    with _working(
        data, database, clock=clock, wait_seconds_max=wait_seconds_max, lock_seconds_max=lock_seconds_max
    ) as worker:
        _find_missing(worker)
        _settle_anchors(worker)
        for log, text in (newest_checkpoints or {}).items():
            try:
                _take_checkpoint(worker, log, text)
            except (checkpoints.CheckpointWentBack, checkpoints.CheckpointMalformed) as error:
                worker.note("commit failed", f"{checkpoints.path_of(log)}: {error}", once=True)
                trouble[log] = error
        file_ids = due.file_ids(database, limit=limit)
        for begin in range(0, len(file_ids), _SHOWN_AT_ONCE):
            done += _commit_some(worker, file_ids[begin : begin + _SHOWN_AT_ONCE], trouble)
    for first in trouble.values():
        raise first
    return done


def _commit_some(worker: _Worker, file_ids: Sequence[int], trouble: dict[str, Exception]) -> int:
    """Commit these files one by one, then show them and note their commits together.

    What cannot be committed goes into `trouble` by its incident, whose later files wait. The index costs
    its whole length each time it is written, so it is written once. A worker that dies before the note
    finds the files on the branch the next time.
    """
    committed: list[tuple[due.DueFile, ObjectID]] = []
    for file_id in file_ids:
        with worker.database.transaction("write"):
            file = due.claim(worker.database, file_id, token=base36(12))
        if file is None or file.incident_id in trouble:
            continue
        try:
            committed.append((file, _commit_file(worker, file)))
        except RecordRewritten as error:
            worker.note("commit failed", f"{file.path}: {error}", once=True)
            trouble[file.incident_id] = error
    shown = {file.path: file.content.encode("utf-8") for file, _ in committed}
    worker.patiently(partial(gitstore.show, worker.repository, shown))
    with worker.database.transaction("write"):
        noted = [
            due.set_committed(worker.database, file, commit_sha=sha.decode("ascii"))
            for file, sha in committed
        ]
    _settle_anchors(worker)
    return sum(noted)


def _commit_file(worker: _Worker, file: due.DueFile) -> ObjectID:
    """The commit that holds this file, made now or found; raises `RecordRewritten`."""
    content = file.content.encode("utf-8")
    if canonical.digest(content) != file.content_digest:
        msg = f"{RecordRewritten.__doc__} The row's bytes do not have the row's digest."
        raise RecordRewritten(msg)

    def step() -> ObjectID:
        parent = worker.now_at()
        standing = gitstore.content_at(worker.repository, parent, file.path)
        if standing is not None and standing != content:
            raise RecordRewritten(RecordRewritten.__doc__)
        if standing is not None:
            return gitstore.brought_by(worker.repository, parent, file.path)
        files = {file.path: content} | _newer_checkpoints(worker, parent)
        return gitstore.commit_files(
            worker.repository, files, message=file.message, at=file.due_at, key=worker.key, parent=parent
        )

    return worker.patiently(step)


def _newer_checkpoints(worker: _Worker, parent: ObjectID) -> dict[str, bytes]:
    """The waiting checkpoints that are newer than what `parent` keeps."""
    found: dict[str, bytes] = {}
    for anchor in due.waiting_anchors(worker.database):
        path = checkpoints.path_of(anchor.log)
        if anchor.size > _size_at(worker, parent, path):
            found[path] = anchor.text.encode("utf-8")
    return found


def _size_at(worker: _Worker, commit: ObjectID, path: str) -> int:
    """The size that the kept checkpoint states; -1 when none is kept."""
    kept = gitstore.content_at(worker.repository, commit, path)
    if kept is None:
        return -1
    try:
        return checkpoints.read(kept.decode("utf-8")).size
    except ValueError:
        # Somebody else wrote there. A sound checkpoint takes its place; `verify` names the commit.
        worker.note("commit failed", f"{path}: what the branch holds is no checkpoint", once=True)
        return -1


def _settle_anchors(worker: _Worker) -> None:
    """Note the commit of every waiting checkpoint that the branch holds."""
    waiting = due.waiting_anchors(worker.database)
    if not waiting:
        return
    branch = worker.now_at()
    for anchor in waiting:
        path = checkpoints.path_of(anchor.log)
        if _size_at(worker, branch, path) < anchor.size:
            continue
        commit = gitstore.brought_by(worker.repository, branch, path)
        content = gitstore.content_at(worker.repository, branch, path) or b""
        worker.patiently(partial(gitstore.show, worker.repository, {path: content}))
        with worker.database.transaction("write"):
            due.set_anchored(worker.database, anchor, commit_sha=commit.decode("ascii"))


def _take_checkpoint(worker: _Worker, log: str, text: str) -> None:
    """Store a checkpoint as a row if it says more than the newest one known."""
    fresh = checkpoints.read(text)
    known = due.newest_anchor(worker.database, log)
    if known is not None and not checkpoints.goes_on(fresh, earlier=checkpoints.read(known.text)):
        return
    with worker.database.transaction("write"):
        due.insert_anchor(worker.database, log=log, size=fresh.size, text=text, at=worker.clock.now())


def anchor_checkpoint(
    data: Path,
    database: Database,
    *,
    log: str,
    checkpoint_text: str,
    clock: Clock,
    wait_seconds_max: float = _WAIT_SECONDS_MAX,
    lock_seconds_max: float = locks.LOCK_SECONDS_MAX,
) -> str | None:
    """Keep a log's newest checkpoint in a commit of its own; the commit, or None when it was kept already.

    The caller bounds how often. Call it outside a transaction. Raises `CheckpointWentBack`,
    `CheckpointMalformed` and what `commit_due` raises.
    """
    path = checkpoints.path_of(log)
    with _working(
        data, database, clock=clock, wait_seconds_max=wait_seconds_max, lock_seconds_max=lock_seconds_max
    ) as worker:
        _find_missing(worker)
        _settle_anchors(worker)
        try:
            _take_checkpoint(worker, log, checkpoint_text)
        except checkpoints.CheckpointWentBack as error:
            worker.note("commit failed", f"{path}: {error}", once=True)
            raise
        waiting = next((a for a in due.waiting_anchors(database) if a.log == log), None)
        if waiting is None:
            return None

        def step() -> ObjectID:
            parent = worker.now_at()
            if _size_at(worker, parent, path) >= waiting.size:
                return gitstore.brought_by(worker.repository, parent, path)
            return gitstore.commit_files(
                worker.repository,
                {path: waiting.text.encode("utf-8")},
                message=f"Checkpoint of the {log} log at {waiting.size}\n",
                at=waiting.at,
                key=worker.key,
                parent=parent,
            )

        commit = worker.patiently(step)
        _settle_anchors(worker)
        return commit.decode("ascii")


def _find_missing(worker: _Worker) -> None:
    """Make due again what rows say is committed and the branch does not hold, and say so.

    The history is one line, so a branch that went back has lost its newest record first.
    """
    branch = worker.now_at()
    lost: list[str] = []
    for anchor in due.newest_committed_anchors(worker.database):
        path = checkpoints.path_of(anchor.log)
        if _size_at(worker, branch, path) < anchor.size:
            lost.append(path)
            with worker.database.transaction("write"):
                due.set_anchor_missing(worker.database, anchor)
    newest = due.newest_committed(worker.database)
    if newest is not None and gitstore.content_at(worker.repository, branch, newest[0]) is None:
        lost += _make_due_again(worker, branch)
    if lost:
        worker.note("commits missing", f"{len(lost)} files were gone from the branch: {', '.join(lost[:20])}")


def _make_due_again(worker: _Worker, branch: ObjectID) -> list[str]:
    lost: list[str] = []
    before: int | None = None
    while rows := due.committed(worker.database, before=before, limit=_COMPARED_AT_ONCE):
        before = rows[-1][0]
        with worker.database.transaction("write"):
            for file_id, path, _ in rows:
                if gitstore.content_at(worker.repository, branch, path) is None:
                    due.set_missing(worker.database, file_id)
                    lost.append(path)
    return lost
