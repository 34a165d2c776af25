"""What has to be put right before something else can be: what a cure books follows from the rows that stand before it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from watchkeeper.boundary.views import VIEWS, Row
from watchkeeper.operation.catalogue import ground
from watchkeeper.operation.catalogue.accounts import LEDGERS
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, Found
from watchkeeper.operation.verifier import findings
from watchkeeper.operation.verifier.findings import Finding

ENTRY_ALTERED = "An entry of this account is not as it was sealed"
_ALTERED = ("changed", "deleted")


def entry_before(context: Context, finding: Finding) -> int | None:
    """The open finding of an altered entry before the one that this finding is about, in the same ledger.

    What an entry brought is counted from the one before it, so an acknowledgement would hold for what is then put right.
    """
    column = LEDGERS.get(finding.table_name)
    found = (
        context.one(finding.table_name, int(finding.row_key))
        if column is not None and finding.row_key.isdecimal()
        else None
    )
    if column is None or found is None:
        return None
    for other, sealed in _altered(context, finding.table_name):
        if (
            other.row_key != finding.row_key
            and sealed.get(column) == found.row[column]
            and integer(sealed.get("number")) < integer(found.row["number"])
        ):
            return other.id
    return None


def entry_of(context: Context, alias: str) -> int | None:
    """The open finding of an altered entry of this account: what is booked now would take its number, or go by its balance."""
    account = context.views.database.one("SELECT id FROM watch_users WHERE alias = ?", (alias,))
    if account is None:
        return None
    for table, column in LEDGERS.items():
        for finding, sealed in _altered(context, table):
            if sealed.get(column) == account[0]:
                return finding.id
    return None


def positions(context: Context) -> dict[str, int]:
    """The positions that have altered rows, each with its first open finding: it may have ended already, or be of another amount."""
    found: dict[str, int] = {}
    for table, column in ground.POSITIONS:
        for finding, sealed in _altered(context, table):
            found.setdefault(str(sealed.get(column)), finding.id)
    return found


def entry_of_owner(context: Context, position_utid: str) -> int | None:
    """The open finding of an altered entry of whoever has this position."""
    alias = ground.owner(context, position_utid)
    return None if alias is None else entry_of(context, alias)


def fact_of(context: Context, finding: Finding) -> int | None:
    """The open finding of the lost row of which this finding's state is the state."""
    facts = ground.FACTS.get(finding.table_name)
    if facts is None:
        return None
    for other, _ in _altered(context, facts):
        if other.kind == "deleted" and other.row_key == finding.row_key:
            return other.id
    return None


def _altered(context: Context, table: str) -> Iterator[tuple[Finding, Row]]:
    """The open findings of rows of this table that are not as they were sealed, each with the sealed row."""
    after = 0
    while page := findings.open_findings(context.database, after=after):
        after = page[-1].id
        for finding in page:
            if finding.table_name == table and finding.kind in _ALTERED:
                sealed = json.loads(finding.expected)
                if finding.kind == "changed" or not _replaced(context, table, sealed):
                    yield finding, sealed


def _replaced(context: Context, table: str, sealed: Row) -> bool:
    """Whether a row that the operator let stand has the number of a lost entry, which can come back no more by that."""
    column = LEDGERS.get(table)
    if column is None:
        return False
    rows = context.views.rows(
        VIEWS[table],
        f"{column} = ? AND number = ?",
        (integer(sealed.get(column)), integer(sealed.get("number"))),
        limit=1,
    )
    return any(context.acknowledged(Found(table, integer(row["id"]), row)) is not None for row in rows)
