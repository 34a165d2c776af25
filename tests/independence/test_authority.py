"""A rule is taken out of the market, the business is done that it forbids, and the watch sees what came of it.

So no check leans on the code that it watches: each works with the rule gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import TurnableClock
from watchkeeper.base import canonical
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary import admit
from watchkeeper.market import execute, reasons
from watchkeeper.market.append import journal_row
from watchkeeper.market.commands import (
    Act,
    ChangeRole,
    Deposit,
    MakeOffer,
    ReverseLock,
    SuspendUser,
    VerifyDelivery,
    WithdrawOffer,
)
from watchkeeper.market.decision import Decision, Row
from watchkeeper.market.offers import rules as offers
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.state import Offer, State, User
from watchkeeper.market.users import rules as users
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.verifier import findings

REASON = "because the test says so and means it"


@pytest.fixture
def world(data: Path) -> Iterator[World]:
    found = World(data, clock=TurnableClock())
    yield found
    found.close()


def deposit(world: World) -> Deposit:
    return Deposit(amount_ugx=1000, provider="mtn", external_ref=f"I{world.bench.counted()}")


def anybody(act: Act, state: State) -> User:
    """Who acts, and no question whether they may."""
    return state.users[act.actor_id]


def found(world: World) -> set[str]:
    world.turn()
    return {finding.invariant for finding in findings.open_findings(world.database)}


def test_2_1_a_suspended_account_that_nobody_asks_about(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = world.alias_of(world.neighbour)
    world.bench.one(SuspendUser(account=account, reason=REASON), world.bench.market.admin.id)
    assert world.tried(deposit(world), world.neighbour) == "account-not-active"
    monkeypatch.setattr(execute, "authorise", anybody)
    assert world.tried(deposit(world), world.neighbour) == "accepted"
    assert found(world) == {"2.1"}
    stopped = {(r.rule, str(r.scope)) for r in imposing.active(world.gatefile)}
    assert stopped == {("2.1", "command:deposit")}
    # The command stops for everyone; others go on.
    assert world.tried(deposit(world), world.victim) == "operation-restricted"
    assert world.can_list() == "accepted"


def test_2_1_an_offer_that_is_anybodys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = world.free_units.pop()
    offer = world.bench.one(MakeOffer(unit_id=unit, price_ugx_per_kg=90), world.victim).utid
    taken_back = WithdrawOffer(offer_utid=offer)
    assert world.tried(taken_back, world.neighbour) == "offer-not-found"

    def anybodys(state: State, _: object, utid: str) -> Offer:
        return state.offer(utid)

    monkeypatch.setattr(offers, "_own", anybodys)
    assert world.tried(taken_back, world.neighbour) == "accepted"
    assert found(world) == {"2.1"}


def test_2_2_a_farmer_whom_nobody_asks_for_a_role(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    command = SuspendUser(account=world.alias_of(world.neighbour), reason=REASON)
    assert world.tried(command, world.farmer) == "invalid-role"
    monkeypatch.setattr(execute, "authorise", anybody)
    assert world.tried(command, world.farmer) == "accepted"
    assert found(world) == {"2.1", "2.2"}


def test_2_3_a_market_that_does_not_say_what_it_wrote(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(act: Act, decision: Decision, *, n: int, actor: User, generation: int, at: int) -> Row:
        row = journal_row(act, decision, n=n, actor=actor, generation=generation, at=at)
        return row | {"effects_digest": canonical.effects_digest([])}

    monkeypatch.setattr(execute, "journal_row", silent)
    assert world.tried(deposit(world), world.victim) == "accepted"
    assert found(world) == {"2.3"}


def test_3_1_an_admin_who_changes_their_own_role(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = world.bench.person("admin")
    command = ChangeRole(account=world.alias_of(admin), role="buyer", reason=REASON)
    assert world.tried(command, admin) == "not-authorized"

    def whoever(command: ChangeRole, state: State, _: object) -> User:
        return state.by_alias(command.account)

    monkeypatch.setattr(users, "_somebody_else", whoever)
    assert world.tried(command, admin) == "accepted"
    # The policy says the same of every act upon an account.
    assert found(world) == {"2.1", "3.1"}


def test_7_1_a_gate_that_lets_everything_pass(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pilot_mode("engage")
    world.turn()
    assert world.tried(deposit(world), world.victim) == "pilot-mode-active"
    monkeypatch.setattr(admit, "check", lambda *_, **__: None)
    assert world.tried(deposit(world), world.victim) == "accepted"
    assert found(world) == {"7.1"}


def test_10_1_a_system_that_trades(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.tried(deposit(world), SYSTEM_USER_ID) == "invalid-role"
    monkeypatch.setattr(execute, "authorise", anybody)
    assert world.tried(deposit(world), SYSTEM_USER_ID) == "accepted"
    assert found(world) == {"2.1", "10.1"}


def test_10_2_a_system_that_reverses(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = world.bench.market.admin.id
    world.bench.one(VerifyDelivery(lock_utid=world.late_lock, outcome="late", reason=REASON), admin)
    command = ReverseLock(lock_utid=world.late_lock, reason=REASON)
    assert world.tried(command, SYSTEM_USER_ID) == "not-admin"
    monkeypatch.setattr(execute, "authorise", anybody)
    assert world.tried(command, SYSTEM_USER_ID) == "accepted"
    assert found(world) == {"2.1", "10.1", "10.2"}


def test_10_2_a_reversal_for_no_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = world.bench.market.admin.id
    world.bench.one(VerifyDelivery(lock_utid=world.late_lock, outcome="late", reason=REASON), admin)
    command = ReverseLock(lock_utid=world.late_lock, reason=" " * 12)
    assert world.tried(command, admin) == "validation-failed"
    monkeypatch.setattr(reasons, "checked", lambda reason: reason)
    assert world.tried(command, admin) == "accepted"
    assert found(world) == {"2.1", "8.1", "10.2"}
