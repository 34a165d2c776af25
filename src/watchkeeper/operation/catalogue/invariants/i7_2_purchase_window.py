"""7.2 The closed window stops purchases.

Holds when: no purchase has a journal number n with n_closed < n <= n_opened, by the numbers that the flips stored, and no
purchase without a journal row was first seen while the window was closed.

Why it matters: buyers trust that what is sold is sold while somebody is there to hand it over.

Contained: purchases, for everyone. Orders that stand are picked up, expire and are cancelled as before.

Blind to: a purchase without a journal row that was added while the watch itself was down and the window open again; 2.3
sees it.

Proven by: a purchase committed by raw SQL while the window is closed, with and without a forged journal row.
"""

from __future__ import annotations

from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Switch
from watchkeeper.operation.catalogue import closing
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.intervals import numbers_on, stopped
from watchkeeper.operation.catalogue.model import Draft, Invariant


def rows(context: Context, news: News) -> list[Draft]:
    """Judge journal rows by the intervals of the flips, and new purchases that no journal row owns."""
    closed = numbers_on(context.flips, Switch.PURCHASE_WINDOW)
    drafts = [
        _draft(
            entry, "stopped command", f"journal number {entry.key} is a purchase, and the window was closed"
        )
        for entry in news.journal
        if entry.row["command"] == "purchase"
        and stopped(entry.key, closed)
        and context.acknowledged(entry) is None
    ]
    if Switch.PURCHASE_WINDOW in context.engaged:
        drafts.extend(
            _draft(found, "row without a command", f"purchase {found.key} came while the window was closed")
            for found in news.added
            if found.table == "purchases"
        )
    return drafts


def _draft(found: Found, kind: str, detail: str) -> Draft:
    return Draft(
        invariant="7.2",
        kind=kind,
        scope=EVERYTHING,
        classes=frozenset({OperationClass.PURCHASE}),
        table_name=found.table,
        row_key=str(found.key),
        found=found.document,
        found_digest=found.digest,
        detail=detail,
    )


INVARIANT = Invariant(
    "7.2",
    "closed window stops purchases",
    "critical",
    "7",
    closes={"stopped command": closing.acknowledged, "row without a command": closing.acknowledged},
    rows=rows,
)
