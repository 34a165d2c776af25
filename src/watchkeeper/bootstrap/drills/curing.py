"""The cure, as an operator goes through it: every playbook that is open, step by step, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.bootstrap.drills.faults.model import Fault
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME
from watchkeeper.operation.catalogue.features import OF_INVARIANT
from watchkeeper.operation.catalogue.playbooks.model import Action, Kind
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.playbooks.runs import Run
from watchkeeper.operation.verifier import findings, standing

_REASON = "a drill: cured as the playbook says"
_INCIDENT = "INC-20261124-000000"
_RUNS_MAX = 10
_ATTEMPTS = 3
#: A server's count says that rows were changed; it is closed by the pass that says which.
_COUNTED = frozenset({"counted change"})


class CuredTooSoon(RuntimeError):
    """A check says that what it found is cured, and nobody has mended anything."""


def go_through(world: World, fault: Fault) -> list[str]:
    """Try to lift before the cure, which must be refused; cure; lift. What did not go as it must."""
    unmet = _closable(world, fault)
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
                _follow(world, run, fault.cure)
            except DeskRefused as error:
                if attempt == _ATTEMPTS - 1:
                    unmet.append(f"{run.rule} on {run.scope}: {error.detail}")
        world.turn()
        if not _open_runs(world):
            break
    return unmet


def _closable(world: World, fault: Fault) -> list[str]:
    """Before the cure every check, asked again about what it found, says that it stands."""
    context = world.continuous.context()
    asked = [(one, standing.of(context, one)) for one in findings.open_findings(world.database)]
    return [
        f"{finding.invariant} would be {how.how} before the cure: {how.detail}"
        for finding, how in asked
        if not how.stands and finding.kind not in fault.settled | _COUNTED
    ]


def settle(world: World) -> None:
    """Cure all that is open by its kinds; raises `DeskRefused`."""
    for run in _open_runs(world):
        _follow(world, run)
    world.turn()


def _open_runs(world: World) -> list[Run]:
    # What came past the entrance is settled before the limit that it breaks.
    return sorted(
        (r for r in runs.listed(world.database, limit=_RUNS_MAX) if r.closed_at is None),
        key=lambda run: (run.rule == "6.1", run.id),
    )


def _follow(world: World, run: Run, cure: Callable[[World, Run], None] | None = None) -> None:
    """Take every required step of a run in its order. `cure`: instead of what its findings' kinds ask for."""
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
            (cure or cured)(world, run)
        elif Action.TURN_FEATURE in step.actions:
            (cure or turned)(world, run)
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


def turned(world: World, run: Run) -> None:
    """Turn the feature of a run off and on again, as a whole."""
    feature = BY_NAME[OF_INVARIANT[run.rule]]
    for on in (False, True):
        turning.turn(
            world.gatefile,
            feature,
            on=on,
            actor=world.operator.alias,
            reason=_REASON,
            clock=world.clock,
        )
        world.turn()


def turned_in_vain(world: World, run: Run) -> None:
    """Turn the feature of a run off and on, with nothing mended: it is as it was. Raises `CuredTooSoon`."""
    turned(world, run)
    context = world.continuous.context()
    for finding in findings.open_findings(world.database, invariant=run.rule, scope=run.scope):
        how = standing.of(context, finding)
        if not how.stands:
            raise CuredTooSoon(f"{finding.detail}: {how.detail}")


def _still_open(world: World, finding_id: int) -> bool:
    finding = findings.get(world.database, finding_id)
    return finding is not None and finding.state == "open"
