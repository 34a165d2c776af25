"""What the operator does at the gate: switches, features, a server that was promoted, a gate that was lost."""

from __future__ import annotations

from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, Feature
from watchkeeper.boundary.flips import Flip
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.boundary.turning import FeatureState, Turn
from watchkeeper.interfaces.control_base import Actor, Room
from watchkeeper.market.housekeeping import record_act
from watchkeeper.market.switching import Switching
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.playbooks.deskwork import (
    DeskRefused,
    checked_reason,
    refuse_identity,
    require_fresh,
)
from watchkeeper.operation.verifier import findings, verdicts

_TURNED_ON, _TURNED_OFF = "turn feature on", "turn feature off"


class AtTheGate(Room):
    """Acts at the gate; each is in force when it returns, and on record."""

    def confirm_server(self, actor: Actor, *, reason: str) -> bool:
        """Believe a promoted or restored database server, once its rows are those of the seals; False when nothing was to be
        confirmed. Needs a fresh second factor, and a full pass that began after the server changed and holds.
        """
        require_fresh(actor.operator)
        if len(reason.strip()) < 10:
            raise DeskRefused("validation-failed", "Say why in at least 10 characters.")
        refuse_identity(reason)
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
        require_fresh(actor.operator)
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
        if on:
            require_fresh(actor.operator)
        said = checked_reason(reason)
        turned = turning.turn(
            self.gatefile, feature, on=on, actor=actor.operator.alias, reason=said, clock=self.clock
        )
        subject, action = f"feature {feature.name}", _TURNED_ON if on else _TURNED_OFF
        last = journal.last_of_each(self.database, (_TURNED_ON, _TURNED_OFF)).get(subject, _TURNED_ON)
        if turned is None and last == action:
            return None
        # It may have been turned before, by somebody who came to no end: then what is missing is the record.
        with self.database.transaction("write"):
            self._record(
                actor,
                action,
                subject,
                said,
                {"turn": None if turned is None else turned.number, "commands": list(feature.commands)},
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
        if action == "release":
            require_fresh(actor.operator)
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
