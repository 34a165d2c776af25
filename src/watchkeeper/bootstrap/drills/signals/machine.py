"""What the system stands on: switches, the books, the disk, its addresses; and the watch's own alerts."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.base import settings
from watchkeeper.base.database import engine_of
from watchkeeper.bootstrap.drills.signals.model import ALERT, SWITCH, THREAT, Signal, told
from watchkeeper.bootstrap.drills.signals.stage import DAY, REASON, Stage
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import Purchase
from watchkeeper.operation.coverage import stale

#: Of a round of probes.
_ROUND_SECONDS = 5.0
_REACHING = ("published addresses", "write probe", "failing together")


def _passed(switch: Switch) -> Callable[[Stage], None]:
    """What the market writes down when its probe went through an engaged switch."""

    def act(stage: Stage) -> None:
        stage.lease.record_probe(
            switch=switch.value, engaged=True, bites=False, detail="passed", clock=stage.clock
        )

    return act


def _jammed(stage: Stage) -> None:
    stage.world.inject(
        (
            "CREATE TRIGGER jammed BEFORE UPDATE ON commit_count BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            if engine_of(stage.world.data) == "sqlite"
            else "ALTER TABLE market.commit_count ADD CONSTRAINT jammed CHECK (commits < 0) NOT VALID",
        )
    )
    stage.world.probe()


def _set(text: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        (stage.world.data / settings.FILE_NAME).write_text(f"[thresholds]\n{text}\n", encoding="utf-8")

    return act


def _rounds(stage: Stage, seconds: float) -> None:
    """Rounds of all probes from outside, for so long."""
    for _ in range(int(seconds / _ROUND_SECONDS)):
        stage.passes(_ROUND_SECONDS)
        stage.lease.record_write(works=True, detail="", clock=stage.clock)
        for name in _REACHING:
            stage.look(name)


def _reached(
    of: str,
    does: str,
    act: Callable[[Stage], None],
    *,
    seconds: float,
    condition: str,
    severity: str,
) -> Signal:
    """A signal of the addresses: not told before its time, which passes by hand."""

    def speaks(stage: Stage) -> None:
        _rounds(stage, 60)
        act(stage)
        stage.acted()
        _rounds(stage, seconds / 2)
        stage.is_silent(condition)
        _rounds(stage, seconds)
        stage.speaks_of(condition, severity)

    return Signal(THREAT, of, does, speaks, (condition,))


def _stops(*names: str) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        for name in names:
            stage.pages[name].stop()

    return act


def _slows(stage: Stage) -> None:
    stage.pages["market"].seconds = 1.5


def _proofs_age(stage: Stage) -> None:
    """A new system has a day for its first drills, and lets it go by."""
    world = stage.world
    stale.tell(world.data, world.database, clock=stage.clock)
    stage.speaks_of(stale.CONDITION, "medium")


def _stale(stage: Stage) -> None:
    world = stage.world
    stage.clock.offset -= 2 * DAY * 1_000_000
    stale.tell(world.data, world.database, clock=stage.clock)
    stage.is_silent(stale.CONDITION)
    stage.clock.offset += 2 * DAY * 1_000_000
    stage.acted()
    for _ in range(2):
        _proofs_age(stage)


def _bites(switch: Switch) -> Callable[[Stage], None]:
    """The live probe is refused; a person's command too while it is engaged, and passes when it is released."""

    def speaks(stage: Stage) -> None:
        world = stage.world
        if not world.bench.executor.probe(switch).bites:
            stage.unmet.append("the probe passed before the switch was engaged")
        before = _tried(stage, switch)
        _flip(stage, switch, "engage")
        stage.acted()
        refused = _tried(stage, switch)
        stage.heard()
        if not world.bench.executor.probe(switch).bites:
            stage.unmet.append("the probe passed while the switch was engaged")
        stage.contain_ms = stage.since_act_ms()
        _flip(stage, switch, "release")
        after = _tried(stage, switch)
        wanted = _REFUSED_AS[switch]
        if (before, refused, after) != ("accepted", wanted, "accepted"):
            stage.unmet.append(f"before, engaged, released: {before}, {refused}, {after}")

    return speaks


_REFUSED_AS = {
    Switch.PILOT_MODE: "pilot-mode-active",
    Switch.PURCHASE_WINDOW: "purchase-window-closed",
    Switch.SHUTDOWN: "system-shut-down",
}


def _tried(stage: Stage, switch: Switch) -> str:
    world = stage.world
    if switch is not Switch.PURCHASE_WINDOW:
        return world.can_deposit(world.victim)
    row = world.bench.books.database.one(
        "SELECT min(b.id) FROM blocks b JOIN block_state s ON s.block_id = b.id WHERE s.status = 'in_storage'"
    )
    return world.tried(
        Purchase(block_id=0 if row is None else int(str(row[0]))), int(str(world.names["buyer"]))
    )


def _flip(stage: Stage, switch: Switch, action: str) -> None:
    world = stage.world
    who = world.bench.market.operator.id if switch is Switch.SHUTDOWN else stage.admin
    actor = world.bench.books.user(who)
    if actor is None:
        raise LookupError("the drill's market has nobody who may flip")
    world.switching.flip(switch=switch, action=action, actor=actor, reason=REASON)


SIGNALS: tuple[Signal, ...] = (
    *(
        told(
            THREAT,
            of,
            f"a probe passes {switch.value.replace('_', ' ')}",
            _passed(switch),
            by="switch probes",
            condition="switch does not bite",
            severity="critical",
        )
        for of, switch in (("6.1", Switch.PILOT_MODE), ("6.2", Switch.PURCHASE_WINDOW))
    ),
    told(
        THREAT,
        "7.1",
        "the books refuse a write",
        _jammed,
        by="write probe",
        condition="database connection failed",
        severity="critical",
    ),
    told(
        THREAT,
        "7.1",
        "less room on the disk than is wanted",
        _set("free_mib = 1000000"),
        by="free space",
        condition="disk nearly full",
        severity="critical",
    ),
    _reached(
        "7.2",
        "an address stops answering",
        _stops("market"),
        seconds=60,
        condition="system unavailable",
        severity="critical",
    ),
    _reached(
        "7.2",
        "an address answers slowly",
        _slows,
        seconds=300,
        condition="slow",
        severity="medium",
    ),
    _reached(
        "10.2",
        "two addresses stop answering together",
        _stops("market", "control"),
        seconds=60,
        condition="several tiers failed",
        severity="critical",
    ),
    told(
        ALERT,
        "settings wrong",
        "a threshold that is none",
        _set("admin_actions_per_hour = 'many'"),
        by="free space",
        condition="settings wrong",
        severity="high",
    ),
    Signal(ALERT, "proof stale", "nobody runs the first drills for a day", _stale, ("proof stale",)),
    *(
        Signal(
            SWITCH,
            switch.value,
            f"{switch.value.replace('_', ' ')} is engaged and released",
            _bites(switch),
            contains=True,
        )
        for switch in Switch
    ),
)
