"""A farmer, a trader, an admin and the operator deal over real HTTP: offer, counter, payout, notices, boards."""

from __future__ import annotations

import json

import pytest

from tests.worlds.system import REASON, System
from watchkeeper.bootstrap.demo.client import Person, Refused


@pytest.mark.rule("offer.turns")
def test_an_offer_is_countered_accepted_and_paid_at_the_agreed_price(system: System) -> None:
    trader, other = system.traders
    unit = system.units.pop()
    offer = str(trader.post("/v1/offers", {"unit_id": unit, "price_ugx_per_kg": 700})["offer"])
    system.farmer.post(f"/v1/offers/{offer}/answer", {"answer": "counter", "price_ugx_per_kg": 800})
    trader.post(f"/v1/offers/{offer}/answer", {"answer": "accept"})
    listings = json.dumps(other.get("/v1/listings?limit=200"))
    assert f'"id": {unit},' not in listings
    with pytest.raises(Refused, match="unit-not-available"):
        other.post("/v1/locks", {"unit_id": unit})
    with pytest.raises(Refused, match="offer-not-found"):
        other.post(f"/v1/offers/{offer}/withdrawal", {})
    (seen,) = [o for o in _list(trader.get("/v1/offers"), "offers") if o["offer"] == offer]
    assert (seen["status"], seen["price_ugx_per_kg"]) == ("accepted", 800)
    assert 86_000 < int(str(seen["seconds_left"])) <= 86_400
    assert offer not in json.dumps(other.get("/v1/offers"))
    lock = trader.post("/v1/locks", {"unit_id": unit, "offer": offer})
    assert lock["amount_ugx"] == 8000
    parts = trader.get("/v1/exposure")
    total = sum(int(str(parts[p])) for p in ("waiting_ugx", "late_or_cancelled_ugx", "in_store_ugx"))
    assert total == parts["exposure_ugx"]
    chain = trader.get(f"/v1/trace/{offer}")
    commands = [act["command"] for act in _list(chain, "later")]
    assert commands == ["answer_offer", "answer_offer", "pay_to_lock"]
    board = _list(system.admin.get("/v1/deliveries?limit=200"), "deliveries")
    assert [int(str(row["seconds_left"])) > 0 for row in board if row["lock"] == lock["utid"]] == [True]


@pytest.mark.rule("ledger.payout")
def test_a_farmer_is_paid_what_the_operators_list_says_and_sees_it(system: System) -> None:
    operator = Person(
        system.market, alias=system.operator.alias, password=system.operator.password, secret=None, run="o"
    )
    operator.sign_in(recovery_code=system.operator_codes.pop())
    (due,) = [p for p in _list(operator.get("/v1/payouts"), "payouts") if p["account"] == system.farmer.alias]
    assert due["name"] == "Person 3"
    paid = {"account": due["account"], "amount_ugx": 1000, "provider": "mtn", "external_ref": "PAY-HTTP"}
    system.admin.post("/v1/payouts", paid | {"reason": REASON})
    earnings = system.farmer.get("/v1/earnings")
    assert earnings["earnings_ugx"] == int(str(due["earnings_ugx"])) - 1000
    newest = _list(earnings, "payments")[0]
    assert (newest["type"], newest["external_ref"]) == ("payout", "PAY-HTTP")
    actions = _list(system.admin.get("/v1/actions"), "actions")
    assert actions[0]["action"] == "payout"
    with pytest.raises(Refused, match="insufficient-profit"):
        system.traders[0].post(
            "/v1/withdrawals", {"amount_ugx": 1, "provider": "mtn", "external_ref": "W-HTTP"}
        )
    assert set(system.admin.get("/v1/red-flags")) == {
        "deliveries",
        "exposure",
        "storage_loss",
        "pickups",
    }
    assert "hits" in system.admin.get("/v1/rate-limit-hits")


@pytest.mark.rule("notice.kinds")
def test_a_notice_reaches_its_role_and_is_marked_as_read(system: System) -> None:
    sent = system.admin.post(
        "/v1/notices",
        {"kind": "role_based", "role": "trader", "text": "The store closes early.", "reason": REASON},
    )
    number = sent["notice_id"]
    trader = system.traders[0]
    (before,) = [n for n in _list(trader.get("/v1/notices"), "notices") if n["id"] == number]
    assert before["read_at"] is None
    trader.post(f"/v1/notices/{number}/read", {})
    (after,) = [n for n in _list(trader.get("/v1/notices"), "notices") if n["id"] == number]
    assert after["read_at"]
    assert not [n for n in _list(system.farmer.get("/v1/notices"), "notices") if n["id"] == number]
    with pytest.raises(Refused, match="notice-not-found"):
        system.farmer.post(f"/v1/notices/{number}/read", {})


@pytest.mark.rule("listing.cancelled")
def test_a_farmer_takes_a_listing_back_and_an_admin_must_say_why(system: System) -> None:
    body = {"produce": "Beans", "grams": 20_000, "price_ugx_per_kg": 300}
    own, other = (system.farmer.post("/v1/listings", body)["listing_id"] for _ in range(2))
    with pytest.raises(Refused, match="validation-failed"):
        system.admin.post(f"/v1/listings/{other}/cancellation", {})
    system.farmer.post(f"/v1/listings/{own}/cancellation", {})
    system.admin.post(f"/v1/listings/{other}/cancellation", {"reason": REASON})
    counts = system.farmer.get("/v1/earnings")["listings"]
    assert isinstance(counts, dict)
    assert counts["cancelled"] >= 2


def _list(answer: dict[str, object], name: str) -> list[dict[str, object]]:
    found = answer[name]
    assert isinstance(found, list)
    return found
