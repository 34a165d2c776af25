"""4.1 UTID immutability.

Holds when: every sealed UTID is what it was, none is gone, and each has the form that the market gives them.

Why it matters: a UTID is how anybody finds a transaction again, years later; one that moves makes every record that
cites it a lie.

Contained: every command that can be stopped, because each would write a UTID.

Blind to: a UTID that was drawn twice and refused by the books' own uniqueness; a row without any journal row (2.3).

Proven by: a UTID rewritten in the journal and in an effect row, a journal row deleted, a forged one of another form.
"""

from __future__ import annotations

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import books, closing, utids
from watchkeeper.operation.catalogue.context import Context, News
from watchkeeper.operation.catalogue.model import Draft, Invariant


def rows(context: Context, news: News) -> list[Draft]:
    """The form of each journal row's UTID; its rows are joined by it, so it is theirs as well."""
    return [
        Draft(
            invariant="4.1",
            kind="form",
            scope=EVERYTHING,
            classes=books.STOPPABLE,
            table_name="journal",
            row_key=str(entry.key),
            expected=canonical.encode({"form": "YYYYMMDD-HHMMSS-role-6 characters"}).decode("ascii"),
            found=entry.document,
            found_digest=entry.digest,
            detail=f"the UTID of journal number {entry.key} has no form that the market gives",
        )
        for entry in news.journal
        if not utids.well_formed(entry.row["utid"]) and context.acknowledged(entry) is None
    ]


INVARIANT = Invariant(
    "4.1",
    "UTID immutability",
    "critical",
    "12",
    closes=closing.SEALED | {"form": closing.acknowledged},
    rows=rows,
)
