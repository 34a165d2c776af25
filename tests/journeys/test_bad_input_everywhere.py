"""Bad input to every route and every form: the status that it must get, a clear word, and nothing written anywhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests.worlds.books import digest_of_all
from tests.worlds.documented import Operation, fitting, not_fitting, operations
from tests.worlds.system import REASON, System
from watchkeeper.bootstrap.demo.client import Person
from watchkeeper.interfaces.control_web.actions import ACTS

#: Values for what stands in a path or a query; `%` stands for itself.
STRANGE = ("%00", "x y", "1e3", "-1", "0x10", "9" * 30, "%F0%9F%8C%BD", "%FF", "..%2F..", "%25s", "x" * 3000, "' OR 1=1 --")  # fmt: skip


def stores(system: System) -> str:
    """A digest of the books, the identities and the gate."""
    return digest_of_all(system.data)


#: Answered to whoever asks: a challenge must not tell whether there is such an account.
TO_ANYBODY = {"/v1/sessions/options"}

#: What is said of a request that the document does not allow, and of no other.
MISSHAPEN = "does not have the right form"


class Asker:
    """Asks each route as somebody whom it lets in, over one connection."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.http = httpx.Client(base_url=system.market, trust_env=False, timeout=30)
        buyer = system.invited("buyer", 8, secrets.token_urlsafe(18))
        operator = system.operator
        acting = Person(system.market, alias=operator.alias, password=operator.password, secret=None, run="o")
        acting.sign_in(recovery_code=system.operator_codes.pop())
        self._people: dict[str, Person] = {
            "operator": acting,
            "admin": system.admin,
            "buyer": buyer,
            "farmer": system.farmer,
            "trader": system.traders[0],
        }

    def ask(self, operation: Operation, target: str, body: bytes | None = None) -> httpx.Response:
        headers = {"idempotency-key": secrets.token_hex(12)}
        if operation.roles:
            person = next(self._people[role] for role in operation.roles if role in self._people)
            headers["authorization"] = f"Bearer {person._token}"
        if body is not None:
            headers["content-type"] = "application/json"
        return self.http.request(operation.method, target, content=body, headers=headers)

    def good_body(self, operation: Operation) -> bytes | None:
        return (
            None
            if operation.body is None
            else httpx.Request("POST", "http://x", json=fitting(operation.body)).content
        )


@pytest.fixture(scope="module")
def asker(system: System) -> Iterator[Asker]:
    found = Asker(system)
    yield found
    found.http.close()


def unlike(answer: httpx.Response, status: int) -> str:
    """How an answer differs from the problem that it must be; empty when it does not."""
    if answer.status_code != status:
        return f"{answer.status_code}, not {status}: {answer.text[:200]}"
    if answer.headers["content-type"] != "application/problem+json":
        return f"no problem document: {answer.text[:200]}"
    problem = answer.json()
    clear = problem["detail"] and problem["type"].rpartition("/")[2] and problem["status"] == status
    return "" if clear else f"unclear: {problem}"


def test_what_fits_the_document_gets_past_its_form(asker: Asker) -> None:
    """Else every refusal below could be for something else."""
    asked = 0
    switches = ("/v1/pilot-mode", "/v1/purchase-window")
    engaged = [asker.system.admin.get(path)["engaged"] for path in switches]
    for operation in operations(asker.system.market):
        queries = [p for p in operation.parameters if p["in"] == "query"]
        targets = [operation.at(), *(operation.at(**{p["name"]: str(fitting(p["schema"]))}) for p in queries)]
        for target in targets:
            answer = asker.ask(operation, target, asker.good_body(operation))
            asked += 1
            if operation.roles:
                assert answer.status_code not in (401, 413, 415), f"{operation}: {answer.text}"
                assert MISSHAPEN not in answer.text, f"{operation}: {answer.text}"
            elif operation.path not in TO_ANYBODY:
                # A password that fits the form may still be too short to set.
                assert answer.status_code in (401, 404, 422), f"{operation}: {answer.text}"
                assert MISSHAPEN not in answer.text, f"{operation}: {answer.text}"
            assert answer.status_code < 500, f"{operation}: {answer.text}"
    assert asked > 30
    for path, was in zip(switches, engaged, strict=True):
        if asker.system.admin.get(path)["engaged"] != was:
            asker.system.admin.post(path, {"engaged": was, "reason": REASON})


