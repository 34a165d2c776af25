"""From the store to the buyer over real HTTP: who is shown what, the chain from either end, and no money for a buyer."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.waiting import until
from tests.worlds.system import REASON, System
from watchkeeper.bootstrap.demo.client import Person, Refused

#: Amounts that stand in no other field by chance.
PRICE, COST, PROCEEDS = 7_919, 791_900, 823_457
WHOLE = ["pay_to_lock", "verify_delivery", "form_block", "purchase", "pickup"]
DEPOSITS, FIRST_PAYOUT = (400_000, 500_000), 300_000


def chain(person: Person, utid: str) -> list[str]:
    found: Any = person.get(f"/v1/trace/{utid}")
    return [act["command"] for act in (*found["earlier"], found["act"], *found["later"])]


def follow_the_money(
    system: System, farmer: Person, trader: Person, *, listing: str, deposits: list[object], pickup: str
) -> None:
    """From either end: where the money came in, and where it went out."""
    payouts = [
        system.admin.post(
            "/v1/payouts",
            {
                "account": farmer.alias,
                "amount_ugx": amount,
                "provider": "bank",
                "external_ref": secrets.token_hex(8),
                "reason": REASON,
            },
        )["utid"]
        for amount in (FIRST_PAYOUT, COST - FIRST_PAYOUT)
    ]
    # Each unit cost 79,190: the first deposit paid for five and most of a sixth, the first payout pays for three and a part.
    ends = ["create_listing", "deposit", *WHOLE, "payout"]
    listed = chain(system.admin, listing)
    assert [listed.count(name) for name in ends] == [1, 0, 10, 10, 1, 2, 1, 2]
    assert listed[0] == "create_listing"
    paid_in = [chain(system.admin, str(utid)) for utid in deposits]
    assert [[found.count(name) for name in ends] for found in paid_in] == [
        [0, 1, 6, 6, 1, 2, 1, 2],
        [0, 1, 5, 5, 1, 2, 1, 1],
    ]
    paid_out = [chain(system.admin, str(utid)) for utid in payouts]
    assert [[found.count(name) for name in ends] for found in paid_out] == [
        [1, 1, 4, 4, 0, 0, 0, 1],
        [1, 2, 7, 7, 0, 0, 0, 1],
    ]
    backwards = chain(system.admin, pickup)
    assert [backwards.count(name) for name in ends] == [1, 2, 10, 10, 1, 1, 1, 0]
    # Of the same chain each sees what is theirs.
    theirs = set(chain(farmer, str(payouts[0])))
    assert theirs >= {"create_listing", "pay_to_lock", "verify_delivery", "payout"}
    assert "deposit" not in theirs
    theirs = set(chain(trader, str(deposits[0])))
    assert theirs >= {"deposit", "pay_to_lock", "verify_delivery", "form_block", "pickup"}
    assert not theirs & {"create_listing", "payout"}


@pytest.mark.rule("buyer.no-money", "purchase.whole-block")
def test_a_block_goes_from_the_store_to_a_buyer_who_reads_no_money(system: System) -> None:
    word = secrets.token_urlsafe(18)
    trader, farmer, buyer, rival = (
        system.invited(role, number, word)
        for number, role in enumerate(("trader", "farmer", "buyer", "buyer"), start=96)
    )
    listing: Any = farmer.post(
        "/v1/listings", {"produce": "Vanilla", "grams": 100_000, "price_ugx_per_kg": PRICE}
    )
    deposits = [
        trader.post(
            "/v1/deposits", {"amount_ugx": amount, "provider": "bank", "external_ref": secrets.token_hex(8)}
        )["utid"]
        for amount in DEPOSITS
    ]
    locks = [trader.post("/v1/locks", {"unit_id": unit_id}) for unit_id in listing["unit_ids"]]
    for lock in locks:
        system.admin.post(
            f"/v1/locks/{lock['utid']}/verification", {"outcome": "delivered", "reason": REASON}
        )

    def blocks() -> Any:
        return trader.get("/v1/blocks")["blocks"]

    until(lambda: bool(blocks()), seconds=30, what="the block forms by itself")
    (block,) = blocks()
    inventory: Any = trader.get("/v1/inventory")
    assert [lot["block_id"] for lot in inventory["lots"]] == [block["id"]] * 10
    assert {lot["projected_loss_grams"] for lot in inventory["lots"]} == {1_500}
    assert [row["id"] for row in inventory["blocks"]] == [block["id"]]
    order = {"block_id": block["id"]}
    with pytest.raises(Refused, match="purchase-window-closed"):
        buyer.post("/v1/purchases", order)
    system.admin.post("/v1/purchase-window", {"engaged": False, "reason": REASON})
    try:
        said: list[object] = [buyer.get("/v1/blocks")]
        purchase: Any = buyer.post("/v1/purchases", order)
        with pytest.raises(Refused, match="inventory-not-available"):
            rival.post("/v1/purchases", order)
        said += [purchase, buyer.get("/v1/purchases"), buyer.get("/v1/blocks")]
        said.append(buyer.post(f"/v1/purchases/{purchase['utid']}/cancellation", {}))
        purchase = buyer.post("/v1/purchases", order)
        with pytest.raises(Refused, match="deadline-not-passed"):
            system.admin.post(f"/v1/purchases/{purchase['utid']}/expiry", {"reason": REASON})
        pickup: Any = system.admin.post(
            f"/v1/purchases/{purchase['utid']}/pickup",
            {
                "proceeds_ugx": PROCEEDS,
                "provider": "bank",
                "external_ref": secrets.token_hex(8),
                "reason": REASON,
            },
        )
    finally:
        system.admin.post("/v1/purchase-window", {"engaged": True, "reason": REASON})
    assert (pickup["sale_return_ugx"], pickup["profit_credit_ugx"]) == (COST, PROCEEDS - COST)
    assert [name for name in chain(system.admin, str(locks[0]["utid"])) if name in WHOLE] == [
        "pay_to_lock",
        "verify_delivery",
        "form_block",
        "purchase",
        "purchase",
        "pickup",
    ]
    backwards = chain(system.admin, pickup["utid"])
    assert [backwards.count(name) for name in WHOLE] == [10, 10, 1, 1, 1]
    said += [buyer.get(f"/v1/trace/{utid}") for utid in (purchase["utid"], pickup["utid"], block["utid"])]
    said.append(buyer.get("/v1/purchases"))
    follow_the_money(
        system, farmer, trader, listing=str(listing["utid"]), deposits=deposits, pickup=pickup["utid"]
    )
    assert chain(buyer, pickup["utid"]) == ["form_block", "purchase", "pickup"]
    with pytest.raises(Refused, match="utid-not-found"):
        rival.get(f"/v1/trace/{purchase['utid']}")
    text = json.dumps(said)
    assert "ugx" not in text
    for amount in (PRICE, COST, COST // 10, PROCEEDS, PROCEEDS - COST):
        assert str(amount) not in text
