"""Where a visitor comes from: from the connection, or from what a proxy on this machine says; and a proxy that does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.office import Office, code_of
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
