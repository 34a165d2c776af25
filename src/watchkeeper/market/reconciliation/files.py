"""Statements and maps from files of this machine: plain files, bounded before they are read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from watchkeeper.market.reconciliation.maps import BUILT_IN, ColumnMap, MapWrong, from_document
from watchkeeper.market.reconciliation.statements import BYTES_MAX, StatementWrong

_MAP_BYTES_MAX = 65_536


def statement(path: Path) -> bytes:
    """A statement's bytes; raises `StatementWrong`."""
    try:
        return _read(path, BYTES_MAX)
    except (OSError, ValueError) as error:
        raise StatementWrong(f"{path}: {_reason(error)}.") from error


def column_map(name: str) -> ColumnMap:
    """A map by its built-in name, or from a file in TOML or JSON; raises `MapWrong`."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    path = Path(name)
    try:
        text = _read(path, _MAP_BYTES_MAX).decode("utf-8-sig")
        document: object = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        known = ", ".join(BUILT_IN)
        raise MapWrong(f"{name} is neither {known} nor a map in TOML or JSON: {_reason(error)}.") from error
    return from_document(document)


def _read(path: Path, bytes_max: int) -> bytes:
    if not path.is_file():
        raise ValueError("there is no such file" if not path.exists() else "not a plain file")
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"more than {bytes_max:,} bytes")
    return data


def _reason(error: Exception) -> str:
    return (error.strerror or "it cannot be read") if isinstance(error, OSError) else str(error)[:200]
