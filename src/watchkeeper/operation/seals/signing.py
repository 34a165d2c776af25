"""The key that signs the logs: made once, at set-up, and the same for as long as there are seals."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import note

_KEY_FILE = "log.key"


class KeyMissing(Exception):
    """The log's signing key is not there or cannot be read. Nothing is published without it."""


class KeyChanged(Exception):
    """The log's key is not the one that it was begun with. Nothing is published under another."""


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


def keep_first(data: Path, database: Database, *, system_id: str, at: Instant) -> None:
    """Remember the public key of each log that none is remembered of, in the caller's transaction: once it is the signing
    key's own half, for what is remembered stays.
    """
    for log in logs.LOGS:
        if _first(database, log) is None:
            try:
                _, vkey = read_key(data, database, log, system_id=system_id)
            except (KeyMissing, KeyChanged):
                continue
            database.execute("INSERT INTO seal_keys (log, vkey, at) VALUES (?, ?, ?)", (log, vkey, at))


def read_key(data: Path, database: Database, log: str, *, system_id: str) -> tuple[Ed25519PrivateKey, str]:
    """The signing key of a log with its public half in C2SP's form; raises `KeyMissing`, `KeyChanged`."""
    try:
        text = (data / "keys" / _KEY_FILE).read_bytes()
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.strip(), validate=True))
    except (OSError, ValueError) as error:
        raise KeyMissing(KeyMissing.__doc__) from error
    vkey = _public(data, log)
    if not vkey == note.verifier_key(origin(system_id, log), key) == (_first(database, log) or vkey):
        raise KeyChanged(KeyChanged.__doc__)
    return key, vkey


def _public(data: Path, log: str) -> str:
    try:
        return (data / "seals" / f"{log}.vkey").read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise KeyMissing("The log's public key is not there or cannot be read.") from error


def _first(database: Database, log: str) -> str | None:
    row = database.one("SELECT vkey FROM seal_keys WHERE log = ?", (log,))
    return None if row is None else str(row[0])
