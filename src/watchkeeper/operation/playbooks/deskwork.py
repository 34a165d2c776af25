"""What every act at the operator's desk needs: the run and its step, the record of the act, and what it settles."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from watchkeeper.base import canonical, disclosure
from watchkeeper.base.clock import Clock
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.base.words import harmless
from watchkeeper.boundary.cures import CureRefused, Cures, Mandate
from watchkeeper.boundary.gate import Restriction
from watchkeeper.boundary.gatestore import Gate
from watchkeeper.boundary.views import JOURNAL
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.playbooks.model import Check
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import findings, standing
from watchkeeper.operation.verifier.findings import Finding
from watchkeeper.operation.verifier.tail import watermarks

REASON_LENGTH_MIN = 10
REASON_LENGTH_MAX = 500
#: A continuous pass takes milliseconds; a watch that needs longer than this for one is not well.
WATCH_SECONDS_MAX = 10.0
#: A cure settles its own finding and so many after it; all of them are gone through at the step that verifies.
_SETTLED_WITH_MAX = 20

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
class Deskwork:
    """What the acts share; belongs to one thread. `look` gives a context with a snapshot of its own for each question."""

    database: SqliteDatabase
    gatefile: Gate
    cures: Cures
    clock: Clock
    look: Callable[[], Context]
    pause: Callable[[float], None] = time.sleep

    def _await_watch(self) -> None:
        """Give the watch a moment to read the cure itself; when it does not, the check says so."""
        begun = self.clock.boot()
        # The market goes on meanwhile; what counts is what stood there when this was asked.
        wanted = self.look().views.last(JOURNAL)
        while logs.size(self.database, logs.MAIN) < wanted:
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
        require_fresh(operator)

    def _mandate(self, finding: Finding, incident: str, reason: str, operator: Operator) -> Mandate:
        if not incident:
            raise DeskRefused("validation-failed", "Its incident is being opened; try again in a moment.")
        return self._mandate_for(str(finding.id), incident, checked_reason(reason), operator)

    def _mandate_for(self, finding: str, incident: str, reason: str, operator: Operator) -> Mandate:
        return Mandate(
            operator_id=operator.id,
            finding=finding,
            incident=incident,
            reason=reason,
            sealed_keys=watermarks(self.database),
        )

    @staticmethod
    def _after(finding_id: int | None, why: str) -> None:
        """Refuse while there is something that has to be put right before this."""
        if finding_id is not None:
            raise DeskRefused("resumption-refused", f"{why}. Put finding {finding_id} right first.")

    @staticmethod
    def _cure(act: Callable[[], T]) -> T:
        try:
            return act()
        except CureRefused as error:
            raise DeskRefused(error.code, error.detail) from error

    def _record(
        self, operator: Operator, action: str, run: Run, reason: str, detail: dict[str, object]
    ) -> None:
        said = checked_reason(reason)
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

    def _settle_when_read(
        self, run: Run, operator: Operator, utid: str | None, *, cured: Finding | None = None
    ) -> None:
        """Close the cured finding, and some after it that its cure may have reached, once the watch has sealed the cure.

        A watch that is silent, and findings further on, are left to the step that verifies.
        """
        with contextlib.suppress(DeskRefused):
            self._await_watch()
        after = 0 if cured is None else cured.id - 1
        near = findings.open_findings(
            self.database, invariant=run.rule, scope=run.scope, after=after, limit=_SETTLED_WITH_MAX
        )
        self._close_cured(near, operator, utid)
        if not self._open(run):
            self._all_cured(run, operator, utid)

    def _settle(self, run: Run, operator: Operator, utid: str | None) -> list[str]:
        """Close every finding of the run that no longer stands; what still does, in words."""
        left: list[str] = []
        after = 0
        while batch := findings.open_findings(
            self.database, invariant=run.rule, scope=run.scope, after=after
        ):
            after = batch[-1].id
            left += self._close_cured(batch, operator, utid)
        if not left:
            self._all_cured(run, operator, utid)
        return left

    def _close_cured(self, batch: Sequence[Finding], operator: Operator, utid: str | None) -> list[str]:
        left: list[str] = []
        for finding in batch:
            found = standing.of(self.look(), finding)
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
        return left

    def _all_cured(self, run: Run, operator: Operator, utid: str | None) -> None:
        for step in run.definition.steps:
            if step.check is Check.FINDINGS_CURED:
                self._complete(run, step.key, {"findings": "none stands", "utid": utid}, operator)

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


def require_fresh(operator: Operator) -> None:
    """Refuse an operator whose second factor is not fresh; raises `DeskRefused`."""
    if not operator.fresh:
        raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")


def checked_reason(text: str) -> str:
    """The reason in one harmless line; raises `DeskRefused` when it says too little, or where somebody can be reached."""
    said = harmless(text, REASON_LENGTH_MAX)
    if len(said) < REASON_LENGTH_MIN:
        raise DeskRefused("validation-failed", f"Say why in at least {REASON_LENGTH_MIN} characters.")
    refuse_identity(said)
    return said


def refuse_identity(*texts: str | None) -> None:
    """Refuse texts for the records that hold a telephone number or an e-mail address; raises `DeskRefused`."""
    if any(disclosure.names_somebody(text) for text in texts if text):
        raise DeskRefused(
            "validation-failed",
            "Records are kept for ever: leave telephone numbers and e-mail addresses out, and name people by their alias.",
        )


def evidence_of(finding: Finding) -> dict[str, object]:
    """A finding as evidence keeps it: digests, no amounts and no names."""
    return {
        "finding": finding.id,
        "kind": finding.kind,
        "row": f"{finding.table_name} {finding.row_key}",
        "expected": canonical.digest(finding.expected.encode("utf-8", "surrogatepass")),
        "found": finding.found_digest,
    }
