"""Where a visitor comes from: from the connection, or from what a proxy on this machine says; and a proxy that does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.worlds.office import Office, code_of
from watchkeeper.interfaces.market_web.visitors import Named, Visitors
from watchkeeper.market.signin.sign_in import ADDRESS_ATTEMPTS_MAX


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    yield found
    found.close()


def tried(office: Office, alias: str, **headers: str) -> str:
    office.http.cookies.clear()
    answer = office.http.post(
        "/v1/sessions",
        json={"alias": alias, "password": "never was it this"},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    return code_of(answer)


def operators_home(office: Office) -> str:
    office.http.cookies.clear()
    return office.http.get("/operator", headers={"cookie": f"wk_session={office.operator.token}"}).text


def test_the_address_is_the_last_one_that_the_proxy_names(office: Office) -> None:
    assert tried(office, "tra_aaaaaa", x_forwarded_for="198.51.100.7, 203.0.113.9") == "unauthenticated"
    assert tried(office, "tra_aaaaaa") == "unauthenticated"
    rows = office.market.books.database.query("SELECT address FROM sign_in_attempts ORDER BY id")
    assert [row[0] for row in rows] == ["203.0.113.9", "127.0.0.1"]


@pytest.mark.rule("pace.sign-in")
def test_a_hundred_tries_of_one_visitor_leave_the_others_theirs(office: Office) -> None:
    note = office.intake.note_attempt
    for _ in range(ADDRESS_ATTEMPTS_MAX):
        noted = note(account="tra_aaaaaa", address="203.0.113.9", kind="sign_in", outcome="refused")
    noted.result(10)
    assert tried(office, "tra_bbbbbb", x_forwarded_for="203.0.113.9") == "rate-limit-exceeded"
    assert tried(office, "tra_bbbbbb", x_forwarded_for="203.0.113.10") == "unauthenticated"


def test_a_proxy_that_names_nobody_is_noticed_and_the_operator_is_told(office: Office) -> None:
    assert office.sign_in(office.operator).status_code == 201
    named = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    assert office.http.get("/livez", headers=named).status_code == 200
    assert "X-Forwarded-For" not in operators_home(office)
    assert office.http.get("/livez", headers={"x-forwarded-proto": "https"}).status_code == 200
    assert "X-Forwarded-For" in operators_home(office)
    # Repaired, it is not told any more.
    assert office.http.get("/livez", headers=named).status_code == 200
    assert "X-Forwarded-For" not in operators_home(office)


@pytest.mark.parametrize(("peer", "unnamed"), [("127.0.0.1", True), ("::1", True), ("203.0.113.9", False)])
def test_only_a_proxy_on_this_machine_is_asked_for_whom_it_asks(peer: str, unnamed: bool) -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await Response()(scope, receive, send)

    visitors = Visitors()
    transport = httpx.ASGITransport(Named(answers, visitors=visitors), client=(peer, 4711))

    async def asks() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://market") as http:
            assert (await http.get("/", headers={"via": "1.1 somebody"})).status_code == 200

    asyncio.run(asks())
    assert visitors.unnamed is unnamed


@pytest.mark.rule("pace.host-open")
def test_whoever_calls_himself_the_host_is_unknown(office: Office) -> None:
    assert tried(office, "tra_aaaaaa", x_forwarded_for="host") == "unauthenticated"
    assert office.market.books.database.query("SELECT address FROM sign_in_attempts") == [("unknown",)]
