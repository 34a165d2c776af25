"""A running market that holds one thing of every kind, its amounts and its people such as stand nowhere else by chance."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import until
from tests.worlds.authenticator import Authenticator
from tests.worlds.system import REASON, System
from watchkeeper.bootstrap.demo import sabotage
from watchkeeper.bootstrap.demo.client import Person, enrol

#: Prices for a kilogram; a unit has ten.
ASKED, OFFERED, COUNTERED, REJECTED, OTHERS_ASKED = 7_919, 7_243, 8_237, 6_997, 6_173
DEPOSITS = (1_043_217, 987_653)
PROCEEDS, WITHDRAWN, PAID_OUT = 823_457, 13_171, 117_437
#: What is told to anybody about anybody, and who was told.
NAMES = (
    "Nakimuli Zawedde", "Okot Lukwiya", "Akello Adongpiny", "Byaruhanga Kisembo", "Nabirye Wandera",
    "Mugisha Rwabwogo", "Atim Lamwaka", "Ssemwogerere Kaggwa", "Nyakato Tibenda", "Opio Engwau", "Birungi Karuhanga",
    "Wasswa Mpagi", "Auma Ocwich",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as nobody but they may read it."""

    name: str
    phone: str
    email: str

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts of which none may stand anywhere else; the telephone number as its last nine digits."""
        digits = "".join(character for character in self.phone if character.isdigit())
        return (*self.name.split(), digits[-9:], self.email.partition("@")[0])


def _identity(number: int) -> Identity:
    name = NAMES[number]
    return Identity(
        name,
        f"+256 7829{number:02} 3{number:02}",
        f"{name.split()[0].lower()}.{73_131 + number}@mail.example",
    )


@dataclass(slots=True)
class Everything:
    """The system, two people of each role, and what they have done."""

    system: System
    #: Those who ask, by role, and for each another of the same role.
    people: dict[str, Person] = field(default_factory=dict)
    others: dict[str, Person] = field(default_factory=dict)
    identities: dict[str, Identity] = field(default_factory=dict)
    #: Sessions that are worth nothing, by what became of their account.
    worthless: dict[str, str] = field(default_factory=dict)
    #: Keys and UTIDs of what there is, by the path that leads to it.
    there: dict[str, str] = field(default_factory=dict)
    #: The same of what belongs to neither `people["..."]`, by path and role.
    of_others: dict[tuple[str, str], str] = field(default_factory=dict)
    free_unit: int = 0
    #: The alias of whoever's books somebody has meddled with.
    victim: str = ""
    _word: str = field(default_factory=lambda: secrets.token_urlsafe(18))

    def person(self, role: str) -> Person:
        """Somebody new with a session."""
        link = str(self.admin.post("/v1/users", {"role": role, "reason": REASON})["enrolment"])
        who = _identity(len(self.identities))
        found = enrol(self.system.market, link, name=who.name, phone=who.phone, password=self._word)
        person = Person(
            self.system.market, alias=found.alias, password=self._word, secret=found.secret, run="e"
        )
        person.sign_in(recovery_code=found.recovery_codes[0] if found.recovery_codes else None)
        self._known(person, who)
        return person

    def named(self, person: Person) -> None:
        """Give somebody whom the system made a name that stands nowhere else."""
        self._known(person, _identity(len(self.identities)))

    def _known(self, person: Person, who: Identity) -> None:
        self.identities[person.alias] = who
        person.post("/v1/me", {"name": who.name, "phone": who.phone, "email": who.email})

    @property
    def admin(self) -> Person:
        """The admin."""
        return self.system.admin

    def incidents(self) -> list[str]:
        """The incidents by their names."""
        return sorted(set(re.findall(r'href="/incidents/([^"]+)"', self.system.operator.page("/incidents"))))

    def again(self, person: Person) -> str:
        """The token of one more session."""
        other = Person(self.system.market, alias=person.alias, password=person.password, secret=None, run="e")
        other.sign_in()
        return other._token

    def because(self, path: str, **more: object) -> dict[str, Any]:
        """What the admin does with a reason."""
        return self.admin.post(path, {"reason": REASON, **more})


def _settle(found: Everything) -> None:
    system = found.system
    operator = Person(
        system.market, alias=system.operator.alias, password=system.operator.password, secret=None, run="o"
    )
    operator.sign_in(recovery_code=system.operator_codes.pop())
    operator.post("/v1/phase", {"phase": "production", "reason": REASON})
    farmer, (trader, other_trader) = system.farmer, system.traders
    for person in (operator, found.admin, farmer, trader, other_trader):
        found.named(person)
    found.people = {
        "farmer": farmer,
        "trader": trader,
        "buyer": found.person("buyer"),
        "admin": found.admin,
        "operator": operator,
    }
    found.others = {
        "farmer": found.person("farmer"),
        "trader": other_trader,
        "buyer": found.person("buyer"),
        "admin": found.person("admin"),
    }


def _trade(found: Everything) -> None:
    farmer, other_farmer = found.people["farmer"], found.others["farmer"]
    trader, other_trader = found.people["trader"], found.others["trader"]
    listing: Any = farmer.post(
        "/v1/listings", {"produce": " vaNILLA ", "grams": 300_000, "price_ugx_per_kg": ASKED}
    )
    units: list[int] = listing["unit_ids"]
    beside: Any = other_farmer.post(
        "/v1/listings", {"produce": "Coffee", "grams": 60_000, "price_ugx_per_kg": OTHERS_ASKED}
    )
    _, gone = (farmer.post("/v1/listings", {"produce": "Beans", "grams": 10_000, "price_ugx_per_kg": 9_787}) for _ in range(2))  # fmt: skip
    farmer.post(f"/v1/listings/{gone['listing_id']}/cancellation", {})
    for person, amount in ((trader, DEPOSITS[0]), (other_trader, DEPOSITS[1])):
        person.post(
            "/v1/deposits", {"amount_ugx": amount, "provider": "bank", "external_ref": f"D-{amount % 97}"}
        )
    deposit: Any = trader.get("/v1/wallet")

    def offered(by: Person, unit: int, price: int) -> str:
        return str(by.post("/v1/offers", {"unit_id": unit, "price_ugx_per_kg": price})["offer"])

    countered = offered(trader, units.pop(), OFFERED)
    farmer.post(f"/v1/offers/{countered}/answer", {"answer": "counter", "price_ugx_per_kg": COUNTERED})
    trader.post(f"/v1/offers/{countered}/answer", {"answer": "accept"})
    seen: Any = trader.get("/v1/offers")
    (unit,) = (one["unit_id"] for one in seen["offers"] if one["offer"] == countered)
    apart = trader.post("/v1/locks", {"unit_id": unit, "offer": countered})
    rejected = offered(trader, units[-1], REJECTED)
    farmer.post(f"/v1/offers/{rejected}/answer", {"answer": "reject"})
    withdrawn = offered(trader, units[-1], REJECTED)
    trader.post(f"/v1/offers/{withdrawn}/withdrawal", {})
    pending = offered(trader, units.pop(), OFFERED)
    strange = offered(other_trader, beside["unit_ids"].pop(), 5_927)
    for person in (trader, other_trader):
        for _ in range(10):
            lock = person.post("/v1/locks", {"unit_id": units.pop()})
            found.because(f"/v1/locks/{lock['utid']}/verification", outcome="delivered")
    found.because(f"/v1/locks/{apart['utid']}/verification", outcome="delivered")
    late = trader.post("/v1/locks", {"unit_id": units.pop()})
    found.because(f"/v1/locks/{late['utid']}/verification", outcome="late")
    found.because(f"/v1/locks/{late['utid']}/reversal")
    open_lock = trader.post("/v1/locks", {"unit_id": beside["unit_ids"].pop()})
    found.free_unit = units.pop()
    found.there |= {
        "/v1/offers/{utid}": pending,
        "/v1/locks/{utid}": str(open_lock["utid"]),
        "/v1/listings/{listing_id}": str(listing["listing_id"]),
        "/v1/trace/{utid}": str(open_lock["utid"]),
        "/trace": f"/trace?utid={open_lock['utid']}",
    }
    bought = str(deposit["entries"][0]["utid"])
    traced: Any = other_farmer.get("/v1/offers")
    found.of_others |= {
        ("/v1/offers/{utid}", "trader"): strange,
        ("/v1/offers/{utid}", "farmer"): strange,
        ("/v1/listings/{listing_id}", "farmer"): str(beside["listing_id"]),
        ("/v1/trace/{utid}", "farmer"): str(traced["offers"][0]["offer"]),
        ("/v1/trace/{utid}", "trader"): strange,
        ("/v1/trace/{utid}", "buyer"): bought,
    }


def _sell(found: Everything) -> None:
    trader, other_trader = found.people["trader"], found.others["trader"]
    buyer, other_buyer = found.people["buyer"], found.others["buyer"]

    def blocks(of: Person) -> Any:
        return of.get("/v1/blocks")["blocks"]

    until(lambda: bool(blocks(trader) and blocks(other_trader)), seconds=40, what="the blocks form")
    found.because("/v1/purchase-window", engaged=False)
    first: Any = buyer.post("/v1/purchases", {"block_id": blocks(trader)[0]["id"]})
    buyer.post(f"/v1/purchases/{first['utid']}/cancellation", {})
    first = buyer.post("/v1/purchases", {"block_id": blocks(trader)[0]["id"]})
    second: Any = other_buyer.post("/v1/purchases", {"block_id": blocks(other_trader)[0]["id"]})
    paid = {"provider": "mtn", "external_ref": "PICKED-UP"}
    found.because(f"/v1/purchases/{first['utid']}/pickup", proceeds_ugx=PROCEEDS, **paid)
    trader.post("/v1/withdrawals", {"amount_ugx": WITHDRAWN, "provider": "mtn", "external_ref": "TAKEN-OUT"})
    farmer = found.people["farmer"].alias
    found.because("/v1/payouts", account=farmer, amount_ugx=PAID_OUT, provider="airtel", external_ref="PAID")
    lots: Any = trader.get("/v1/lots")
    (left,) = (lot["id"] for lot in lots["lots"][-1:])
    found.because(f"/v1/lots/{left}/write-off")
    found.there |= {
        "/v1/purchases/{utid}": str(second["utid"]),
        "/v1/lots/{lot_id}": str(left),
        "/v1/blocks/{block_id}": str(blocks(other_trader)[0]["id"]),
        "/v1/users/{alias}": farmer,
        "/account": f"/account?alias={farmer}",
    }
    found.of_others["/v1/purchases/{utid}", "buyer"] = str(second["utid"])


def _talk(found: Everything) -> None:
    found.because("/v1/notices", kind="admin_broadcast", text="The store opens at eight tomorrow.")
    about = found.there["/v1/locks/{utid}"]
    found.because("/v1/notices", kind="utid_specific", about_utid=about, text="The lorry is on its way.")
    said = {
        role: str(
            found.because("/v1/notices", kind="role_based", role=role, text="For you alone.")["notice_id"]
        )
        for role in ("buyer", "trader")
    }
    found.there["/v1/notices/{notice_id}"] = said["buyer"]
    for role in found.people:
        found.of_others["/v1/notices/{notice_id}", role] = said["trader" if role == "buyer" else "buyer"]
    for role, person in found.people.items():
        own: Any = (found.others["admin"] if role == "operator" else found.others[role]).get("/v1/sessions")
        found.of_others["/v1/sessions/{short_id}", role] = own["sessions"][0]["id"]
        mine: Any = person.get("/v1/sessions")
        found.there["/v1/sessions/{short_id}"] = mine["sessions"][0]["id"]


def _keep_order(found: Everything) -> None:
    """A passkey of the admin's, and a statement of the provider's that was compared."""
    admin = found.people["admin"]
    device = Authenticator(found.system.market.replace("127.0.0.1", "localhost"))
    options: Any = admin.post("/v1/me/passkeys/options", {})
    made: Any = admin.post("/v1/me/passkeys", {"name": "a phone", **device.create(options)})
    statement = "Id,Date,Status,Amount,Currency,Fee\n"
    compared: Any = admin.post(
        "/v1/reconciliations",
        {"statement": statement, "map": "mtn", "first_day": "2026-11-20", "last_day": "2026-11-21"},
    )
    found.there |= {
        "/v1/me/passkeys/{passkey}": str(made["id"]),
        "/v1/reconciliations/{utid}": str(compared["utid"]),
    }


def _end(found: Everything) -> None:
    # The row of a session that ended goes with the next one of its account: nobody signs in again here.
    suspended, deleted, changed = (found.person("trader") for _ in range(3))
    suspended.post("/v1/deposits", {"amount_ugx": 461_717, "provider": "cash", "external_ref": "HELD"})
    found.because(f"/v1/users/{suspended.alias}/suspension")
    found.because(f"/v1/users/{deleted.alias}/deletion")
    found.because(f"/v1/users/{changed.alias}/role", role="buyer")
    left = found.again(found.others["trader"])
    leaver = Person(found.system.market, alias="", password="", secret=None, run="e")
    leaver._token = left
    leaver._http.delete(
        "/v1/sessions/current", headers={"authorization": f"Bearer {left}"}
    ).raise_for_status()
    found.worthless = {
        "suspended": suspended._token,
        "deleted": deleted._token,
        "of another role by now": changed._token,
        "signed out": left,
    }
    found.because(f"/v1/users/{found.others['farmer'].alias}/reset")
    link = str(found.because("/v1/users", role="farmer")["enrolment"]).rpartition("/")[2]
    found.there |= {"/v1/enrolments/{token}": link, "/enrol/{token}": link}

    # The watch, too, is to have something to tell: a row past the journal, in the books of one account alone.
    found.system.sabotage(sabotage.added(suspended.alias))
    found.victim = suspended.alias
    until(
        lambda: found.system.mail.mails and found.system.webhook.events and found.incidents(),
        seconds=60,
        what="the operator is told, and an incident is opened",
    )


@contextmanager
def everything(data: Path, *, database_url: str | None = None) -> Iterator[Everything]:
    """The market of everything, stopped at the end."""
    system = System(data, database_url=database_url)
    found = Everything(system)
    try:
        system.start()
        system.channels()
        system.people()
        for step in (_settle, _trade, _sell, _talk, _keep_order, _end):
            step(found)
        yield found
    finally:
        system.stop()