@pytest.mark.rule("refusal.leaves-nothing")
def test_a_body_that_does_not_fit_is_refused_as_that_and_writes_nothing(asker: Asker) -> None:
    before = stores(asker.system)
    wrong: dict[str, str] = {}
    asked = 0
    for operation in operations(asker.system.market):
        if operation.body is None:
            continue
        for name, body, status in not_fitting(operation.body):
            unmet = unlike(asker.ask(operation, operation.at(), body), status)
            asked += 1
            if unmet:
                wrong[f"{operation.path}, {name}"] = unmet
    assert wrong == {}
    assert asked > 250
    assert stores(asker.system) == before


@pytest.mark.rule("refusal.leaves-nothing")
def test_strange_values_in_paths_and_queries_are_refused_as_that_and_write_nothing(asker: Asker) -> None:
    before = stores(asker.system)
    wrong: dict[str, str] = {}
    asked = 0
    for operation in operations(asker.system.market):
        for parameter, value in ((p, v) for p in operation.parameters for v in STRANGE):
            target = operation.at(**{parameter["name"]: value})
            # A text without a pattern names something, and there is nothing of such a name.
            names = parameter["schema"].get("type") == "string" and "pattern" not in parameter["schema"]
            beside = parameter["in"] == "path" and "%2F" in value
            unmet = unlike(
                asker.ask(operation, target, asker.good_body(operation)), 404 if names or beside else 422
            )
            asked += 1
            if unmet:
                wrong[f"{operation.method} {target[:120]}"] = unmet
    assert wrong == {}
    assert asked > 15 * len(STRANGE)
    assert stores(asker.system) == before


#: Fields' values that no form may pass on, and those that are texts but no numbers, names or reasons.
UNCLEAN = ("a\x00b", "a\x1b[2Jb", "\x7f")
NO_NUMBER = ("", "x", "1e3", "1.0", "--5", "0x10", "9" * 30, "\u0665", "\u00b2", "-", "NaN")
ALL_FIELDS = {
    "run": "999999", "finding": "999999", "alert": "999999", "restriction": "999999", "amount_ugx": "1000",
    "predicted": "1000", "step": "none", "account": "tra_nobody", "bucket": "capital", "position": "none",
    "switch": "pilot_mode", "turn": "none", "hold": "", "scope": "account:tra_nobody", "classes": "none",
    "reason": REASON, "next_step": REASON, "cause": REASON, "response": REASON, "resolution": REASON,
    "prevention": REASON, "analysis": REASON,
}  # fmt: skip
NUMBERS = ("run", "finding", "alert", "restriction", "amount_ugx", "predicted")
#: Takes no field, and is done whenever it is asked for.
WITHOUT_FIELDS = {"full-pass"}


class Form:
    """A form's sender: what it must be answered, collected."""

    def __init__(self, http: httpx.Client, path: str) -> None:
        self._http = http
        self._path = path
        self.wrong: dict[str, str] = {}

    def send(self, name: str, status: int, fields: dict[str, str] | bytes, kind: str = "") -> httpx.Response:
        headers = {
            "content-type": kind or "application/x-www-form-urlencoded",
            "sec-fetch-site": "same-origin",
            # After an error of its own a server hangs up; the next form is not to suffer for it.
            "connection": "close",
        }
        content = fields if isinstance(fields, bytes) else str(httpx.QueryParams(fields)).encode()
        answer = self._http.post(self._path, content=content, headers=headers)
        refused = status != 303 or "refused=" in answer.headers.get("location", "")
        if answer.status_code != status or not refused:
            self.wrong[name] = (
                f"{answer.status_code} {answer.headers.get('location', '')} {answer.text[:100]}"
            )
        return answer

    def common(self, good: dict[str, str], *, unfit: int = 422, too_many: int = 400) -> None:
        """What every form refuses."""
        for name in good:
            for value in UNCLEAN:
                self.send(f"{name} {value!r}", 422, good | {name: value})
        encoded = str(httpx.QueryParams(good)).encode()
        self.send("a field twice", 422, encoded + b"&" + encoded.rpartition(b"&")[2])
        self.send("many fields", too_many, good | {f"field{n}": "x" for n in range(50)})
        self.send("too long", 413, good | {"reason": "x" * 70_000})
        self.send("JSON", 415, b"{}", "application/json")
        self.send("files", 415, b"--x--", "multipart/form-data; boundary=x")
        self.send("nothing", unfit, b"")


