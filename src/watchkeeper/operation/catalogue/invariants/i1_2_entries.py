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

from collections.abc import Iterator, Mapping

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.boundary.views import JOURNAL
from watchkeeper.operation.catalogue import books, closing
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen, Standing

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
            f"not as the migrations made them: {', '.join(differing[:_NAMED_MAX])}",
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


def full(context: Context) -> Iterator[list[Draft]]:
    """Compare the schema with what the migrations made."""
    yield defences(context.views.schema_as_made(), context.views.schema())


def _defences_again(context: Context, seen: Seen) -> Standing:
    drafts = defences(context.views.schema_as_made(), context.views.schema())
    if drafts:
        return Standing("stands", drafts[0].detail)
    restored = context.views.number(
        f"SELECT count(*) FROM {JOURNAL.name} WHERE n > ? AND command = 'restore_defences'",
        (seen.watermark,),
    )
    return closing.state(
        restored > 0, "the defences are as the migrations made them", "nobody has confirmed the defences"
    )


INVARIANT = Invariant(
    "1.2",
    "ledger immutability",
    "critical",
    "2",
    closes=closing.COUNTED
    | {
        "defences": _defences_again,
        "schema version": _defences_again,
    },
    full=full,
)
