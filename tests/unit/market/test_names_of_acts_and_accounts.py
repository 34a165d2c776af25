"""UTIDs and aliases: drawn until they are free, borne by every row, and for an alias for life."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, StandingClock
from watchkeeper.base import utid as utids
from watchkeeper.base.clock import KAMPALA, as_datetime
from watchkeeper.market import decide
from watchkeeper.market.commands import (
    Answer,
    ChangeRole,
    CreateListing,
    DeleteUser,
    Deposit,
    InviteUser,
    PayToLock,
    RecordFlip,
    SuspendUser,
    VerifyDelivery,
)
from watchkeeper.market.refusals import Refusal


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def market(data: Path, clock: StandingClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def drawing(monkeypatch: pytest.MonkeyPatch, *tails: str) -> list[str]:
    """Have the next tails of UTIDs drawn from these; what is left of them is handed back."""
    left = [*tails]
    monkeypatch.setattr(utids, "base36", lambda _: left.pop(0))
    return left


def tail(outcome: Answer | Refusal) -> str:
    assert isinstance(outcome, Answer)
    return outcome.utid[-6:]


def deposit(number: int) -> Deposit:
    return Deposit(amount_ugx=1_000, provider="mtn", external_ref=f"N-{number}")


@pytest.mark.rule("utid.unique")
def test_a_name_that_the_batch_or_the_books_have_is_drawn_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batch(first: int, count: int) -> list[str]:
        acts = [market.act(deposit(number), market.tina) for number in range(first, first + count)]
        return [tail(outcome) for outcome in market.executor.run(acts)]

    left = drawing(monkeypatch, "aaaaaa", "aaaaaa", "aaaaaa", "bbbbbb")
    assert batch(0, 2) == ["aaaaaa", "bbbbbb"]
    assert left == []
    # The second batch meets both in the books, and the third draw of its first meets its second.
    left = drawing(monkeypatch, "aaaaaa", "cccccc", "bbbbbb", "cccccc", "dddddd")
    assert batch(2, 2) == ["dddddd", "cccccc"]
    assert left == []
    assert (
        len(set(market.books.database.query("SELECT utid FROM journal")))
        == market.books.database.query("SELECT count(*) FROM journal")[0][0]
    )


@pytest.mark.rule("utid.form", "utid.of-the-accepted")
def test_a_name_says_when_and_in_which_role_and_a_refused_act_has_none(
    market: Market, clock: StandingClock
) -> None:
    stamp = as_datetime(clock.now()).astimezone(KAMPALA).strftime("%Y%m%d-%H%M%S")
    assert re.fullmatch(rf"{stamp}-tra-[0-9a-z]{{6}}", market.one(deposit(1), market.tina).utid)
    invited = market.one(InviteUser(role="buyer", reason=REASON), market.admin_id)
    assert re.fullmatch(rf"{stamp}-adm-[0-9a-z]{{6}}", invited.utid)
    ((before,),) = market.books.database.query("SELECT max(n) FROM journal")
    refused = market.tried(deposit(1), market.tom)
    assert isinstance(refused, Refusal)
    assert not hasattr(refused, "utid")
    accepted = market.one(deposit(2), market.tom)
    assert accepted.n == int(str(before)) + 1


@pytest.mark.rule("journal.dense", "refusal.alone")
def test_numbers_have_no_gap_where_acts_between_were_refused(market: Market) -> None:
    ((before,),) = market.books.database.query("SELECT max(n) FROM journal")
    acts = [market.act(deposit(number // 2), market.tina) for number in range(6)]
    outcomes = market.executor.run(acts)
    numbers = [outcome.n for outcome in outcomes if isinstance(outcome, Answer)]
    first = int(str(before)) + 1
    assert numbers == [first, first + 1, first + 2]
    rows = market.books.database.query("SELECT n FROM journal ORDER BY n")
    assert [int(str(n)) for (n,) in rows] == list(range(1, first + 3))


@pytest.mark.rule("journal.whole", "utid.on-every-row")
def test_the_journal_says_who_in_which_role_then_and_everything_else_of_an_act(market: Market) -> None:
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    lock = market.one(PayToLock(unit_id=units[0]), market.tina)
    done = market.tried(
        VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON),
        market.admin_id,
        idempotency_key="key",
        body_digest="body",
    )
    assert isinstance(done, Answer)
    admin = market.books.user(market.admin_id)
    assert admin is not None
    names = "command actor role subject decision target_utid reason amount_ugx idempotency_key body_digest at"
    (row,) = market.books.database.query(
        f"SELECT {names.replace(' ', ', ')} FROM journal WHERE utid = ?", (done.utid,)
    )
    found = dict(zip(names.split(), row, strict=True))
    assert found == {
        "command": "verify_delivery",
        "actor": admin.alias,
        "role": "admin",
        "subject": found["subject"],
        "decision": "delivered",
        "target_utid": lock.utid,
        "reason": REASON,
        "amount_ugx": 1_000,
        "idempotency_key": "key",
        "body_digest": "body",
        "at": market.clock.now(),
    }
    ((arguments, answer),) = market.books.database.query(
        "SELECT arguments, answer FROM journal WHERE utid = ?", (done.utid,)
    )
    assert json.loads(str(arguments))["lock_utid"] == lock.utid
    assert json.loads(str(answer))["utid"] == done.utid
    # Whatever somebody is later, the row says what they were.
    newcomer = market.person("farmer")
    made = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    assert made.utid.split("-")[2] == "far"
    alias = market.books.user(newcomer)
    assert alias is not None
    market.one(ChangeRole(account=alias.alias, role="buyer", reason=REASON), market.admin_id)
    assert market.books.database.query("SELECT role FROM journal WHERE utid = ?", (made.utid,)) == [
        ("farmer",)
    ]


@pytest.mark.rule("alias.form")
def test_an_alias_is_of_the_first_role_and_drawn_until_nobody_has_it(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = str(market.one(InviteUser(role="trader", reason=REASON), market.admin_id).body["alias"])
    assert re.fullmatch(r"tra_[0-9a-z]{6}", made)
    # The first four that are drawn are taken, and so are three of the next.
    drawn = [made[4:]] * 7 + ["zzzzzz"]
    monkeypatch.setattr(decide, "base36", lambda _: drawn.pop(0))
    again = market.one(InviteUser(role="trader", reason=REASON), market.admin_id).body["alias"]
    assert again == "tra_zzzzzz"
    assert drawn == []


@pytest.mark.rule("alias.for-life", "role.one-at-a-time")
def test_an_alias_stays_through_another_role_and_after_deletion(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = market.person("farmer")
    before = market.books.user(someone)
    assert before is not None
    assert before.alias.startswith("far_")
    market.one(ChangeRole(account=before.alias, role="buyer", reason=REASON), market.admin_id)
    after = market.books.user(someone)
    assert after is not None
    assert (after.alias, after.role) == (before.alias, "buyer")
    history = market.books.database.query(
        "SELECT role_before, role_after, assigned_by FROM role_history WHERE user_id = ? ORDER BY id",
        (someone,),
    )
    assert history == [(None, "farmer", market.admin_id), ("farmer", "buyer", market.admin_id)]
    market.one(DeleteUser(account=before.alias, reason=REASON), market.admin_id)
    gone = market.books.user(someone)
    assert gone is not None
    assert (gone.alias, gone.status) == (before.alias, "deleted")
    drawn = [before.alias[4:]] * 4 + ["yyyyyy"] * 4
    monkeypatch.setattr(decide, "base36", lambda _: drawn.pop(0))
    assert market.one(InviteUser(role="farmer", reason=REASON), market.admin_id).body["alias"] == "far_yyyyyy"


@pytest.mark.rule("key.accepted-only")
def test_a_refused_act_keeps_no_key_and_each_account_and_command_has_its_own(market: Market) -> None:
    poor = market.trader(capital_ugx=1)
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    lock = PayToLock(unit_id=units[0])
    assert market.code(lock, poor, idempotency_key="k", body_digest="a") == "insufficient-capital"
    paid_in = Deposit(amount_ugx=5_000, provider="mtn", external_ref="K")
    # The same key for another act of the same account, with another body, and it is the first of its kind.
    assert market.code(paid_in, poor, idempotency_key="k", body_digest="b") == "accepted"
    assert market.code(lock, poor, idempotency_key="k", body_digest="c") == "accepted"
    other = Deposit(amount_ugx=5_000, provider="mtn", external_ref="K-2")
    assert market.code(other, market.tom, idempotency_key="k", body_digest="d") == "accepted"


@pytest.mark.rule("account.first-two", "role.operator-by-enrolment")
def test_there_is_one_operator_and_only_set_up_makes_an_account_by_nobodys_act(market: Market) -> None:
    operators = market.books.database.query("SELECT id, alias FROM users WHERE role_at_creation = 'operator'")
    assert [int(str(number)) for number, _ in operators] == [market.market.operator.id]
    refused = InviteUser(role="operator", reason=REASON)
    for actor in (market.admin_id, market.market.operator.id):
        assert market.code(refused, actor) in ("validation-failed", "not-admin")
    alias = str(operators[0][1])
    suspend = SuspendUser(account=alias, reason=REASON)
    assert market.code(suspend, market.admin_id) == "not-authorized"
    market.person("trader")
    of_set_up = market.books.database.query(
        "SELECT u.id FROM users u JOIN journal j ON j.utid = u.utid WHERE j.command NOT IN ('invite_user') "
        "AND u.role_at_creation <> 'system' ORDER BY u.id"
    )
    unnamed = market.books.database.query(
        "SELECT count(*) FROM users WHERE utid NOT IN (SELECT utid FROM journal)"
    )
    assert unnamed == [(0,)]
    assert {int(str(number)) for (number,) in of_set_up} == {market.market.operator.id, market.admin_id}


@pytest.mark.rule("journal.flips")
def test_a_turned_switch_is_recorded_under_the_name_that_the_gate_gave_it(market: Market) -> None:
    from watchkeeper.boundary.gate import Switch

    market.flip(Switch.PURCHASE_WINDOW, "release")
    market.tick()
    market.tick()
    rows = market.books.database.query(
        f"SELECT utid, decision FROM journal WHERE command = '{RecordFlip.name}' ORDER BY n"
    )
    assert rows[-1][1] == "release"
    assert len({utid for utid, _ in rows}) == len(rows)
