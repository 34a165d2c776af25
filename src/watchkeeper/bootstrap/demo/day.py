"""A market day: farmers list, traders offer and pay to lock, an admin verifies, buyers buy; seeded, and as fast as is asked for."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.bootstrap.demo.people import SEED, People

#: Produce and what it costs a kilogram at the farm gate in Uganda, in UGX, roughly.
PRODUCE = (
    ("Matooke", 900),
    ("Maize", 1200),
    ("Beans", 3500),
    ("Cassava", 800),
    ("Sweet potatoes", 1000),
    ("Groundnuts", 5500),
    ("Millet", 2400),
    ("Irish potatoes", 1500),
)
#: Between two acts of the day, in seconds, at speed 1.
_PAUSE_SECONDS = 0.5
_REASON = "the market opens for the day"


class Day:
    """Plays until it is stopped. What the market refuses is part of a day, and counted."""

    def __init__(self, people: People, *, speed: float) -> None:
        self._people = people
        self._pause = _PAUSE_SECONDS / max(0.1, min(speed, 20.0))
        self._draw = random.Random(SEED)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._play, name="day", daemon=True)
        self._reference = 0
        #: Purchases that somebody still has to fetch.
        self._bought: list[str] = []
        self.done: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def start(self) -> None:
        """Open the market and begin."""
        for switch in ("/v1/pilot-mode", "/v1/purchase-window"):
            self._people.admin.post(switch, {"engaged": False, "reason": _REASON})
        for trader in self._people.traders:
            self._deposit(trader)
        for farmer in self._people.farmers:
            self._list(farmer)
        self._thread.start()

    def stop(self) -> None:
        """End the day."""
        self._stopping.set()
        self._thread.join(timeout=5)

    def _play(self) -> None:
        acts: list[tuple[int, Callable[[], None]]] = [
            (6, self._lock),
            (4, self._verify),
            (2, lambda: self._list(self._draw.choice(self._people.farmers))),
            (1, lambda: self._deposit(self._draw.choice(self._people.traders))),
            (3, self._look),
            (1, self._offer),
            (1, self._answer),
            (2, self._buy),
            (2, self._fetch),
            (1, self._pay),
            (1, self._take_profit),
        ]
        weights = [weight for weight, _ in acts]
        while not self._stopping.wait(self._pause):
            (_, act), *_ = self._draw.choices(acts, weights)
            try:
                act()
            except Refused as refusal:
                self.refused[str(refusal)] = self.refused.get(str(refusal), 0) + 1
            except httpx.HTTPError:
                self.refused["no answer"] = self.refused.get("no answer", 0) + 1

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    def _list(self, farmer: Person) -> None:
        produce, price = self._draw.choice(PRODUCE)
        near = price + self._draw.randrange(-price // 10, price // 10)
        farmer.post(
            "/v1/listings",
            {"produce": produce, "grams": 10_000 * self._draw.randrange(2, 9), "price_ugx_per_kg": near},
        )
        self._count("listings")

    def _payment(self) -> dict[str, object]:
        self._reference += 1
        return {
            "provider": self._draw.choice(("mtn", "airtel")),
            "external_ref": f"DEMO{self._draw.randrange(10**9)}-{self._reference}",
        }

    def _deposit(self, trader: Person) -> None:
        amount = 1000 * self._draw.randrange(50, 400)
        trader.post("/v1/deposits", {"amount_ugx": amount, **self._payment()})
        self._count("deposits")

    def _some(self, who: Person, path: str, name: str) -> list[dict[str, Any]]:
        found = who.get(path)[name]
        return found if isinstance(found, list) else []

    def _chosen(self, of: Sequence[Any]) -> Any:
        """One of these; None where there is none."""
        return self._draw.choice(of) if of else None

    def _unit(self, trader: Person) -> dict[str, Any] | None:
        """A free unit; mostly of what this trader deals in, so that blocks come together."""
        number = self._people.traders.index(trader)
        listings = self._some(trader, "/v1/listings?limit=50", "listings")
        usual = {
            name for place, (name, _) in enumerate(PRODUCE) if place % len(self._people.traders) == number
        }
        own = [listing for listing in listings if listing["produce"] in usual and listing["units"]]
        listing = self._chosen(own or [listing for listing in listings if listing["units"]])
        if listing is None:
            return None
        return {"id": self._draw.choice(listing["units"])["id"], "price": listing["price_ugx_per_kg"]}

    def _lock(self) -> None:
        trader = self._draw.choice(self._people.traders)
        unit = self._unit(trader)
        if unit is not None:
            trader.post("/v1/locks", {"unit_id": unit["id"]})
            self._count("locks")

    def _offer(self) -> None:
        trader = self._draw.choice(self._people.traders)
        unit = self._unit(trader)
        if unit is not None:
            trader.post("/v1/offers", {"unit_id": unit["id"], "price_ugx_per_kg": unit["price"] * 9 // 10})
            self._count("offers")

    def _answer(self) -> None:
        farmer = self._draw.choice(self._people.farmers)
        open_ones = [one for one in self._some(farmer, "/v1/offers", "offers") if one["status"] == "pending"]
        offer = self._chosen(open_ones)
        if offer is not None:
            answer = self._draw.choice(("accept", "accept", "reject"))
            farmer.post(f"/v1/offers/{offer['offer']}/answer", {"answer": answer})
            self._count("answers")

    def _buy(self) -> None:
        buyer = self._draw.choice(self._people.buyers)
        block = self._chosen(self._some(buyer, "/v1/blocks", "blocks"))
        if block is not None:
            self._bought.append(str(buyer.post("/v1/purchases", {"block_id": block["id"]})["utid"]))
            self._count("purchases")

    def _fetch(self) -> None:
        if self._bought:
            utid = self._bought.pop(0)
            proceeds = 1000 * self._draw.randrange(60, 400)
            reason = {"reason": "the buyer has fetched it and paid"}
            self._people.admin.post(
                f"/v1/purchases/{utid}/pickup", {"proceeds_ugx": proceeds, **self._payment(), **reason}
            )
            self._count("pickups")

    def _pay(self) -> None:
        farmer = self._draw.choice(self._people.farmers)
        earned = farmer.get("/v1/earnings")["earnings_ugx"]
        if isinstance(earned, int) and earned:
            paid = {
                "account": farmer.alias,
                "amount_ugx": earned,
                "reason": "paid out at the end of the week",
            }
            self._people.admin.post("/v1/payouts", {**paid, **self._payment()})
            self._count("payouts")

    def _take_profit(self) -> None:
        trader = self._draw.choice(self._people.traders)
        profit = trader.get("/v1/wallet?limit=1")["profit_ugx"]
        if isinstance(profit, int) and profit:
            trader.post("/v1/withdrawals", {"amount_ugx": profit, **self._payment()})
            self._count("withdrawals")

    def _verify(self) -> None:
        after = 0
        page = self._people.admin.get(f"/v1/locks?after={after}&limit=200")["locks"]
        waiting = [lock for lock in page if lock["outcome"] is None] if isinstance(page, list) else []
        if waiting:
            lock = self._draw.choice(waiting)
            outcome = self._draw.choices(("delivered", "late"), (9, 1))[0]
            self._people.admin.post(
                f"/v1/locks/{lock['utid']}/verification",
                {"outcome": outcome, "reason": f"seen at the collection point: {outcome}"},
            )
            self._count(outcome)

    def _look(self) -> None:
        self._draw.choice(self._people.traders).get("/v1/wallet?limit=5")
        self._count("looks at a wallet")
