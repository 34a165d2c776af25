"""Every route by everybody: who may not call it is told that before anything is looked up, and nothing else.

The routes come from the router itself. A new one is asked by itself; one that these tests cannot call fails them with a
sentence that says what to add.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter

from tests.worlds.asking import (
    NOTHING,
    Asker,
    at,
    bearer,
    by_cookie,
    code_of,
    good_body,
    names,
    nowhere,
    page_body,
    pages,
    prefix,
    seen,
    there,
    variants,
)
from tests.worlds.books import digest_of_all
from tests.worlds.documented import operations
from tests.worlds.everything import Everything
from tests.worlds.system import REASON
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, SystemClock
from watchkeeper.interfaces.market_web.auth import RouteWithoutRoles, check_declared
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.market.reading import open_books, system_id_of
from watchkeeper.market.signin import sessions, tokens
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.state import User

ROLES = ("farmer", "trader", "buyer", "admin", "operator")
#: What is said to who may not call a route.
DENIALS = {"unauthenticated", "session-expired", "account-not-active", "invalid-role", "not-admin"}
#: Routes that everybody may call, signed in or not. Who adds one says so here, on purpose.
OPEN = {
    ("post", "/v1/sessions"),
    ("get", "/v1/enrolments/{token}"),
    ("post", "/v1/enrolments/{token}"),
    ("post", "/v1/resets"),
    ("post", "/v1/sessions/options"),
}
#: The same of what the document does not name.
OPEN_PAGES = {
    ("GET", "/enrol/{token}"),
    ("POST", "/enrol/{token}"),
    ("GET", "/"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    # It is its own door: who is not signed in finds a form there.
    ("GET", "/passkeys"),
    ("POST", "/passkeys/sign-in"),
    ("GET", "/reset"),
    ("POST", "/reset"),
}
#: A challenge is made and forgotten; there is nothing else to it.
CHALLENGES = {"/v1/sessions/current/second-factor/options"}
#: Every form has a key of its own, another at each look.
KEYS = re.compile(r'name="key" value="[0-9a-z]{24}"')
#: Everything of this kind is theirs to see.
OVERSEERS = {"admin", "operator"}


@pytest.fixture(scope="module")
def asker(full: Everything) -> Iterator[Asker]:
    found = Asker(full.system.market)
    yield found
    found.close()


@pytest.fixture(scope="module")
def strangers(full: Everything) -> dict[str, tuple[dict[str, str], str]]:
    """Headers of everybody whom no route lets in, and the code that they must get."""
    system = full.system
    clock = SystemClock()
    link = str(full.because("/v1/users", role="farmer")["enrolment"]).rpartition("/")[2]
    deposed = full.person("admin")
    old, idle = full.again(full.people["trader"]), deposed._token
    system_id = system_id_of(system.data)
    books = open_books(system.data, system_id=system_id)
    row = books.one("SELECT u.id, u.alias FROM users u JOIN user_state s ON s.user_id = u.id WHERE s.status = 'invited'")  # fmt: skip
    books.close()
    assert row is not None
    identities = open_identities(system.data, system_id=system_id)
    invited = User(int(str(row[0])), str(row[1]), "farmer", "invited", 0)
    never_active = sessions.begin(identities, invited, second_factor=False, at=clock.now())
    day, hour = (
        seconds * MICROSECONDS_PER_SECOND for seconds in (sessions.LIFE_SECONDS, sessions.IDLE_SECONDS)
    )
    second = MICROSECONDS_PER_SECOND
    with identities.transaction("write"):
        for token, created, seen_at in ((old, day, day), (idle, 0, hour + second)):
            changed = identities.execute(
                "UPDATE sessions SET created_at = created_at - ?, expires_at = expires_at - ?, "
                "last_seen_at = last_seen_at - ? WHERE token_hash = ?",
                (created, created, seen_at, tokens.digest(token)),
            )
            assert changed == 1
    identities.close()
    own_page = {"sec-fetch-site": "same-origin"}
    return {
        "signed out": ({}, "unauthenticated"),
        "a token of nobody": (bearer("nonsense"), "unauthenticated"),
        "a token of other bytes": (bearer("%00' OR 1=1 --; \\xff"), "unauthenticated"),
        "no token": ({"authorization": "Bearer"}, "unauthenticated"),
        "another kind of header": ({"authorization": "Basic dHJhOng="}, "unauthenticated"),
        "a cookie of nobody": ({"cookie": "wk_session=nonsense", **own_page}, "unauthenticated"),
        "a link instead of a session": (bearer(link), "unauthenticated"),
        "an account that is only invited": (bearer(never_active), "session-expired"),
        "a session of a day ago": (bearer(old), "session-expired"),
        "an admin's session that was idle for an hour": (bearer(idle), "session-expired"),
    } | {
        # Of somebody who was deleted not even the session is left.
        name: (bearer(token), "unauthenticated" if name == "deleted" else "session-expired")
        for name, token in full.worthless.items()
    }


def test_the_document_and_the_pages_are_all_routes_that_there_are_and_each_says_who_may(
    full: Everything,
) -> None:
    found = operations(full.system.market, deletions=True)
    unknown = {role for operation in found for role in operation.roles} - set(ROLES)
    assert unknown == set(), f"say in ROLES, and in tests/worlds/everything.py, who they are: {unknown}"
    everybody = {(operation.method, operation.path) for operation in found if not operation.roles}
    assert everybody <= OPEN, f"if everybody is meant, say so in OPEN: {everybody - OPEN}"
    others = {(page.method, page.path) for page in pages() if not page.roles}
    assert others <= OPEN_PAGES, (
        f"if everybody is meant, say so in OPEN_PAGES; else declare their roles: {others - OPEN_PAGES}"
    )
    # Both ways round: what is documented stands in the router.
    document = httpx.get(f"{full.system.market}/openapi.json", trust_env=False).json()
    assert len(found) == sum(len(methods) for methods in document["paths"].values())


def test_a_route_that_does_not_say_who_may_call_it_stops_the_server() -> None:
    router = APIRouter(route_class=StrictRoute)

    def whoever() -> dict[str, object]:
        return {}

    router.add_api_route("/v1/whoever", whoever)
    with pytest.raises(RouteWithoutRoles, match="/v1/whoever"):
        check_declared(router)


@pytest.mark.rule("role.own-acts", "order.door", "refusal.leaves-nothing")
def test_who_may_not_call_a_route_is_told_so_before_anything_is_looked_at(
    full: Everything, asker: Asker, strangers: dict[str, tuple[dict[str, str], str]]
) -> None:
    before = digest_of_all(full.system.data)
    wrong: dict[str, str] = {}
    denied = 0
    for operation in operations(full.system.market, deletions=True):
        if not operation.roles:
            continue
        refused = dict(strangers)
        for role in set(ROLES) - set(operation.roles):
            code = "not-admin" if operation.roles == ("admin",) else "invalid-role"
            refused[role] = (bearer(full.people[role]._token), code)
        for who, (headers, code) in refused.items():
            first: httpx.Response | None = None
            for what, target, body, more in variants(operation, full):
                answer = asker.ask(operation.method, target, headers | more, body)
                name = f"{operation.method} {operation.path} by {who}, {what}"
                status = 403 if code in ("invalid-role", "not-admin") else 401
                if (answer.status_code, code_of(answer)) != (status, code):
                    wrong[name] = f"{answer.status_code}, not {status} {code}: {answer.text[:200]}"
                elif first is not None and seen(answer) != seen(first):
                    wrong[name] = f"{seen(answer)} is not {seen(first)}"
                first = first or answer
                denied += 1
    assert wrong == {}
    assert denied > 2_000
    assert digest_of_all(full.system.data) == before


def test_pages_with_roles_let_nobody_else_in(
    full: Everything, asker: Asker, strangers: dict[str, tuple[dict[str, str], str]]
) -> None:
    before = digest_of_all(full.system.data)
    wrong: dict[str, str] = {}
    for page in pages():
        if not page.roles:
            continue
        refused = {who: headers for who, (headers, _) in strangers.items()}
        refused |= {role: bearer(full.people[role]._token) for role in ROLES if role not in page.roles}
        more, body = page_body(page)
        for who, headers in refused.items():
            first, second = (
                asker.ask(page.method, target, by_cookie(headers) | more, body)
                for target in (there(full, page.path), nowhere(page.path))
            )
            elsewhere = first.status_code == 303 and "sign-in" in first.headers["location"]
            name = f"{page.method} {page.path} by {who}"
            if first.status_code != 403 if who in ROLES else not elsewhere:
                wrong[name] = f"{first.status_code}: {first.text[:200]}"
            elif seen(first) != seen(second):
                wrong[name] = "what is there is answered otherwise than what is not"
    assert wrong == {}
    assert digest_of_all(full.system.data) == before
    # Some reads by whom they are for are written down.
    for page in pages():
        more, body = page_body(page)
        for role in page.roles:
            answer = asker.ask(page.method, there(full, page.path), by_cookie(bearer(full.people[role]._token)) | more, body)  # fmt: skip
            # A form without its mark does nothing, and its page is shown; what a page names may be another's.
            fine = (403,) if page.method == "POST" else (200, 404) if page.path in full.there else (200,)
            if answer.status_code not in fine:
                wrong[f"{page.method} {page.path} by {role}"] = f"{answer.status_code}: {answer.text[:200]}"
    assert wrong == {}


def test_whom_a_route_names_it_lets_in(full: Everything, asker: Asker) -> None:
    """Else it could refuse everybody and the matrix would hold."""
    identities = open_identities(full.system.data, system_id=system_id_of(full.system.data))
    with identities.transaction("write"):
        # What needs a fresh second factor has no effect then, beyond the door.
        identities.execute("UPDATE sessions SET second_factor_at = NULL")
    identities.close()
    wrong: dict[str, str] = {}
    let_in = 0
    for operation in operations(full.system.market):
        for role in operation.roles:
            # What is there not, and does not fit: nothing is to happen, beyond the door.
            headers = bearer(full.people[role]._token)
            if operation.method != "get":
                headers["idempotency-key"] = ""
            keyless = operation.method == "post" and not names(operation.path) and operation.body is None
            keyless = keyless and operation.path not in CHALLENGES
            if keyless and code_of(asker.ask("post", operation.path, headers)) != "second-factor-required":
                wrong[f"{operation.path} by {role}"] = "say here how it is asked without an effect"
            body = None if operation.body is None else b"[]"
            answer = asker.ask(operation.method, nowhere(operation.path), headers, body)
            if code_of(answer) in DENIALS or answer.status_code >= 500:
                wrong[f"{operation.method} {operation.path} by {role}"] = answer.text[:200]
            let_in += 1
    assert wrong == {}
    assert let_in > 60


@pytest.mark.rule("refusal.not-found")
def test_what_belongs_to_another_is_not_found_like_what_is_not_there(full: Everything, asker: Asker) -> None:
    before = digest_of_all(full.system.data)
    wrong: dict[str, str] = {}
    compared = 0
    for operation in operations(full.system.market, deletions=True):
        if not names(operation.path) or not operation.roles:
            continue
        for role in operation.roles:
            key = prefix(operation.path)
            if role in OVERSEERS and (key, role) not in full.of_others:
                continue
            assert (key, role) in full.of_others, (
                f"say in tests/worlds/everything.py, in `of_others`, what {key} leads to that no {role} may see but its own"
            )
            headers = bearer(full.people[role]._token)
            body = good_body(operation)
            theirs = asker.ask(
                operation.method, at(operation.path, value=full.of_others[key, role]), headers, body
            )
            nothing = asker.ask(operation.method, nowhere(operation.path), headers, body)
            name = f"{operation.method} {operation.path} by {role}"
            if theirs.status_code != 404 or not code_of(theirs).endswith("-not-found"):
                wrong[name] = f"{theirs.status_code}: {theirs.text[:200]}"
            elif seen(theirs) != seen(nothing):
                wrong[name] = f"{theirs.text[:200]} is not {nothing.text[:200]}"
            compared += 1
    for page in pages():
        # A page that names something in its query is told apart by that.
        for role in page.roles if page.path == "/trace" and page.method == "GET" else ():
            if ("/v1/trace/{utid}", role) not in full.of_others:
                continue
            headers = by_cookie(bearer(full.people[role]._token))
            theirs, nothing = (
                asker.ask("GET", f"/trace?utid={utid}", headers)
                for utid in (full.of_others["/v1/trace/{utid}", role], NOTHING["utid"])
            )
            blank = theirs.text.replace(full.of_others["/v1/trace/{utid}", role], NOTHING["utid"])
            shown = [KEYS.sub("", text) for text in (blank, nothing.text)]
            if (theirs.status_code, nothing.status_code, shown[0]) != (404, 404, shown[1]):
                wrong[f"/trace by {role}"] = (
                    f"{theirs.status_code}, {nothing.status_code}: {theirs.text[:200]}"
                )
    assert wrong == {}
    assert compared > 15
    assert digest_of_all(full.system.data) == before


def test_an_offer_of_another_pays_for_nothing_and_looks_like_none(full: Everything, asker: Asker) -> None:
    headers = bearer(full.people["trader"]._token)
    strange = full.of_others["/v1/offers/{utid}", "trader"]
    answers = []
    for offer in (strange, "20200101-000000-tra-000000"):
        body = f'{{"unit_id": {full.free_unit}, "offer": "{offer}"}}'.encode()
        answers.append(asker.ask("post", "/v1/locks", headers, body))
    assert seen(answers[0]) == seen(answers[1])
    assert code_of(answers[0]) == "offer-not-found"


def test_lists_and_statements_hold_ones_own_and_nothing_of_another(full: Everything, asker: Asker) -> None:
    """What has no identifier in its path: each list of who asks names no UTID that only another took part in."""
    theirs = full.of_others["/v1/offers/{utid}", "trader"]
    asked_for = 0
    for operation in operations(full.system.market):
        if operation.method != "get" or names(operation.path):
            continue
        for role in set(operation.roles) - OVERSEERS:
            answer = asker.ask("get", operation.path, bearer(full.people[role]._token))
            assert answer.status_code == 200, f"{operation.path} by {role}: {answer.text}"
            assert theirs not in answer.text, f"{operation.path} shows a {role} what belongs to another"
            hidden = {alias for alias in full.identities if role == "buyer" or alias[:3] == role[:3]}
            for alias in hidden - {full.people[role].alias}:
                assert alias not in answer.text, f"{operation.path} shows a {role} another's account"
            asked_for += 1
    assert asked_for > 15
    assert REASON not in asker.ask("get", "/v1/notices", bearer(full.people["farmer"]._token)).text
