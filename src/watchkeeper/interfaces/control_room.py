"""One way into the control room for the page and the command line: what may be seen, and what the operator may do.

It works on the files of the data folder. Nothing else has to run: not the page, not the market.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from watchkeeper.base.clock import Clock, Instant
from watchkeeper.base.database import Database, SqliteDatabase
from watchkeeper.base.utid import base36
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, Feature
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Hold, OperationClass, Restriction, Scope, Switch
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.boundary.turning import FeatureState, Turn
from watchkeeper.boundary.views import JOURNAL, Row
from watchkeeper.market.commands import Act, Answer, Command
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.execute import Executor
from watchkeeper.market.housekeeping import record_act
from watchkeeper.market.reading import Books
from watchkeeper.market.reconciliation import running
from watchkeeper.market.reconciliation.statements import Statement
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.signin.sign_in import Gatekeeper
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.switching import Switching
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.catalogue.signs.model import Reading
from watchkeeper.operation.console.measures import Measures
from watchkeeper.operation.console.overview import Overlook, Overview
from watchkeeper.operation.containment import imposing, lifting
from watchkeeper.operation.incidents import cases, locks, repository
from watchkeeper.operation.incidents import life as incidents
from watchkeeper.operation.incidents.cases import Conclusion
from watchkeeper.operation.incidents.model import Incident, analysis_name
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.desk import Desk
from watchkeeper.operation.playbooks.deskwork import DeskRefused, Operator, checked_reason
from watchkeeper.operation.playbooks.threats import why_not_lifted
from watchkeeper.operation.store import open_store, system_id_of
from watchkeeper.operation.verifier import findings, passes, verdicts
from watchkeeper.operation.verifier.continuous import Continuous

#: A cure waits this long for a gap between the market's own batches.
_CURE_BUSY_SECONDS = 10.0
_TURNED_ON, _TURNED_OFF = "turn feature on", "turn feature off"


@dataclass(frozen=True, slots=True)
class Actor:
    """The operator who acts, by a session."""

    session: Session
    operator: Operator


class ControlRoom:
    """Belongs to one thread at a time."""

    def __init__(self, data: Path, *, clock: Clock) -> None:
        self.data = data
        self.clock = clock
        self.system_id = system_id_of(data)
        self.database: SqliteDatabase = open_store(data, system_id=self.system_id)
        self.books = Books(data, system_id=self.system_id)
        self._identities: Database | None = None
        self.gatefile = open_gate(data, system_id=self.system_id, role="control")
        self._lease = LeaseReader(LeaseStore(data, system_id=self.system_id, role="control"), clock=clock)
        self._executor = Executor(
            data,
            system_id=self.system_id,
            clock=clock,
            lease=self._lease,
            busy_seconds_max=_CURE_BUSY_SECONDS,
        )
        self._continuous = Continuous(data, system_id=self.system_id, database=self.database, clock=clock)
        self.desk = Desk(
            self.database,
            self.gatefile,
            MarketCures(self._executor, self.books, self._lease),
            clock,
            self._look,
        )
        self._overlook = Overlook(data, system_id=self.system_id, database=self.database, clock=clock)
        self.measures = Measures(data, system_id=self.system_id, database=self.database, clock=clock)

    @property
    def identities(self) -> Database:
        """Who may enter; opened when first asked, so that the control room opens with the books' server down."""
        if self._identities is None:
            self._identities = open_identities(self.data, system_id=self.system_id)
        return self._identities

    @property
    def gatekeeper(self) -> Gatekeeper:
        """Signs the operator in."""
        return Gatekeeper(self.identities, self.books, self._note_attempt, self.clock)

    def close(self) -> None:
        """Give the files back."""
        self._executor.close()
        self._continuous.close()
        self._overlook.close()
        self.measures.close()
        self.gatefile.close()
        self.books.close()
        if self._identities is not None:
            self._identities.close()
        self.database.close()

    def _look(self) -> Context:
        return self._continuous.context()

    def _note_attempt(self, *, account: str, address: str, kind: str, outcome: str) -> Future[None]:
        noted: Future[None] = Future()
        self._executor.notes.attempt(account=account, address=address, kind=kind, outcome=outcome)
        self._executor.flush_notes()
        noted.set_result(None)
        return noted

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

    def journal_rows(self, *, before: int | None, limit: int) -> list[Row]:
        """The market's journal, newest first, with numbers below `before`."""
        views = self._continuous.views
        return views.rows(JOURNAL, "n < ? ORDER BY n DESC", (before or 2**62,), limit=limit)

    # What the operator may do.

    def acknowledge_alert(self, actor: Actor, alert_id: int, *, next_step: str) -> alerts.Alert:
        """Say that you are on it, and what comes next."""
        at = self.clock.now()
        with self.database.transaction("write"):
            alert = alerts.acknowledge(
                self.database, alert_id, by=actor.operator.alias, next_step=next_step, at=at
            )
            self._record(actor, "acknowledge alert", f"alert {alert_id}", next_step)
        return alert

    def declare_alert(self, actor: Actor, *, title: str, detail: str, severity: str) -> alerts.Alert:
        """Raise an alert by hand."""
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
        if not actor.operator.fresh:
            raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")
        if len(reason.strip()) < 10:
            raise DeskRefused("validation-failed", "Say why in at least 10 characters.")
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

    def confirm_server(self, actor: Actor, *, reason: str) -> bool:
        """Believe a promoted or restored database server, once its rows are those of the seals; False when nothing was to be
        confirmed. Needs a fresh second factor, and a full pass that began after the server changed and holds.
        """
        if not actor.operator.fresh:
            raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")
        if len(reason.strip()) < 10:
            raise DeskRefused("validation-failed", "Say why in at least 10 characters.")
        found = self._continuous.look()
        wrong = list(found.tail.shrunk)
        if not found.head_matches:
            wrong.append("the newest sealed row is not what stands in the books")
        wrong += [f"{f.invariant}: {f.detail}" for f in findings.open_findings(self.database, limit=3)]
        wrong += [
            f"{view.invariant}: the last full pass says {view.full}"
            for view in verdicts.current(self.database, clock=self.clock)
            if view.full != verdicts.HOLDS
        ]
        if wrong:
            raise DeskRefused(
                "resumption-refused", f"What is sealed is not what stands there: {'; '.join(wrong)}."
            )
        with self.database.transaction("write"):
            self._record(actor, "confirm server", "everything", reason, {"sealed": found.watermark})
        return self.gatefile.confirm()

    def rebuild_gate(self, actor: Actor, *, reason: str) -> list[Flip]:
        """Make a lost gate anew in its safest state: everything engaged. Needs a fresh second factor."""
        if not actor.operator.fresh:
            raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")
        switching = Switching(
            self.data, system_id=self.system_id, books=self.books.database, clock=self.clock
        )
        try:
            flips = switching.rebuild(
                actor=actor.session.user, reason=reason, features_off=self._features_turned_off()
            )
        finally:
            switching.close()
        with self.database.transaction("write"):
            self._record(
                actor, "rebuild gate", "everything", reason, {"utids": [flip.utid for flip in flips]}
            )
            alerts.raise_alert(
                self.database,
                condition="gate rebuilt",
                scope="everything",
                severity="high",
                title="the gate was made anew",
                detail="Every switch is engaged. What was restricted by hand must be restricted again.",
                playbook="",
                finding_ids=(),
                by=actor.operator.alias,
                at=self.clock.now(),
            )
        return flips

    def features(self) -> list[FeatureState]:
        """Every feature as the gate has it; raises `GateUnreadable` or `GateBusy`."""
        with self.gatefile.look() as gate:
            return turning.states(gate)

    def turn_feature(self, actor: Actor, *, feature: Feature, on: bool, reason: str) -> Turn | None:
        """Turn a feature on or off as a whole, in force when this returns; None when it was so. On needs a fresh second factor."""
        if on and not actor.operator.fresh:
            raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")
        said = checked_reason(reason)
        turned = turning.turn(
            self.gatefile, feature, on=on, actor=actor.operator.alias, reason=said, clock=self.clock
        )
        if turned is None:
            return None
        with self.database.transaction("write"):
            self._record(
                actor,
                _TURNED_ON if on else _TURNED_OFF,
                f"feature {feature.name}",
                said,
                {"turn": turned.number, "commands": list(feature.commands)},
            )
            if not on:
                alerts.raise_alert(
                    self.database,
                    condition=f"feature {feature.name}",
                    scope="everything",
                    severity="medium",
                    title=f"{feature.name.replace('_', ' ')} is turned off by the operator",
                    detail=said,
                    playbook="",
                    finding_ids=(),
                    by=actor.operator.alias,
                    at=self.clock.now(),
                )
        return turned

    def _features_turned_off(self) -> set[str]:
        # The gate is lost, and its own record with it: what the operator's acts say of each feature counts.
        last = journal.last_of_each(self.database, (_TURNED_ON, _TURNED_OFF))
        return {
            subject.removeprefix("feature ") for subject, action in last.items() if action == _TURNED_OFF
        } & set(BY_NAME)

    def flip(self, actor: Actor, *, switch: Switch, action: str, reason: str, hold: Hold | None) -> Flip:
        """Engage or release a switch; in force when this returns. Releasing needs a fresh second factor."""
        if action == "release" and not actor.operator.fresh:
            raise DeskRefused("second-factor-required", "Give a fresh code of your second factor first.")
        switching = Switching(
            self.data, system_id=self.system_id, books=self.books.database, clock=self.clock
        )
        try:
            flip = switching.flip(
                switch=switch, action=action, actor=actor.session.user, reason=reason, hold=hold
            )
        finally:
            switching.close()
        # In force already. The market's own housekeeping would write this row too, under the same UTID.
        self._executor.run([record_act(flip, actor_id=actor.operator.id)])
        with self.database.transaction("write"):
            self._record(actor, f"{action} switch", switch.value, reason, {"utid": flip.utid})
            if action == "engage":
                alerts.raise_alert(
                    self.database,
                    condition=f"switch {switch.value}",
                    scope="everything",
                    severity="medium",
                    title=f"{switch.value.replace('_', ' ')} engaged by the operator",
                    detail=reason,
                    playbook="",
                    finding_ids=(),
                    by=actor.operator.alias,
                    at=self.clock.now(),
                )
        return flip

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
        alert_id = runs.get(self.database, run_id).alert_id
        found = cases.of_alert(self.database, alert_id)
        if found is None:
            with self.database.transaction("write"):
                cases.open_missing(self.database, at=self.clock.now())
            found = cases.of_alert(self.database, alert_id)
        return found or ""

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

    def _record(
        self,
        actor: Actor,
        action: str,
        subject: str,
        reason: str,
        detail: dict[str, object] | None = None,
    ) -> None:
        journal.record(
            self.database,
            actor=actor.operator.alias,
            action=action,
            subject=subject,
            reason=reason,
            detail=detail or {},
            at=self.clock.now(),
        )
