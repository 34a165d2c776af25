"""Who reads whose name and telephone number is written down before they leave, and never what was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.market.test_offers_and_money_out import earned
from tests.worlds.books import Market
from watchkeeper.base.clock import Instant
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.boundary.gates import open_gate
from watchkeeper.interfaces.market_web import money_out
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.intake import Intake
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.switching import Switching
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.containment.imposing import Stop

NAME, PHONE = "Nakato Distinctive", "+256 700 999888"


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data)
    yield found
    found.books.close()


def serving(market: Market) -> tuple[MarketServices, Session]:
    system_id, books = market.market.system_id, market.books.database
    switching = Switching(market.data, system_id=system_id, books=books, clock=market.clock)
    housekeeping = Housekeeping(
        market.data, system_id=system_id, books=books, switching=switching, clock=market.clock
    )
    intake = Intake(market.executor, lease=market.lease, housekeeping=housekeeping, clock=market.clock)
    services = MarketServices(
        market.data, system_id=system_id, intake=intake, lease=market.lease, clock=market.clock
    )
    user = market.books.user(market.market.operator.id)
    assert user is not None
    at = Instant(market.clock.now())
    session = Session("s", user, user.session_generation, at, at, at)
    with services.handles().identities.transaction("write"):
        services.handles().identities.execute(
            "INSERT INTO identities (user_id, alias, name, phone, email) VALUES (?, ?, ?, ?, '')",
            (market.farmer, "far_x", NAME, PHONE),
        )
    return services, session


@pytest.mark.rule("journal.query-log", "identity.read-by")
def test_a_read_of_the_payout_list_is_logged_by_fields_and_aliases_without_a_value(market: Market) -> None:
    alias = earned(market)
    services, session = serving(market)
    services.intake.start()
    try:
        listed = money_out.payouts(session, services)["payouts"]
    finally:
        services.intake.stop()
    assert listed == [{"account": alias, "earnings_ugx": 10_000, "name": NAME, "phone": PHONE}]
    rows = market.books.database.query("SELECT actor, query, fields, subjects FROM query_log")
    assert rows == [(session.user.alias, "payouts", "name phone", alias)]


@pytest.mark.rule("journal.query-log")
def test_where_the_read_cannot_be_logged_no_identity_leaves(market: Market) -> None:
    earned(market)
    services, session = serving(market)
    services.intake.start()
    services.intake.stop()
    with pytest.raises(Refusal) as refused:
        money_out.payouts(session, services)
    assert refused.value.code == "busy"
    assert market.books.database.query("SELECT 1 FROM query_log") == []


def test_a_restricted_query_gives_an_admin_nothing_and_the_operator_everything(market: Market) -> None:
    alias = earned(market)
    services, operator = serving(market)
    admin = market.books.user(market.market.admin.id)
    assert admin is not None
    session = replace(operator, user=admin)
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")
    stop = Stop("3.3", Scope("query", "payouts"), frozenset({OperationClass.READ}), "an admin read names")
    services.intake.start()
    try:
        assert money_out.payouts_by_alias(session, services, after=0, limit=50)["payouts"]
        imposing.impose(gate, stop, clock=market.clock)
        logged = market.books.database.one("SELECT count(*) FROM query_log")
        with pytest.raises(Refusal) as refused:
            money_out.payouts_by_alias(session, services, after=0, limit=50)
        assert refused.value.code == "operation-restricted"
        assert market.books.database.one("SELECT count(*) FROM query_log") == logged
        assert alias in str(money_out.payouts(operator, services)["payouts"])
    finally:
        services.intake.stop()
        gate.close()
