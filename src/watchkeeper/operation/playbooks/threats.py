"""Restrictions that stand for a threat and not for a finding: no playbook lifts them, so what they stand for is asked again here."""

from __future__ import annotations

from watchkeeper.base.database import Database
from watchkeeper.boundary.gate import Restriction
from watchkeeper.operation.catalogue.signs import corrections, roles
from watchkeeper.operation.catalogue.signs.model import Reading
from watchkeeper.operation.verifier import findings


def why_not_lifted(restriction: Restriction, *, reading: Reading, database: Database) -> str:
    """Why a restriction may not be lifted by hand; empty when it may. Raises `DatabaseError`."""
    if restriction.cause == "OPERATOR":
        return ""
    if restriction.rule == roles.UNASSIGNED and restriction.scope.kind == "account":
        why = roles.standing(reading, restriction.scope.key)
        return f"{why}. Suspend the account, or acknowledge the row, first." if why else ""
    if restriction.rule == roles.UNASSIGNED:
        # Its account had no alias to be known by, so all stood still.
        why = roles.of_nobody(reading)
        return f"{why}. Repair it, or acknowledge it, first." if why else ""
    if restriction.rule == corrections.WRONG:
        for finding in findings.open_findings(database, scope=str(restriction.scope), limit=1):
            return f"Finding {finding.id} on this account is open; cure it first."
        return ""
    return "This one stands for a finding: follow its playbook; the last step but one lifts it."
