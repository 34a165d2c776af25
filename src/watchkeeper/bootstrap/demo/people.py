"""Everyone in the demonstration, invited and enrolled as people are."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from watchkeeper.base.clock import Clock
from watchkeeper.base.utid import base36
from watchkeeper.bootstrap.demo.client import Person, enrol

SEED = 20261124
FARMERS = 6
TRADERS = 4
BUYERS = 3


@dataclass(slots=True)
class Guest:
    """Somebody who comes and goes, and how much was done with the account."""

    person: Person
    acts: int = 0


@dataclass(slots=True)
class People:
    """Everyone in the demonstration, and who is who for the person who watches."""

    operator: Person
    admin: Person
    farmers: list[Person] = field(default_factory=list)
    traders: list[Person] = field(default_factory=list)
    buyers: list[Person] = field(default_factory=list)
    guest: Guest | None = None


def password() -> str:
    """A password that nobody else has."""
    return secrets.token_urlsafe(18)


def gather(base: str, *, operator: str, admin: str, say: Callable[[str], None]) -> People:
    """Enrol everyone through their links."""
    run = base36(6)
    draw = random.Random(SEED)
    first, _ = enrolled(base, operator, "Operator of the day", draw, run)
    second, codes = enrolled(base, admin, "Admin of the day", draw, run)
    people = People(first, second)
    people.admin.sign_in(recovery_code=codes[0])
    invite(people, draw=draw, run=run, say=say)
    return people


def invite(
    people: People, *, draw: random.Random, run: str, say: Callable[[str], None], clock: Clock | None = None
) -> None:
    """Let the admin, who is signed in, invite everybody else; they enrol and sign in."""
    base = people.admin.base
    for number, role in enumerate(["farmer"] * FARMERS + ["trader"] * TRADERS + ["buyer"] * BUYERS):
        answer = people.admin.post(
            "/v1/users", {"role": role, "reason": f"joins the demonstration as a {role}"}
        )
        link, name = str(answer["enrolment"]), f"{role.capitalize()} {number + 1}"
        person, _ = enrolled(base, link, name, draw, run, clock=clock)
        {"farmer": people.farmers, "trader": people.traders, "buyer": people.buyers}[role].append(person)
        say(f"  {role} {person.alias} has enrolled")
    for person in (*people.farmers, *people.traders, *people.buyers):
        person.sign_in()


def enrolled(
    base: str, path: str, name: str, draw: random.Random, run: str, *, clock: Clock | None = None
) -> tuple[Person, list[str]]:
    """Enrol somebody of this name behind a link; the person and their recovery codes."""
    secret_word = password()
    phone = f"+256 7{draw.randrange(10**8):08d}"
    found = enrol(base, path, name=name, phone=phone, password=secret_word, clock=clock)
    person = Person(base, alias=found.alias, password=secret_word, secret=found.secret, run=run, clock=clock)
    return person, found.recovery_codes
