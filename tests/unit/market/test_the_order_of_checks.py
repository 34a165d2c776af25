"""Of two things that are wrong with an act the earlier in the order speaks: each neighbouring pair, with an act that fails both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.unit.market.test_rules_of_the_market import unit_of
from tests.worlds.books import REASON, Market, TurnableClock
from tests.worlds.office import Office, code_of
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME, FEATURE_OF
from watchkeeper.boundary.gate import STOP_FILE_NAME, OperationClass, Switch, account
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.restrict import impose
from watchkeeper.market.commands import (
    CancelListing,
    ChangeRole,
    Command,
    CreateListing,
    Deposit,
    PayToLock,
    Purchase,
)
from watchkeeper.market.refusals import Refusal

C = OperationClass


class Doorless(Market):
    """A market whose gate and watch a test turns while it sends acts past the door."""

    def __init__(self, data: Path, *, clock: TurnableClock) -> None:
        super().__init__(data, clock=clock)
        self.turned = clock
        self.gate = open_gate(data, system_id=self.market.system_id, role="control")

    def alias(self, user_id: int) -> str:
        found = self.books.user(user_id)
        assert found is not None
        return found.alias

    def shut(self) -> None:
        (self.data / STOP_FILE_NAME).touch()

    def restrict(self, user_id: int, *classes: OperationClass) -> None:
        impose(
            self.gate,
            rule="by hand",
            scope=account(self.alias(user_id)),
            classes=frozenset(classes),
            cause="OPERATOR",
            reason=REASON,
            imposed_by="opr",
            clock=self.clock,
        )

    def without_a_watch(self, command: Command, actor_id: int) -> str:
        """The code while the watch has been silent for longer than it may."""
        act = self.act(command, actor_id)
        self.turned.boot_offset_seconds += 31
        outcome = self.sent(act)
        return outcome.code if isinstance(outcome, Refusal) else "accepted"


@pytest.fixture
def market(data: Path) -> Iterator[Doorless]:
    found = Doorless(data, clock=TurnableClock())
    yield found
    found.close()


def deposit(reference: str = "R") -> Deposit:
    return Deposit(amount_ugx=1_000, provider="mtn", external_ref=reference)


@pytest.mark.rule("order.chain", "key.first-answer", "key.other-body")
def test_a_replay_comes_before_shutdown(market: Doorless) -> None:
    first = market.tried(deposit(), market.tina, idempotency_key="k", body_digest="a")
    market.shut()
    again = market.tried(deposit(), market.tina, idempotency_key="k", body_digest="a")
    assert getattr(again, "body", None) == getattr(first, "body", "")
    other = market.code(deposit(), market.tina, idempotency_key="k", body_digest="b")
    assert other == "idempotency-key-reused"
    assert market.code(deposit(), market.tina, idempotency_key="l") == "system-shut-down"


@pytest.mark.rule("order.chain")
def test_shutdown_comes_before_a_silent_watch_and_that_before_the_switches(market: Doorless) -> None:
    market.flip(Switch.PILOT_MODE, "engage")
    assert market.without_a_watch(deposit(), market.tina) == "monitor-silent"
    assert market.code(deposit(), market.tina) == "pilot-mode-active"
    market.shut()
    assert market.without_a_watch(deposit(), market.tina) == "system-shut-down"


@pytest.mark.rule("order.chain")
def test_the_switches_come_before_features_and_those_before_restrictions(market: Doorless) -> None:
    buyer = market.person("buyer")
    market.restrict(buyer, C.PURCHASE)
    feature = BY_NAME[FEATURE_OF["purchase"]]
    turning.turn(market.gate, feature, on=False, actor="opr", reason=REASON, clock=market.clock)
    market.flip(Switch.PILOT_MODE, "engage")
    assert market.code(Purchase(block_id=1), buyer) == "pilot-mode-active"
    market.flip(Switch.PILOT_MODE, "release")
    assert market.code(Purchase(block_id=1), buyer) == "purchase-window-closed"
    market.flip(Switch.PURCHASE_WINDOW, "release")
    assert market.code(Purchase(block_id=1), buyer) == "feature-off"
    turning.turn(market.gate, feature, on=True, actor="opr", reason=REASON, clock=market.clock)
    assert market.code(Purchase(block_id=1), buyer) == "operation-restricted"


@pytest.mark.rule("order.chain", "role.own-acts")
def test_a_restriction_comes_before_the_role(market: Doorless) -> None:
    listing = CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1)
    assert market.code(listing, market.tina) == "invalid-role"
    market.restrict(market.tina, C.LISTING)
    assert market.code(listing, market.tina) == "operation-restricted"
    assert market.code(listing, market.tom) == "invalid-role"


@pytest.mark.rule("order.chain", "pace.listings")
def test_the_role_comes_before_the_rate_limit(market: Doorless) -> None:
    farmer = market.person("farmer")
    listing = CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1)
    for _ in range(10):
        made = market.one(listing, farmer)
        market.one(CancelListing(listing_id=int(str(made.body["listing_id"]))), farmer)
    assert market.code(listing, farmer) == "rate-limit-exceeded"
    alias = market.alias(farmer)
    market.one(ChangeRole(account=alias, role="buyer", reason=REASON), market.admin_id)
    assert market.code(listing, farmer) == "invalid-role"
    market.one(ChangeRole(account=alias, role="farmer", reason=REASON), market.admin_id)
    assert market.code(listing, farmer) == "rate-limit-exceeded"
    market.turned.instant_offset += 24 * 3600 * 1_000_000 + 1
    assert market.code(listing, farmer) == "accepted"


@pytest.mark.rule("order.chain")
def test_the_rate_limit_comes_before_the_acts_own_rules(market: Doorless) -> None:
    assert market.code(PayToLock(unit_id=999_999), market.tina) == "unit-not-found"
    for unit_id in market.units(20):
        market.one(PayToLock(unit_id=unit_id), market.tina)
    assert market.code(PayToLock(unit_id=999_999), market.tina) == "rate-limit-exceeded"
    assert market.code(PayToLock(unit_id=unit_of(market)), market.tina) == "rate-limit-exceeded"


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    for person in (found.admin, found.operator, found.trader):
        assert found.sign_in(person).status_code == 201
    yield found
    found.close()


def sent(office: Office, body: dict[str, object], *, token: str, key: str, path: str = "/v1/deposits") -> str:
    """The code of what is answered to a request with this key."""
    answer: httpx.Response = office.http.post(
        path, json=body, headers={"authorization": f"Bearer {token}", "idempotency-key": key}
    )
    return "accepted" if answer.is_success else code_of(answer)


@pytest.mark.rule("order.door", "order.chain", "key.first-answer")
def test_at_the_door_the_session_speaks_first_then_the_role_then_shape_and_only_then_a_replay(
    office: Office,
) -> None:
    good: dict[str, object] = {"amount_ugx": 1_000, "provider": "mtn", "external_ref": "D-1"}
    bad: dict[str, object] = {"amount_ugx": "all of it"}
    trader, admin = office.trader.token, office.admin.token
    assert sent(office, good, token=trader, key="one") == "accepted"
    # Whoever is nobody learns neither shape nor role nor that a key was used.
    assert sent(office, bad, token="nobody", key="one") == "unauthenticated"
    assert sent(office, bad, token=admin, key="one") == "invalid-role"
    assert sent(office, bad, token=trader, path="/v1/users", key="one") == "not-admin"
    assert sent(office, bad, token=trader, key="one") == "validation-failed"
    assert sent(office, good, token=trader, key="one") == "accepted"
    assert sent(office, good | {"amount_ugx": 2}, token=trader, key="one") == "idempotency-key-reused"
    (office.data / STOP_FILE_NAME).touch()
    assert sent(office, good, token=trader, key="two") == "system-shut-down"
    assert sent(office, bad, token=trader, key="two") == "validation-failed"
    assert sent(office, good, token=admin, key="two") == "invalid-role"
    assert sent(office, good, token=trader, key="one") == "accepted"
    # A session that has ended answers nothing again, not even what it was answered before.
    assert office.on(office.trader.alias, "suspension", by=office.admin).status_code == 200
    assert sent(office, good, token=trader, key="one") == "session-expired"
