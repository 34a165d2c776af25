"""What an acknowledgement of a finding's row would say: its digest as it stands, and what it brought to its account."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.cures import Deltas
from watchkeeper.boundary.views import VIEWS
from watchkeeper.operation.catalogue import accounts, blame
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.verifier.findings import Finding


@dataclass(frozen=True, slots=True)
class Proposal:
    """An acknowledgement, ready to be asked for. Deltas in UGX."""

    row_digest: str
    account: str | None
    deltas: Deltas


def of(context: Context, finding: Finding) -> Proposal | None:
    """The proposal for a finding, None when there is no row that could stand."""
    if finding.table_name not in VIEWS or not finding.row_key.isdecimal():
        return None
    with context.views.snapshot():
        found = context.one(finding.table_name, int(finding.row_key))
        if found is None:
            return None
        account = blame.owner(context, found.table, found.row)
        jump = accounts.jump_of(context, found)
    return Proposal(found.digest, account, Deltas(jump.capital, jump.locked, jump.profit, jump.earnings))
