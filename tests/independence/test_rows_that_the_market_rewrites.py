"""Without the triggers and rights that keep what is written as it is, the seals tell each row that the market changed.

The market's own code does the change, in the transaction of an ordinary deposit: nothing foreign comes near the books.
"""

from __future__ import annotations

import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.bootstrap.drills.business import many
from watchkeeper.market.commands import Command, Deposit

#: What the missing defences are by themselves.
DEFENCES = ("1.2", "defences")


def rewritten(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch, *, table: str, statement: str
) -> set[tuple[str, str]]:
    """What is seen of a market that does this with every deposit, once its database lets it."""
    assert unguarded.seen() == set()
    unguarded.writes_also(monkeypatch, statement)
    before = unguarded.last("journal")
    assert unguarded.deposit(unguarded.world.neighbour) in ("operation-restricted", "capability-blocked")
    assert unguarded.last("journal") == before
    unguarded.defenceless(table, against=statement.partition(" ")[0].lower())
    assert unguarded.deposit() == "accepted"
    # A server counts changes of such tables as well, and says so before the row is known.
    return {found for found in unguarded.seen() if found[1] != "counted change"}


def test_1_2_an_entry_that_is_made_larger(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = unguarded.number("SELECT min(id) FROM wallet_ledger")
    statement = f"UPDATE wallet_ledger SET amount_ugx = amount_ugx + 90000 WHERE id = {entry}"
    seen = rewritten(unguarded, monkeypatch, table="wallet_ledger", statement=statement)
    assert seen == {DEFENCES, ("1.2", "changed")}
    assert f"wallet_ledger {entry}" in unguarded.named("1.2")
    assert unguarded.stopped("1.2") == {"everything"}
    assert unguarded.deposit(unguarded.world.neighbour) == "operation-restricted"
    assert unguarded.world.can_list() == "accepted"


def test_4_1_an_act_that_gets_another_name(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    act = unguarded.number("SELECT max(n) FROM journal WHERE command = 'deposit'")
    statement = f"UPDATE journal SET utid = '20261124-120000-tra-moved0' WHERE n = {act}"
    seen = rewritten(unguarded, monkeypatch, table="journal", statement=statement)
    assert ("4.1", "changed") in seen
    assert f"journal {act}" in unguarded.named("4.1")
    assert unguarded.stopped("4.1") == {"everything"}
    assert unguarded.world.can_list() == "operation-restricted"


def test_4_1_an_act_that_is_gone(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    act = unguarded.number("SELECT max(n) FROM journal WHERE command = 'deposit'")
    statement = f"DELETE FROM journal WHERE n = {act}"
    seen = rewritten(unguarded, monkeypatch, table="journal", statement=statement)
    assert ("4.1", "deleted") in seen
    assert f"journal {act}" in unguarded.named("4.1")


def test_5_1_an_admin_action_that_gets_another_reason(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = unguarded.last("admin_actions")
    statement = f"UPDATE admin_actions SET reason = 'as it suits by now' WHERE id = {action}"
    seen = rewritten(unguarded, monkeypatch, table="admin_actions", statement=statement)
    assert seen == {DEFENCES, ("5.1", "changed")}
    assert f"admin_actions {action}" in unguarded.named("5.1")
    assert unguarded.stopped("5.1") == {"everything"}
    assert unguarded.world.can_verify(unguarded.world.late_lock, "late") == "operation-restricted"
    assert unguarded.world.can_list() == "accepted"


def test_5_2_a_deduction_that_is_taken_back(unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch) -> None:
    unguarded.a_day_later()
    deduction = unguarded.last("storage_fee_deductions")
    statement = f"DELETE FROM storage_fee_deductions WHERE id = {deduction}"
    seen = rewritten(unguarded, monkeypatch, table="storage_fee_deductions", statement=statement)
    assert ("5.2", "deleted") in seen
    assert f"storage_fee_deductions {deduction}" in unguarded.named("5.2")
    assert unguarded.stopped("5.2") == {"everything"}


def test_5_3_a_refusal_for_pace_that_is_cleared_away(
    unguarded: Unguarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = unguarded.world
    pest = world.bench.trader(capital_ugx=1000)
    commands: list[Command] = [
        Deposit(amount_ugx=1000, provider="mtn", external_ref=f"PEST-{number}") for number in range(9)
    ]
    many(world, commands, pest)
    assert unguarded.deposit(pest) == "rate-limit-exceeded"
    world.bench.executor.flush_notes()
    hit = unguarded.last("rate_limit_hits")
    statement = f"DELETE FROM rate_limit_hits WHERE id = {hit}"
    seen = rewritten(unguarded, monkeypatch, table="rate_limit_hits", statement=statement)
    assert seen == {DEFENCES, ("5.3", "deleted")}
    assert f"rate_limit_hits {hit}" in unguarded.named("5.3")
    assert unguarded.stopped("5.3") == {"everything"}
    assert unguarded.world.can_lock(world.neighbour) == "operation-restricted"
    assert world.can_verify(world.late_lock, "late") == "accepted"
