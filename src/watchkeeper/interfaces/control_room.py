"""One way into the control room for the page and the command line: what may be seen, and what the operator may do.

It works on the files of the data folder. Nothing else has to run: not the page, not the market.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from watchkeeper.base.clock import Instant
from watchkeeper.base.utid import base36
from watchkeeper.boundary.cures import Receipt
from watchkeeper.boundary.gate import OperationClass, Restriction, Scope
from watchkeeper.boundary.views import JOURNAL, Row
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_gate import AtTheGate
from watchkeeper.market.commands import Act, Answer, Command
from watchkeeper.market.reconciliation import running
from watchkeeper.market.reconciliation.statements import Statement
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import unexplained, unrecovered
from watchkeeper.operation.catalogue.signs.model import Reading
from watchkeeper.operation.catalogue.unrecovered import Unrecovered
from watchkeeper.operation.console.overview import Overview
from watchkeeper.operation.containment import imposing, lifting
from watchkeeper.operation.detectors import money
from watchkeeper.operation.incidents import cases, locks, repository
from watchkeeper.operation.incidents import life as incidents
from watchkeeper.operation.incidents.cases import Conclusion
from watchkeeper.operation.incidents.model import Incident, analysis_name
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.correcting import Difference
from watchkeeper.operation.playbooks.deskwork import (
    DeskRefused,
    Operator,
    refuse_identity,
    require_fresh,
)
from watchkeeper.operation.playbooks.threats import why_not_lifted
from watchkeeper.operation.verifier import findings, passes

_LISTED_MAX = 100


class ControlRoom(AtTheGate):
    """Belongs to one thread at a time."""

    # Who acts.

    def actor(self, token: str) -> Actor:
        """The operator of this session; raises `Refusal`, or `DeskRefused` for anybody else."""
        session = sessions.find(self.identities, self.books, token, clock=self.clock)
        if session.user.role != "operator":
            raise DeskRefused("not-authorized", "Only the operator enters the control room.")
        fresh = session.fresh(at=self.clock.now())
        return Actor(session, Operator(session.user.id, session.user.alias, fresh))

    def actor_again(self, actor: Actor) -> Actor:
        """The same actor with the second factor as it is now."""
        row = self.identities.one(
            "SELECT second_factor_at FROM sessions WHERE token_hash = ?", (actor.session.id,)
        )
        given = None if row is None or row[0] is None else Instant(int(str(row[0])))
        session = replace(actor.session, second_factor_at=given)
        fresh = session.fresh(at=self.clock.now())
        return Actor(session, replace(actor.operator, fresh=fresh))

    # What may be seen.

    def overview(self) -> Overview:
        """Everything on one page."""
        return self._overlook.read()

    def unrecovered(self, finding: str | None = None) -> list[Unrecovered]:
        """What corrections could not take and nobody has waived, of one finding or of all; at most a hundred, the oldest first."""
        return unrecovered.standing(self._continuous.views, limit=_LISTED_MAX, finding=finding)

    def journal_rows(self, *, before: int | None, limit: int) -> list[Row]:
        """The market's journal, newest first, with numbers below `before`."""
        views = self._continuous.views
        return views.rows(JOURNAL, "n < ? ORDER BY n DESC", (before or 2**62,), limit=limit)

    # What the operator may do.

    def acknowledge_alert(self, actor: Actor, alert_id: int, *, next_step: str) -> alerts.Alert:
        """Say that you are on it, and what comes next."""
        refuse_identity(next_step)
        at = self.clock.now()
        with self.database.transaction("write"):
            alert = alerts.acknowledge(
                self.database, alert_id, by=actor.operator.alias, next_step=next_step, at=at
            )
            self._record(actor, "acknowledge alert", f"alert {alert_id}", next_step)
        return alert

    def declare_alert(self, actor: Actor, *, title: str, detail: str, severity: str) -> alerts.Alert:
        """Raise an alert by hand."""
        refuse_identity(title, detail)
        with self.database.transaction("write"):
            alert = alerts.declare(
                self.database,
                by=actor.operator.alias,
                title=title,
                detail=detail,
                severity=severity,
                at=self.clock.now(),
            )
            self._record(actor, "declare alert", f"alert {alert.id}", detail)
        return alert

    def resolve_alert(self, actor: Actor, alert_id: int, *, reason: str) -> None:
        """End an alert whose cause is gone; those of rules end with their playbook."""
        refuse_identity(reason)
        alert = alerts.get(self.database, alert_id)
        if alert is None:
            raise DeskRefused("not-found", "There is no such alert.")
        causes = [
            f"finding {f.id}"
            for f in findings.open_findings(self.database, invariant=alert.condition, scope=alert.scope)
        ]
        causes += [
            f"restriction {r.id}"
            for r in imposing.active(self.gatefile)
            if (r.rule, str(r.scope)) == (alert.condition, alert.scope)
        ]
        try:
            with self.database.transaction("write"):
                alerts.resolve(
                    self.database,
                    alert_id,
                    by=actor.operator.alias,
                    reason=reason,
                    causes=causes,
                    at=self.clock.now(),
                )
                self._record(actor, "resolve alert", f"alert {alert_id}", reason)
        except alerts.AlertStillHasCause as error:
            raise DeskRefused("resumption-refused", str(error)) from error

    def impose(
        self, actor: Actor, *, scope: Scope, classes: frozenset[OperationClass], reason: str
    ) -> Restriction:
        """Stop some classes within a scope, by hand."""
        if len(reason.strip()) < 10:
            raise DeskRefused("validation-failed", "Say why in at least 10 characters.")
        refuse_identity(reason)
        restriction = imposing.impose_by_hand(
            self.gatefile,
            scope=scope,
            classes=classes,
            by=actor.operator.alias,
            reason=reason,
            clock=self.clock,
        )
        with self.database.transaction("write"):
            self._record(actor, "restrict", str(scope), reason, {"classes": sorted(classes)})
        return restriction

    def lift(self, actor: Actor, restriction_id: int, *, reason: str) -> None:
        """Lift a restriction of the operator's own, or of a threat that is over; a playbook lifts those of its findings."""
        require_fresh(actor.operator)
        if len(reason.strip()) < 10:
            raise DeskRefused("validation-failed", "Say why in at least 10 characters.")
        refuse_identity(reason)
        found = next((r for r in imposing.active(self.gatefile) if r.id == restriction_id), None)
        if found is None:
            raise DeskRefused("not-found", "There is no such restriction in force.")
        why_not = why_not_lifted(found, reading=Reading(self._continuous.views), database=self.database)
        if why_not:
            raise DeskRefused("resumption-refused", why_not)
        with self.database.transaction("write"):
            lifting.decide(
                self.database,
                found,
                by=actor.operator.alias,
                reason=reason,
                override=False,
                at=self.clock.now(),
            )
            self._record(actor, "lift", str(found.scope), reason, {"restriction": found.id})
        lifting.drive(self.database, self.gatefile, clock=self.clock)
        alert = alerts.of(self.database, condition=found.rule, scope=str(found.scope))
        if found.cause != "OPERATOR" and alert is not None:
            self.resolve_alert(actor, alert.id, reason=reason)

    def reconcile(
        self, actor: Actor, statement: Statement, *, progress: Callable[[int, int], None] = lambda *_: None
    ) -> str:
        """Compare a provider's statement with the books and write it down; the UTID of the comparison."""

        def send(commands: list[Command]) -> list[Answer]:
            acts = [
                Act(
                    command=command,
                    actor_id=actor.operator.id,
                    command_id=base36(24),
                    session_generation=actor.session.generation,
                )
                for command in commands
            ]
            answers: list[Answer] = []
            for outcome in self._executor.run(acts):
                if isinstance(outcome, Refusal):
                    raise outcome
                answers.append(outcome)
            return answers

        utid = running.reconcile(self.books.database, statement, send, progress=progress)
        with self.database.transaction("write"):
            self._record(actor, "reconcile", statement.provider, "", {"utid": utid})
        return utid

    def ask_full_pass(self, *, reason: str) -> int:
        """Ask the watch for a full pass; its number."""
        with self.database.transaction("write"):
            return passes.ask(self.database, reason=reason, at=self.clock.now())

    def incident_of_run(self, run_id: int) -> str:
        """The incident of a playbook's alert; opened here when the control process has not come to it."""
        return self._incident_of_alert(runs.get(self.database, run_id).alert_id)

    def _incident_of_alert(self, alert_id: int) -> str:
        found = cases.of_alert(self.database, alert_id)
        if found is None:
            with self.database.transaction("write"):
                cases.open_missing(self.database, at=self.clock.now())
            found = cases.of_alert(self.database, alert_id)
        return found or ""

    def explain_payment(
        self,
        actor: Actor,
        *,
        provider: str,
        reference: str,
        reason: str,
        said_ugx: int | None = None,
        difference: Difference | None = None,
        incident: str = "",
    ) -> Receipt | None:
        """Say why a payment stands otherwise in the books than in its statement; None when it was explained before.

        Its incident is the named one, which must be open, or that of an alert about this provider's money.
        """
        if incident and not incidents.get(self.database, incident).open:
            raise DeskRefused("validation-failed", "This incident is closed.")
        return self.desk.explain(
            provider=provider,
            reference=reference,
            said_ugx=said_ugx,
            difference=difference,
            incident=incident or self._incident_of_money(provider),
            reason=reason,
            operator=actor.operator,
        )

    def _incident_of_money(self, provider: str) -> str:
        for condition in (unexplained.UNMATCHED, unexplained.UNBOOKED):
            alert = alerts.of(self.database, condition=condition, scope=money.scope_of(provider))
            if alert is not None and (found := self._incident_of_alert(alert.id)):
                return found
        return ""

    def document(self, actor: Actor, run_id: int, key: str, *, conclusion: Conclusion) -> str:
        """The last step of a playbook: close its incident, unless another alert of it is still open."""
        run = runs.get(self.database, run_id)
        incident = self.incident_of_run(run_id)
        try:
            runs.reached(self.database, run, key)
        except runs.StepNotReached as error:
            raise DeskRefused("resumption-refused", str(error)) from error
        others = self._open_parts(incident, besides=run.alert_id)
        if not others:
            self.close_incident(actor, incident, conclusion=conclusion)
        self.desk.document(run_id, key, incident=incident, operator=actor.operator)
        return incident

    def _open_parts(self, incident: str, *, besides: int | None = None) -> list[str]:
        parts: list[str] = []
        for alert_id in cases.alerts_of(self.database, incident):
            alert = alerts.get(self.database, alert_id)
            if alert is not None and alert.state != "resolved" and alert_id != besides:
                parts.append(f"alert {alert_id}")
        return parts

    def close_incident(self, actor: Actor, incident: str, *, conclusion: Conclusion) -> Incident:
        """Close an incident with its true cause; refused while an alert of it is open."""
        refuse_identity(
            conclusion.cause,
            conclusion.response,
            conclusion.resolution,
            conclusion.prevention,
            conclusion.analysis,
        )
        for text in (conclusion.cause, conclusion.resolution, conclusion.prevention):
            if len(text.strip()) < 10:
                raise DeskRefused(
                    "validation-failed", "Cause, resolution and prevention need at least 10 characters each."
                )
        try:
            with self.database.transaction("write"):
                closed = cases.conclude(
                    self.database,
                    incident,
                    by=actor.operator.alias,
                    conclusion=conclusion,
                    open_parts=self._open_parts(incident),
                    at=self.clock.now(),
                )
                self._record(actor, "close incident", incident, conclusion.cause)
        except (incidents.IncidentHasOpenParts, incidents.IncidentClosedAlready) as error:
            raise DeskRefused("resumption-refused", str(error)) from error
        except (incidents.IncidentTextMissing, incidents.AnalysisMissing) as error:
            raise DeskRefused("validation-failed", str(error)) from error
        except incidents.NoSuchIncident as error:
            raise DeskRefused("not-found", str(error)) from error
        self._commit()
        return closed

    def analyse(self, actor: Actor, incident: str, *, text: str) -> str:
        """Add an analysis to an incident; the file's name."""
        refuse_identity(text)
        with self.database.transaction("write"):
            written = incidents.add_analysis(
                self.database, incident, by=actor.operator.alias, text=text, at=self.clock.now()
            )
            self._record(actor, "analyse incident", incident, text[:200])
        self._commit()
        return analysis_name(written.number)

    def _commit(self) -> None:
        # The control process commits what waits as well; whoever comes second finds nothing to do.
        try:
            repository.commit_due(self.data, self.database, clock=self.clock)
        except locks.RepositoryBusy:
            return
