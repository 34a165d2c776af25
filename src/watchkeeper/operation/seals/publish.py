"""Publishing: the log as files that can be copied anywhere, under a signed checkpoint.

Only what the store has committed is published. Full tiles are written once and never again; what is
partial is superseded. Every file appears in one step, the checkpoint last, so that a crash leaves a
copy that either verifies or is completed by the next round.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from watchkeeper.base.database import Database, DatabaseError
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import note, signing
from watchkeeper.operation.seals.layout import TILE_HEIGHT, TILE_WIDTH, bundle, pack, tile
from watchkeeper.operation.seals.log import NodeMissing
from watchkeeper.operation.seals.note import Checkpoint, NoteNotSigned, NoteUnreadable
from watchkeeper.operation.seals.signing import KeyChanged, KeyMissing

#: One round publishes at most this many leaves; what is left follows in the next.
_LEAVES_A_ROUND = 65_536


class LogForked(Exception):
    """What was published is no beginning of what the store holds. One of the two was changed."""


#: What leaves nobody able to say what was sealed; anything else keeps only from writing it down.
UNSIGNED = (KeyMissing, KeyChanged, LogForked, NodeMissing, NoteNotSigned, NoteUnreadable)


def published(data: Path, log: str) -> str | None:
    """The checkpoint that is published now, as text."""
    try:
        return (data / "seals" / log / "checkpoint").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def unsigned(data: Path, database: Database, *, system_id: str) -> str:
    """Why the logs cannot be signed, or are not what was signed, in words; empty when they can and are."""
    publisher = Publisher(data, system_id=system_id)
    try:
        for log in logs.LOGS:
            publisher.check(database, log)
    except UNSIGNED as error:
        return words(error)
    except (OSError, DatabaseError) as error:
        return f"the seals cannot be read: {type(error).__name__}"
    return ""


def words(error: Exception) -> str:
    """What one of `UNSIGNED` means for people."""
    return f"the seals cannot be published: {error}"


class Publisher:
    """Writes one data folder's logs out. Belongs to one thread at a time."""

    def __init__(self, data: Path, *, system_id: str) -> None:
        self._data = data
        self._system_id = system_id

    def publish(self, database: Database, log: str) -> Checkpoint:
        """Publish what is new in `log`; raises `KeyMissing`, `KeyChanged`, `LogForked`, `NoteUnreadable`, `NoteNotSigned`."""
        key, before = self.check(database, log)
        folder = self._data / "seals" / log
        size = logs.size(database, log)
        if before is not None and before.size == size:
            return before
        begin = 0 if before is None else before.size
        end = min(size, begin + _LEAVES_A_ROUND)
        self._write_bundles(database, log, folder, begin=begin, end=end)
        self._write_tiles(database, log, folder, begin=begin, end=end)
        checkpoint = Checkpoint(
            signing.origin(self._system_id, log), end, logs.root(database, log, at_size=end)
        )
        _write(folder / "checkpoint", note.sign(checkpoint, key).encode("utf-8"), replace=True)
        _drop_superseded(folder, begin=begin, end=end)
        return checkpoint

    def check(self, database: Database, log: str) -> tuple[Ed25519PrivateKey, Checkpoint | None]:
        """The log's key, and what is published, once the key signed it and the store goes on from it; raises as `publish`."""
        key, vkey = signing.read_key(self._data, database, log, system_id=self._system_id)
        try:
            text = published(self._data, log)
        except OSError as error:
            raise NoteUnreadable(f"the checkpoint cannot be read: {type(error).__name__}") from error
        if text is None:
            return key, None
        before = note.verify(text, vkey)
        if (
            before.size > logs.size(database, log)
            or logs.root(database, log, at_size=before.size) != before.root
        ):
            raise LogForked(LogForked.__doc__)
        return key, before

    def _write_bundles(self, database: Database, log: str, folder: Path, *, begin: int, end: int) -> None:
        for index in range(begin // TILE_WIDTH, -(-end // TILE_WIDTH)):
            first = index * TILE_WIDTH
            last = min(end, first + TILE_WIDTH)
            entries = logs.leaves(database, log, begin=first, end=last)
            _write(folder / bundle(index, last - first), pack(entries), replace=False)

    def _write_tiles(self, database: Database, log: str, folder: Path, *, begin: int, end: int) -> None:
        level = 0
        while end >> (level * TILE_HEIGHT):
            width_begin, width_end = begin >> (level * TILE_HEIGHT), end >> (level * TILE_HEIGHT)
            for index in range(width_begin // TILE_WIDTH, -(-width_end // TILE_WIDTH)):
                first = index * TILE_WIDTH
                last = min(width_end, first + TILE_WIDTH)
                hashes = logs.hashes(database, log, level=level * TILE_HEIGHT, begin=first, end=last)
                _write(folder / tile(level, index, last - first), b"".join(hashes), replace=False)
            level += 1


def _drop_superseded(folder: Path, *, begin: int, end: int) -> None:
    """Remove the partial files that the wider ones of this round replace, after the checkpoint names those."""
    if begin == 0:
        return
    level = 0
    while begin >> (level * TILE_HEIGHT):
        index, width = divmod(begin >> (level * TILE_HEIGHT), TILE_WIDTH)
        if width and (end >> (level * TILE_HEIGHT)) != (begin >> (level * TILE_HEIGHT)):
            (folder / tile(level, index, width)).unlink(missing_ok=True)
        level += 1
    index, width = divmod(begin, TILE_WIDTH)
    if width:
        (folder / bundle(index, width)).unlink(missing_ok=True)


def _write(path: Path, data: bytes, *, replace: bool) -> None:
    if not replace and path.exists() and path.read_bytes() == data:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
