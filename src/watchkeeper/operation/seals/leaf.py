"""What is sealed, as bytes: a journal row with all its effect rows, or a row that has no journal row.

The format's version stands in every leaf. Old leaves keep their bytes; a new format gets a new number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Row, Value

#: Entry bundles have 16-bit lengths.
LEAF_BYTES_MAX = 65_535


class LeafUnreadable(ValueError):
    """These bytes are no leaf of a format that is known here."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf read back: either a journal row `n` with its effects, or one row of `table`."""

    kind: str
    n: int
    journal: Mapping[str, Value]
    effects: tuple[tuple[str, Mapping[str, Value]], ...]


def journal_leaf(journal: Row, effects: Iterable[tuple[str, int | str, Row]]) -> bytes:
    """The leaf of a journal row; `effects` as (table, primary key, row) in any order.

    A leaf that would be too long is sealed by its digest alone: no command of ours can write one.
    """
    # A tampered key may be text where a number belongs; both must find a place in one order.
    ordered = sorted(effects, key=lambda entry: (entry[0], isinstance(entry[1], str), entry[1]))
    return _bounded(
        {
            "v": canonical.FORMAT_VERSION,
            "kind": "journal",
            "n": journal["n"],
            "journal": canonical.row_document(journal),
            "effects": [[table, canonical.row_document(row)] for table, _, row in ordered],
        }
    )


def row_leaf(table: str, row: Row) -> bytes:
    """The leaf of a row without a journal row; by its digest alone when it would be too long."""
    return _bounded(
        {
            "v": canonical.FORMAT_VERSION,
            "kind": "row",
            "table": table,
            "row": canonical.row_document(row),
        }
    )


def missing_leaf(number: int) -> bytes:
    """The leaf of a journal number that was never there."""
    return canonical.encode({"v": canonical.FORMAT_VERSION, "kind": "missing", "n": number})


def _bounded(document: dict[str, object]) -> bytes:
    data = canonical.encode(document)
    if len(data) <= LEAF_BYTES_MAX:
        return data
    short = {"v": document["v"], "kind": "long", "n": document.get("n", 0), "digest": canonical.digest(data)}
    return canonical.encode(short)


def read(data: bytes) -> Leaf:
    """A leaf from its bytes; raises `LeafUnreadable`."""
    try:
        document = json.loads(data)
        if document["v"] != canonical.FORMAT_VERSION:
            raise ValueError("unknown version")
        if document["kind"] == "row":
            return Leaf("row", 0, {}, ((str(document["table"]), dict(document["row"])),))
        if document["kind"] in ("missing", "long"):
            return Leaf(str(document["kind"]), int(document["n"]), {}, ())
        return Leaf(
            "journal",
            int(document["n"]),
            dict(document["journal"]),
            tuple((str(table), dict(row)) for table, row in document["effects"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LeafUnreadable(LeafUnreadable.__doc__) from error
