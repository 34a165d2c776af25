"""How somebody comes in, what a window and an order ask for, and how ledgers count and are corrected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.market.test_rules_of_the_market import locked, unit_of
from tests.worlds.books import REASON, Market, digest_of_all
from tests.worlds.office import NEW, Office, code_of
from watchkeeper.base.database import open_database
from watchkeeper.boundary.flips import flips
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.market.commands import (
    Correct,
    Deposit,
    PayToLock,
    Purchase,
    ReverseLock,
    VerifyDelivery,
)
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data)
    yield found
    found.close()


@pytest.mark.rule("account.invited", "sign-in.no-default")
def test_whoever_is_invited_has_an_alias_and_no_password_until_they_set_one(data: Path) -> None:
    office = Office(data)
    assert office.sign_in(office.admin).status_code == 201
    invited = office.post(office.admin, "/v1/users", role="buyer", reason=REASON)
    assert invited.status_code == 201
    alias, link = invited.json()["alias"], invited.json()["enrolment"].rpartition("/")[2]
    assert alias.startswith("buy_")
    for password in (alias, "", "password", "watchkeeper", NEW):
        answer = office.http.post("/v1/sessions", json={"alias": alias, "password": password})
        assert answer.status_code in (401, 422)
    user = office.market.books.user_by_alias(alias)
    assert user is not None
    assert user.status == "invited"
    body = {"name": "Birungi Grace", "phone": "+256 711 222 333", "password": NEW}
    assert office.http.post(f"/v1/enrolments/{link}", json=body).status_code == 201
    entered = office.http.post("/v1/sessions", json={"alias": alias, "password": NEW})
    assert (entered.status_code, entered.json()["role"]) == (201, "buyer")
    # A link is spent by the one who came in by it.
    assert code_of(office.http.post(f"/v1/enrolments/{link}", json=body)) == "already-active"
    office.close()


@pytest.mark.rule("window.closed-first", "role.admin-limits")
def test_the_window_is_closed_at_first_and_turned_with_a_reason_by_who_may(market: Market) -> None:
    buyer = market.person("buyer")
    assert market.code(Purchase(block_id=1), buyer) == "purchase-window-closed"
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )

    def turned(user_id: int, action: str, reason: str = REASON) -> str:
        user = market.books.user(user_id)
        assert user is not None
        before = digest_of_all(market.data)
        try:
            switching.flip(switch=Switch.PURCHASE_WINDOW, action=action, actor=user, reason=reason)
        except Refusal as refusal:
            assert digest_of_all(market.data) == before
            return refusal.code
        return "accepted"

    for nobody in (buyer, market.tina, market.farmer):
        assert turned(nobody, "release") == "not-authorized"
    assert turned(market.admin_id, "release", "as told") == "validation-failed"
    assert turned(market.admin_id, "release") == "accepted"
    assert market.code(Purchase(block_id=1), buyer) == "block-not-found"
    assert turned(market.market.operator.id, "engage") == "accepted"
    assert market.code(Purchase(block_id=1), buyer) == "purchase-window-closed"
    # The operator's hold is not an admin's to take away.
    assert turned(market.admin_id, "release") == "validation-failed"
    assert turned(market.market.operator.id, "release") == "accepted"
    switching.close()
    gate = open_database(market.data, "gate", role="owner")
    kept = [
        (flip.action, flip.hold) for flip in flips(gate, limit=100) if flip.switch is Switch.PURCHASE_WINDOW
    ]
    assert kept[-3:] == [
        ("release", Hold.ADMIN),
        ("engage", Hold.OPERATOR),
        ("release", Hold.OPERATOR),
    ]
    gate.close()


@pytest.mark.rule("ledger.numbered")
def test_the_rows_of_a_ledger_count_from_one_and_each_says_what_is_there_after_it(market: Market) -> None:
    lock = locked(market, market.tina, price=100)
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), market.admin_id)
    back = locked(market, market.tina, price=50)
    market.one(VerifyDelivery(lock_utid=back.utid, outcome="late", reason=REASON), market.admin_id)
    market.one(ReverseLock(lock_utid=back.utid, reason=REASON), market.admin_id)
    rows = market.books.database.query(
        "SELECT number, type, amount_ugx, capital_after, locked_after, profit_after FROM wallet_ledger "
        "WHERE trader_id = ? ORDER BY number",
        (market.tina,),
    )
    assert rows == [
        (1, "capital_deposit", 2_000_000, 2_000_000, 0, 0),
        (2, "capital_lock", 1_000, 1_999_000, 1_000, 0),
        (3, "settlement", 1_000, 1_999_000, 0, 0),
        (4, "capital_lock", 500, 1_998_500, 500, 0),
        (5, "capital_unlock", 500, 1_999_000, 0, 0),
    ]
    earned = market.books.database.query(
        "SELECT number, type, amount_ugx, balance_after FROM farmer_ledger WHERE farmer_id = ?",
        (market.farmer,),
    )
    assert earned == [(1, "settlement", 1_000, 1_000)]


@pytest.mark.rule("ledger.correction", "ledger.never-negative", "ledger.no-zero-rows")
def test_only_the_operator_corrects_for_an_incident_and_takes_no_more_than_is_there(market: Market) -> None:
    tina = market.books.user(market.tina)
    assert tina is not None

    def by(actor: int, amount: int, bucket: str = "capital") -> str:
        command = Correct(
            finding="F-1",
            incident="INC-7",
            reason=REASON,
            account=tina.alias,
            bucket=bucket,
            amount_ugx=amount,
        )
        return market.code(command, actor)

    operator = market.market.operator.id
    for nobody in (market.admin_id, market.tina, market.farmer):
        assert by(nobody, -1) in ("invalid-role", "not-admin")
    assert by(operator, 0) == "validation-failed"
    assert by(operator, -1, "earnings") == "validation-failed"
    # More than is there: what is there is taken, and where nothing is no row is written.
    assert by(operator, -2_000_001) == "accepted"
    assert by(operator, -1) == "accepted"
    assert by(operator, -1, "profit") == "accepted"
    rows = market.books.database.query(
        "SELECT type, amount_ugx, capital_after, incident FROM wallet_ledger WHERE trader_id = ? ORDER BY number",
        (market.tina,),
    )
    assert rows[-1] == ("capital_correction", -2_000_000, 0, "INC-7")
    journal = market.books.database.query(
        "SELECT arguments, reason FROM journal WHERE command = 'correct' ORDER BY n"
    )[0]
    assert '"F-1"' in str(journal[0])


@pytest.mark.rule("exposure.curable")
def test_what_stands_above_the_limit_comes_down_step_by_step_while_no_lock_passes(market: Market) -> None:
    locks = [locked(market, market.tina, price=price) for price in (60_000, 30_000)]
    for lock in locks:
        market.one(VerifyDelivery(lock_utid=lock.utid, outcome="late", reason=REASON), market.admin_id)
    owner = open_database(market.data, "market", role="owner")
    with owner.transaction("write"):
        # As a fault in some row would leave it.
        owner.execute("UPDATE trader_state SET exposure_ugx = 1900000 WHERE trader_id = ?", (market.tina,))
    owner.close()
    small = PayToLock(unit_id=unit_of(market, price=1))
    assert market.code(small, market.tina) == "spend-cap-exceeded"
    market.one(ReverseLock(lock_utid=locks[0].utid, reason=REASON), market.admin_id)
    assert market.books.wallet(market.tina).exposure_ugx == 1_300_000
    assert market.code(small, market.tina) == "spend-cap-exceeded"
    market.one(ReverseLock(lock_utid=locks[1].utid, reason=REASON), market.admin_id)
    assert market.books.wallet(market.tina).exposure_ugx == 1_000_000
    assert market.code(small, market.tina) == "spend-cap-exceeded"
    assert market.code(Deposit(amount_ugx=1_000, provider="mtn", external_ref="E"), market.tina) == "accepted"
