"""The manifest of features, and a gate that keeps each all on or all off."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock, digest, digest_of_all
from watchkeeper.base.database import DatabaseError, engine_of, open_database
from watchkeeper.base.database.migrations import available
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, FEATURE_OF, FEATURES, JOBS, NoSuchFeature, named
from watchkeeper.boundary.gate import (
    EVERYTHING,
    PASSES_RESTRICTIONS,
    GateState,
    Hold,
    OperationClass,
    Refused,
    Restriction,
    Switch,
    causes,
    decide,
)
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateUnreadable, enabled
from watchkeeper.boundary.turning import FeatureState, Turn
from watchkeeper.boundary.views import VIEWS
from watchkeeper.market import commands
from watchkeeper.market import decide as deciding
from watchkeeper.market.commands import (
    Command,
    CreateListing,
    Deposit,
    InviteUser,
    PayToLock,
    SendNotice,
    SuspendUser,
    Withdraw,
)
from watchkeeper.market.probes import FEATURE_PROBES
from watchkeeper.market.refusals import STATUS
from watchkeeper.market.switching import Switching
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.features import OF_INVARIANT

FEATURE = BY_NAME["deposits_and_locks"]


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data, clock=TurnableClock())
    yield found
    found.close()


def of_the_market() -> dict[str, type[Command]]:
    """Every command that has a name of its own."""
    kinds = [getattr(commands, name) for name in commands.__all__]
    return {
        kind.name: kind
        for kind in kinds
        if inspect.isclass(kind) and issubclass(kind, Command) and "name" in vars(kind)
    }


def turn(market: Market, name: str, *, on: bool) -> Turn | None:
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
    try:
        return turning.turn(gate, BY_NAME[name], on=on, actor="opr_test", reason=REASON, clock=market.clock)
    finally:
        gate.close()


def states(market: Market) -> dict[str, FeatureState]:
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
    try:
        with gate.look() as database:
            return {state.feature.name: state for state in turning.states(database)}
    finally:
        gate.close()


def past_the_gate(market: Market, statement: str) -> None:
    """Change the gate's rows as the owner of its database would."""
    owner = open_database(market.data, "gate", role="owner")
    with owner.transaction("write"):
        owner.execute(statement)
    owner.close()


def listing(market: Market) -> str:
    return market.code(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)


def deposit(market: Market) -> str:
    command = Deposit(amount_ugx=1000, provider="mtn", external_ref=f"F{market.counted()}")
    return market.code(command, market.tina)


# The manifest.


def test_every_command_that_can_be_stopped_belongs_to_exactly_one_feature() -> None:
    named_twice = [command for feature in FEATURES for command in feature.commands]
    assert len(named_twice) == len(set(named_twice))
    # Those that nothing stops say so whatever their arguments are.
    never = {name for name, kind in of_the_market().items() if kind.__name__ in NEVER_OFF}
    assert set(FEATURE_OF) == set(of_the_market()) - never


#: Engaging a switch and recording it, suspending, ending sessions, enrolment, resets; and every cure (catalogue).
NEVER_OFF = {
    "Acknowledge",
    "ActivateUser",
    "ChangePassword",
    "Correct",
    "CureReversal",
    "CureVerification",
    "EndSessions",
    "ExplainPayment",
    "IssueReset",
    "RecordFlip",
    "Repair",
    "ResetPassword",
    "ResetSecondFactor",
    "RestoreDefences",
    "RestoreState",
    "SuspendUser",
    "WaiveUnrecovered",
}


def test_what_is_never_off_is_what_passes_restrictions() -> None:
    for name, command in FEATURE_PROBES.items():
        assert not command.classes & PASSES_RESTRICTIONS, name


def test_each_line_of_the_manifest_names_what_there_is() -> None:
    for feature in FEATURES:
        assert set(feature.views) <= set(VIEWS), feature.name
        assert set(feature.checks) <= set(INVARIANTS), feature.name
        assert {JOBS[job] for job in feature.jobs} <= set(feature.commands), feature.name
        assert feature.commands
        assert feature.views
        assert feature.checks
    assert {job for feature in FEATURES for job in feature.jobs} == set(JOBS)
    assert set(OF_INVARIANT.values()) <= set(BY_NAME)


