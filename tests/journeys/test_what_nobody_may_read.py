"""No byte that a buyer can read holds a price, cost or fee; none that others can read holds an identity.

The market holds one thing of every kind. The amounts come from its own books: each one that stands in them is looked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.worlds import contents
from tests.worlds.asking import Asker, bearer, by_cookie, code_of, names, pages, prefix, seen, there, variants
from tests.worlds.documented import operations
from tests.worlds.everything import (
    ASKED,
    COUNTERED,
    DEPOSITS,
    OFFERED,
    OTHERS_ASKED,
    PAID_OUT,
    PROCEEDS,
    REJECTED,
    WITHDRAWN,
    Everything,
    Identity,
)
from tests.worlds.giveaways import SAYS_MORE, TOLD_MORE
from tests.worlds.system import REASON, ROOT
from watchkeeper.bootstrap.demo.client import Person

#: Requests that change who somebody is, and so what these tests look for.
CHANGE_IDENTITY = {("post", "/v1/me")}
#: Where somebody's identity is theirs to read, and where the operator reads whom to pay.
OWN, TO_PAY = {"/v1/me", "/me"}, {"/v1/payouts", "/operator/payouts"}
CONTROL_ROOM = (
    "/",
    "/overview.json",
    "/controls",
    "/payments",
    "/payments.json",
    "/incidents",
    "/journal",
    "/coverage",
)


@pytest.fixture(scope="module")
def asker(full: Everything) -> Iterator[Asker]:
    found = Asker(full.system.market)
    yield found
    found.close()


def whole(answer: httpx.Response) -> str:
    """All of an answer: its status, headers and body."""
    headers = "\n".join(
        f"{name}: {value}" for name, value in answer.headers.items() if name != "content-length"
    )
    return f"{answer.status_code}\n{headers}\n\n{answer.text}"


def asked_by(full: Everything, asker: Asker, role: str) -> Iterator[tuple[str, httpx.Response]]:
    """Every answer and every refusal of every route, page and file that this role gets."""
    headers = bearer(full.people[role]._token)
    for operation in operations(full.system.market):
        for what, target, body, more in variants(operation, full):
            changes = operation.method != "get" and role in operation.roles
            works = what in ("what is there", "no key")
            if changes and (works or (operation.method, operation.path) in CHANGE_IDENTITY):
                continue
            yield (
                f"{operation.method} {target}, {what}",
                asker.ask(operation.method, target, headers | more, body),
            )
        if (
            operation.method == "get"
            and names(operation.path)
            and (prefix(operation.path), role) in full.of_others
        ):
            target = operation.path.replace("{" + names(operation.path)[0] + "}", full.of_others[prefix(operation.path), role])  # fmt: skip
            yield f"get {target}", asker.ask("get", target, headers)
    for page in pages():
        for target in (
            {there(full, page.path), page.path.split("{")[0] + "?x=1"} if page.method == "GET" else ()
        ):
            yield f"GET {target}", asker.ask("GET", target, by_cookie(headers))
    folder = ROOT / "src" / "watchkeeper" / "interfaces" / "market_web" / "static"
    for path in (f"/static/{file.name}" for file in sorted(folder.iterdir())):
        yield path, asker.ask("GET", path, headers)
    for path in ("/livez", "/readyz", "/openapi.json", "/", "/nowhere", "/v1/nowhere", "/%00"):
        yield path, asker.ask("GET", path, headers)
    yield "another method", asker.ask("PUT", "/v1/purchases", headers, b"{}")
    yield "another kind", asker.ask("POST", "/v1/purchases", headers | {"content-type": "text/plain"}, b"x")
    yield "too long", asker.ask("POST", "/v1/purchases", headers, b'{"a": "' + b"x" * 70_000 + b'"}')


def buying(full: Everything, asker: Asker) -> Iterator[tuple[str, httpx.Response]]:
    """A buyer's own business, answer by answer: an order given back, another one, the same key again."""
    buyer: Person = full.others["buyer"]
    headers = bearer(buyer._token)
    yield "blocks", asker.ask("GET", "/v1/blocks", headers)
    listed = asker.ask("GET", "/v1/purchases", headers)
    yield "orders", listed
    (open_one,) = (one for one in listed.json()["purchases"] if one.get("outcome") is None)
    cancelled = asker.ask("POST", f"/v1/purchases/{open_one['utid']}/cancellation", headers)
    assert cancelled.status_code == 200, cancelled.text
    yield "given back", cancelled
    free = asker.ask("GET", "/v1/blocks", headers)
    yield "free again", free
    body = f'{{"block_id": {free.json()["blocks"][0]["id"]}}}'.encode()
    for _ in range(2):
        bought = asker.ask("POST", "/v1/purchases", headers | {"idempotency-key": "once and again"[:4]}, body)
        assert bought.status_code == 201, bought.text
        yield "bought", bought
    for path in ("/v1/purchases", "/v1/notices", f"/v1/trace/{bought.json()['utid']}"):
        yield path, asker.ask("GET", path, headers)


