"""What has to be put right before something else can be: what a cure books follows from the rows that stand before it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from watchkeeper.base.database import Database
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue.accounts import LEDGERS
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.verifier import findings
from watchkeeper.operation.verifier.findings import Finding

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
    for identifier, sealed in _altered(context.database, finding.table_name):
        if sealed.get(column) == found.row[column] and integer(sealed.get("number")) < integer(
            found.row["number"]
        ):
            return identifier
    return None


def entry_of(context: Context, alias: str) -> int | None:
    """The open finding of an altered entry of this account: what is booked now would take its number, or go by its balance."""
    account = context.views.database.one("SELECT id FROM watch_users WHERE alias = ?", (alias,))
    if account is None:
        return None
    for table, column in LEDGERS.items():
        for identifier, sealed in _altered(context.database, table):
            if sealed.get(column) == account[0]:
                return identifier
    return None


def outcome_of(context: Context, lock_utid: str) -> int | None:
    """The open finding of an altered outcome of this lock: it may have ended already."""
    for identifier, sealed in _altered(context.database, "lock_outcomes"):
        if sealed.get("lock_utid") == lock_utid:
            return identifier
    return None


def _altered(database: Database, table: str) -> Iterator[tuple[int, Row]]:
    """The open findings of rows of this table that are not as they were sealed: number, and the sealed row."""
    after = 0
    while page := findings.open_findings(database, after=after):
        after = page[-1].id
        for finding in page:
            if finding.table_name == table and finding.kind in _ALTERED:
                yield finding.id, json.loads(finding.expected)
