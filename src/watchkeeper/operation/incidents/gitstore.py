"""The incident repository as Git sees it: one branch, one signed commit after the other.

A commit is built from the branch's tree and the new files, never from the index, so what lies about in the
folder cannot get into it. Dates come from rows and Ed25519 gives one signature for one message, so the same
step driven twice makes the same commit. Objects reach the disk before the branch names them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dulwich.index import index_entry_from_stat
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.operation.incidents import sshsig
from watchkeeper.operation.incidents.keys import PRINCIPAL

FOLDER = "incidents"
BRANCH = Ref(b"refs/heads/main")
IDENTITY = f"Watchkeeper <{PRINCIPAL}>".encode("ascii")
FILE_MODE = 0o100644
FOLDER_MODE = 0o040000
_KAMPALA_SECONDS = 3 * 3600
#: Commits looked through for the one that brought a file.
_WALK_MAX = 100_000


class HeadMoved(Exception):
    """Somebody else added a commit to the branch at the same moment."""


def init(data: Path) -> Repo:
    """Make the empty repository, for its owner alone."""
    folder = data / FOLDER
    folder.mkdir(mode=0o700)
    repository = Repo.init(str(folder), default_branch=b"main", shared_repository="0600")
    repository.object_store.fsync_object_files = True
    # Git makes what comes later in these folders; nobody else may enter them.
    for inner in (control for control in folder.rglob("*") if control.is_dir()):
        inner.chmod(0o700)
    return repository


def open_repository(data: Path) -> Repo:
    """Open the repository of this data folder; whoever opens it closes it."""
    repository = Repo(str(data / FOLDER))
    repository.object_store.fsync_object_files = True
    return repository


def head(repository: Repo) -> ObjectID | None:
    """The newest commit of the branch."""
    return repository.refs.as_dict().get(BRANCH)


def _tree(repository: Repo, tree_id: ObjectID) -> Tree:
    found = repository.object_store[tree_id]
    if not isinstance(found, Tree):
        raise KeyError(tree_id)
    return found


def _tree_to_change(repository: Repo, tree_id: ObjectID) -> Tree:
    changed = Tree()
    for entry in _tree(repository, tree_id).iteritems():
        changed.add(entry.path, entry.mode, entry.sha)
    return changed


def _commit(repository: Repo, commit_id: ObjectID) -> Commit:
    found = repository.object_store[commit_id]
    if not isinstance(found, Commit):
        raise KeyError(commit_id)
    return found


def blob_id_at(repository: Repo, commit_id: ObjectID, path: str) -> ObjectID | None:
    """Which blob stands at `path` (one folder deep at most) in that commit."""
    tree = _tree(repository, _commit(repository, commit_id).tree)
    *folders, name = path.encode("ascii").split(b"/")
    for folder in folders:
        if folder not in tree:
            return None
        tree = _tree(repository, tree[folder][1])
    return tree[name][1] if name in tree else None


def content_at(repository: Repo, commit_id: ObjectID, path: str) -> bytes | None:
    """The bytes at `path` in that commit."""
    blob_id = blob_id_at(repository, commit_id, path)
    if blob_id is None:
        return None
    found = repository.object_store[blob_id]
    return found.data if isinstance(found, Blob) else None


def brought_by(repository: Repo, newest: ObjectID, path: str) -> ObjectID:
    """The commit that gave `path` the content which it has in `newest`."""
    blob_id = blob_id_at(repository, newest, path)
    current = newest
    for _ in range(_WALK_MAX):
        parents = _commit(repository, current).parents
        if not parents or blob_id_at(repository, parents[0], path) != blob_id:
            return current
        current = parents[0]
    return newest


def commit_files(
    repository: Repo,
    files: Mapping[str, bytes],
    *,
    message: str,
    at: Instant,
    key: Ed25519PrivateKey,
    parent: ObjectID | None,
) -> ObjectID:
    """Add one signed commit with these files on top of `parent` and move the branch to it.

    Raises `HeadMoved` when the branch is not at `parent` any more; then nothing has changed but for
    objects that nothing names.
    """
    written: list[ObjectID] = []
    tree_id = _written_tree(repository, files, parent=parent, written=written)
    commit = Commit()
    commit.tree = tree_id
    commit.parents = [] if parent is None else [parent]
    commit.author = commit.committer = IDENTITY
    commit.author_time = commit.commit_time = at // MICROSECONDS_PER_SECOND
    commit.author_timezone = commit.commit_timezone = _KAMPALA_SECONDS
    commit.encoding = b"UTF-8"
    commit.message = message.encode("utf-8")
    commit.gpgsig = sshsig.sign(commit.as_raw_string(), key=key)
    repository.object_store.add_object(commit)
    written.append(commit.id)
    _sync_objects(repository, written)
    _move_branch(repository, parent=parent, to=commit)
    return commit.id


def _written_tree(
    repository: Repo, files: Mapping[str, bytes], *, parent: ObjectID | None, written: list[ObjectID]
) -> ObjectID:
    root = Tree() if parent is None else _tree_to_change(repository, _commit(repository, parent).tree)
    folders: dict[bytes, Tree] = {}
    for path, content in sorted(files.items()):
        blob = Blob.from_string(content)
        repository.object_store.add_object(blob)
        written.append(blob.id)
        folder, _, name = path.encode("ascii").rpartition(b"/")
        if not folder:
            root.add(name, FILE_MODE, blob.id)
            continue
        if folder not in folders:
            folders[folder] = _tree_to_change(repository, root[folder][1]) if folder in root else Tree()
        folders[folder].add(name, FILE_MODE, blob.id)
    for folder, tree in folders.items():
        repository.object_store.add_object(tree)
        written.append(tree.id)
        root.add(folder, FOLDER_MODE, tree.id)
    repository.object_store.add_object(root)
    written.append(root.id)
    return root.id


def _sync_objects(repository: Repo, written: Iterable[ObjectID]) -> None:
    objects = Path(repository.object_store.path)
    for folder in sorted({objects / object_id[:2].decode("ascii") for object_id in written}):
        # A folder is missing when Git packed its objects away meanwhile.
        if folder.is_dir():
            _sync_folder(folder)
    _sync_folder(objects)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_branch(repository: Repo, *, parent: ObjectID | None, to: Commit) -> None:
    subject = to.message.split(b"\n", 1)[0]
    if parent is None:
        moved = repository.refs.add_if_new(
            BRANCH,
            to.id,
            committer=IDENTITY,
            timestamp=to.commit_time,
            timezone=_KAMPALA_SECONDS,
            message=subject,
        )
    else:
        moved = repository.refs.set_if_equals(
            BRANCH,
            parent,
            to.id,
            committer=IDENTITY,
            timestamp=to.commit_time,
            timezone=_KAMPALA_SECONDS,
            message=subject,
        )
    if not moved:
        raise HeadMoved(HeadMoved.__doc__)
    _sync_folder(Path(repository.controldir()) / "refs" / "heads")


def show(repository: Repo, files: Mapping[str, bytes]) -> None:
    """Put committed files into the folder and the index, so that people and `git status` see them.

    Nothing rests on these copies; doing it again is harmless.
    """
    if not files:
        return
    folder = Path(repository.path)
    index = repository.open_index()
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(mode=0o700, exist_ok=True)
        beside = Path(repository.controldir()) / "file-being-shown"
        descriptor = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(beside, target)
        index[path.encode("ascii")] = index_entry_from_stat(
            target.stat(), Blob.from_string(content).id, FILE_MODE
        )
    index.write()
