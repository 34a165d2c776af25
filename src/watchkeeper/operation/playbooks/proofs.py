"""The immediate steps of open playbooks: done by the system, marked done only when there is proof."""

from __future__ import annotations

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.operation import authority
from watchkeeper.operation.catalogue.playbooks.model import Check, Kind
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.notifications import receipts
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.verifier import findings

_RUNS_AT_ONCE = 100


def refresh(database: Database, *, at: Instant) -> None:
    """Mark immediate steps that have their proof, and open again what new findings have overtaken."""
    for run in runs.listed(database, limit=_RUNS_AT_ONCE):
        states = runs.steps(database, run)
        open_ones = findings.open_findings(database, invariant=run.rule, scope=run.scope, limit=50)
        cured = next((s for s in states if s.step.check is Check.FINDINGS_CURED), None)
        if open_ones and cured is not None and cured.state == "done":
            # What came in after the cure needs one of its own.
            runs.reopen(database, run, cured.step.key)
        for state in states:
            if state.done or state.step.kind is not Kind.IMMEDIATE:
                continue
            proof = _proof(database, run, state.step.check)
            if proof is not None:
                runs.complete(
                    database,
                    run,
                    state.step.key,
                    evidence=proof,
                    by=authority.RESTRICT.cited
                    if state.step.check is Check.CONTAINED
                    else authority.TELL.cited,
                    at=at,
                )


def _proof(database: Database, run: Run, check: Check) -> dict[str, object] | None:
    group = findings.open_findings(database, invariant=run.rule, scope=run.scope, limit=50)
    if check is Check.CONTAINED:
        instants = [imposing.contained_at(database, finding.id) for finding in group]
        if not group or any(instant is None for instant in instants):
            return None
        return {"contained_at": instants}
    if check is Check.LOGGED:
        return {"findings": [finding.id for finding in group]} if group else None
    if check is Check.TOLD:
        return receipts.first(database, run.alert_id)
    return None
