"""The market's pages by plain forms: who may see what, pressed twice, from elsewhere, with fields of somebody's own making."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import APIRouter

from tests.waiting import until
from tests.worlds.market_pages import REASON, Visitor, stale
from tests.worlds.system import System
from watchkeeper.bootstrap.demo.client import Person
from watchkeeper.interfaces.market_web import pages
from watchkeeper.interfaces.market_web.app import livez
from watchkeeper.interfaces.market_web.auth import RouteWithoutRoles, check_declared, may

ROLES = ("farmer", "trader", "buyer", "admin", "operator")


def addresses() -> dict[str, list[str]]:
    """Every page that has roles, and these."""
    found: dict[str, list[str]] = {}
    for route in pages.router.routes:
        roles = getattr(route, "openapi_extra", {}).get("x-roles")
        if roles:
            found[str(getattr(route, "path", ""))] = roles
    return found


@pytest.fixture(scope="module")
def system(system_apart: System) -> System:
    return system_apart


@pytest.fixture(scope="module")
def people(system: System) -> Iterator[dict[str, Visitor]]:
    """One of each role."""
    word = system.farmer.password
    buyer = system.invited("buyer", 77, word)
    found = {
        "farmer": Visitor(system, alias=system.farmer.alias, password=word),
        "trader": Visitor(system, alias=system.traders[0].alias, password=word),
        "buyer": Visitor(system, alias=buyer.alias, password=word),
        "admin": Visitor(system, alias=system.admin.alias, password=word, code=system.admin_codes.pop()),
        "operator": Visitor(
            system, alias=system.operator.alias, password=word, code=system.operator_codes.pop()
        ),
    }
    yield found
    for visitor in found.values():
        visitor.http.close()


def test_each_page_is_for_its_roles_alone_and_whoever_is_signed_out_signs_in(
    system: System, people: dict[str, Visitor]
) -> None:
    assert len(addresses()) >= 15
    nobody = Visitor(system)
    for path, roles in addresses().items():
        for role in ROLES:
            answer = people[role].http.get(path, params={"alias": system.farmer.alias})
            assert answer.status_code == (200 if role in roles else 403), f"{role} {path}"
            kind = "text/csv" if path.endswith(".csv") and role in roles else "text/html"
            assert answer.headers["content-type"].startswith(kind)
        for answer in (nobody.http.get(path), nobody.http.post(path, data={"action": "list"})):
            assert answer.status_code in (303, 405)
            assert answer.headers.get("location", "/sign-in") == "/sign-in"
    # The role comes before any look-up: what there is and what there is not look the same.
    for alias in (system.admin.alias, "adm_000000"):
        refused = people["trader"].http.get("/account", params={"alias": alias})
        assert (refused.status_code, alias in refused.text) == (403, False)
    for role in ROLES:
        assert people[role].home == f"/{role}"
        assert people[role].http.get("/").headers["location"] == f"/{role}"


def test_a_page_that_does_not_say_who_may_see_it_refuses_the_start() -> None:
    check_declared(pages.router)
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/declared", livez, openapi_extra=may("farmer"))
    check_declared(router)
    router.add_api_route("/left-open", livez)
    with pytest.raises(RouteWithoutRoles, match="/left-open"):
        check_declared(router)


@pytest.mark.rule("key.first-answer")
def test_a_form_pressed_twice_does_its_thing_once(system: System, people: dict[str, Visitor]) -> None:
    farmer = people["farmer"]
    produce = f"Yams {''.join(secrets.choice('bdfgjklmnpqrstvwxz') for _ in range(8))}"
    form = farmer.forms("/farmer")["list"]
    fields = form | {"produce": produce, "kilograms": "10", "price_ugx_per_kg": "500"}
    answers = _at_once(farmer, "/farmer", fields)
    answers.append(farmer.http.post("/farmer", data=fields))
    assert [answer.status_code for answer in answers] == [303] * 5
    assert len({answer.headers["location"] for answer in answers}) == 1
    listings: Any = system.farmer.get("/v1/listings?limit=200")["listings"]
    assert [row["produce"] for row in listings].count(produce) == 1
    # The same press with something else in it is another wish, and is refused with a key for the next try.
    changed = farmer.http.post("/farmer", data=fields | {"kilograms": "20"})
    assert changed.status_code == 422
    assert fields["key"] not in changed.text
    # A switch knows no keys; its second press is caught all the same.
    admin = people["admin"]
    before = _flips(system)
    fields = admin.forms("/admin/market")["pilot-on"] | {"reason": REASON}
    assert len({answer.headers["location"] for answer in _at_once(admin, "/admin/market", fields)}) == 1
    until(lambda: _flips(system) > before, what="the flip is recorded")
    assert _flips(system) == before + 1
    system.admin.post("/v1/pilot-mode", {"engaged": False, "reason": REASON})


def _at_once(visitor: Visitor, path: str, fields: dict[str, str]) -> list[httpx.Response]:
    answers: list[httpx.Response] = []
    presses = [
        threading.Thread(target=lambda: answers.append(visitor.http.post(path, data=fields)))
        for _ in range(4)
    ]
    for press in presses:
        press.start()
    for press in presses:
        press.join()
    return answers


def _flips(system: System) -> int:
    actions: Any = system.admin.get("/v1/actions?limit=200")["actions"]
    return len([row for row in actions if "pilot" in str(row["subject"])])


def test_forms_from_elsewhere_and_of_somebodys_own_making_do_nothing(
    system: System, people: dict[str, Visitor]
) -> None:
    trader = people["trader"]
    before = system.traders[0].get("/v1/wallet")
    good = trader.forms("/trader/money")["deposit"] | {
        "amount_ugx": "1000",
        "provider": "mtn",
        "external_ref": secrets.token_hex(6),
    }
    without_mark = {name: text for name, text in good.items() if name != "csrf"}
    cases: list[tuple[int, dict[str, str], dict[str, str]]] = [
        (403, without_mark, {}),
        (403, good | {"csrf": "0" * 64}, {}),
        (403, good | {"csrf": "é"}, {}),
        (403, good | {"csrf": people["farmer"].forms("/farmer")["list"]["csrf"]}, {}),
        (403, good, {"sec-fetch-site": "cross-site"}),
        (403, good, {"sec-fetch-site": "same-site"}),
        (422, good | {"action": "verify"}, {}),
        (422, good | {"action": ""}, {}),
        (422, good | {"key": ""}, {}),
        (422, good | {"key": "../" * 8}, {}),
        (422, good | {"is_admin": "yes"}, {}),
        (422, good | {"amount_ugx": "10.5"}, {}),
        (422, good | {"amount_ugx": "-5"}, {}),
        (422, good | {"amount_ugx": "1e9"}, {}),
        (422, good | {"amount_ugx": "9" * 20}, {}),
        (422, good | {"amount_ugx": "٣٠٠"}, {}),
        (422, good | {"amount_ugx": ""}, {}),
        (422, good | {"provider": "piggy bank"}, {}),
        (422, good | {"external_ref": "x" * 65}, {}),
        (422, good | {"external_ref": "x\x00y"}, {}),
    ]
    for status, fields, headers in cases:
        answer = trader.http.post("/trader/money", data=fields, headers=headers)
        assert answer.status_code == status, (fields, headers, answer.text[:300])
        assert answer.headers["content-type"].startswith("text/html")
    assert trader.http.post("/trader/money", json=good).status_code == 415
    old_browser = httpx.Client(base_url=system.market, trust_env=False, cookies=trader.http.cookies)
    assert (
        old_browser.post("/trader/money", data=good, headers={"origin": "https://evil.example"}).status_code
        == 403
    )
    assert system.traders[0].get("/v1/wallet") == before
    # A browser that names no site at all, as over plain HTTP, has its form's mark.
    assert old_browser.post("/trader/money", data=good, headers={"origin": "null"}).status_code == 303
    old_browser.close()


def test_an_address_of_somebodys_own_making_leads_nowhere_and_claims_nothing(
    system: System, people: dict[str, Visitor]
) -> None:
    farmer, trader = people["farmer"], people["trader"]
    own = farmer.send("/farmer", "list", produce="Millet", kilograms=10, price_ugx_per_kg=400)
    assert re.fullmatch(r"/farmer\?did=list&utid=[0-9a-z-]{26}", own.headers["location"])
    assert "Your produce is on the market." in farmer.read(own.headers["location"])
    utid = own.headers["location"].rpartition("=")[2]
    for path in (
        f"/trader/market?did=lock&utid={utid}",
        "/trader/market?did=lock",
        "/trader/market?did=lock&utid=20200101-000000-tra-000000",
        "/trader/market?did=<script>&utid=<script>",
    ):
        assert 'role="status"' not in trader.read(path)
    for path in ("/trader/market?after=-1", "/trader/market?after=x", f"/trader/market?after={'9' * 30}"):
        assert trader.http.get(path).status_code == 422
    for asked, status in (
        ("<script>alert(1)</script>", 422),
        (utid, 404),
        ("20200101-000000-tra-000000", 404),
    ):
        page = trader.http.get("/trace", params={"utid": asked})
        assert (page.status_code, "<script>" in page.text) == (status, False)
        assert 'role="alert"' in page.text
    evil = {"host": "evil.example"}
    assert trader.http.get("/", headers=evil).headers["location"] == "/trader"


def test_signing_in_has_its_own_mark_and_the_cookie_is_out_of_reach(system: System) -> None:
    visitor = Visitor(system)
    first = visitor.http.get("/sign-in")
    assert "no-store" in first.headers["cache-control"]
    form = visitor.forms("/sign-in")[""]
    right = form | {"alias": system.farmer.alias.upper(), "password": system.farmer.password, "code": ""}
    assert visitor.http.post("/sign-in", data=right | {"csrf": "0" * 64}).status_code == 403
    assert Visitor(system).http.post("/sign-in", data=right).status_code == 403
    wrong = visitor.http.post("/sign-in", data=right | {"password": "<b>nothing that is right</b>"})
    assert wrong.status_code == 401
    assert system.farmer.alias.upper() in wrong.text
    assert "nothing that is right" not in wrong.text
    answers = _at_once(visitor, "/sign-in", right)
    assert {answer.headers.get("location") for answer in answers} == {"/farmer"}
    cookies = {answer.headers["set-cookie"].partition(";")[0] for answer in answers}
    assert len(cookies) == 1
    for word in ("httponly", "samesite=strict", "path=/"):
        assert word in answers[0].headers["set-cookie"].lower()
    assert "secure" not in answers[0].headers["set-cookie"].lower()
    behind_tls = Visitor(system)
    fields = behind_tls.forms("/sign-in")[""] | right
    fields |= {name: behind_tls.forms("/sign-in")[""][name] for name in ("csrf", "key")}
    answer = behind_tls.http.post("/sign-in", data=fields, headers={"x-forwarded-proto": "https"})
    assert (answer.status_code, "secure" in answer.headers["set-cookie"].lower()) == (303, True)


def test_a_password_is_changed_and_other_sessions_end(system: System) -> None:
    word, new = system.farmer.password, "mangoes in the evening rain"
    buyer = system.invited("buyer", 78, word)
    here, there = (Visitor(system, alias=buyer.alias, password=word) for _ in range(2))
    assert here.send("/me", "password", old_password="never was it this", password=new).status_code == 403
    refused = here.send("/me", "password", old_password=word, password="short")
    assert refused.status_code == 422
    assert word not in refused.text
    done = here.send("/me", "password", old_password=word, password=new)
    assert done.headers["location"] == "/me?did=password"
    assert "Your password is changed" in here.read("/me?did=password")
    ended = there.http.get("/buyer")
    assert (ended.status_code, ended.headers["location"]) == (303, "/sign-in?ended=yes")
    assert "Your session has ended" in there.read("/sign-in?ended=yes")
    other = Visitor(system, alias=buyer.alias, password=new)
    (short,) = [form for form in here.forms("/me") if form.startswith("end-")]
    assert here.send("/me", short).status_code == 303
    assert other.http.get("/buyer").status_code == 303


def test_a_code_that_was_handed_over_sets_a_password(system: System, people: dict[str, Visitor]) -> None:
    buyer = system.invited("buyer", 79, system.farmer.password)
    answer = people["admin"].http.post(
        "/account",
        params={"alias": buyer.alias},
        data=people["admin"].forms(f"/account?alias={buyer.alias}")["reset"]
        | {"reason": REASON}
        | _code(system, people["admin"]),
    )
    assert answer.status_code == 201, answer.text
    code = re.search(r"<li>(.+?)</li>", answer.text)
    assert code is not None
    visitor, new = Visitor(system), "bananas before the long rain"
    fields = visitor.forms("/reset")[""] | {"alias": buyer.alias, "code": code[1], "password": new}
    assert visitor.http.post("/reset", data=fields | {"code": "wrong"}).status_code == 401
    answer = visitor.http.post("/reset", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?new=yes")
    Person(system.market, alias=buyer.alias, password=new, secret=None, run="p").sign_in()


def _code(system: System, admin: Visitor) -> dict[str, str]:
    """The six digits where the session asks for them again."""
    if 'name="code"' not in admin.read(f"/account?alias={system.traders[1].alias}"):
        return {}
    return {"code": pyotp.TOTP(str(system.admin.secret)).now()}


@pytest.mark.rule("factor.fresh")
def test_what_is_grave_asks_for_the_six_digits_again(system: System, people: dict[str, Visitor]) -> None:
    admin, alias = people["admin"], system.traders[1].alias
    path = f"/account?alias={alias}"
    stale(system.data, system.admin.alias)
    assert admin.send(path, "suspend", reason=REASON).status_code == 303
    form = admin.forms(path)["unsuspend"]
    assert form["code"] == ""
    for code in ("", "000000"):
        refused = admin.http.post(path, data=form | {"reason": REASON, "code": code})
        assert refused.status_code == 403
        assert REASON in refused.text

    # A code works once, and this half minute's may have been used already: the next one was not.
    app = pyotp.TOTP(str(system.admin.secret))
    old = app.now()
    until(lambda: app.now() != old, seconds=60, what="the next code")
    fields = form | {"reason": REASON, "code": app.now()}
    answers = [admin.http.post(path, data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == answers[1].headers["location"]
    system.traders[1].sign_in()
