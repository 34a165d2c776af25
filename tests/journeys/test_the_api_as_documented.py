"""The API as its own document tells it: whatever fits the document, or just misses it, gets a documented answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from tests.conftest import LONG
from tests.worlds.books import digest
from tests.worlds.server import Cluster
from tests.worlds.system import System, running
from watchkeeper.bootstrap.demo.client import Person

EXAMPLES = 200 if LONG else 8
#: Ends the session that everything here is asked with.
ENDS_SESSIONS = {("DELETE", "/v1/sessions/current")}
#: What a stopped market answers, on purpose and documented.
STOPPED = 503


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
    buyer = system.invited("buyer", 9, secrets.token_urlsafe(18))
    return {"farmer": system.farmer, "trader": system.traders[0], "buyer": buyer, "admin": system.admin}


@pytest.mark.rule("refusal.leaves-nothing", "refusal.codes")
def test_every_answer_to_every_role_is_a_documented_one_and_refusals_write_nothing(system: System) -> None:
    schema = schemathesis.openapi.from_url(f"{system.market}/openapi.json")
    asked = refused = 0
    for role, person in _people(system).items():
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()
            if (operation.method.upper(), operation.path) in ENDS_SESSIONS:
                continue

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
                nonlocal asked, refused
                before = digest(system.data)
                response = case.call(headers={"authorization": f"Bearer {person._token}"})  # noqa: B023
                asked += 1
                checks = [status_code_conformance, content_type_conformance]
                if response.status_code != STOPPED:
                    checks.append(not_a_server_error)
                case.validate_response(response, checks=checks)
                if response.status_code >= 400:
                    refused += 1
                    assert digest(system.data) == before, f"a refusal to a {role} wrote"  # noqa: B023

            check()
    assert asked > EXAMPLES * 40
    assert refused > EXAMPLES * 10
