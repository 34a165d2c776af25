"""The token by which a Prometheus on this machine may read `/metrics`: a file for its owner alone, read at each request."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from watchkeeper.base import settings
from watchkeeper.base.settings import SettingsWrong

FILE_NAME = "keys/metrics.token"
#: A shorter one lets nobody in: an emptied file closes this way.
_LENGTH_MIN = 32


def create_missing(data: Path) -> None:
    """Make the token where there is none yet."""
    (data / "keys").mkdir(mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(data / FILE_NAME, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_urlsafe(32)}\n")


def matches(data: Path, authorization: str) -> bool:
    """Whether an `Authorization` header bears the token as it stands in its file now."""
    kind, _, given = authorization.partition(" ")
    try:
        wanted = settings.secret(data, FILE_NAME)
    except SettingsWrong:
        return False
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), wanted.encode("utf-8"))
    return kind.lower() == "bearer" and len(wanted) >= _LENGTH_MIN and same
