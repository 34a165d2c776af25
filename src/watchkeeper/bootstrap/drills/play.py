"""A drill, played: the fault, what is seen, what stops, what goes on, the refusal before the cure, the cure, the lift."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.bootstrap.bench.engines import ground
from watchkeeper.bootstrap.drills import business, tries
from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.faults.model import Fault
from watchkeeper.bootstrap.drills.tries import Tried
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.refusals import Refusal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.playbooks.model import Action, Kind
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.verifier import findings

_REASON = "a drill: cured as the playbook says"
_INCIDENT = "INC-20261124-000000"
_RUNS_MAX = 10
_ATTEMPTS = 3


@dataclass(slots=True)
class DrillResult:
    """What a drill showed: every requirement with whether it was met."""

    invariant: str
    faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def proven(self) -> bool:
        """Whether every fault met every requirement."""
        return bool(self.faults) and not any(self.faults.values())

    def document(self) -> dict[str, object]:
        """The result as JSON has it."""
        return {"drill": self.invariant, "proven": self.proven, "unmet": self.faults}

    def text(self) -> str:
        """The result for people."""
        lines = [f"{self.invariant}: {'proven' if self.proven else 'NOT PROVEN'}"]
        for name, unmet in self.faults.items():
            lines.append(
                f"  {'ok ' if not unmet else 'NO '} {name}" + (f": {'; '.join(unmet)}" if unmet else "")
            )
        return "\n".join(lines)


def run_drill(invariant: str, *, clock: Clock, database_url: str | None = None) -> DrillResult:
    """Play every fault that proves this invariant, each in a folder of its own."""
    result = DrillResult(invariant)
    for fault in FAULTS:
        if fault.proves == invariant:
            with ground(database_url) as place:
                place.prepare()
                result.faults[fault.name] = play(place.data, fault, clock=clock)
    return result


def play(data: Path, fault: Fault, *, clock: Clock, superuser_url: str | None = None) -> list[str]:
    """Play one fault in a new folder; what was required and not met, empty when all was."""
    world = World(data, clock=TurnedClock(clock), business=business.whole, superuser_url=superuser_url)
    try:
        return _play(world, fault)
    finally:
        world.close()


def _play(world: World, fault: Fault) -> list[str]:
    unmet: list[str] = []
    if fault.before is not None:
        fault.before(world)
        world.turn()
    if fault.pilot_mode:
        world.pilot_mode("engage")
        world.turn()
    if findings.open_findings(world.database):
        unmet.append("there was a finding before the fault")
    world.inject(fault.steps)
    world.turn()
    unmet += _seen(world, fault)
    unmet += _stopped(world, fault)
    tried = tries.answered(world, fault)
    unmet += [
        f"{one.what}: {one.answer}, not {' or '.join(sorted(one.wanted))}"
        for one in tried
        if one.answer not in one.wanted
    ]
    unmet += _cured(world, fault)
    world.turn()
    left = findings.open_findings(world.database)
    if left:
        unmet.append(f"still open after the cure: {', '.join(f.detail for f in left)}")
    if imposing.active(world.gatefile):
        unmet.append("still restricted after the lift")
    unmet += _resumed(world, fault, tried)
    world.turn()
    world.full_pass()
    if findings.open_findings(world.database):
        unmet.append("business after the cure gave a finding")
    return unmet


def _seen(world: World, fault: Fault) -> list[str]:
    found = {f.invariant for f in findings.open_findings(world.database)}
    unmet: list[str] = []
    if found != fault.breaks:
        unmet.append(f"seen by {sorted(found)}, not by {sorted(fault.breaks)}")
    alerted = {alert.condition for alert in alerts.listed(world.database)}
    if alerted != fault.conditions:
        unmet.append(f"alerts {sorted(alerted)}, not {sorted(fault.conditions)}")
    return unmet


def _stopped(world: World, fault: Fault) -> list[str]:
    """What stops is the union that the fault declares, class by class, and nothing beside it."""
    found = {
        (r.rule, str(r.scope), frozenset(str(name) for name in r.classes))
        for r in imposing.active(world.gatefile)
    }
    wanted = {(s.rule, s.place(world.names), s.classes) for s in fault.stops}
    unmet: list[str] = []
    for rule, scope, classes in sorted(wanted - found, key=str):
        unmet.append(f"{rule} does not stop exactly {', '.join(sorted(classes))} on {scope}")
    for rule, scope, classes in sorted(found - wanted, key=str):
        unmet.append(f"{rule} stops {', '.join(sorted(classes))} on {scope}")
    return unmet


def _resumed(world: World, fault: Fault, tried: list[Tried]) -> list[str]:
    """What was refused passes after the lift, for both sides; in pilot mode once the admin has released it, not before."""
    unmet: list[str] = []
    if fault.pilot_mode:
        if world.can_deposit(world.victim) != "pilot-mode-active":
            unmet.append("the lift released pilot mode too")
        try:
            world.pilot_mode("release")
        except Refusal as refusal:
            unmet.append(f"pilot mode cannot be released after the cure: {refusal.code}")
    unmet += [
        f"after the cure {one.what}: {answer}"
        for one in tried
        if one.answer not in one.one.passes and (answer := tries.again(world, one))
    ]
    others = (
        ("a farmer lists", world.can_list()),
        ("the neighbour deposits", world.can_deposit(world.neighbour)),
        ("the neighbour locks", world.can_lock(world.neighbour)),
    )
    return unmet + [f"after the cure {what}: {answer}" for what, answer in others if answer != "accepted"]


def _cured(world: World, fault: Fault) -> list[str]:
    unmet: list[str] = []
    world.turn()
    for run in _open_runs(world):
        try:
            world.desk.lift(run.id, "lift", reason=_REASON, operator=world.operator)
            unmet.append(f"{run.rule} could be lifted before the cure")
        except DeskRefused:
            continue
    for attempt in range(_ATTEMPTS):
        # Curing one rule's findings may cure another's; what is left is taken up again.
        for run in _open_runs(world):
            try:
                _follow(world, run, fault)
            except DeskRefused as error:
                if attempt == _ATTEMPTS - 1:
                    unmet.append(f"{run.rule} on {run.scope}: {error.detail}")
        world.turn()
        if not _open_runs(world):
            break
    return unmet


def _open_runs(world: World) -> list[Run]:
    # What came past the entrance is settled before the limit that it breaks.
    return sorted(
        (r for r in runs.listed(world.database, limit=_RUNS_MAX) if r.closed_at is None),
        key=lambda run: (run.rule == "6.1", run.id),
    )


def _follow(world: World, run: Run, fault: Fault) -> None:
    """Take every required step of a run in its order."""
    desk, operator = world.desk, world.operator
    for state in runs.steps(world.database, run):
        step = state.step
        if state.done or step.kind is Kind.IMMEDIATE:
            continue
        if Action.CONCLUDE in step.actions:
            desk.conclude(run.id, step.key, text="found by the drill, as intended", operator=operator)
        elif Action.RESTORE_DEFENCES in step.actions:
            desk.restore_defences(run.id, step.key, incident=_INCIDENT, reason=_REASON, operator=operator)
            world.turn()
        elif Action.PROBE in step.actions:
            desk.probe(run.id, step.key, operator=operator)
        elif Action.RESTORE_STATE in step.actions:
            for finding in findings.open_findings(world.database, invariant=run.rule, scope=run.scope):
                desk.restore_state(run.id, finding.id, incident=_INCIDENT, reason=_REASON, operator=operator)
                world.turn()
        elif Action.CURE in step.actions:
            (fault.cure or cured)(world, run)
        elif Action.VERIFY in step.actions:
            world.turn()
            desk.verify(run.id, step.key, operator=operator)
        elif Action.LIFT in step.actions:
            desk.lift(run.id, step.key, reason=_REASON, operator=operator)
        else:
            desk.document(run.id, step.key, incident=_INCIDENT, operator=operator)


def cured(world: World, run: Run) -> None:
    """Cure each finding of a run by its kind, as the playbooks say."""
    desk, operator = world.desk, world.operator
    for finding in findings.open_findings(world.database, invariant=run.rule, scope=run.scope):
        if findings.get(world.database, finding.id) is None or not _still_open(world, finding.id):
            continue
        if finding.kind in ("changed", "deleted"):
            desk.repair(run.id, finding.id, incident=_INCIDENT, reason=_REASON, operator=operator)
        elif finding.kind == "over the limit":
            position = max(desk.positions(run.id), key=lambda one: one.amount_ugx)
            desk.correct(
                run.id,
                account=world.alias,
                bucket="locked",
                amount_ugx=position.amount_ugx,
                predicted=desk.predict(account=world.alias, bucket="locked", amount_ugx=position.amount_ugx)[
                    "after"
                ]["locked"],
                incident=_INCIDENT,
                reason=_REASON,
                operator=operator,
            )
            desk.unwind(
                run.id, position_utid=position.utid, incident=_INCIDENT, reason=_REASON, operator=operator
            )
        elif finding.table_name != "schema":
            desk.acknowledge(run.id, finding.id, incident=_INCIDENT, reason=_REASON, operator=operator)
        world.turn()


def _still_open(world: World, finding_id: int) -> bool:
    finding = findings.get(world.database, finding_id)
    return finding is not None and finding.state == "open"
