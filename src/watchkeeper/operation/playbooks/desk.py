"""The operator's desk: what a person does in a playbook, step by step, each act recorded before it counts.

Every act here needs the operator and, where it cures or lifts, a fresh second factor; whoever calls has checked both and
says so in `Operator`. The cure itself is decided again by the operated system, inside its own transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from watchkeeper.base import canonical
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.boundary.cures import CureRefused, Cures, Mandate, Position, Receipt
from watchkeeper.boundary.gate import Restriction
from watchkeeper.boundary.gatefile import GateFile
from watchkeeper.boundary.views import JOURNAL
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.alerts.words import harmless
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.playbooks.model import Check
from watchkeeper.operation.containment import imposing, lifting
from watchkeeper.operation.playbooks import proposals, runs
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import findings, passes, standing
from watchkeeper.operation.verifier.findings import Finding

REASON_LENGTH_MIN = 10
REASON_LENGTH_MAX = 500
#: A continuous pass takes milliseconds; a watch that needs longer than this for one is not well.
WATCH_SECONDS_MAX = 10.0

T = TypeVar("T")


class DeskRefused(Exception):
    """This cannot be done now; nothing was changed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts: alias and account, and whether their second factor is fresh."""

    id: int
    alias: str
    fresh: bool


@dataclass(slots=True)
class Desk:
    """One thread's way to act. `look` gives a context with a snapshot of its own for each question."""

    database: SqliteDatabase
    gatefile: GateFile
    cures: Cures
    clock: Clock
    look: Callable[[], Context]
    pause: Callable[[float], None] = time.sleep

    def conclude(self, run_id: int, key: str, *, text: str, operator: Operator) -> None:
        """Write down what was found; the evidence of the step is every finding as it stands now."""
        run = self._reached(run_id, key)
        if run.definition.step(key).check is not Check.CONCLUSION:
            raise DeskRefused("validation-failed", "This step is not done by a conclusion.")
        evidence: dict[str, object] = {
            "findings": [_evidence(f) for f in self._open(run)],
            "conclusion": _reason(text),
        }
        self._complete(run, key, evidence, operator, note=_reason(text))

    def repair(
        self, run_id: int, finding_id: int, *, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """Put the sealed bytes of a finding's leaf back; offered where the seal agrees with the journal."""
        self._fresh(operator)
        run, finding = self._finding(run_id, finding_id)
        if not standing.of(self.look(), finding, clock=self.clock).stands:
            # One leaf holds many rows: the repair of another finding put this row back as well.
            self._settle(run, operator, None)
            return []
        if finding.sealed_log is None or finding.sealed_index is None:
            raise DeskRefused(
                "resumption-refused", "There is no sealed copy of this row. Acknowledge it instead."
            )
        data = logs.leaf(self.database, finding.sealed_log, finding.sealed_index)
        if data is None:
            raise DeskRefused("resumption-refused", "The sealed copy is not there.")
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(operator, "repair", run, reason, {"finding": finding.id, "incident": incident})
        receipt = self._cure(
            lambda: self.cures.repair(
                mandate, sealed_leaf=data.decode("utf-8"), sealed_head=logs.size(self.database, logs.MAIN)
            )
        )
        self._settle(run, operator, receipt.utid)
        return [receipt]

    def acknowledge(
        self, run_id: int, finding_id: int, *, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """Let a wrong row that truly happened stand as it is now, its deltas booked to suspense."""
        self._fresh(operator)
        run, finding = self._finding(run_id, finding_id)
        proposal = proposals.of(self.look(), finding)
        if proposal is None:
            raise DeskRefused(
                "resumption-refused", "There is no row to acknowledge; repair or restore it instead."
            )
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(
            operator,
            "acknowledge",
            run,
            reason,
            {"finding": finding.id, "incident": incident, "row": f"{finding.table_name} {finding.row_key}"},
        )
        try:
            receipt = self._cure(
                lambda: self.cures.acknowledge(
                    mandate,
                    table_name=finding.table_name,
                    row_key=finding.row_key,
                    row_digest=proposal.row_digest,
                    account=proposal.account,
                    deltas=proposal.deltas,
                )
            )
        except DeskRefused as error:
            # Another finding about the same row was acknowledged before this one; that one counts for both.
            if error.code != "already-acknowledged":
                raise
            self._settle(run, operator, None)
            return []
        self._settle(run, operator, receipt.utid)
        return [receipt]

    def correct(
        self,
        run_id: int,
        *,
        account: str,
        bucket: str,
        amount_ugx: int,
        predicted: int,
        incident: str,
        reason: str,
        operator: Operator,
    ) -> Receipt:
        """Move a balance against suspense; refused when the result would not be the one that was predicted."""
        self._fresh(operator)
        run = self._run(run_id)
        open_ones = self._open(run) or [
            f
            for f in findings.latest(self.database, limit=500)
            if f.invariant == run.rule and f.scope == run.scope
        ]
        if not open_ones:
            raise DeskRefused(
                "validation-failed", "There is no finding that this correction could belong to."
            )
        prediction = self._cure(
            lambda: self.cures.predict(account=account, bucket=bucket, amount_ugx=amount_ugx)
        )
        if prediction["after"][bucket] != predicted:
            raise DeskRefused(
                "resumption-refused",
                "The balance has moved since it was predicted. Look at the prediction again.",
            )
        mandate = self._mandate(open_ones[0], incident, reason, operator)
        self._record(
            operator,
            "correct",
            run,
            reason,
            {"account": account, "bucket": bucket, "amount_ugx": amount_ugx, "incident": incident},
        )
        receipt = self._cure(
            lambda: self.cures.correct(mandate, account=account, bucket=bucket, amount_ugx=amount_ugx)
        )
        found = receipt.answer.get(f"{bucket}_ugx")
        if found != predicted:
            # Threat 5.2: the restriction stays, and somebody must look.
            with self.database.transaction("write"):
                alerts.raise_alert(
                    self.database,
                    condition="wrong correction",
                    scope=f"account:{account}",
                    severity="critical",
                    title="A correction did not give the predicted balance",
                    detail=f"predicted {predicted:,}, found {found}",
                    playbook="",
                    finding_ids=(),
                    by=operator.alias,
                    at=self.clock.now(),
                )
        self._settle(run, operator, receipt.utid)
        return receipt

    def predict(self, *, account: str, bucket: str, amount_ugx: int) -> dict[str, dict[str, int]]:
        """The balances before and after such a correction."""
        return self._cure(lambda: self.cures.predict(account=account, bucket=bucket, amount_ugx=amount_ugx))

    def positions(self, run_id: int) -> list[Position]:
        """The open positions of the run's account."""
        scope = self._run(run_id).scope
        return self.cures.positions(account=scope.partition(":")[2]) if scope.startswith("account:") else []

    def unwind(
        self, run_id: int, *, position_utid: str, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """End an open position: recorded as cancelled, its exact amount given back."""
        self._fresh(operator)
        run = self._run(run_id)
        finding = next(iter(self._open(run)), None)
        if finding is None:
            raise DeskRefused("validation-failed", "Nothing of this rule and scope is open.")
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(operator, "unwind", run, reason, {"position": position_utid, "incident": incident})
        receipts = self._cure(lambda: self.cures.unwind(mandate, position_utid=position_utid))
        self._settle(run, operator, receipts[-1].utid if receipts else None)
        return receipts

    def restore_defences(
        self, run_id: int, key: str, *, incident: str, reason: str, operator: Operator
    ) -> Receipt:
        """Put triggers, views and indexes back, or confirm that they are as they were made."""
        self._fresh(operator)
        run = self._reached(run_id, key)
        finding = next(iter(self._open(run)), None)
        if finding is None:
            raise DeskRefused("validation-failed", "Nothing of this rule and scope is open.")
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(operator, "restore defences", run, reason, {"incident": incident})
        receipt = self._cure(lambda: self.cures.restore_defences(mandate))
        self._complete(run, key, {"receipt": receipt.utid, "answer": receipt.answer}, operator)
        self._settle(run, operator, receipt.utid)
        return receipt

    def probe(self, run_id: int, key: str, *, operator: Operator) -> dict[str, bool]:
        """Send a command through each switch that must refuse it."""
        run = self._reached(run_id, key)
        found = self.cures.probe()
        if not all(found.values()):
            names = ", ".join(sorted(name for name, bites in found.items() if not bites))
            raise DeskRefused("resumption-refused", f"These switches do not bite: {names}. Shut down.")
        self._complete(run, key, {"bites": found}, operator)
        return found

    def verify(self, run_id: int, key: str, *, operator: Operator) -> None:
        """Ask the same question again about every finding; done when none stands."""
        # An acknowledgement counts when the watch has sealed it, so what was cured a moment ago is settled here.
        self._await_watch()
        left = self._settle(self._run(run_id), operator, None)
        run = self._reached(run_id, key)
        if left:
            raise DeskRefused("resumption-refused", "Not cured yet: " + "; ".join(left[:5]))
        self._complete(run, key, {"findings": "none stands"}, operator)

    def lift(self, run_id: int, key: str, *, reason: str, operator: Operator, override: bool = False) -> None:
        """Lift the run's restriction, after the same check holds; an override stays an alert until it does."""
        self._fresh(operator)
        run = self._run(run_id) if override else self._reached(run_id, key)
        said = _reason(reason)
        restriction = self._restriction(run)
        self._await_watch()
        left = self._settle(run, operator, None)
        if left and not override:
            raise DeskRefused("resumption-refused", "Not cured yet: " + "; ".join(left[:5]))
        if restriction is not None:
            at = self.clock.now()
            with self.database.transaction("write"):
                lifting.decide(
                    self.database, restriction, by=operator.alias, reason=said, override=bool(left), at=at
                )
                journal.record(
                    self.database,
                    actor=operator.alias,
                    action="override" if left else "lift",
                    subject=f"{run.rule} {run.scope}",
                    reason=said,
                    detail={"run": run.id, "restriction": restriction.id, "seen": restriction.evidence_seq},
                    at=at,
                )
            done = lifting.drive(self.database, self.gatefile, clock=self.clock)
            if any(lift.outcome == "evidence moved" for lift in done):
                raise DeskRefused(
                    "resumption-refused", "New evidence came in since this was looked at. Look again."
                )
        self._complete(
            run, key, {"lifted": restriction is not None, "override": bool(left)}, operator, note=said
        )
        if not left:
            self._resolve(run, operator, said)
        with self.database.transaction("write"):
            # Resumed business is looked at as a whole, not only where it was wrong.
            passes.ask(
                self.database, reason=f"after the lift of {run.rule} on {run.scope}", at=self.clock.now()
            )

    def override(self, run_id: int, key: str, *, reason: str, operator: Operator) -> None:
        """Go past a step that is not done, with a reason and a fresh second factor."""
        self._fresh(operator)
        run = self._reached(run_id, key)
        if run.definition.step(key).check is Check.LIFTED:
            self.lift(run_id, key, reason=reason, operator=operator, override=True)
            return
        self._record(operator, "override step", run, reason, {"step": key})
        self._complete(run, key, {"overridden": True}, operator, note=_reason(reason), overridden=True)

    def document(self, run_id: int, key: str, *, incident: str, operator: Operator) -> None:
        """Mark the last step done, once its incident is closed; whoever calls has closed it."""
        run = self._reached(run_id, key)
        self._complete(run, key, {"incident": incident}, operator)
        with self.database.transaction("write"):
            runs.close(self.database, run, at=self.clock.now())

    # What every act needs.

    def _await_watch(self) -> None:
        """Give the watch a moment to read the cure itself; when it does not, the check says so."""
        begun = self.clock.boot()
        context = self.look()
        while logs.size(self.database, logs.MAIN) < context.views.last(JOURNAL):
            age = self.clock.boot().seconds_since(begun)
            if age is None or age > WATCH_SECONDS_MAX:
                raise DeskRefused(
                    "monitor-silent", "The watch has not read the cure yet. Try again in a moment."
                )
            self.pause(0.01)

    def _run(self, run_id: int) -> Run:
        try:
            return runs.get(self.database, run_id)
        except runs.NoSuchRun as error:
            raise DeskRefused("not-found", str(error)) from error

    def _reached(self, run_id: int, key: str) -> Run:
        run = self._run(run_id)
        try:
            runs.reached(self.database, run, key)
        except runs.StepNotReached as error:
            raise DeskRefused("resumption-refused", str(error)) from error
        except (runs.NoSuchRun, KeyError) as error:
            raise DeskRefused("not-found", "This playbook has no such step.") from error
        return run

    def _open(self, run: Run) -> list[Finding]:
        return findings.open_findings(self.database, invariant=run.rule, scope=run.scope)

    def _finding(self, run_id: int, finding_id: int) -> tuple[Run, Finding]:
        run = self._run(run_id)
        finding = findings.get(self.database, finding_id)
        if finding is None or finding.state != "open":
            raise DeskRefused("not-found", "There is no such open finding.")
        if (finding.invariant, finding.scope) != (run.rule, run.scope):
            raise DeskRefused("validation-failed", "This finding belongs to another playbook.")
        return run, finding

    @staticmethod
    def _fresh(operator: Operator) -> None:
        if not operator.fresh:
            raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")

    @staticmethod
    def _mandate(finding: Finding, incident: str, reason: str, operator: Operator) -> Mandate:
        if not incident:
            raise DeskRefused("validation-failed", "Its incident is being opened; try again in a moment.")
        return Mandate(
            operator_id=operator.id, finding=str(finding.id), incident=incident, reason=_reason(reason)
        )

    @staticmethod
    def _cure(act: Callable[[], T]) -> T:
        try:
            return act()
        except CureRefused as error:
            raise DeskRefused(error.code, error.detail) from error

    def _record(
        self, operator: Operator, action: str, run: Run, reason: str, detail: dict[str, object]
    ) -> None:
        said = _reason(reason)
        at = self.clock.now()
        with self.database.transaction("write"):
            journal.record(
                self.database,
                actor=operator.alias,
                action=action,
                subject=f"{run.rule} {run.scope}",
                reason=said,
                detail={"run": run.id, **detail},
                at=at,
            )
            alerts.mark_response(self.database, run.alert_id, by=operator.alias, at=at)

    def _complete(
        self,
        run: Run,
        key: str,
        evidence: dict[str, object],
        operator: Operator,
        *,
        note: str = "",
        overridden: bool = False,
    ) -> None:
        at = self.clock.now()
        with self.database.transaction("write"):
            runs.complete(
                self.database,
                run,
                key,
                evidence=evidence,
                by=operator.alias,
                note=note,
                at=at,
                overridden=overridden,
            )
            alerts.mark_response(self.database, run.alert_id, by=operator.alias, at=at)

    def _settle(self, run: Run, operator: Operator, utid: str | None) -> list[str]:
        """Close every finding of the run that no longer stands; what still does, in words."""
        left: list[str] = []
        for finding in self._open(run):
            found = standing.of(self.look(), finding, clock=self.clock)
            if found.stands:
                left.append(f"finding {finding.id}: {found.detail}")
                continue
            with self.database.transaction("write"):
                findings.close(
                    self.database,
                    finding.id,
                    state=found.how,
                    by=operator.alias,
                    utid=utid,
                    at=self.clock.now(),
                )
        if not left:
            for step in run.definition.steps:
                if step.check is Check.FINDINGS_CURED:
                    self._complete(run, step.key, {"findings": "none stands", "utid": utid}, operator)
        return left

    def _restriction(self, run: Run) -> Restriction | None:
        for restriction in imposing.active(self.gatefile):
            if restriction.rule == run.rule and str(restriction.scope) == run.scope:
                return restriction
        return None

    def _resolve(self, run: Run, operator: Operator, reason: str) -> None:
        causes: Sequence[str] = [f"finding {f.id}" for f in self._open(run)]
        if self._restriction(run) is not None:
            causes = [*causes, "its restriction"]
        try:
            with self.database.transaction("write"):
                alerts.resolve(
                    self.database,
                    run.alert_id,
                    by=operator.alias,
                    reason=reason,
                    causes=causes,
                    at=self.clock.now(),
                )
        except alerts.AlertStillHasCause as error:
            raise DeskRefused("resumption-refused", str(error)) from error


def _reason(text: str) -> str:
    said = harmless(text, REASON_LENGTH_MAX)
    if len(said) < REASON_LENGTH_MIN:
        raise DeskRefused("validation-failed", f"Say why in at least {REASON_LENGTH_MIN} characters.")
    return said


def _evidence(finding: Finding) -> dict[str, object]:
    return {
        "finding": finding.id,
        "kind": finding.kind,
        "row": f"{finding.table_name} {finding.row_key}",
        "expected": canonical.digest(finding.expected.encode("utf-8", "surrogatepass")),
        "found": finding.found_digest,
    }
