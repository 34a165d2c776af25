"""Rows that no program of ours would write: seen, blamed on the right row, and never the end of the watch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.faults.model import WITHOUT
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.operation import cycle
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.verifier import findings, verdicts

_MANY = 520
_REASON = "the test looked at it and says so"
_COPY = (
    "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after, "
    "provider, external_ref, at) SELECT {id}, {utid}, trader_id, {number}, 'capital_deposit', 1000, capital_after + "
    "{capital}, locked_after, profit_after, 'mtn', {ref}, at FROM wallet_ledger "
    "WHERE id = (SELECT max(id) FROM wallet_ledger WHERE trader_id = {{trader}})"
)


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    found = World(data, clock=TurnableClock())
    yield found
    found.close()


def places(world: World) -> set[tuple[str, str, str]]:
    return {(f.kind, f.table_name, f.row_key) for f in findings.open_findings(world.database)}


def last_entry(world: World) -> str:
    row = world.continuous.views.database.one(
        "SELECT max(id) FROM watch_wallet_ledger WHERE trader_id = ?", (world.victim,)
    )
    assert row is not None
    return str(row[0])


def changed(world: World, value: str) -> None:
    row = last_entry(world)
    world.inject(
        (
            f"{WITHOUT}wallet_ledger_refuses_update",
            f"UPDATE wallet_ledger SET external_ref = {value} WHERE id = {row}",
        )
    )
    world.turn()
    assert ("changed", "wallet_ledger", row) in places(world)
    assert world.can_deposit(world.neighbour) == "operation-restricted"


@pytest.mark.parametrize("value", ["'\u202eevil'", "'" + 100_000 * "x" + "'", "''"])
def test_odd_text_is_a_changed_row_and_stops_the_wallets(world: World, value: str) -> None:
    changed(world, value)


@pytest.mark.parametrize("value", ["CAST(x'ff41' AS TEXT)", "'a' || char(0) || 'b'"])
def test_text_that_is_no_text_is_one_too_where_the_engine_lets_it_in(tmp_path: Path, value: str) -> None:
    world = World(tmp_path / "data", clock=TurnableClock())
    changed(world, value)
    world.close()


@pytest.mark.parametrize("key", ["-5", "0"])
def test_a_row_below_all_that_was_read_is_found(world: World, key: str) -> None:
    world.inject(
        (
            _COPY.format(
                id=key, utid="'20261124-120000-tra-zzzzzz'", number="number + 1", capital="0", ref="'LOW'"
            ),
        )
    )
    world.turn()
    assert ("added", "wallet_ledger", key) in places(world)
    assert world.can_deposit(world.victim) == "operation-restricted"


def test_more_findings_than_a_page_are_one_alert_one_restriction_and_all_are_cured(world: World) -> None:
    world.inject(
        tuple(
            _COPY.format(
                id="(SELECT max(id) + 1 FROM wallet_ledger)",
                utid=f"'20261124-120000-tra-{number:06d}'",
                number="number + 1",
                capital="1000",
                ref=f"'MANY-{number}'",
            )
            for number in range(_MANY)
        )
    )
    world.turn()
    assert findings.count(world.database, state="open") == _MANY
    assert [(r.rule, str(r.scope)) for r in imposing.active(world.gatefile)] == [
        ("2.3", f"account:{world.alias}")
    ]
    assert [alert.condition for alert in alerts.listed(world.database)] == ["2.3"]
    after = 0
    while page := findings.open_findings(world.database, after=after):
        for finding in page:
            world.desk.acknowledge(1, finding.id, incident="INC-1", reason=_REASON, operator=world.operator)
            after = finding.id
    world.turn()
    world.desk.conclude(1, "investigate", text="deposits that nobody wrote", operator=world.operator)
    world.desk.verify(1, "verify", operator=world.operator)
    assert findings.count(world.database, state="open") == 0
    world.desk.lift(1, "lift", reason=_REASON, operator=world.operator)
    assert world.can_deposit(world.victim) == "accepted"


def test_a_check_that_stays_unknown_pauses_money_and_its_return_ends_the_pause(world: World) -> None:
    cycle.unknown(world.database, world.gatefile, ["1.2"], clock=world.clock)
    cycle.complete(world.database, world.gatefile, clock=world.clock)
    (pause,) = imposing.active(world.gatefile)
    assert (pause.cause, str(pause.scope)) == ("UNKNOWN", "everything")
    assert world.can_deposit(world.neighbour) == "operation-restricted"
    assert [alert.condition for alert in alerts.listed(world.database)] == ["1.2"]
    # Overdue no longer but not yet seen to hold: the pause stays.
    assert isinstance(world.clock, TurnableClock)
    world.clock.boot_offset_seconds += 3600
    cycle.unknown(world.database, world.gatefile, [], clock=world.clock)
    assert imposing.active(world.gatefile)
    world.turn()
    cycle.unknown(world.database, world.gatefile, [], clock=world.clock)
    assert not imposing.active(world.gatefile)
    assert not [a for a in alerts.listed(world.database) if a.state != "resolved"]
    assert world.can_deposit(world.neighbour) == "accepted"


def test_a_pause_does_not_end_while_a_finding_of_the_same_rule_stands(world: World) -> None:
    fault = next(f for f in FAULTS if f.name == "edited amount")
    cycle.unknown(world.database, world.gatefile, ["1.2"], clock=world.clock)
    world.inject(fault.statements)
    world.turn()
    cycle.unknown(world.database, world.gatefile, [], clock=world.clock)
    assert world.can_deposit(world.neighbour) == "operation-restricted"
    assert {a.condition for a in alerts.listed(world.database) if a.state != "resolved"} == {"1.2"}


def test_bytes_that_are_no_text_in_a_name_or_a_command_are_contained_like_any_other(tmp_path: Path) -> None:
    # A file holds what a server refuses to keep.
    world = World(tmp_path / "data", clock=TurnableClock())
    try:
        world.inject(
            (
                f"{WITHOUT}users_refuses_update",
                "UPDATE users SET alias = CAST(x'ff' AS TEXT) WHERE id = {trader}",
                "INSERT INTO journal (n, command_id, utid, command, actor_id, actor, role, decision, subject, arguments, "
                "effects_digest, answer, gate_generation, at) SELECT max(n) + 1, 'forged', '20261124-120000-tra-zzzzzz', "
                "CAST(x'80ff' AS TEXT), {trader}, CAST(x'ff' AS TEXT), CAST(x'fe' AS TEXT), 'accepted', NULL, '{{}}', "
                "'of nothing', '{{}}', max(gate_generation), max(at) FROM journal",
            )
        )
        world.turn()
        broken = {finding.invariant for finding in findings.open_findings(world.database)}
        assert {"2.1", "2.3"} <= broken
        assert broken == {restriction.rule for restriction in imposing.active(world.gatefile)}
        assert broken <= {alert.condition for alert in alerts.listed(world.database)}
        world.full_pass()
        world.turn()
        assert world.can_lock(world.neighbour) == "operation-restricted"
    finally:
        world.close()


def test_a_step_that_changed_places_with_another_offers_blames_nobody_who_answered(data: Path) -> None:
    world = World(data, clock=TurnedClock(SystemClock()), business=business.whole)
    try:
        first, paid = (
            str(row[0])
            for row in world.continuous.views.database.query(
                "SELECT id FROM watch_offer_steps WHERE id = 1 OR step = 'paid' AND id > 2 ORDER BY id"
            )
        )
        world.inject(
            (
                f"{WITHOUT}offer_steps_refuses_update",
                f"UPDATE offer_steps SET id = -1 WHERE id = {first}",
                f"UPDATE offer_steps SET id = {first} WHERE id = {paid}",
                f"UPDATE offer_steps SET id = {paid} WHERE id = -1",
            )
        )
        world.turn()
        world.full_pass()
        assert {(table, key) for _, table, key in places(world) if key.isdecimal()} == {
            ("offer_steps", first),
            ("offer_steps", paid),
        }
    finally:
        world.close()


def test_bytes_that_are_no_text_in_a_purchase_keep_no_fee_from_being_judged(tmp_path: Path) -> None:
    # Only a file takes them.
    world = World(tmp_path / "data", clock=TurnedClock(SystemClock()), business=business.whole)
    try:
        world.inject(
            (
                f"{WITHOUT}purchases_refuses_update",
                "UPDATE purchases SET utid = CAST(x'b2' || utid AS TEXT)",
            )
        )
        world.turn()
        world.full_pass()
        assert not [table for _, table, _ in places(world) if table == "journal"]
        assert ("10.1", "HOLDS") in {
            (view.invariant, view.full) for view in verdicts.current(world.database, clock=world.clock)
        }
    finally:
        world.close()