def test_every_command_of_every_feature_has_a_probe() -> None:
    assert {name.partition(":")[0] for name in FEATURE_PROBES} == set(FEATURE_OF)
    assert all(command.name == name.partition(":")[0] for name, command in FEATURE_PROBES.items())


def test_a_feature_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(NoSuchFeature, match=r"There is no feature 'magic'.*purchase.*storage_fee"):
        named("magic")


def test_the_migrations_switch_on_exactly_the_manifest(market: Market) -> None:
    rows = open_database(market.data, "gate", role="owner")
    found = {str(c): (str(f), e) for c, f, e in rows.query("SELECT command, feature, enabled FROM features")}
    rows.close()
    assert found == {command: (name, 1) for command, name in FEATURE_OF.items()}
    assert "20261126-features" in {name for name, _ in available("gate", engine=engine_of(market.data))}


# What the gate decides.


def test_what_is_not_enabled_is_refused_after_the_switches_and_before_a_restriction() -> None:
    restriction = Restriction(
        1, "t", EVERYTHING, frozenset({OperationClass.DEPOSIT}), "BROKEN", "", 1, "t", 1
    )
    state = GateState(1, frozenset({(Switch.PILOT_MODE, Hold.ADMIN)}), (restriction,), True, False)
    found = causes(state, command="deposit", classes=frozenset({OperationClass.DEPOSIT}), touched=())
    assert [refused.code for refused in found] == [
        "monitor-silent",
        "pilot-mode-active",
        "feature-off",
        "operation-restricted",
    ]


@pytest.mark.parametrize("item", sorted(PASSES_RESTRICTIONS))
def test_a_cure_and_what_is_never_stopped_are_never_off(item: OperationClass) -> None:
    decide(
        GateState(1, frozenset(), (), False, False), command="repair", classes=frozenset({item}), touched=()
    )


def test_a_state_that_says_nothing_of_features_has_all_of_them_off() -> None:
    with pytest.raises(Refused) as refused:
        decide(
            GateState(1, frozenset(), (), False, False),
            command="send_notice",
            classes=frozenset({OperationClass.NOTICE}),
            touched=(),
        )
    assert refused.value.code == "feature-off"
    assert STATUS["feature-off"] == 503


def test_a_feature_that_is_off_refuses_all_its_commands_and_nothing_else(market: Market) -> None:
    assert deposit(market) == "accepted"
    assert turn(market, FEATURE.name, on=False) is not None
    before = digest(market.data)
    assert deposit(market) == "feature-off"
    assert market.code(PayToLock(unit_id=1), market.tina) == "feature-off"
    assert digest(market.data) == before
    assert listing(market) == "accepted"
    assert market.code(Withdraw(amount_ugx=0, provider="mtn", external_ref="x"), market.tina) != "feature-off"
    turn(market, FEATURE.name, on=True)
    assert deposit(market) == "accepted"


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_each_feature_is_turned_off_and_on_as_a_whole(market: Market, name: str) -> None:
    turn(market, name, on=False)
    refused = {
        probe.name for probe in market.executor.probe_features().probes if "feature-off" in probe.refused_as
    }
    assert {probe.partition(":")[0] for probe in refused} == set(BY_NAME[name].commands)
    found = states(market)
    assert {state.feature.name: state.state for state in found.values()} == {
        other: "off" if other == name else "on" for other in BY_NAME
    }
    assert all(state.as_turned for state in found.values())
    turn(market, name, on=True)
    assert all(
        not probe.refused_as for probe in market.executor.probe_features().probes if probe.name != "purchase"
    )


def test_what_is_never_stopped_goes_on_with_every_feature_off(market: Market) -> None:
    for name in BY_NAME:
        turn(market, name, on=False)
    user = market.books.user(market.tom)
    assert user is not None
    assert market.code(InviteUser(role="farmer", reason=REASON), market.admin_id) == "feature-off"
    assert market.code(SuspendUser(account=user.alias, reason=REASON), market.admin_id) == "accepted"


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("UPDATE features SET enabled = 0 WHERE command = 'deposit'", "half on"),
        ("DELETE FROM features WHERE command = 'deposit'", "half on"),
        ("UPDATE features SET feature = 'notices' WHERE command = 'deposit'", "half on"),
        ("DELETE FROM features WHERE feature = 'deposits_and_locks'", "off"),
    ],
)
def test_a_row_that_is_missing_off_or_of_another_feature_refuses_at_once(
    market: Market, statement: str, state: str
) -> None:
    assert deposit(market) == "accepted"
    past_the_gate(market, statement)
    assert deposit(market) == "feature-off"
    assert listing(market) == "accepted"
    found = states(market)[FEATURE.name]
    assert (found.state, found.as_turned) == (state, False)
    assert turn(market, FEATURE.name, on=True) is not None
    assert deposit(market) == "accepted"
    assert states(market)[FEATURE.name].as_turned


