"""7.1 Pilot mode stops money.

Holds when: no journal row of a stopped class has a number n with n_on < n <= n_off for an interval in which pilot mode was
on, by the numbers that the flips stored, and no ledger entry without a journal row was first seen while it was on.

Why it matters: a switch that does not stop money is worse than none, because people rely on it.

Contained: money, for everyone.

Blind to: an entry without a journal row that was added while the watch itself was down and pilot mode off again; 2.3 sees it.

Proven by: a deposit committed by raw SQL while pilot mode is on, with and without a forged journal row.
"""

from __future__ import annotations

from watchkeeper.boundary.gate import EVERYTHING, Switch
from watchkeeper.operation.catalogue import books, closing
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.intervals import numbers_on, stopped
from watchkeeper.operation.catalogue.model import Draft, Invariant


def rows(context: Context, news: News) -> list[Draft]:
    """Judge journal rows by the intervals of the flips, and new entries that no journal row owns."""
    on = numbers_on(context.flips, Switch.PILOT_MODE)
    drafts = [
        _draft(entry)
        for entry in news.journal
        if entry.row["command"] in books.STOPPED_BY_PILOT_MODE
        and stopped(entry.key, on)
        and context.acknowledged(entry) is None
    ]
    if Switch.PILOT_MODE in context.engaged:
        drafts.extend(
            _draft(found) for found in news.added if found.table in books.LEDGERS or found.table == "locks"
        )
    return drafts


def _draft(found: Found) -> Draft:
    return Draft(
        invariant="7.1",
        kind="stopped command" if found.table == "journal" else "entry without a command",
        scope=EVERYTHING,
        classes=books.MONEY,
        table_name=found.table,
        row_key=str(found.key),
        found=found.document,
        found_digest=found.digest,
        detail=(
            f"journal number {found.key} is a command that pilot mode stops"
            if found.table == "journal"
            else f"{found.table} {found.key} came while pilot mode was on"
        ),
    )


INVARIANT = Invariant(
    "7.1",
    "pilot mode stops money",
    "critical",
    "7",
    closes={"stopped command": closing.acknowledged, "entry without a command": closing.acknowledged},
    rows=rows,
)
