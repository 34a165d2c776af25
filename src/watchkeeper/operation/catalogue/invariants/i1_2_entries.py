"""1.2 Ledger immutability.

Holds when: every sealed ledger entry has its bytes, none is gone, and the database's own defences (triggers, views,
indexes, tables) are as the migrations made them.

Why it matters: an entry that can be changed afterwards proves nothing.

Contained: every wallet. Whoever changes one entry may have changed others.

Blind to: who did it; a change that was undone before anybody looked (PostgreSQL counts it all the same); triggers switched off by a connection for itself
(what it then changes is seen).

Proven by: an amount or an instant edited, an entry deleted, the tail rewritten, a trigger dropped.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import books
from watchkeeper.operation.catalogue.model import Draft, Invariant

INVARIANT = Invariant("1.2", "ledger immutability", "critical", "2")

_NAMED_MAX = 20


def defences(expected: Mapping[tuple[str, str], str], found: Mapping[tuple[str, str], str]) -> list[Draft]:
    """The finding for defences that are not as they were made; none when they are."""
    differing = sorted(
        f"{kind} {name}"
        for kind, name in expected.keys() | found.keys()
        if expected.get((kind, name)) != found.get((kind, name))
    )
    if not differing:
        return []
    return [
        _draft(
            "defences",
            canonical.encode({"differing": []}).decode("ascii"),
            canonical.encode({"differing": differing[:_NAMED_MAX]}).decode("utf-8"),
            f"not as the migrations made them: {', '.join(differing[:5])}",
        )
    ]


def schema_moved(*, known: int, now: int) -> list[Draft]:
    """The finding for a schema that changed and is back, and nobody owned up to either."""
    return [
        _draft(
            "schema version",
            canonical.encode({"schema_version": known}).decode("ascii"),
            canonical.encode({"schema_version": now}).decode("ascii"),
            "the schema was changed and nothing in the journal explains it",
        )
    ]


def counted(table: str, *, changed: int, total: int) -> Draft:
    """The finding for rows of an append-only table that the server counted as changed; which ones a full pass says."""
    detail = f"{changed} rows of {table} were changed" if changed else f"{table} was emptied or written anew"
    return _draft(
        "counted change",
        canonical.encode({"table": table, "changed": 0}).decode("ascii"),
        canonical.encode({"table": table, "changed": changed, "in all": total}).decode("ascii"),
        f"{detail}, by the server's own count",
    )


def _draft(kind: str, expected: str, found: str, detail: str) -> Draft:
    return Draft(
        invariant="1.2",
        kind=kind,
        scope=EVERYTHING,
        classes=books.WALLET,
        table_name="schema",
        row_key=kind,
        expected=expected,
        found=found,
        found_digest=canonical.digest(found.encode("utf-8")),
        detail=detail,
    )
