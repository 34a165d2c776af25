"""The API as its own document tells it: whatever fits the document, or just misses it, gets a documented answer from everybody."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.conftest import LONG
from tests.worlds.books import REASON, Contents
from tests.worlds.server import Cluster
from tests.worlds.system import System, running
from watchkeeper.bootstrap.demo.client import Person

EXAMPLES = 200 if LONG else 8
#: Ends the session that everything here is asked with, so it comes last.
ENDS_SESSIONS = ("DELETE", "/v1/sessions/current")
#: What a stopped market answers, on purpose and documented.
STOPPED = 503
#: Nobody in particular: without a session.
SIGNED_OUT = "signed out"
SWITCHES = ("/v1/pilot-mode", "/v1/purchase-window")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this module's own: what is sent here flips switches and floods."""
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.database()
    with running(tmp_path_factory.mktemp("documented") / "data", database_url=url) as found:
        yield found


def _people(system: System) -> dict[str, Person]:
    """Somebody of each role, with fresh second factors."""
    buyer = system.invited("buyer", 9, secrets.token_urlsafe(18))
    known = system.operator
    operator = Person(system.market, alias=known.alias, password=known.password, secret=None, run="o")
    operator.sign_in(recovery_code=system.operator_codes.pop())
    system.admin.sign_in(recovery_code=system.admin_codes.pop())
    return {
        "farmer": system.farmer,
        "trader": system.traders[0],
        "buyer": buyer,
        "admin": system.admin,
        "operator": operator,
    }


@dataclass
class Asking:
    """Everybody's way in, what the stores held before, and what was answered."""

    people: Mapping[str, Person]
    contents: Contents
    #: Who was answered what, by operation and role.
    answers: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    asked: int = 0
    refused: int = 0
    _sessions: dict[str, requests.Session] = field(default_factory=dict)

    def everybody(self, case: schemathesis.Case[Any], name: str, may: list[str]) -> None:
        """Ask as each role. All who may not are refused, and leave nothing; so does whoever else is refused."""
        before = self.contents.read()
        kept_out = [role for role in (*self.people, SIGNED_OUT) if may and role not in may]
        for role in kept_out:
            assert self._asked(case, name, role) >= 400, f"{name} let in {role}"
        if kept_out:
            assert self.contents.read() == before, f"{name}: a refusal to somebody who may not wrote"
        accepted = False
        for role in may or (*self.people, SIGNED_OUT):
            # What was accepted may write, and so moves what the next refusal is compared with.
            before = self.contents.read() if accepted else before
            accepted = self._asked(case, name, role) < 400
            if not accepted:
                assert self.contents.read() == before, f"{name}: a refusal to {role} wrote"

    def _asked(self, case: schemathesis.Case[Any], name: str, role: str) -> int:
        session = self._sessions.setdefault(role, requests.Session())
        session.cookies.clear()
        person = self.people.get(role)
        headers = {} if person is None else {"authorization": f"Bearer {person._token}"}
        response = case.call(headers=headers, session=session)
        checks = [status_code_conformance, content_type_conformance]
        if response.status_code != STOPPED:
            checks.append(not_a_server_error)
        case.validate_response(response, checks=checks)
        self.asked += 1
        self.refused += response.status_code >= 400
        self.answers.setdefault((name, role), set()).add(response.status_code)
        return response.status_code

    def release_switches(self) -> None:
        """What one operation stopped, the next is not to find stopped."""
        for switch in SWITCHES:
            for role in ("admin", "operator"):
                holds = self.people[role].get(switch)["holds"]
                if isinstance(holds, list) and role in holds:
                    self.people[role].post(switch, {"engaged": False, "reason": REASON})


@pytest.mark.rule("refusal.leaves-nothing", "refusal.codes")
def test_every_answer_to_everybody_is_a_documented_one_and_refusals_write_nothing(system: System) -> None:
    schema = schemathesis.openapi.from_url(f"{system.market}/openapi.json")
    operations = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operations.append(found.ok())
    operations.sort(key=lambda one: (one.method.upper(), one.path) == ENDS_SESSIONS)
    with closing(Contents(system.data)) as contents:
        asking = Asking(_people(system), contents)
        may_call: dict[str, list[str]] = {}
        for operation in operations:
            name = f"{operation.method.upper()} {operation.path}"
            may = may_call[name] = list(operation.definition.raw.get("x-roles", []))

            @given(case=operation.as_strategy())
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def check(case: schemathesis.Case[Any]) -> None:
                asking.everybody(case, name, may)  # noqa: B023

            check()
            if operation.path in SWITCHES:
                asking.release_switches()
    assert set(may_call["POST /v1/phase"] + may_call["GET /v1/payouts"]) == {"operator"}
    kept_out = {
        (name, role)
        for name, may in may_call.items()
        for role in may
        if not asking.answers[(name, role)] - {401, 403}
    }
    assert not kept_out, "whoever may call it never got past the door"
    assert asking.asked > EXAMPLES * 40 * len(asking.people)
    assert asking.refused > EXAMPLES * 10 * len(asking.people)
