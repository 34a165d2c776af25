"""Whoever was a farmer and is something else now: the old ledger by its name, and none for a buyer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.worlds.books import REASON
from tests.worlds.office import Office, Someone, code_of
from watchkeeper.base.clock import kampala
from watchkeeper.market.commands import (
    ChangeRole,
    Command,
    CreateListing,
    Payout,
    PayToLock,
    VerifyDelivery,
)


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    yield found
    found.close()


def does(office: Office, command: Command, actor_id: int) -> str:
    return office.intake.submit(office.market.act(command, actor_id)).result(10).utid


@pytest.fixture
def former(office: Office) -> Someone:
    """A farmer who was paid and whose role became another: the ledger has two entries and nothing is left in it."""
    market = office.market
    farmer = office._enrolled(market.farmer, "Faith Farmer")
    listed = does(office, CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), farmer.id)
    (unit,) = market.books.database.query("SELECT id FROM units WHERE utid = ?", (listed,))[0]
    lock = does(office, PayToLock(unit_id=int(str(unit))), market.tina)
    does(office, VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON), market.admin_id)
    paid = Payout(account=farmer.alias, amount_ugx=1000, provider="cash", external_ref="1", reason=REASON)
    does(office, paid, market.admin_id)
    becomes(office, farmer, "trader")
    return farmer


def becomes(office: Office, person: Someone, role: str) -> None:
    does(office, ChangeRole(account=person.alias, role=role, reason=REASON), office.market.admin_id)
    assert office.sign_in(person).status_code == 201


def page(office: Office, person: Someone, path: str) -> httpx.Response:
    office.http.cookies.clear()
    return office.http.get(path, headers={"cookie": f"wk_session={person.token}"})


def test_the_ledger_of_before_is_read_by_its_name(office: Office, former: Someone) -> None:
    document = office.get(former, "/v1/statement?ledger=farmer").json()
    assert (document["role"], document["ledger"]) == ("trader", "farmer")
    assert [entry["type"] for entry in document["entries"]] == ["settlement", "payout"]
    assert document["after"] == {"earnings_ugx": 0}
    # Without a name it is the ledger of the role that one has, which is empty.
    assert office.get(former, "/v1/statement").json()["entries"] == []
    assert "/statement?ledger=farmer" in page(office, former, "/me").text
    shown = page(office, former, "/statement?ledger=farmer&first_day=")
    for entry in document["entries"]:
        assert entry["utid"] in shown.text
    listed = page(office, former, "/statement.csv?ledger=farmer&first_day=")
    assert listed.headers["content-type"].startswith("text/csv")
    assert document["entries"][0]["utid"] in listed.text
    assert page(office, former, "/statement?ledger=journal").status_code == 422


def test_a_buyer_reads_no_amount_of_before(office: Office, former: Someone) -> None:
    becomes(office, former, "buyer")
    assert code_of(office.get(former, "/v1/statement?ledger=farmer")) == "invalid-role"
    for path in ("/statement?ledger=farmer", "/statement.csv?ledger=farmer"):
        assert page(office, former, path).status_code == 403
    assert "/statement" not in page(office, former, "/me").text


def test_the_operator_asks_for_anybodys_ledger_by_its_name(office: Office, former: Someone) -> None:
    assert office.sign_in(office.operator).status_code == 201
    path = f"/v1/users/{former.alias}/statement"
    becomes(office, former, "buyer")
    named = office.get(office.operator, f"{path}?ledger=farmer").json()
    assert [entry["amount_ugx"] for entry in named["entries"]] == [1000, 1000]
    assert code_of(office.get(office.operator, path)) == "validation-failed"
    assert code_of(office.get(office.operator, "/v1/users/tra_aaaaaa/statement")) == "user-not-found"
    assert code_of(office.get(former, f"{path}?ledger=farmer")) == "invalid-role"


def test_the_page_says_its_days_and_when_it_was_issued(office: Office, former: Someone) -> None:
    today = kampala(office.clock.now())[:10]
    shown = page(office, former, "/statement?ledger=farmer").text
    # Days that nobody named are those of this month.
    assert f"from {today[:8]}01 to the day of issue" in shown
    assert re.search(rf"Issued {today} \d\d:\d\d:\d\d", shown)
    named = page(office, former, "/statement?first_day=2026-01-01&last_day=2026-01-31").text
    assert "from 2026-01-01 to 2026-01-31" in named
    assert 'value="2026-01-31"' in named
    for days in ("first_day=2026-02-02&last_day=2026-02-01", "first_day=yesterday", "first_day=2026-02-30"):
        answer = page(office, former, f"/statement?{days}")
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True), days


def test_an_ended_session_leads_to_the_sign_in_and_not_to_a_problem(office: Office, former: Someone) -> None:
    office.later(25 * 60)
    for path in ("/statement", "/statement.csv"):
        answer = page(office, former, path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?ended=yes")