def test_the_forms_of_the_control_room_refuse_what_they_cannot_mean_and_write_nothing(system: System) -> None:
    before = stores(system)
    mark = re.search(r'name="csrf" value="([0-9a-f]+)"', system.operator.page("/controls"))
    assert mark is not None
    form = Form(system.operator.http, "/act")
    whole = {"csrf": mark[1], "back": "/", "action": "switch", **ALL_FIELDS}
    form.common(whole, unfit=403)
    form.send("no mark", 403, {**whole, "csrf": ""})
    form.send("another mark", 403, {**whole, "csrf": "0" * 64})
    form.send("no action", 303, {**whole, "action": ""})
    form.send("another action", 303, {**whole, "action": "drop"})
    for action in sorted(set(ACTS) - WITHOUT_FIELDS):
        asked = whole | {"action": action}
        form.send(f"{action} of nothing", 303, asked)
        form.send(f"{action} without fields", 303, {"csrf": mark[1], "action": action})
        for name in NUMBERS:
            for value in NO_NUMBER:
                form.send(f"{action}: {name} {value!r}", 303, asked | {name: value})
        for name in sorted(set(ALL_FIELDS) - set(NUMBERS)):
            for value in ("", "\U0001f33d", "' OR 1=1 --", "x" * 5000):
                form.send(f"{action}: {name} {value[:20]!r}", 303, asked | {name: value})
    assert form.wrong == {}
    assert stores(system) == before


def test_the_pages_of_the_control_room_know_nothing_of_strange_names(system: System) -> None:
    before = stores(system)
    for folder in ("findings", "playbooks", "incidents"):
        for value in STRANGE:
            answer = system.operator.http.get(f"/{folder}/{value}")
            assert answer.status_code == 404, f"/{folder}/{value}: {answer.status_code}"
    assert stores(system) == before


def test_the_sign_in_of_the_control_room_refuses_the_same(system: System) -> None:
    before = stores(system)
    with httpx.Client(base_url=system.control, trust_env=False, timeout=30) as http:
        form = Form(http, "/sign-in")
        good = {"alias": "opr_nobody", "password": "no password of anybody", "code": "000000"}
        form.send("nobody", 401, good)
        form.common(good, unfit=401)
    assert form.wrong == {}
    assert stores(system) == before


def test_the_enrolment_page_refuses_what_is_no_person_and_keeps_the_link(system: System) -> None:
    link = str(system.admin.post("/v1/users", {"role": "farmer", "reason": REASON})["enrolment"])
    before = stores(system)
    person = {"name": "Ada Okello", "phone": "+256 700 777001", "email": "", "password": REASON, "code": ""}
    with httpx.Client(base_url=system.market, trust_env=False, timeout=30) as http:
        form = Form(http, link)
        form.common(person, too_many=422)
        for name, values in {
            "name": ("", " ", "x" * 201, "\u202ereversed"),
            "phone": ("", "12345", "+256 700 000 000 000 000 000", "none", "\u0660" * 9),
            "email": ("x", "a@b@c", "a b@c", "a@" + "b" * 101),
            "password": ("", "short", "x" * 2000),
        }.items():
            for value in values:
                form.send(f"{name} {value[:20]!r}", 422, person | {name: value})
        assert form.wrong == {}
        elsewhere = Form(http, "/enrol/nobody")
        elsewhere.send("no such link", 404, person)
        for value in STRANGE:
            assert http.get(f"/enrol/{value}").status_code == 404, value
        assert elsewhere.wrong == {}
        assert stores(system) == before
        form.send("a person", 201, person)
        assert form.wrong == {}
    assert stores(system) != before
