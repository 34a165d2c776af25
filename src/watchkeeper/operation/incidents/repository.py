"""The incident repository: one signed commit for each file, in a plain Git repository that stock Git verifies.

Committing is driven from rows and can be driven again: a file that the repository holds already is not committed twice.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import HEADREF, Ref
from dulwich.repo import Repo

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.operation.incidents import sshsig

FOLDER = "incidents"
BRANCH = Ref(b"refs/heads/main")
SIGNERS = "allowed_signers"
_PRINCIPAL = "watchkeeper@localhost"
_IDENTITY = b"Watchkeeper <watchkeeper@localhost>"
_COMMITTED_AT_ONCE = 20
_README = """# Incident records

One folder for each incident, one signed commit for each file, nothing ever rewritten. To check a clone with stock Git:

    git -c gpg.ssh.allowedSignersFile=allowed_signers verify-commit HEAD
    git fsck --strict

Compare `allowed_signers` with a copy that you have from elsewhere: whoever could rewrite this repository could rewrite it too.
"""


class KeyMissing(Exception):
    """The key that signs the records is not there or cannot be read."""


def create(data: Path, *, system_id: str, clock: Clock) -> None:
    """Make the repository and its key at set-up."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    keys = data / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(keys / "incidents", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    line = sshsig.public_line(key.public_key())
    (keys / "incidents.pub").write_text(f"{line}\n", encoding="ascii")
    folder = data / FOLDER
    folder.mkdir(mode=0o700)
    repository = Repo.init(str(folder))
    with repository:
        repository.refs.set_symbolic_ref(HEADREF, BRANCH)
        _commit(
            repository,
            {
                "README.md": _README.encode("utf-8"),
                SIGNERS: f'{_PRINCIPAL} namespaces="git" {line}\n'.encode("ascii"),
            },
            message=f"Begin the incident records of {system_id}",
            key=key,
            at=clock.now(),
        )


def read_key(data: Path) -> Ed25519PrivateKey:
    """The signing key; raises `KeyMissing`."""
    try:
        key = serialization.load_ssh_private_key((data / "keys" / "incidents").read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise KeyMissing(KeyMissing.__doc__) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissing("the key that signs the records is of another kind")
    return key


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    # Two committers would race for the branch; the kernel gives this back when its holder dies.
    descriptor = os.open(folder / ".git" / "watchkeeper.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for left in (folder / ".git" / "refs" / "heads" / "main.lock", folder / ".git" / "index.lock"):
            # We hold the only writer's lock, so whoever made this is gone.
            left.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def commit_due(data: Path, database: SqliteDatabase) -> list[str]:
    """Commit the files that wait, oldest first; opens its own transactions. The new commits' ids."""
    waiting = database.query(
        "SELECT incident_id, name, content, written_at FROM incident_files WHERE commit_sha IS NULL "
        "ORDER BY written_at, incident_id, name LIMIT ?",
        (_COMMITTED_AT_ONCE,),
    )
    if not waiting:
        return []
    key = read_key(data)
    made: list[str] = []
    with _only_writer(data / FOLDER), Repo(str(data / FOLDER)) as repository:
        for row in waiting:
            incident_id, name, content, written_at = (str(value) for value in row)
            path = f"{incident_id}/{name}"
            body = content.encode("utf-8")
            commit = _holding(repository, path, body)
            if commit is None:
                commit = _commit(
                    repository,
                    {path: body},
                    message=f"{incident_id}: {name.removesuffix('.md')}",
                    key=key,
                    at=Instant(int(written_at)),
                )
            with database.transaction("write"):
                database.execute(
                    "UPDATE incident_files SET commit_sha = ? WHERE incident_id = ? AND name = ? AND commit_sha IS NULL",
                    (commit, incident_id, name),
                )
            made.append(commit)
    return made


def commit_checkpoint(data: Path, log: str, text: str, *, clock: Clock) -> str:
    """Anchor a log's newest checkpoint beside the records; the commit's id."""
    key = read_key(data)
    path = f"seals/{log}.checkpoint"
    with _only_writer(data / FOLDER), Repo(str(data / FOLDER)) as repository:
        commit = _holding(repository, path, text.encode("utf-8"))
        if commit is None:
            commit = _commit(
                repository,
                {path: text.encode("utf-8")},
                message=f"Anchor the {log} log",
                key=key,
                at=clock.now(),
            )
    return commit


def _head(repository: Repo) -> ObjectID | None:
    return repository.refs.as_dict().get(BRANCH)


def _tree_of(repository: Repo, head: ObjectID | None) -> Tree:
    if head is None:
        return Tree()
    commit = repository[head]
    if not isinstance(commit, Commit):
        raise TypeError("the branch does not point to a commit")
    tree = repository[commit.tree]
    if not isinstance(tree, Tree):
        raise TypeError("a commit without a tree")
    return tree


def _holding(repository: Repo, path: str, body: bytes) -> str | None:
    """The newest commit's id when the repository holds exactly this file: a crash came after its commit."""
    head = _head(repository)
    try:
        _, blob = _tree_of(repository, head).lookup_path(
            repository.object_store.__getitem__, path.encode("utf-8")
        )
    except KeyError:
        return None
    if head is None or repository[blob].as_raw_string() != body:
        return None
    return head.decode("ascii")


def _commit(
    repository: Repo, files: dict[str, bytes], *, message: str, key: Ed25519PrivateKey, at: Instant
) -> str:
    head = _head(repository)
    tree = _tree_of(repository, head)
    for path, body in files.items():
        blob = Blob.from_string(body)
        repository.object_store.add_object(blob)
        folder, _, name = path.rpartition("/")
        if not folder:
            tree.add(name.encode("utf-8"), 0o100644, blob.id)
        else:
            inner = Tree()
            try:
                _, found = tree[folder.encode("utf-8")]
                existing = repository[found]
                if isinstance(existing, Tree):
                    inner = existing
            except KeyError:
                inner = Tree()
            inner.add(name.encode("utf-8"), 0o100644, blob.id)
            repository.object_store.add_object(inner)
            tree.add(folder.encode("utf-8"), 0o040000, inner.id)
        # The checked-out files follow, so that a person finds them in the folder.
        target = Path(repository.path) / path
        target.parent.mkdir(mode=0o700, exist_ok=True)
        target.write_bytes(body)
    repository.object_store.add_object(tree)
    commit = Commit()
    commit.tree = tree.id
    commit.parents = [] if head is None else [head]
    commit.author = commit.committer = _IDENTITY
    commit.author_time = commit.commit_time = at // 1_000_000
    commit.author_timezone = commit.commit_timezone = 3 * 3600
    commit.encoding = b"UTF-8"
    commit.message = message.encode("utf-8") + b"\n"
    commit.gpgsig = sshsig.sign(commit.as_raw_string(), key)
    repository.object_store.add_object(commit)
    if head is None:
        done = repository.refs.add_if_new(BRANCH, commit.id)
    else:
        done = repository.refs.set_if_equals(BRANCH, head, commit.id)
    if not done:
        raise RuntimeError("another process moved the branch of the incident records")
    repository.get_worktree().reset_index()
    return commit.id.decode("ascii")
