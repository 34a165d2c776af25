"""How often somebody may do something: what counts, for whom, and what whoever is refused is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.unit.market.test_from_the_store_to_the_buyer import Store, store
from tests.waiting import until
from tests.worlds.books import REASON, Market, TurnableClock
from tests.worlds.office import Office, code_of
from watchkeeper.base.clock import as_instant
from watchkeeper.boundary.gate import STOP_FILE_NAME, Switch
from watchkeeper.market.commands import (
    CancelPurchase,
    Deposit,
    InviteUser,
    Purchase,
    SendNotice,
    Withdraw,
)
from watchkeeper.market.pace import LIMITS, PaceExceeded

__all__ = ["store"]

HOUR = 3600 * 1_000_000


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def deposit(reference: object) -> Deposit:
    return Deposit(amount_ugx=1_000, provider="mtn", external_ref=f"REF-{reference}")


@pytest.mark.rule("pace.deposits-and-withdrawals")
def test_deposits_and_withdrawals_are_ten_together(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    purchase = store.bench.one(Purchase(block_id=block_id), store.buyer)
    store.bench.one(store.pickup(purchase, 90_000), store.admin)
    store.clock.instant_offset += 2 * HOUR
    for number in range(5):
        assert store.code(deposit(number), store.trader) == "accepted"
        taken = Withdraw(amount_ugx=10, provider="mtn", external_ref=f"OUT-{number}")
        assert store.code(taken, store.trader) == "accepted"
    assert store.refused(deposit("more"), store.trader) == "rate-limit-exceeded"
    more = Withdraw(amount_ugx=10, provider="mtn", external_ref="OUT-more")
    assert store.refused(more, store.trader) == "rate-limit-exceeded"
    store.clock.instant_offset += HOUR + 1
    assert store.code(more, store.trader) == "accepted"


@pytest.mark.rule("pace.exempt")
def test_admins_and_the_operator_have_no_limit_of_pace(market: Market) -> None:
    limited = {command for limit in LIMITS for command in limit.commands}
    assert limited == {
        "pay_to_lock", "make_offer", "deposit", "withdraw", "create_listing", "purchase"
    }  # fmt: skip
    operator = market.market.operator.id
    for number in range(25):
        assert market.code(InviteUser(role="buyer", reason=REASON), market.admin_id) == "accepted"
        text = f"Notice number {number} of the day, for all"
        notice = SendNotice(kind="role_based", role="farmer", text=text, reason=REASON)
        assert market.code(notice, market.admin_id) == "accepted"
        # The operator's own acts neither.
        assert market.code(SendNotice(kind="system", text=text, reason=REASON), operator) != (
            "rate-limit-exceeded"
        )


@pytest.mark.rule("pace.accepted-only")
def test_what_was_refused_does_not_count_and_what_the_same_batch_accepted_does(market: Market) -> None:
    trader = market.person("trader")
    assert market.code(deposit(0), trader) == "accepted"
    for _ in range(12):
        assert market.code(deposit(0), trader) == "reference-already-used"
    outcomes = market.executor.run([market.act(deposit(number), trader) for number in range(1, 12)])
    codes = [getattr(outcome, "code", "accepted") for outcome in outcomes]
    assert codes == ["accepted"] * 9 + ["rate-limit-exceeded"] * 2


@pytest.mark.rule("pace.says-when")
def test_the_answer_says_which_limit_and_the_moment_from_which_it_takes_the_next(
    market: Market, clock: TurnableClock
) -> None:
    trader = market.person("trader")
    for number in range(10):
        market.one(deposit(number), trader)
    refused = market.tried(deposit("more"), trader)
    assert isinstance(refused, PaceExceeded)
    assert "deposits-and-withdrawals" in refused.detail
    assert refused.resets_at is not None
    left = refused.resets_at - clock.now()
    assert 0 < left <= HOUR
    assert refused.retry_after_seconds is not None
    clock.instant_offset += left - 1_000_000
    assert market.code(deposit("more"), trader) == "rate-limit-exceeded"
    clock.instant_offset += 1_000_000
    assert market.code(deposit("more"), trader) == "accepted"


@pytest.mark.rule("pace.says-when", "refusal.hits-bounded", "refusal.counted")
def test_over_http_the_problem_has_the_limit_in_its_fields_and_an_admin_reads_the_hit(data: Path) -> None:
    office = Office(data)
    for person in (office.admin, office.trader):
        assert office.sign_in(person).status_code == 201

    def paid_in(number: int) -> object:
        body = {"amount_ugx": 1_000, "provider": "mtn", "external_ref": f"H-{number}"}
        return office.post(office.trader, "/v1/deposits", **body)

    for number in range(10):
        assert getattr(paid_in(number), "status_code", 0) == 201
    body = {"amount_ugx": 1_000, "provider": "mtn", "external_ref": "H-more"}
    refused = office.post(office.trader, "/v1/deposits", **body)
    said = refused.json()
    assert (refused.status_code, code_of(refused)) == (429, "rate-limit-exceeded")
    assert (said["limit"], said["limit_max"], said["window_seconds"]) == (
        "deposits-and-withdrawals",
        10,
        3600,
    )
    left = as_instant(datetime.fromisoformat(said["resets_at"])) - office.clock.now()
    assert 0 < left <= HOUR
    assert 0 < int(refused.headers["retry-after"]) <= 3600

    def hits() -> list[tuple[object, ...]]:
        rows = office.get(office.admin, "/v1/rate-limit-hits").json()["hits"]
        return [(row["actor"], row["limit_name"], row["count"], row["limit_max"]) for row in rows]

    wanted = [(office.trader.alias, "deposits-and-withdrawals", 1, 10)]
    until(lambda: hits() == wanted, what="the hit is a row")
    assert code_of(office.get(office.trader, "/v1/rate-limit-hits")) == "invalid-role"
    office.close()


@pytest.mark.rule("pace.host-open")
def test_whoever_is_throttled_can_still_stop_everything_by_the_file(data: Path) -> None:
    office = Office(data)
    assert office.sign_in(office.trader).status_code == 201
    for _ in range(12):
        office.enter(office.operator, password="wrong")
    assert code_of(office.enter(office.operator)) == "rate-limit-exceeded"
    (data / STOP_FILE_NAME).touch()
    body = {"amount_ugx": 1_000, "provider": "mtn", "external_ref": "S"}
    assert code_of(office.post(office.trader, "/v1/deposits", **body)) == "system-shut-down"
    office.close()


@pytest.mark.rule("pace.purchases")
def test_a_sixth_purchase_within_an_hour_waits_for_the_first_to_leave_it(store: Store) -> None:
    block_id = store.block()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    for _ in range(5):
        store.bench.keep_lease()
        bought = store.bench.one(Purchase(block_id=block_id), store.buyer)
        store.bench.one(CancelPurchase(purchase_utid=bought.utid), store.buyer)
        store.clock.instant_offset += HOUR // 6
    assert store.refused(Purchase(block_id=block_id), store.buyer) == "rate-limit-exceeded"
    store.clock.instant_offset += HOUR // 6
    assert store.code(Purchase(block_id=block_id), store.buyer) == "accepted"