@pytest.mark.rule("buyer.no-money")
def test_no_byte_that_a_buyer_reads_holds_a_price_a_cost_or_a_fee(full: Everything, asker: Asker) -> None:
    amounts, rows = contents.apart(full.system.data)
    looked_for = [
        amount for amount in amounts if amount >= contents.AMOUNT_MIN and amount not in contents.ALSO_GRAMS
    ]
    driven = {ASKED, OFFERED, COUNTERED, REJECTED, OTHERS_ASKED, *DEPOSITS, PROCEEDS, WITHDRAWN, PAID_OUT}
    assert driven | {ASKED * 10, ASKED * 100, PROCEEDS - ASKED * 100} <= set(looked_for)
    pattern = re.compile("|".join(contents.written(amount) for amount in looked_for))
    # The pattern sees what it is made for, and not a moment or a name that has the same digits.
    assert all(pattern.search(text) for text in ('"price":7919,', "UGX 7,919", "79\u00a0190.00", "1'043'217"))
    assert not pattern.search("2026-01-01T00:00:00.079190Z 57919 79191 7919ab")
    wrong: dict[str, str] = {}
    read = 0
    acts = sorted(set(re.findall(r"(?<![0-9a-z-])\d{8}-\d{6}-[a-z]{3}-[0-9a-z]{6}(?![0-9a-z-])", rows)))
    assert len(acts) > 80
    headers = bearer(full.people["buyer"]._token)
    traced = [(f"trace {utid}", asker.ask("GET", f"/v1/trace/{utid}", headers)) for utid in acts]
    seen_acts = [answer for _, answer in traced if answer.status_code == 200]
    assert len(seen_acts) >= 4, "a buyer sees the own orders and the block"
    answers = [*asked_by(full, asker, "buyer"), *buying(full, asker), *traced]
    for name, answer in answers:
        said = whole(answer)
        found = pattern.search(said)
        if found:
            wrong[name] = said[max(0, found.start() - 100) : found.end() + 100]
        elif (
            "ugx" in said.casefold()
            and answer.status_code < 400
            and "openapi" not in name
            and "/static/" not in name
        ):
            wrong[name] = "speaks of money: " + said[-300:]
        read += 1
    assert wrong == {}
    assert read > 250


