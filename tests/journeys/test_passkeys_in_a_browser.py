"""Passkeys in a real browser with a virtual device: added, signed in with, fresh by them, removed; forms without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.worlds.browser import PHONE, Tab, browser, tab
from tests.worlds.office import WORD, Office
from tests.worlds.system import System
from watchkeeper.interfaces.market_web.auth import COOKIE, csrf


@pytest.fixture(scope="module")
def system(system_apart: System) -> System:
    """Its own: others use up the operator's recovery codes and the pilot's places."""
    return system_apart


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Tab]:
    found = tab(chromium, PHONE)
    _device(found.page)
    yield found
    found.page.context.close()


def _device(page: Page) -> None:
    """A device that its owner unlocks whenever it is asked."""
    wire = page.context.new_cdp_session(page)
    wire.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def by_name(address: str) -> str:
    """The same address as a browser takes it for a site."""
    return address.replace("127.0.0.1", "localhost") + "/passkeys"


def sign_in(page: Page, *, alias: str, password: str, code: str = "") -> None:
    page.get_by_label("Alias").fill(alias)
    page.get_by_label("Password").fill(password)
    if code:
        page.get_by_label("Six digits or").fill(code)
        page.get_by_role("button", name="Sign in", exact=True).click()
    else:
        page.get_by_role("button", name="Sign in with a passkey").click()


def add(page: Page, name: str) -> None:
    page.get_by_label("A name by which").fill(name)
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_is_added_signs_in_and_is_removed(phone: Tab, system: System) -> None:
    page, operator = phone.page, system.operator
    page.goto(f"{system.market}/passkeys")
    expect(page.get_by_text("Passkeys work under")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    page.get_by_role("link", name="localhost").click()
    sign_in(page, alias=operator.alias, password=operator.password, code=system.operator_codes.pop())
    expect(page.get_by_text("You have none yet.")).to_be_visible()
    add(page, "my <b>phone</b>")
    expect(page.get_by_text("my <b>phone</b>", exact=True)).to_be_visible()
    expect(page.get_by_text("not used yet")).to_be_visible()
    assert phone.sideways() == 0
    page.context.clear_cookies()
    page.reload()
    sign_in(page, alias=operator.alias, password=operator.password)
    expect(page.get_by_text("last used")).to_be_visible()
    assert phone.errors == []
    # The same device has one for this account already.
    add(page, "again")
    expect(page.get_by_role("alert")).to_contain_text("has a passkey for this account already")
    page.get_by_role("button", name="Remove my").click()
    expect(page.get_by_text("You have none yet.")).to_be_visible()
    assert phone.errors == []
    page.context.clear_cookies()
    page.reload()
    sign_in(page, alias=operator.alias, password=operator.password)
    expect(page.get_by_role("alert")).to_contain_text("Alias, password or code are not right.")
    # The browser reports the refused request, and nothing else went wrong.
    assert len(phone.errors) == 1
    assert "401" in phone.errors[0]


@pytest.fixture
def office(data: Path) -> Iterator[Office]:
    found = Office(data)
    yield found
    found.close()


def test_a_stale_second_factor_is_fresh_again_by_the_passkey(phone: Tab, office: Office) -> None:
    page = phone.page
    page.goto(f"{office.site.origin}/passkeys")
    sign_in(page, alias=office.admin.alias, password=WORD, code=office.admin.recovery.pop())
    add(page, "my phone")
    expect(page.get_by_role("button", name="Remove my phone")).to_be_visible()
    office.later(6)
    page.reload()
    expect(page.get_by_role("button", name="Remove my phone")).to_be_hidden()
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("button", name="Remove my phone")).to_be_visible()
    assert phone.errors == []


def test_without_scripts_the_forms_say_what_is_wrong_and_other_sites_send_none(office: Office) -> None:
    ours = {"sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=office.http.base_url, trust_env=False, timeout=60) as http:
        assert "Sign in" in http.get("/passkeys").text
        wrong = http.post("/passkeys/sign-in", data={"alias": office.admin.alias}, headers=ours)
        assert (wrong.status_code, "are not right" in wrong.text) == (401, True)
        good = {"alias": office.admin.alias, "password": WORD, "code": office.admin.recovery.pop()}
        foreign = http.post("/passkeys/sign-in", data=good, headers={"sec-fetch-site": "cross-site"})
        assert (foreign.status_code, foreign.headers.get("set-cookie")) == (403, None)
        entered = http.post("/passkeys/sign-in", data=good, headers=ours)
        assert (entered.status_code, entered.headers["location"]) == (303, "/passkeys")
        shown = http.get("/passkeys").text
        assert f"You are <b>{office.admin.alias}</b>" in shown
        unmarked = http.post("/passkeys/removal", data={"passkey": "x" * 12}, headers=ours)
        assert (unmarked.status_code, "another site" in unmarked.text) == (403, True)
        mark = {"csrf": csrf(http.cookies[COOKIE])}
        gone = http.post("/passkeys/removal", data=mark | {"passkey": "x" * 12}, headers=ours)
        assert (gone.status_code, "no such passkey" in gone.text) == (404, True)
        office.later(6)
        stale = http.post("/passkeys/removal", data=mark | {"passkey": "x" * 12}, headers=ours)
        assert (stale.status_code, "second factor" in stale.text) == (403, True)
        digits = http.post("/passkeys/second-factor", data=mark | {"code": "000000"}, headers=ours)
        assert (digits.status_code, "not right" in digits.text) == (403, True)
        assert (
            http.post("/passkeys/removal", data=mark | {"passkey": "\x00"}, headers=ours).status_code == 422
        )
        assert http.post("/passkeys/removal", json={}, headers=ours).status_code == 415
        http.cookies.clear()
        trader = {"alias": office.trader.alias, "password": WORD, "code": ""}
        assert http.post("/passkeys/sign-in", data=trader, headers=ours).status_code == 303
        assert http.get("/passkeys").status_code == 403
