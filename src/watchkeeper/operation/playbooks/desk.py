"""The operator's desk: what a person does in a playbook, step by step, each act recorded before it counts.

Every act here needs the operator and, where it cures or lifts, a fresh second factor; whoever calls has checked both and
says so in `Operator`. The cure itself is decided again by the operated system, inside its own transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.operation import journal
from watchkeeper.operation.catalogue.playbooks.model import Check
from watchkeeper.operation.containment import lifting
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.curing import Curing
from watchkeeper.operation.playbooks.deskwork import DeskRefused, Operator, checked_reason, evidence_of
from watchkeeper.operation.verifier import passes


@dataclass(slots=True)
class Desk(Curing):
    """One thread's way to act: the steps of a playbook, and the cures that they ask for."""

    def conclude(self, run_id: int, key: str, *, text: str, operator: Operator) -> None:
        """Write down what was found; the evidence of the step is every finding as it stands now."""
        run = self._reached(run_id, key)
        if run.definition.step(key).check is not Check.CONCLUSION:
            raise DeskRefused("validation-failed", "This step is not done by a conclusion.")
        evidence: dict[str, object] = {
            "findings": [evidence_of(f) for f in self._open(run)],
            "conclusion": checked_reason(text),
        }
        self._complete(run, key, evidence, operator, note=checked_reason(text))

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
        if left:
            raise DeskRefused("resumption-refused", "Not cured yet: " + "; ".join(left[:5]))
        run = self._reached(run_id, key)
        self._complete(run, key, {"findings": "none stands"}, operator)

    def lift(self, run_id: int, key: str, *, reason: str, operator: Operator, override: bool = False) -> None:
        """Lift the run's restriction, after the same check holds; an override stays an alert until it does."""
        self._fresh(operator)
        run = self._run(run_id) if override else self._reached(run_id, key)
        said = checked_reason(reason)
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
        self._complete(run, key, {"overridden": True}, operator, note=checked_reason(reason), overridden=True)

    def document(self, run_id: int, key: str, *, incident: str, operator: Operator) -> None:
        """Mark the last step done, once its incident is closed; whoever calls has closed it."""
        run = self._reached(run_id, key)
        self._complete(run, key, {"incident": incident}, operator)
        with self.database.transaction("write"):
            runs.close(self.database, run, at=self.clock.now())