def test_a_gate_without_its_features_lets_nothing_pass(market: Market) -> None:
    past_the_gate(market, "DROP TABLE features")
    assert deposit(market) == "capability-blocked"
    assert listing(market) == "capability-blocked"


def test_a_command_that_is_not_in_the_manifest_cannot_be_enabled_by_a_row(market: Market) -> None:
    past_the_gate(market, "INSERT INTO features (command, feature, enabled) VALUES ('mint', 'notices', 1)")
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
    with gate.look() as database:
        assert "mint" not in enabled(database)
    gate.close()


# Turning.


def test_turning_is_recorded_once_and_turning_again_changes_nothing(market: Market) -> None:
    assert turn(market, "notices", on=True) is None
    before = digest_of_all(market.data)
    first = turn(market, "notices", on=False)
    assert first is not None
    assert digest_of_all(market.data) != before
    after = digest_of_all(market.data)
    assert turn(market, "notices", on=False) is None
    assert digest_of_all(market.data) == after
    second = turn(market, "notices", on=True)
    assert second is not None
    assert (first.number, first.on, second.number, second.on) == (1, False, 2, True)
    assert second.generation > first.generation
    last = states(market)["notices"].turned
    assert last == second
    assert (second.actor, second.reason) == ("opr_test", REASON)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE feature_turns SET enabled = 1", "DELETE FROM feature_turns"],
)
def test_nobody_changes_the_record_of_a_turn(market: Market, statement: str) -> None:
    turn(market, "notices", on=False)
    with pytest.raises(DatabaseError):
        past_the_gate(market, statement)
    found = states(market)["notices"].turned
    assert found is not None
    assert not found.on


def test_a_gate_that_is_made_anew_keeps_off_what_was_off(market: Market) -> None:
    turn(market, "notices", on=False)
    past_the_gate(market, "UPDATE gate SET system_id = 'another'")
    market.executor.close()
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
    with pytest.raises(GateUnreadable), gate.shared():
        raise AssertionError("the gate opened")
    gate.close()
    operator = market.books.user(market.market.operator.id)
    assert operator is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    switching.rebuild(actor=operator, reason=REASON, features_off={"notices"})
    switching.close()
    found = states(market)
    assert found["notices"].state == "off"
    assert {name for name, state in found.items() if state.state == "on"} == set(BY_NAME) - {"notices"}
    assert all(state.as_turned for state in found.values())


# Probes.


def test_a_round_of_probes_leaves_books_and_gate_byte_for_byte_as_they_were(market: Market) -> None:
    market.self_test()
    before = digest_of_all(market.data)
    last = market.books.database.one("SELECT max(n) FROM journal")
    for _ in range(5):
        found = market.executor.probe_features()
        assert len(found.probes) == len(FEATURE_PROBES)
    assert digest_of_all(market.data) == before
    assert market.books.database.one("SELECT max(n) FROM journal") == last


def test_the_own_rule_of_every_probed_command_refuses_it(market: Market) -> None:
    answers = {probe.name: probe.answer for probe in market.executor.probe_features().probes}
    assert set(answers.values()) <= set(STATUS)
    # Nor does any of them pass when it is sent as a command of the system, with nothing that stops it.
    for name, command in FEATURE_PROBES.items():
        assert market.code(command, 1) != "accepted", name


def test_a_rule_that_raises_is_told_and_the_other_probes_go_on(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise KeyError("the rule is lost")

    monkeypatch.setitem(deciding._PURE, SendNotice, lost)
    found = {probe.name: probe.answer for probe in market.executor.probe_features().probes}
    assert found["send_notice"] == "raised KeyError"
    assert set(found.values()) - {"raised KeyError"} <= set(STATUS)
