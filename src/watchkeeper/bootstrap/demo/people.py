"""Everyone in the demonstration, invited and enrolled as people are."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from watchkeeper.base.utid import base36
from watchkeeper.bootstrap.demo.client import Person, enrol

SEED = 20261124
FARMERS = 6
TRADERS = 4
BUYERS = 3


@dataclass(slots=True)
class People:
    """Everyone in the demonstration, and who is who for the person who watches."""

    operator: Person
    admin: Person
    farmers: list[Person] = field(default_factory=list)
    traders: list[Person] = field(default_factory=list)
    buyers: list[Person] = field(default_factory=list)


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
    for number, role in enumerate(["farmer"] * FARMERS + ["trader"] * TRADERS + ["buyer"] * BUYERS):
        answer = people.admin.post(
            "/v1/users", {"role": role, "reason": f"joins the demonstration as a {role}"}
        )
        person, _ = _enrolled(base, str(answer["enrolment"]), f"{role.capitalize()} {number + 1}", draw, run)
        {"farmer": people.farmers, "trader": people.traders, "buyer": people.buyers}[role].append(person)
        say(f"  {role} {person.alias} has enrolled")
    for person in (*people.farmers, *people.traders, *people.buyers):
        person.sign_in()
    return people


def _enrolled(base: str, path: str, name: str, draw: random.Random, run: str) -> tuple[Person, list[str]]:
    secret_word = password()
    phone = f"+256 7{draw.randrange(10**8):08d}"
    found = enrol(base, path, name=name, phone=phone, password=secret_word)
    person = Person(base, alias=found.alias, password=secret_word, secret=found.secret, run=run)
    return person, found.recovery_codes
