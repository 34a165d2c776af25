"""The page in a real browser, on a phone: live without a reload, readable, played through by its buttons."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.waiting import until
from tests.worlds.browser import DESK, PHONE, Tab, browser, tab
from tests.worlds.clicking import cure, sign_in
from tests.worlds.system import REASON, System
from watchkeeper.bootstrap.demo import sabotage


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
    yield found
    found.page.context.close()


def enter(phone: Tab, system: System) -> None:
    sign_in(
        phone.page,
        system.control,
        alias=system.operator.alias,
        password=system.operator.password,
        code=system.operator_codes.pop(),
    )


def test_a_sabotage_is_seen_live_and_cured_by_the_buttons(phone: Tab, system: System) -> None:
    enter(phone, system)
    page = phone.page
    expect(page.locator(".banner")).to_contain_text("All checks hold")
    system.sabotage(sabotage.edited(system.traders[0].alias, system.engine))
    expect(page.locator(".banner.BROKEN")).to_contain_text("A rule is broken")
    expect(page.locator("td.differs", has_text="390000")).to_be_visible()
    expect(page.get_by_text("seen", exact=False).first).to_be_visible()
    system.farmer.post("/v1/listings", {"produce": "Beans", "grams": 20_000, "price_ugx_per_kg": 3000})
    expect(page.locator(".banner")).to_contain_text(re.compile("Goes on.*1 create listing"))
    expect(page.locator(".banner")).to_contain_text("Stopped: deposit, withdraw, lock")
    cure(page)
    page.goto(system.control)
    expect(page.locator(".banner.HOLDS")).to_contain_text("All checks hold")
    expect(page.get_by_text("signed commit")).to_be_visible()
    assert phone.errors == []


def test_no_page_is_wider_than_a_phone_and_none_makes_an_error(phone: Tab, system: System) -> None:
    enter(phone, system)
    if not system.operator.overview()["runs"]:
        system.sabotage(sabotage.deleted(system.traders[1].alias, system.engine))
    phone.page.locator(".banner.BROKEN").wait_for()
    overview = until(lambda: (o := system.operator.overview())["runs"] and o, what="the playbook is open")
    run, incident = overview["runs"][0], overview["runs"][0]["incident"]
    paths = [
        "/",
        "/controls",
        "/payments",
        "/incidents",
        "/journal",
        "/coverage",
        "/measures",
        f"/playbooks/{run['id']}",
        f"/incidents/{incident}",
    ]
    paths += [f"/findings/{finding['id']}" for finding in run["findings"]]
    wide = {}
    for path in paths:
        answer = phone.page.goto(f"{system.control}{path}")
        assert answer is not None
        assert answer.status == 200, path
        if phone.sideways():
            wide[path] = phone.sideways()
    assert wide == {}
    assert phone.errors == []
    phone.page.goto(system.control)
    cure(phone.page)


def test_a_page_that_hears_nothing_says_so(phone: Tab, system: System) -> None:
    enter(phone, system)
    expect(phone.page.locator("#live")).to_have_text("live")
    control = system.pid("control")
    os.kill(control, signal.SIGSTOP)
    try:
        expect(phone.page.locator("#live")).to_contain_text("what you see is old", timeout=20_000)
        expect(phone.page.locator("#overview")).to_have_class(re.compile("stale"))
    finally:
        os.kill(control, signal.SIGCONT)
    expect(phone.page.locator("#live")).to_have_text("live", timeout=60_000)


def test_a_page_whose_script_did_not_come_says_of_when_it_is(phone: Tab, system: System) -> None:
    """It once said that it was live until a script said otherwise, and a control room that stopped first was live for ever."""
    phone.page.route("**/static/page.js", lambda route: route.abort())
    enter(phone, system)
    expect(phone.page.locator("#live")).to_contain_text(re.compile(r"^as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"))
    phone.page.unroute("**/static/page.js")
    phone.page.reload()
    expect(phone.page.locator("#live")).to_have_text("live")


def test_a_person_enrols_on_the_page_and_the_link_is_spent(chromium: Browser, system: System) -> None:
    answer = system.admin.post("/v1/users", {"role": "trader", "reason": REASON})
    desk = tab(chromium, DESK)
    page = desk.page
    page.goto(f"{system.market}{answer['enrolment']}")
    page.get_by_label("Your name").fill("Grace Nakato")
    page.get_by_label("Phone").fill("+256 700 123456")
    page.get_by_label("Password").fill("mangoes in the morning rain")
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_role("heading")).not_to_contain_text("Enrol as")
    expect(page.locator("body")).to_contain_text(str(answer["alias"]))
    assert desk.errors == []
    assert desk.sideways() == 0
    page.goto(f"{system.market}{answer['enrolment']}")
    expect(page.locator("body")).to_contain_text("This link was used")
    assert page.locator("form").count() == 0
    page.context.close()


def test_an_intruders_form_and_a_stolen_page_do_nothing(chromium: Browser, system: System) -> None:
    desk = tab(chromium, DESK)
    enter(desk, system)
    page = desk.page
    before = system.operator.overview()["switches"]
    # Another site of the same browser posts a form; the cookie does not travel and the mark is not known.
    page.goto(system.market + "/openapi.json")
    page.evaluate(
        """(target) => { const form = document.createElement("form"); form.method = "post"; form.action = target;
        for (const [name, value] of [["action", "switch"], ["switch", "shutdown"], ["turn", "engage"], ["reason", "xxxxxxxxxxxx"]]) {
        const field = document.createElement("input"); field.name = name; field.value = value; form.append(field); }
        document.documentElement.append(form); form.submit(); }""",
        f"{system.control}/act",
    )
    page.wait_for_load_state()
    assert [s["engaged"] for s in system.operator.overview()["switches"]] == [s["engaged"] for s in before]
    page.context.close()
