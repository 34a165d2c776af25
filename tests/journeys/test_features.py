"""A feature turned off and on from the host: over HTTP all of it is refused and everything else goes on."""

from __future__ import annotations

import json
import secrets
from contextlib import closing
from typing import Any

import pytest

from tests.waiting import until
from tests.worlds.system import REASON, System
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.demo.client import Refused
from watchkeeper.boundary import turning
from watchkeeper.boundary.features import BY_NAME
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.boundary.selftest import last_round
from watchkeeper.operation import journal
from watchkeeper.operation.store import open_store, system_id_of


@pytest.fixture(scope="module")
def system(system_apart: System) -> System:
    """Its own: it uses up the operator's recovery codes."""
    return system_apart


def states(system: System) -> dict[str, Any]:
    return {row["feature"]: row for row in json.loads(system.command("feature", "list", "--json"))}


def turned(system: System, way: str, name: str) -> dict[str, Any]:
    return dict(json.loads(system.command("feature", way, name, "--reason", REASON, "--json")))


def test_a_feature_is_off_for_everyone_at_once_and_on_again_with_a_second_factor(system: System) -> None:
    trader, farmer = system.traders[0], system.farmer
    assert {row["state"] for row in states(system).values()} == {"on"}
    system.command("feature", "off", "deposits_and_locks", "--reason", REASON, code=3)
    system.command(
        "login", "--alias", system.operator.alias, "--code", system.operator_codes.pop(), secret=True
    )
    assert turned(system, "off", "deposits_and_locks")["changed"] is True
    assert turned(system, "off", "deposits_and_locks")["changed"] is False
    deposit: dict[str, object] = {
        "amount_ugx": 1_000,
        "provider": "bank",
        "external_ref": secrets.token_hex(8),
    }
    with pytest.raises(Refused, match="feature-off"):
        trader.post("/v1/deposits", deposit)
    with pytest.raises(Refused, match="feature-off"):
        trader.post("/v1/locks", {"unit_id": 1})
    farmer.post("/v1/listings", {"produce": "Maize", "grams": 10_000, "price_ugx_per_kg": 100})
    trader.get("/v1/wallet")
    row = states(system)["deposits_and_locks"]
    assert (row["state"], row["as_turned"], row["reason"]) == ("off", True, REASON)
    assert row["refused"] == list(BY_NAME["deposits_and_locks"].commands)
    assert turned(system, "on", "deposits_and_locks")["changed"] is True
    trader.post("/v1/deposits", deposit)
    assert {row["state"] for row in states(system).values()} == {"on"}
    assert system.operator.overview()["features"] == {}


def test_a_turn_that_came_to_no_end_is_put_on_record_by_the_next(system: System) -> None:
    with closing(open_gate(system.data, system_id=system_id_of(system.data), role="control")) as gate:
        turning.turn(
            gate,
            BY_NAME["payouts_and_withdrawals"],
            on=False,
            actor="opr_gone",
            reason=REASON,
            clock=SystemClock(),
        )
    assert system.operator.overview()["features"] == {"payouts_and_withdrawals": "off"}
    with closing(open_store(system.data, may_write=False)) as database:
        assert "feature payouts_and_withdrawals" not in journal.last_of_each(database, ("turn feature off",))
        assert turned(system, "off", "payouts_and_withdrawals")["changed"] is False
        assert (
            journal.last_of_each(database, ("turn feature off",))["feature payouts_and_withdrawals"]
            == "turn feature off"
        )
    assert turned(system, "on", "payouts_and_withdrawals")["changed"] is True


def test_a_feature_that_is_off_breaks_no_invariant(system: System) -> None:
    lease = LeaseStore(system.data, system_id=system_id_of(system.data), role="control")

    def probed(*, off: bool) -> bool:
        found = last_round(lease.database())
        return found is not None and {
            probe.name for probe in found.probes if "feature-off" in probe.refused_as
        } == (set(BY_NAME["purchase"].commands) if off else set())

    try:
        turned(system, "off", "purchase")
        until(lambda: probed(off=True), seconds=20, what="the probes after the turn")
        system.command("check")
        turned(system, "on", "purchase")
        until(lambda: probed(off=False), seconds=20, what="the probes after the turn back")
        system.command("check")
    finally:
        lease.close()


def test_what_is_no_feature_is_said_with_what_is(system: System) -> None:
    said = system.command("feature", "off", "magic", "--reason", REASON, code=2, errors=True)
    assert "storage_fee" in said
