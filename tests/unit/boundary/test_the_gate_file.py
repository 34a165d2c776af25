"""The gate as a file: every way in which it is not to be believed, and how it comes back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.boundary import restrict
from watchkeeper.boundary.flips import Flip, flips
from watchkeeper.boundary.gate import (
    EVERYTHING,
    Hold,
    OperationClass,
    Switch,
    account,
)
from watchkeeper.boundary.gatefile import GateFile
from watchkeeper.boundary.gatestore import GateUnreadable
from watchkeeper.market import setup
from watchkeeper.market.commands import CreateListing
from watchkeeper.market.housekeeping import record_act
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(tmp_path: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(tmp_path / "data", clock=clock)
    yield found
    found.close()


def listing(market: Market) -> str:
    return market.code(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1), market.farmer)


def test_a_missing_gate_refuses(market: Market) -> None:
    (market.data / "gate.db").unlink()
    assert listing(market) == "capability-blocked"


@pytest.mark.parametrize(
    "damage", [b"", b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_corrupt_gate_refuses(market: Market, damage: bytes) -> None:
    (market.data / "gate.db").write_bytes(damage)
    assert listing(market) == "capability-blocked"


def test_a_gate_replaced_by_rename_refuses_even_with_a_good_copy(market: Market) -> None:
    assert listing(market) == "accepted"
    copy = market.data / "copy.db"
    shutil.copy(market.data / "gate.db", copy)
    os.replace(copy, market.data / "gate.db")
    assert listing(market) == "capability-blocked"


def test_the_gate_of_another_system_refuses(market: Market, tmp_path: Path, clock: TurnableClock) -> None:
    setup.create(tmp_path / "other", clock=clock)
    shutil.copy(tmp_path / "other" / "gate.db", market.data / "gate.db")
    assert listing(market) == "capability-blocked"


def test_an_older_copy_of_the_gate_put_back_refuses(market: Market, clock: TurnableClock) -> None:
    market.executor.close()
    older = (market.data / "gate.db").read_bytes()
    gate = GateFile(market.data, system_id=market.market.system_id)
    restrict.impose(
        gate,
        rule="t",
        scope=account("tra_nobody"),
        classes=frozenset({OperationClass.LOCK}),
        cause="BROKEN",
        reason="t",
        imposed_by="t",
        clock=clock,
    )
    gate.close()
    assert listing(market) == "accepted"
    market.executor.close()
    (market.data / "gate.db").write_bytes(older)
    assert listing(market) == "capability-blocked"


def test_books_that_end_earlier_than_they_did_refuse(market: Market) -> None:
    assert listing(market) == "accepted"
    database = market.executor._opened()
    database.execute("DROP TRIGGER journal_refuses_delete")
    database.execute("DELETE FROM journal WHERE n = (SELECT max(n) FROM journal)")
    assert listing(market) == "capability-blocked"


def test_an_unreadable_gate_says_so_rather_than_passing(tmp_path: Path) -> None:
    gate = GateFile(tmp_path / "nowhere.db", system_id="x")
    with pytest.raises(GateUnreadable), gate.shared():
        raise AssertionError("the gate opened")


def flip(market: Market, action: str, *, switch: Switch = Switch.PILOT_MODE, by: str = "admin") -> Flip:
    user = market.books.user(market.admin_id if by == "admin" else market.market.operator.id)
    assert user is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    try:
        found = switching.flip(switch=switch, action=action, actor=user, reason=REASON)
    finally:
        switching.close()
    market.executor.run([record_act(found, actor_id=user.id)])
    return found


def rebuilt(market: Market, by: str = "operator") -> list[Flip]:
    user = market.books.user(market.admin_id if by == "admin" else market.market.operator.id)
    assert user is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    try:
        return switching.rebuild(actor=user, reason=REASON)
    finally:
        switching.close()


def test_an_older_copy_cannot_be_brought_up_to_what_is_believed(market: Market) -> None:
    market.executor.close()
    older = (market.data / "gate.db").read_bytes()
    flip(market, "engage")
    market.executor.close()
    (market.data / "gate.db").write_bytes(older)
    gate = GateFile(market.data, system_id=market.market.system_id)
    for number in range(5):
        with pytest.raises(GateUnreadable, match="older copy"):
            restrict.impose(
                gate,
                rule=f"t{number}",
                scope=EVERYTHING,
                classes=frozenset({OperationClass.LOCK}),
                cause="BROKEN",
                reason="a watch that restricts",
                imposed_by="t",
                clock=market.clock,
            )
    gate.close()
    with pytest.raises(Refusal, match="cannot be read"):
        flip(market, "release")
    assert listing(market) == "capability-blocked"


def test_a_lost_gate_is_made_anew_with_its_history_and_everything_engaged(market: Market) -> None:
    past = [flip(market, "engage"), flip(market, "release")]
    lost = (market.data / "gate.db").read_bytes()
    (market.data / "gate.db").unlink()
    # Left behind, it would be played back into the new gate.
    (market.data / "gate.db-journal").write_bytes(b"a hot journal of the lost gate")
    assert listing(market) == "capability-blocked"
    fresh = rebuilt(market)
    assert {found.switch for found in fresh} == set(Switch)
    assert not (market.data / "gate.db-journal").exists()
    assert len(list(market.data.glob("gate.db*.lost-*"))) == 1

    gate = GateFile(market.data, system_id=market.market.system_id)
    with gate.shared() as database:
        known = flips(database)
        _, holds, restrictions = gate.read(database)
    gate.close()
    again = [found for found in known if found not in fresh]
    assert [(f.utid, f.action, f.journal_n) for f in again] == [(f.utid, f.action, f.journal_n) for f in past]
    assert [found.engaged_after for found in again] == [True, False]
    assert {(switch, Hold.OPERATOR) for switch in Switch} <= holds
    assert restrictions == ()

    assert listing(market) == "system-shut-down"
    flip(market, "release", switch=Switch.SHUTDOWN, by="operator")
    flip(market, "release", by="operator")
    assert listing(market) == "accepted"
    market.executor.close()
    (market.data / "gate.db").write_bytes(lost)
    assert listing(market) == "capability-blocked"


def test_a_gate_that_is_well_is_not_made_anew_and_only_by_the_operator(market: Market) -> None:
    with pytest.raises(Refusal, match="nothing to make anew"):
        rebuilt(market)
    (market.data / "gate.db").unlink()
    with pytest.raises(Refusal, match="Only the operator"):
        rebuilt(market, by="admin")
    assert not (market.data / "gate.db").exists()
