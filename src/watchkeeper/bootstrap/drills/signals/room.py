"""What the control room itself tells: a watch that is silent, records that cannot be kept, money unmatched, the operator's own acts.

The control room's worker and the operator's entrance are the real ones, turned by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import apsw

from watchkeeper.base.clock import as_datetime, later
from watchkeeper.bootstrap import telling
from watchkeeper.bootstrap.drills.faults.model import Sql
from watchkeeper.bootstrap.drills.signals.model import ALERT, Signal
from watchkeeper.bootstrap.drills.signals.people import actions
from watchkeeper.bootstrap.drills.signals.stage import DAY, HOUR, REASON, Stage
from watchkeeper.bootstrap.worker import Worker
from watchkeeper.boundary.features import FEATURES, Feature
from watchkeeper.boundary.gate import Switch
from watchkeeper.boundary.lease import SILENT_AFTER_SECONDS
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.commands import Answer, Command, Deposit, ExplainPayment
from watchkeeper.market.reconciliation import running
from watchkeeper.market.reconciliation.maps import BUILT_IN
from watchkeeper.market.reconciliation.statements import parse
from watchkeeper.market.signin import sessions
from watchkeeper.operation.catalogue.conditions import UNWRITABLE
from watchkeeper.operation.catalogue.unexplained import UNBOOKED, UNMATCHED
from watchkeeper.operation.incidents import gitstore, repository
from watchkeeper.operation.store import FILE_NAME

#: A provider by which nothing came in while the market was made.
_PROVIDER = "airtel"
#: The worker looks at slow things this far apart, and gives a watch that begins so long.
_MINUTE = 61


@contextmanager
def _working(stage: Stage) -> Iterator[Worker]:
    """The control room's worker in a folder that has a repository for records, past its start."""
    world = stage.world
    repository.create(world.data, system_id=world.system_id, clock=stage.clock)
    worker = Worker(world.data, system_id=world.system_id, clock=stage.clock)
    try:
        worker.turn()
        stage.passes(_MINUTE)
        worker.turn()
        yield worker
    finally:
        worker.close()


def _told(
    stage: Stage, worker: Worker, condition: str, severity: str, act: Callable[[], None], *, seconds: float
) -> None:
    """Silent before; after the act and its time one alert, once."""
    stage.is_silent(condition)
    act()
    stage.acted()
    stage.clock.passes(seconds)
    for _ in range(2):
        worker.turn()
        stage.speaks_of(condition, severity)
        stage.clock.passes(1)


def _over(stage: Stage, worker: Worker, condition: str) -> None:
    worker.turn()
    if stage.alerts_of(condition):
        stage.unmet.append(f"{condition} is still told after its cause has gone")


def _watch_stops(stage: Stage) -> None:
    with _working(stage) as worker:
        # Nobody renews the lease while this time passes.
        _told(
            stage, worker, telling.MONITOR_SILENT, "critical", lambda: None, seconds=SILENT_AFTER_SECONDS + 1
        )
        stage.passes(1)
        _over(stage, worker, telling.MONITOR_SILENT)


def _records_lost(stage: Stage) -> None:
    def breaks() -> None:
        actions(stage)
        stage.look("admin actions")
        folder = stage.world.data / gitstore.FOLDER
        folder.rename(folder.with_name("moved away"))

    with _working(stage) as worker:
        _told(stage, worker, telling.RECORDS, "high", breaks, seconds=1)


def _store_held(stage: Stage) -> None:
    """Somebody holds the control room's store for a minute; what nobody could write is on record when it is given back."""
    with _working(stage) as worker:
        stage.is_silent(UNWRITABLE)
        with closing(apsw.Connection(str(stage.world.data / FILE_NAME))) as another:
            another.execute("BEGIN IMMEDIATE")
            stage.clock.passes(1)
            if worker.tried():
                stage.unmet.append("a round was written although nothing could be")
            stage.clock.passes(_MINUTE)
        stage.acted()
        worker.tried()
        stage.speaks_of(UNWRITABLE, "critical")
        stage.passes(_MINUTE)
        _over(stage, worker, UNWRITABLE)


def _money_unmatched(stage: Stage) -> None:
    def deposits() -> None:
        deposit = Deposit(amount_ugx=7_000, provider=_PROVIDER, external_ref="NEVER-PAID")
        stage.world.bench.one(deposit, stage.world.victim)

    with _working(stage) as worker:
        # Once a statement of a provider was compared, what it lacks is expected in the next.
        _compare(stage, paid="IN-THE-STATEMENT")
        stage.passes(DAY + HOUR)
        worker.turn()
        _told(stage, worker, UNMATCHED, "high", deposits, seconds=DAY + HOUR)
        _told_again(stage, worker)
        _compare(stage, paid="IN-THE-STATEMENT", also="NEVER-PAID NOR-THIS")
        stage.passes(_MINUTE)
        _over(stage, worker, UNMATCHED)