@pytest.mark.rule("buyer.no-money", "listing.named", "reason.names-nobody", "notice.no-identity")
def test_nobody_can_write_what_a_buyer_or_another_must_not_read(full: Everything, asker: Asker) -> None:
    farmer, admin, buyer = (bearer(full.people[role]._token) for role in ("farmer", "admin", "buyer"))
    wrong: dict[str, str] = {}

    def refused(name: str, path: str, headers: dict[str, str], field: str, **body: object) -> None:
        answer = asker.ask("POST", path, headers, json.dumps(body).encode())
        fields = [error.get("field") for error in answer.json().get("errors", [])]
        if (answer.status_code, code_of(answer), fields) != (422, "validation-failed", [field]):
            wrong[name] = f"{answer.status_code} {answer.text[:200]}"

    # What is no text or longer than a request does not come so far.
    for text in (said for said in SAYS_MORE if "\x00" not in said and len(said) < 1_000):
        refused(f"produce {text[:60]!r}", "/v1/listings", farmer, "produce", produce=text, grams=10_000, price_ugx_per_kg=9_787)  # fmt: skip
    for text in TOLD_MORE:
        for kind, role in (("admin_broadcast", {}), ("role_based", {"role": "buyer"})):
            refused(
                f"{kind} {text!r}", "/v1/notices", admin, "text", kind=kind, text=text, reason=REASON, **role
            )
    refused("a reason", "/v1/users", admin, "reason", role="buyer", reason="Okello asked for it, 0772 123456")
    assert wrong == {}
    for path in ("/v1/blocks", "/v1/purchases", "/v1/notices"):
        assert not re.search("okello|1500|bob", asker.ask("GET", path, buyer).text.casefold())


class Marks:
    """Looks for people in a text, in whatever way they are written."""

    def __init__(self, people: dict[str, Identity]) -> None:
        self._people = people
        self._words = {
            alias: [who.name.casefold(), who.email.casefold(), who.email.partition("@")[0].casefold()]
            + [word.casefold() for word in who.name.split() if len(word) >= 7]
            for alias, who in people.items()
        }

    def found(self, text: str, *, but: tuple[str, ...] = ()) -> list[str]:
        """The marks of everybody but these."""
        plain = text.casefold()
        digits = re.sub(r"(?<=\d)[ .()-](?=\d)", "", plain)
        hits: list[str] = []
        for alias, who in self._people.items():
            if alias in but:
                continue
            hits += [word for word in self._words[alias] if word in plain]
            hits += [who.phone] if who.marks[-2] in digits else []
        return hits


@pytest.fixture(scope="module")
def marks(full: Everything) -> Marks:
    found = Marks(full.identities)
    one = next(iter(full.identities.values()))
    # It sees what it is made for.
    assert len(found.found(f"{one.name} {one.phone} {one.email}")) >= 4
    assert found.found(one.phone.replace(" ", "-"))
    return found


@pytest.mark.rule("identity.apart")
@pytest.mark.parametrize("role", ["farmer", "trader", "buyer", "admin", "operator"])
def test_no_byte_that_anybody_reads_holds_the_identity_of_another(
    full: Everything, asker: Asker, marks: Marks, role: str
) -> None:
    wrong: dict[str, str] = {}
    read = 0
    own = full.people[role].alias
    told_own = 0
    payable = tuple(alias for alias in full.identities if alias.startswith("far_"))
    for name, answer in asked_by(full, asker, role):
        may: tuple[str, ...] = ()
        method, path, *what = [*name.replace(",", "").replace("?", " ?").split(), ""]
        if method.casefold() == "get" and path in OWN and answer.status_code == 200:
            may = (own,)
            told_own += 1
            assert full.identities[own].name in answer.text
        elif method.casefold() == "get" and path in TO_PAY and role == "operator":
            may = payable
            assert "@" not in answer.text, f"an e-mail address is not needed to pay: {what}"
        hits = marks.found(whole(answer), but=may)
        if hits:
            wrong[name] = f"{hits}: {answer.text[:300]}"
        read += 1
    assert wrong == {}
    assert told_own >= 1
    assert read > 200


