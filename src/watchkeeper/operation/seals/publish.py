"""Publishing: the log as files that can be copied anywhere, under a signed checkpoint.

Only what the store has committed is published. Full tiles are written once and never again; what is
partial is superseded. Every file appears in one step, the checkpoint last, so that a crash leaves a
copy that either verifies or is completed by the next round.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from watchkeeper.base.database import Database
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import note
from watchkeeper.operation.seals.layout import TILE_HEIGHT, TILE_WIDTH, bundle, pack, tile
from watchkeeper.operation.seals.note import Checkpoint

_KEY_FILE = "log.key"
#: One round publishes at most this many leaves; what is left follows in the next.
_LEAVES_A_ROUND = 65_536


class KeyMissing(Exception):
    """The log's signing key is not there or cannot be read. Nothing is published without it."""


class LogForked(Exception):
    """What was published is no beginning of what the store holds. One of the two was changed."""


def create_key(data: Path, *, system_id: str) -> None:
    """Make the signing key and publish its public halves, one name for each log; at set-up only."""
    key = Ed25519PrivateKey.generate()
    folder = data / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / _KEY_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(key.private_bytes_raw()) + b"\n")
    for log in logs.LOGS:
        (data / "seals" / log).mkdir(mode=0o700, parents=True, exist_ok=True)
        (data / "seals" / f"{log}.vkey").write_text(
            note.verifier_key(origin(system_id, log), key) + "\n", encoding="ascii"
        )


def origin(system_id: str, log: str) -> str:
    """The name under which a log signs."""
    return f"watchkeeper/{system_id}/{log}"


def read_key(data: Path) -> Ed25519PrivateKey:
    """The signing key; raises `KeyMissing`."""
    try:
        text = (data / "keys" / _KEY_FILE).read_bytes()
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.strip(), validate=True))
    except (OSError, ValueError) as error:
        raise KeyMissing(KeyMissing.__doc__) from error


def published(data: Path, log: str) -> str | None:
    """The checkpoint that is published now, as text."""
    try:
        return (data / "seals" / log / "checkpoint").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


class Publisher:
    """Writes one data folder's logs out. Belongs to one thread at a time."""

    def __init__(self, data: Path, *, system_id: str) -> None:
        self._data = data
        self._system_id = system_id

    def publish(self, database: Database, log: str) -> Checkpoint:
        """Publish what is new in `log`; raises `KeyMissing`, `LogForked`."""
        key = read_key(self._data)
        folder = self._data / "seals" / log
        vkey = (self._data / "seals" / f"{log}.vkey").read_text(encoding="ascii")
        begin = 0
        text = published(self._data, log)
        size = logs.size(database, log)
        if text is not None:
            before = note.verify(text, vkey)
            if before.size > size or logs.root(database, log, at_size=before.size) != before.root:
                raise LogForked(LogForked.__doc__)
            begin = before.size
            if begin == size:
                return before
        end = min(size, begin + _LEAVES_A_ROUND)
        self._write_bundles(database, log, folder, begin=begin, end=end)
        self._write_tiles(database, log, folder, begin=begin, end=end)
        checkpoint = Checkpoint(origin(self._system_id, log), end, logs.root(database, log, at_size=end))
        _write(folder / "checkpoint", note.sign(checkpoint, key).encode("utf-8"), replace=True)
        _drop_superseded(folder, begin=begin, end=end)
        return checkpoint

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
