"""One way to turn a row into bytes, so that two programs agree on what was said.

Format version 1: JSON with sorted keys, no spaces, UTF-8, integers and text only. A column that
is NULL is left out, so a column added later leaves the bytes of older rows as they were. What can
stand in a tampered row, a float, a blob, text that is no UTF-8, has an encoding of its own and
never an exception: the verifier must be able to name what it sees.

The version is part of every sealed leaf. Bytes once sealed are never made anew in another format;
a new format gets a new number and stands beside this one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

FORMAT_VERSION = 1

Value: TypeAlias = int | str | float | bytes | None
Row: TypeAlias = Mapping[str, Value]


def _plain(value: Value) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return {"real": value.hex()}
    if isinstance(value, bytes):
        return {"blob": value.hex()}
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return {"text": value.encode("utf-8", "surrogatepass").hex()}
    return value


def encode(document: object) -> bytes:
    """The canonical bytes of a document made of dicts, lists, integers and text."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def row_document(row: Row) -> dict[str, object]:
    """A row as it enters canonical bytes: NULL columns left out, odd values made harmless."""
    # Nearly every value is a whole number or ASCII and stays what it is; a full pass comes by here for each, several times.
    return {
        column: value if type(value) is int or (type(value) is str and value.isascii()) else _plain(value)
        for column, value in row.items()
        if value is not None
    }


def row_bytes(table: str, row: Row) -> bytes:
    """The canonical bytes of one row of `table`."""
    return encode([table, row_document(row)])


def digest(data: bytes) -> str:
    """SHA-256 in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def effects_digest(rows: Iterable[tuple[str, int | str, Row]]) -> str:
    """The digest of a command's effect rows, given as (table, primary key, row) in any order.

    Tables are ordered by name and rows by primary key, so writer and verifier need not share
    an order of their own.
    """
    ordered = sorted(rows, key=lambda entry: (entry[0], entry[1]))
    return ordered_effects_digest((table, row_document(row)) for table, _, row in ordered)


def ordered_effects_digest(documents: Iterable[tuple[str, Mapping[str, object]]]) -> str:
    """The same digest of rows that are documents already and stand in that order, as a sealed leaf keeps them."""
    return digest(encode([FORMAT_VERSION, [[table, document] for table, document in documents]]))
