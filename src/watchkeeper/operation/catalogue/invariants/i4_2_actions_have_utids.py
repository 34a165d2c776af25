"""4.2 Every meaningful action has a UTID.

Holds when: each act's rows carry its UTID, in every table that the act must write; and no row stands without a UTID at all.

Why it matters: what carries no UTID cannot be traced, disputed or put right by anybody but the one who knows of it.

Contained: that command; for a row without a UTID, the commands that write its table.

Blind to: an act that left no row at all (8.2); a row under another act's UTID (2.3).

Proven by: a journal row whose entry is missing while its other rows are there; a row with an empty UTID.
"""

from __future__ import annotations

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import blame, books, closing, utids
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant


def rows(context: Context, news: News) -> list[Draft]:
    """Acts of whose rows some are missing, and new rows without a UTID."""
    drafts: list[Draft] = []
    for entry in news.journal:
        tables = {found.table for found in news.effects.get(entry.key, ())}
        lacking = sorted(blame.must_write(entry) - tables)
        if tables and lacking and context.acknowledged(entry) is None:
            drafts.append(_lacking(entry, lacking))
    drafts.extend(_nameless(found) for found in news.added if not utids.well_formed(found.row["utid"]))
    return drafts


def _lacking(entry: Found, lacking: list[str]) -> Draft:
    return Draft(
        invariant="4.2",
        kind="without its rows",
        scope=blame.command_scope(entry.row["command"]),
        classes=books.STOPPABLE,
        table_name="journal",
        row_key=str(entry.key),
        expected=canonical.encode({"tables": lacking}).decode("ascii"),
        found=entry.document,
        found_digest=entry.digest,
        detail=f"no row of {', '.join(lacking)} carries the UTID of journal number {entry.key}",
    )


def _nameless(found: Found) -> Draft:
    return Draft(
        invariant="4.2",
        kind="without a UTID",
        scope=EVERYTHING,
        classes=books.TABLE_CLASSES[found.table],
        table_name=found.table,
        row_key=str(found.key),
        found=found.document,
        found_digest=found.digest,
        detail=f"{found.table} {found.key} carries no UTID",
    )


INVARIANT = Invariant(
    "4.2",
    "every meaningful action has a UTID",
    "high",
    "10",
    closes={"without its rows": closing.acknowledged, "without a UTID": closing.acknowledged},
    rows=rows,
)