def _told_again(stage: Stage, worker: Worker) -> None:
    """One that is told already hides no later one."""
    times = [alert.times_raised for alert in stage.alerts_of(UNMATCHED)]
    bench = stage.world.bench
    bench.keep_lease()
    bench.one(Deposit(amount_ugx=7_000, provider=_PROVIDER, external_ref="NOR-THIS"), stage.world.victim)
    stage.passes(DAY + HOUR)
    worker.turn()
    if [alert.times_raised for alert in stage.alerts_of(UNMATCHED)] != [number + 1 for number in times]:
        stage.unmet.append(f"{UNMATCHED} is not told again of a second payment")


def _money_unbooked(stage: Stage) -> None:
    """The provider paid somebody, and no command did; then the operator says what it was."""
    with _working(stage) as worker:
        _told(
            stage,
            worker,
            UNBOOKED,
            "high",
            lambda: _compare(stage, paid="IN-THE-STATEMENT", out="NOBODYS"),
            seconds=DAY + 4 * HOUR,
        )
        explanation = ExplainPayment(
            finding=f"{_PROVIDER} NOBODYS",
            incident="INC-DRILL",
            reason=REASON,
            provider=_PROVIDER,
            external_ref="NOBODYS",
            our_utid=None,
            their_direction="out",
            their_amount_ugx=7_000,
        )
        stage.world.bench.one(explanation, stage.world.bench.market.operator.id)
        stage.passes(_MINUTE)
        _over(stage, worker, UNBOOKED)


def _compare(stage: Stage, *, paid: str, also: str = "", out: str = "") -> None:
    """Compare the provider's statement, which has these payments of 7,000 shillings; `out` is one that went out."""
    bench = stage.world.bench
    bench.keep_lease()
    if not also:
        bench.one(Deposit(amount_ugx=7_000, provider=_PROVIDER, external_ref=paid), stage.world.victim)
    now = stage.clock.now()
    when = as_datetime(later(now, seconds=3 * HOUR)).strftime("%Y-%m-%d %H:%M:%S")
    text = "Transaction ID,Date,Credit,Debit\n" + "".join(
        f"{reference},{when},{amounts}\n"
        for references, amounts in ((paid, "7000,0"), (also, "7000,0"), (out, "0,7000"))
        for reference in references.split()
    )
    statement = parse(
        text.encode(), BUILT_IN[_PROVIDER], first=later(now, seconds=-HOUR), end=later(now, seconds=DAY)
    )

    def send(commands: list[Command]) -> list[Answer]:
        return [bench.one(command, stage.admin) for command in commands]

    running.reconcile(bench.books.database, statement, send)


@contextmanager
def _entered(stage: Stage) -> Iterator[tuple[ControlRoom, Actor]]:
    """The control room with the operator in it, who has just given a second factor."""
    room = ControlRoom(stage.world.data, clock=stage.clock)
    try:
        user = room.books.user(stage.world.bench.market.operator.id)
        if user is None:
            raise LookupError("the drill's market has no operator")
        token = sessions.begin(room.identities, user, second_factor=True, at=stage.clock.now())
        yield room, room.actor(token)
    finally:
        room.close()


def _acted(condition: str, severity: str, act: Callable[[Stage, ControlRoom, Actor], object]) -> Signal:
    """A signal that is an act of the operator, who is told of it as everybody else."""

    def speaks(stage: Stage) -> None:
        stage.is_silent(condition)
        with _entered(stage) as (room, operator):
            act(stage, room, operator)
            stage.acted()
        stage.speaks_of(condition, severity)

    return Signal(ALERT, condition, f"the operator acts: {condition}", speaks, (condition,))


def _rebuilds(stage: Stage, room: ControlRoom, operator: Actor) -> None:
    stage.world.inject((Sql(("UPDATE gate SET system_id = 'another'",), store="gate"),))
    room.rebuild_gate(operator, reason=REASON)


def _engages(switch: Switch) -> Callable[[Stage, ControlRoom, Actor], object]:
    return lambda _, room, operator: room.flip(
        operator, switch=switch, action="engage", reason=REASON, hold=None
    )


def _turns_off(feature: Feature) -> Callable[[Stage, ControlRoom, Actor], object]:
    return lambda _, room, operator: room.turn_feature(operator, feature=feature, on=False, reason=REASON)


SIGNALS: tuple[Signal, ...] = (
    Signal(
        ALERT,
        telling.MONITOR_SILENT,
        "the watch renews its lease no more",
        _watch_stops,
        (telling.MONITOR_SILENT,),
    ),
    Signal(
        ALERT, UNWRITABLE, "the control room's store is held by somebody else", _store_held, (UNWRITABLE,)
    ),
    Signal(ALERT, telling.RECORDS, "the records' repository is gone", _records_lost, (telling.RECORDS,)),
    Signal(
        ALERT,
        UNMATCHED,
        "a payment that its provider's statement lacks",
        _money_unmatched,
        (UNMATCHED,),
    ),
    Signal(
        ALERT,
        UNBOOKED,
        "a payment of the provider's statement that no book has",
        _money_unbooked,
        (UNBOOKED,),
    ),
    _acted("gate rebuilt", "high", _rebuilds),
    *(_acted(f"switch {switch.value}", "medium", _engages(switch)) for switch in Switch),
    *(
        _acted(
            f"feature {feature.name}",
            "medium",
            _turns_off(feature),
        )
        for feature in FEATURES
    ),
)
