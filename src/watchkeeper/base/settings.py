"""The operator's settings: `settings.toml` in the data folder; without it the defaults stand.

This module knows tables and keys, not what they mean. A file that cannot be read, or says something unknown, is an
error that names what is allowed, never a silent default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

FILE_NAME = "settings.toml"
_BYTES_MAX = 65_536
SECTIONS = frozenset({"notifications", "incidents", "watch", "market", "drills", "thresholds", "deadlines"})


class SettingsWrong(ValueError):
    """The settings file cannot be used."""


def read(data: Path) -> Mapping[str, Mapping[str, object]]:
    """The tables of the settings file, empty ones when there is no file. Raises `SettingsWrong`."""
    path = data / FILE_NAME
    if not path.exists():
        return {}
    try:
        text = path.read_bytes()
        if len(text) > _BYTES_MAX:
            raise SettingsWrong(f"{FILE_NAME} is longer than {_BYTES_MAX} bytes")
        document = tomllib.loads(text.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsWrong(f"{FILE_NAME} cannot be read: {error}") from error
    for name, table in document.items():
        if name not in SECTIONS or not isinstance(table, dict):
            raise SettingsWrong(f"{FILE_NAME} has {name!r}; known tables are {', '.join(sorted(SECTIONS))}")
    return document


def text(table: Mapping[str, object], key: str, *, default: str | None = None) -> str:
    """A text of a table; raises `SettingsWrong` when it is missing or no text."""
    value = table.get(key, default)
    if not isinstance(value, str):
        raise SettingsWrong(f"{key} must be a text")
    return value


def whole(table: Mapping[str, object], key: str, *, default: int) -> int:
    """A whole number of a table; raises `SettingsWrong` when it is something else."""
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingsWrong(f"{key} must be a whole number")
    return value


def known(table: Mapping[str, object], keys: frozenset[str], *, where: str) -> None:
    """Refuse keys that nobody reads: a misspelt one must not be a silent default."""
    unknown = sorted(set(table) - keys)
    if unknown:
        raise SettingsWrong(f"{where} has {', '.join(unknown)}; known are {', '.join(sorted(keys))}")


def secret(data: Path, name: str) -> str:
    """The content of a secret's file, relative to the data folder; raises `SettingsWrong`.

    A file that others can read is no secret and is refused.
    """
    path = data / name
    try:
        others = path.stat().st_mode & 0o077
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        # Among the latter: no text, and a name that no file can have.
        raise SettingsWrong(f"the secret {name!r} cannot be read") from error
    if others:
        raise SettingsWrong(f"{name} can be read by others; make it mode 0600")
    return text