def test_the_pages_of_the_control_room_hold_no_identity(full: Everything, marks: Marks) -> None:
    operator = full.system.operator
    overview = operator.overview()
    runs = [run["id"] for run in overview["runs"]]
    findings = [finding["id"] for run in overview["runs"] for finding in run["findings"]]
    assert runs
    assert findings
    assert full.incidents()
    paths = [*CONTROL_ROOM, *(f"/incidents/{name}" for name in full.incidents())]
    paths += [f"/playbooks/{run}" for run in runs] + [f"/findings/{finding}" for finding in findings]
    assert full.victim in operator.page(f"/findings/{findings[0]}")
    assert {path: hits for path in paths if (hits := marks.found(operator.page(path)))} == {}


@pytest.mark.rule("identity.read-by")
def test_that_the_operator_read_whom_to_pay_is_written_down_without_what_was_read(
    full: Everything, asker: Asker, marks: Marks
) -> None:
    _, before = contents.apart(full.system.data)
    answer = asker.ask("GET", "/v1/payouts", bearer(full.people["operator"]._token))
    _, after = contents.apart(full.system.data)
    assert marks.found(answer.text)
    operator, farmer = full.people["operator"].alias, full.people["farmer"].alias
    notes = [
        [line for line in text.splitlines() if "query_log " in line and operator in line and farmer in line]
        for text in (before, after)
    ]
    assert len(notes[1]) == len(notes[0]) + 1
    assert "name phone" in notes[1][-1]


def test_who_types_a_name_or_number_into_the_wrong_field_leaves_it_nowhere(
    full: Everything, asker: Asker, marks: Marks
) -> None:
    trader = full.identities[full.people["trader"].alias]
    for text in (trader.name, trader.phone, trader.email, f"{trader.phone} "):
        for path, more in (("/v1/sessions", {}), ("/v1/resets", {"code": "000000"})):
            body = httpx.Request(
                "POST", "http://x", json={"alias": text, "password": "blue heron at noon", **more}
            )
            answer = asker.ask("POST", path, {}, body.content)
            assert code_of(answer) == "unauthenticated", answer.text
            assert not marks.found(whole(answer))
    link = str(full.because("/v1/users", role="trader")["enrolment"]).replace("/enrol/", "/v1/enrolments/")
    taken = {
        "name": "Somebody Else",
        "phone": trader.phone,
        "email": trader.email,
        "password": "blue heron at noon",
    }
    answer = asker.ask("POST", link, {}, httpx.Request("POST", "http://x", json=taken).content)
    assert code_of(answer) == "validation-failed", answer.text
    assert not marks.found(whole(answer))
    unknown = asker.ask(
        "POST", link, {}, httpx.Request("POST", "http://x", json=taken | {"name": ""}).content
    )
    assert not marks.found(whole(unknown))
    _nowhere(full, marks)


@pytest.mark.rule("identity.apart")
def test_no_row_file_log_or_message_holds_an_identity(full: Everything, marks: Marks) -> None:
    _nowhere(full, marks)


def _nowhere(full: Everything, marks: Marks) -> None:
    _, rows = contents.apart(full.system.data)
    assert full.people["trader"].alias in rows
    assert marks.found(rows) == []
    wrong: dict[str, list[str]] = {}
    looked_at: list[str] = []
    for name, text in (*contents.files(full.system.data), *contents.said(full.system)):
        looked_at.append(name)
        hits = marks.found(text)
        if hits:
            wrong[name] = hits
    assert wrong == {}
    assert any(name.endswith(".log") for name in looked_at)
    assert any("operation" in name for name in looked_at), looked_at
    assert any(full.victim in text for name, text in contents.files(full.system.data) if "incident" in name)
    assert full.victim in dict(contents.said(full.system))["the webhooks"]


def test_two_who_are_not_there_look_the_same_to_whoever_types_them(full: Everything, asker: Asker) -> None:
    body = '{{"alias": "{}", "password": "blue heron at noon"}}'
    answers = [
        asker.ask("POST", "/v1/sessions", {}, body.format(text).encode())
        for text in ("tra_000000", "+256 700 555555", "somebody")
    ]
    assert len({seen(answer) for answer in answers}) == 1
