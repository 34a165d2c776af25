"""A market day: farmers list, traders pay to lock, an admin verifies; seeded, and as fast as is asked for."""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from watchkeeper.base.utid import base36
from watchkeeper.bootstrap.demo.client import Person, Refused, enrol

SEED = 20261124
FARMERS = 6
TRADERS = 4
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


@dataclass(slots=True)
class People:
    """Everyone in the demonstration, and who is who for the person who watches."""

    operator: Person
    admin: Person
    farmers: list[Person] = field(default_factory=list)
    traders: list[Person] = field(default_factory=list)


def password() -> str:
    """A password that nobody else has."""
    return secrets.token_urlsafe(18)


def gather(base: str, *, operator: str, admin: str, say: Callable[[str], None]) -> People:
    """Enrol everyone through their links."""
    run = base36(6)
    draw = random.Random(SEED)
    first, _ = _enrolled(base, operator, "Operator of the day", draw, run)
    second, codes = _enrolled(base, admin, "Admin of the day", draw, run)
    people = People(first, second)
    people.admin.sign_in(recovery_code=codes[0])
    for number, role in enumerate(["farmer"] * FARMERS + ["trader"] * TRADERS):
        answer = people.admin.post(
            "/v1/users", {"role": role, "reason": f"joins the demonstration as a {role}"}
        )
        person, _ = _enrolled(base, str(answer["enrolment"]), f"{role.capitalize()} {number + 1}", draw, run)
        (people.farmers if role == "farmer" else people.traders).append(person)
        say(f"  {role} {person.alias} has enrolled")
    for person in (*people.farmers, *people.traders):
        person.sign_in()
    return people


def _enrolled(base: str, path: str, name: str, draw: random.Random, run: str) -> tuple[Person, list[str]]:
    secret_word = password()
    phone = f"+256 7{draw.randrange(10**8):08d}"
    found = enrol(base, path, name=name, phone=phone, password=secret_word)
    person = Person(base, alias=found.alias, password=secret_word, secret=found.secret, run=run)
    return person, found.recovery_codes


class Day:
    """Plays until it is stopped. What the market refuses is part of a day, and counted."""

    def __init__(self, people: People, *, speed: float) -> None:
        self._people = people
        self._pause = _PAUSE_SECONDS / max(0.1, min(speed, 20.0))
        self._draw = random.Random(SEED)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._play, name="day", daemon=True)
        self._reference = 0
        self.done: dict[str, int] = {}
        self.refused: dict[str, int] = {}

    def start(self) -> None:
        """Open the market and begin."""
        self._people.admin.post("/v1/pilot-mode", {"engaged": False, "reason": _REASON})
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

    def _deposit(self, trader: Person) -> None:
        self._reference += 1
        trader.post(
            "/v1/deposits",
            {
                "amount_ugx": 1000 * self._draw.randrange(50, 400),
                "provider": self._draw.choice(("mtn", "airtel")),
                "external_ref": f"DEMO{self._draw.randrange(10**9)}-{self._reference}",
            },
        )
        self._count("deposits")

    def _lock(self) -> None:
        trader = self._draw.choice(self._people.traders)
        listings = trader.get("/v1/listings?limit=20")["listings"]
        if not isinstance(listings, list):
            return
        units = [unit["id"] for listing in listings for unit in listing["units"]]
        if units:
            trader.post("/v1/locks", {"unit_id": self._draw.choice(units)})
            self._count("locks")

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
