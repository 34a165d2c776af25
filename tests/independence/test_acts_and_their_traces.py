"""Without the rules by which acts are named, recorded and logged, 4.1, 4.2, 8.1 and 8.2 see what is missing of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.worlds.unguarded import REASON, Unguarded
from watchkeeper.base import utid
from watchkeeper.base.canonical import Value
from watchkeeper.market import decide
from watchkeeper.market.commands import CreateListing, SendNotice, SuspendUser
from watchkeeper.market.decision import Context, Decision, Row
from watchkeeper.market.listings import rules as listings
from watchkeeper.market.notices import rules as notices
from watchkeeper.market.state import State


def add(self: Decision, state: State, table: str, *, utid: str, **columns: Value) -> int:
    """What a decision does with a row, under a UTID that need not be its own."""
    identifier = state.take_id(table)
    self.rows.append((table, {"id": identifier, "utid": utid, **columns}))
    return identifier


def listing_that_keeps(rows: Callable[[str], bool]) -> Callable[[CreateListing, State, Context], Decision]:
    """The rule of listings, of whose rows only those are written that are in tables of these."""

    def create(command: CreateListing, state: State, context: Context) -> Decision:
        decision = listings.create(command, state, context)
        decision.rows = [(table, row) for table, row in decision.rows if rows(table)]
        # A state needs what it is the state of.
        state.dirty_units.clear()
        return decision

    return create


def test_4_1_names_of_no_form(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    assert world.can_list() == "accepted"
    assert unguarded.seen() == set()
    monkeypatch.setattr(utid, "draw", lambda **_: "LISTING/0001")
    assert world.can_list() == "accepted"
    assert ("4.1", "form") in unguarded.seen()
    assert unguarded.named("4.1") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("4.1") == {"everything"}
    assert world.can_list() == "operation-restricted"


def test_4_2_rows_without_a_name(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    assert world.can_list() == "accepted"
    assert unguarded.seen() == set()

    def nameless(self: Decision, state: State, table: str, **columns: Value) -> int:
        return add(self, state, table, utid="" if table == "units" else self.utid, **columns)

    monkeypatch.setattr(Decision, "add", nameless)
    assert world.can_list() == "accepted"
    seen = unguarded.seen()
    assert seen >= {("4.2", "without a UTID"), ("4.2", "without its rows")}
    units = range(unguarded.last("units") - 1, unguarded.last("units") + 1)
    assert unguarded.named("4.2") == {
        f"journal {unguarded.last('journal')}",
        *(f"units {unit}" for unit in units),
    }
    assert "command:create_listing" in unguarded.stopped("4.2")
    assert world.can_list() == "operation-restricted"
    assert world.can_verify(world.late_lock, "late") == "accepted"


def test_4_2_an_act_that_leaves_half_of_its_rows(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = unguarded.world
    assert world.can_list() == "accepted"
    assert unguarded.seen() == set()
    monkeypatch.setitem(decide._PURE, CreateListing, listing_that_keeps(lambda table: table != "units"))
    assert world.can_list() == "accepted"
    assert unguarded.seen() == {("4.2", "without its rows")}
    assert unguarded.named("4.2") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("4.2") == {"command:create_listing"}
    assert world.can_list() == "operation-restricted"
    assert unguarded.deposit() == "accepted"


def test_8_2_an_act_that_leaves_nothing(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    assert world.can_list() == "accepted"
    assert unguarded.seen() == set()
    monkeypatch.setitem(decide._PURE, CreateListing, listing_that_keeps(lambda _: False))
    assert world.can_list() == "accepted"
    assert unguarded.seen() == {("8.2", "orphan")}
    assert unguarded.named("8.2") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("8.2") == {"command:create_listing"}
    assert world.can_list() == "operation-restricted"
    assert unguarded.deposit() == "accepted"


def test_8_2_a_notice_about_an_act_that_never_was(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = SendNotice(
        kind="utid_specific", text="It is open.", about_utid="20261124-120000-tra-nowher", reason=REASON
    )
    assert unguarded.world.tried(command, unguarded.admin) == "utid-not-found"

    def about_anything(command: SendNotice, state: State, context: Context) -> Decision:
        state.parties[str(command.about_utid)] = frozenset({context.actor.id})
        return notices.send(command, state, context)

    monkeypatch.setitem(decide._PURE, SendNotice, about_anything)
    assert unguarded.world.tried(command, unguarded.admin) == "accepted"
    assert unguarded.seen() == {("8.2", "citation")}
    assert f"notices {unguarded.last('notices')}" in unguarded.named("8.2")
    assert unguarded.stopped("8.2") == {"command:send_notice"}
    assert unguarded.world.tried(command, unguarded.admin) == "operation-restricted"


def suspension(unguarded: Unguarded, account: int) -> SuspendUser:
    return SuspendUser(account=unguarded.world.alias_of(account), reason=REASON)


def test_8_1_admins_of_whom_nothing_is_logged(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    world = unguarded.world
    assert world.tried(suspension(unguarded, world.farmer), unguarded.admin) == "accepted"
    assert unguarded.seen() == set()
    logged = unguarded.last("admin_actions")

    def unlogged(self: Decision, state: State, table: str, **columns: Value) -> int:
        return 0 if table == "admin_actions" else add(self, state, table, utid=self.utid, **columns)

    monkeypatch.setattr(Decision, "add", unlogged)
    assert world.tried(suspension(unguarded, world.neighbour), unguarded.admin) == "accepted"
    assert unguarded.last("admin_actions") == logged
    assert unguarded.seen() == {("8.1", "admin log")}
    assert unguarded.named("8.1") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("8.1") == {"command:suspend_user"}
    assert unguarded.deposit() == "accepted"


@pytest.mark.parametrize(
    "wrong",
    [{"actor_id": 1}, {"action": "send_notice"}, {"target_utid": "elsewhere"}, {"reason": " " * 12}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_8_1_admins_who_are_logged_wrongly(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch, wrong: Row
) -> None:
    world = unguarded.world
    assert world.can_verify(world.victims_lock, "late") == "accepted"
    assert unguarded.seen() == set()

    def logged(self: Decision, state: State, table: str, **columns: Value) -> int:
        if table == "admin_actions":
            columns |= wrong
        return add(self, state, table, utid=self.utid, **columns)

    monkeypatch.setattr(Decision, "add", logged)
    assert world.can_verify(world.late_lock, "late") == "accepted"
    assert ("8.1", "admin log") in unguarded.seen()
    assert unguarded.named("8.1") == {f"journal {unguarded.last('journal')}"}
    assert unguarded.stopped("8.1") == {"command:verify_delivery"}
    assert world.can_verify(world.neighbours_lock, "late") == "operation-restricted"
    assert unguarded.deposit() == "accepted"
