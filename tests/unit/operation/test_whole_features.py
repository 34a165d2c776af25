"""Whether a feature is whole: what may rightly refuse it, what is found, when nothing can be told, and how it closes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from tests.worlds.books import REASON, TurnableClock
from watchkeeper.base.clock import BootTime, Instant
from watchkeeper.base.database import open_database
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary import selftest, turning
from watchkeeper.boundary.features import BY_NAME, PURCHASE, STORAGE_FEE
from watchkeeper.boundary.gate import (
    EVERYTHING,
    GateState,
    Hold,
    OperationClass,
    Restriction,
    Switch,
    causes,
)
from watchkeeper.boundary.lease import PROBE_SECONDS_MAX, LeaseStore
from watchkeeper.boundary.selftest import FAILS, RESTS, WORKS, JobTurn, Probe, ProbeRound
from watchkeeper.market import decide as deciding
from watchkeeper.market.commands import Purchase
from watchkeeper.market.probes import FEATURE_PROBES
from watchkeeper.operation.catalogue import features
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.verifier import findings, standing, verdicts

OF_THE_THREE = [
    name
    for name in FEATURE_PROBES
    if any(name.partition(":")[0] in BY_NAME[f].commands for f in features.OF_INVARIANT.values())
]
CLASSES = (
    "purchase",
    "purchase_cancellation",
    "pickup",
    "verification",
    "delivered",
    "reversal",
    "storage_fee",
)


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def world(data: Path, clock: TurnableClock) -> Iterator[World]:
    found = World(data, clock=clock)
    yield found
    found.close()


def words(world: World) -> dict[str, str]:
    return {
        view.invariant: view.continuous
        for view in verdicts.current(world.database, clock=world.clock)
        if view.invariant.startswith("9.")
    }


def found(world: World) -> dict[str, str]:
    """Invariant and part -> what was found, of the findings that are open."""
    return {f"{one.invariant} {one.row_key}": one.detail for one in findings.open_findings(world.database)}


def probed(
    world: World, change: Callable[[ProbeRound, list[JobTurn]], tuple[ProbeRound, list[JobTurn]]]
) -> None:
    """From here on the market reports something else than it found."""
    lease = LeaseStore(world.data, system_id=world.system_id, role="market")
    honest = world.self_test

    def reported() -> None:
        honest()
        last = selftest.last_round(lease.database())
        assert last is not None
        selftest.record(lease.database(), *change(last, [*selftest.job_turns(lease.database()).values()]))

    world.self_test = reported


def turned(world: World, name: str, *, on: bool) -> None:
    turning.turn(world.gatefile, BY_NAME[name], on=on, actor="opr_test", reason=REASON, clock=world.clock)


ALL_HOLD = {"9.1": "HOLDS", "9.2": "HOLDS", "9.3": "HOLDS"}


# What may rightly refuse.


@pytest.mark.parametrize("name", OF_THE_THREE)
def test_the_table_that_was_worked_out_a_second_time_says_what_the_gate_does(name: str) -> None:
    command = FEATURE_PROBES[name]
    for on, silent, restricted in product(
        [frozenset[Switch](), *(frozenset({switch}) for switch in Switch), frozenset(Switch)],
        (False, True),
        ("", *CLASSES),
    ):
        restrictions = (
            (
                Restriction(
                    1, "t", EVERYTHING, frozenset({OperationClass(restricted)}), "BROKEN", "", 1, "t", 1
                ),
            )
            if restricted
            else ()
        )
        state = GateState(
            1,
            frozenset((switch, Hold.ADMIN) for switch in on),
            restrictions,
            silent,
            False,
            frozenset({command.name}),
        )
        round_ = ProbeRound(
            1,
            frozenset(switch.value for switch in on),
            silent,
            frozenset([restricted] if restricted else []),
            BootTime("b", 1),
            Instant(1),
            (),
        )
        met = [
            refused.code
            for refused in causes(state, command=command.name, classes=command.classes, touched=())
        ]
        assert features.rightly_refused(name, round_) == met, (on, silent, restricted)


# What holds.


def test_switches_restrictions_and_a_feature_turned_off_as_a_whole_break_nothing(world: World) -> None:
    for switch in (Switch.PILOT_MODE, Switch.PURCHASE_WINDOW):
        world.flip(switch, "engage")
        world.turn()
        assert words(world) == ALL_HOLD
    imposing.impose_by_hand(
        world.gatefile,
        scope=EVERYTHING,
        classes=frozenset({OperationClass.PICKUP, OperationClass.STORAGE_FEE}),
        by="opr_test",
        reason=REASON,
        clock=world.clock,
    )
    for name in features.OF_INVARIANT.values():
        turned(world, name, on=False)
        world.turn()
        assert words(world) == ALL_HOLD
    for switch in (Switch.PILOT_MODE, Switch.PURCHASE_WINDOW):
        world.flip(switch, "release")
    for name in features.OF_INVARIANT.values():
        turned(world, name, on=True)
        world.turn()
        assert words(world) == ALL_HOLD
    assert found(world) == {}


# When nothing can be told.


def test_probes_that_are_old_or_of_another_boot_or_gone_say_nothing(
    world: World, clock: TurnableClock
) -> None:
    world.self_test = lambda: None
    world.turn()
    assert words(world) == ALL_HOLD
    clock.boot_offset_seconds += PROBE_SECONDS_MAX + 1
    world.turn()
    assert words(world) == dict.fromkeys(ALL_HOLD, "UNKNOWN")
    clock.boot_offset_seconds -= PROBE_SECONDS_MAX + 1
    world.turn()
    assert words(world) == ALL_HOLD
    owner = open_database(world.data, "lease", role="owner")
    owner.execute("UPDATE probe_rounds SET boot_id = 'another'")
    world.turn()
    assert words(world) == dict.fromkeys(ALL_HOLD, "UNKNOWN")
    owner.execute("DELETE FROM probe_rounds")
    owner.close()
    world.turn()
    assert words(world) == dict.fromkeys(ALL_HOLD, "UNKNOWN")
    assert found(world) == {}


def test_old_probes_keep_no_row_from_being_read(world: World, clock: TurnableClock) -> None:
    world.self_test = lambda: None
    clock.boot_offset_seconds += PROBE_SECONDS_MAX + 1
    assert world.can_deposit(world.neighbour) == "accepted"
    seen = world.continuous.look()
    assert set(seen.unsaid) == set(ALL_HOLD)
    assert seen.judged
    assert seen.behind == 0


# What is found.


def test_a_rule_that_raises_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise KeyError("the rule is lost")

    monkeypatch.setitem(deciding._PURE, Purchase, lost)
    world.turn()
    assert set(found(world)) == {"9.1 purchase: rules"}
    assert "purchase raised KeyError" in found(world)["9.1 purchase: rules"]


@pytest.mark.parametrize(
    ("codes", "part", "said"),
    [
        (("monitor-silent",), "gate", "pickup is refused as monitor-silent"),
        (("feature-off",), "gate", "pickup is refused as feature-off"),
        (None, "probes", "the market did not probe pickup"),
    ],
)
def test_a_command_that_is_refused_for_nothing_or_not_probed_is_found(
    world: World, codes: tuple[str, ...] | None, part: str, said: str
) -> None:
    def wrong(round_: ProbeRound, jobs: list[JobTurn]) -> tuple[ProbeRound, list[JobTurn]]:
        others = tuple(probe for probe in round_.probes if probe.name != "pickup")
        mine = () if codes is None else (Probe("pickup", codes, "purchase-not-found"),)
        return replace(round_, probes=(*others, *mine)), jobs

    probed(world, wrong)
    world.turn()
    assert set(found(world)) == {f"9.1 purchase: {part}"}
    assert said in found(world)[f"9.1 purchase: {part}"]


def test_a_switch_that_does_not_stop_one_command_of_a_feature_is_found(world: World) -> None:
    world.flip(Switch.PILOT_MODE, "engage")

    def wrong(round_: ProbeRound, jobs: list[JobTurn]) -> tuple[ProbeRound, list[JobTurn]]:
        probes = tuple(
            replace(probe, refused_as=()) if probe.name == "storage_fee" else probe for probe in round_.probes
        )
        return replace(round_, probes=probes), jobs

    probed(world, wrong)
    world.turn()
    assert "storage_fee is not refused as pilot-mode-active" in found(world)["9.3 storage_fee: gate"]


def _long_ago(turn: JobTurn) -> BootTime:
    return BootTime(turn.turned.boot_id, turn.turned.nanoseconds - 4 * 3600 * 10**9)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda turn: replace(turn, state=FAILS, detail="KeyError"), "it ends in an error: KeyError"),
        (lambda turn: replace(turn, turned=_long_ago(turn)), "it does not turn"),
        (
            lambda turn: replace(turn, state=RESTS, detail="tired"),
            "it rests although nothing stops it: tired",
        ),
        (
            lambda turn: replace(turn, state=WORKS, working_since=_long_ago(turn), settled=None),
            "no round over all lots has left nothing undone for too long",
        ),
    ],
)
def test_a_round_that_fails_stands_still_or_rests_for_nothing_is_found(
    world: World, wrong: Callable[[JobTurn], JobTurn], said: str
) -> None:
    probed(
        world,
        lambda round_, jobs: (round_, [wrong(turn) if turn.job == "storage fee" else turn for turn in jobs]),
    )
    world.turn()
    assert set(found(world)) == {"9.3 storage_fee: round storage fee"}
    assert said in found(world)["9.3 storage_fee: round storage fee"]


def test_a_view_that_is_gone_is_found(world: World) -> None:
    context = world.continuous.context()
    assert {
        f"watch_{view}" for feature in BY_NAME.values() for view in feature.views
    } <= context.views.published()
    seen = context.views.published() - {"watch_pickups"}
    assert "watch_pickups" not in seen
    owner = open_database(world.data, "market", role="owner")
    owner.execute(
        "DROP VIEW watch_pickups" if owner.engine == "sqlite" else "DROP VIEW boundary.watch_pickups"
    )
    owner.close()
    drafts = features.judged(
        world.continuous.context(), PURCHASE, invariant="9.1", stops=frozenset({OperationClass.PURCHASE})
    )
    assert [(draft.row_key, draft.detail) for draft in drafts] == [
        ("purchase: views", "purchase is not whole: there is no view of pickups")
    ]


# How it closes.


def test_a_finding_closes_when_the_operator_turned_the_feature_and_it_was_probed_since(world: World) -> None:
    gate = open_database(world.data, "gate", role="owner")
    gate.execute("UPDATE features SET enabled = 0 WHERE command = 'pickup'")
    gate.close()
    world.turn()
    (finding,) = [one for one in findings.open_findings(world.database) if one.row_key == "purchase: rows"]

    def now() -> tuple[str, str]:
        said = standing.of(world.continuous.context(), finding)
        return said.how, said.detail

    assert now() == (
        "stands",
        "nobody has turned it since: watchkeeper feature off purchase, or on, makes it whole",
    )
    turned(world, PURCHASE, on=True)
    assert now() == ("stands", "the market has not probed it since it was turned; look again in a moment")
    world.self_test()
    assert now() == ("cured", "purchase was turned on and is whole")
    # Half on once more, it stands again.
    gate = open_database(world.data, "gate", role="owner")
    gate.execute("DELETE FROM features WHERE command = 'pickup'")
    gate.close()
    assert now()[0] == "stands"


def test_what_another_check_leaves_open_is_unknown_and_stops_nothing_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from watchkeeper.operation.catalogue import INVARIANTS

    def raising(*_: object) -> list[object]:
        raise ZeroDivisionError("a check with a fault in it")

    monkeypatch.setitem(INVARIANTS, "5.2", replace(INVARIANTS["5.2"], rows=raising))  # type: ignore[arg-type]
    assert world.can_deposit(world.neighbour) == "accepted"
    seen = world.continuous.look()
    assert "5.2" in seen.errors
    assert set(seen.waiting) == {"9.3"}
    assert seen.unsaid == {}


def test_the_storage_fee_is_named_as_the_market_names_it() -> None:
    assert BY_NAME[STORAGE_FEE].jobs == ("storage fee",)
