"""`./run --demo`: everyone enrols, the day begins, and the person in front of the terminal is told what to try."""

from __future__ import annotations

import json
import os
import shlex
import threading
from collections.abc import Callable
from pathlib import Path

from watchkeeper.base.database import engine_of
from watchkeeper.base.database.places import SERVER_FILE
from watchkeeper.bootstrap.addresses import Addresses
from watchkeeper.bootstrap.demo import sabotage
from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.bootstrap.demo.day import Day
from watchkeeper.bootstrap.demo.people import Guest, People, gather
from watchkeeper.bootstrap.demo.phone import Phone
from watchkeeper.bootstrap.setup import FirstLinks

_PEOPLE_FILE = "demo-people.json"
_COUNT_SECONDS = 30.0
_SIGN_INS_MAX = 4
_NEXT_DIGITS_SECONDS = 15.0


class Demonstration:
    """The day and what is said about it, in threads beside the supervisor."""

    def __init__(
        self,
        data: Path,
        where: Addresses,
        links: FirstLinks | None,
        *,
        speed: float,
        say: Callable[[str], None],
    ) -> None:
        self._data = data
        self._where = where
        self._links = links
        self._speed = speed
        self._phone_listens = False
        self._say = say
        self._stopping = threading.Event()
        self._phone = Phone(data, say=say)
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> None:
        """Begin in the background: the supervisor must go on."""
        self._phone_listens = self._phone.start()
        self._thread.start()

    def stop(self) -> None:
        """End the day."""
        self._stopping.set()
        self._thread.join(timeout=10)
        if self._phone_listens:
            self._phone.stop()

    def _run(self) -> None:
        self._say("The people of the demonstration enrol; passwords take a moment each ...")
        links = self._links
        if links is None or links.operator is None or links.admin is None:
            people = _remembered(self._data, self._where)
            if people is None:
                self._say(
                    "This folder was not made by --demo; nobody's password is known. Choose another --data."
                )
                return
            if not self._signed_in(people):
                return
        else:
            people = gather(self._where.market, operator=links.operator, admin=links.admin, say=self._say)
            _remember(self._data, people)
        day = Day(people, speed=self._speed, keep=lambda: _remember(self._data, people))
        day.start()
        self._explain(people)
        while not self._stopping.wait(_COUNT_SECONDS / max(1.0, self._speed)):
            done = ", ".join(f"{count} {what}" for what, count in sorted(day.done.items()))
            refused = ", ".join(f"{count} {code}" for code, count in sorted(day.refused.items()))
            self._say(f"  so far: {done}" + (f"; refused: {refused}" if refused else ""))
        day.stop()

    def _signed_in(self, people: People) -> bool:
        """Let everybody in again. Six digits count once, so an admin who was here a moment ago waits for the next."""
        for _ in range(_SIGN_INS_MAX):
            try:
                people.admin.sign_in()
                break
            except Refused:
                if self._stopping.wait(_NEXT_DIGITS_SECONDS):
                    return False
        else:
            self._say("The demonstration's admin is not let in; nobody plays. Choose another --data.")
            return False
        for person in (*people.farmers, *people.traders, *people.buyers):
            person.sign_in()
        return True

    def _explain(self, people: People) -> None:
        data = self._data
        say = self._say
        say("")
        say("The market day is on. The operator of this demonstration:")
        say(f"  page           {self._where.control}")
        say(f"  alias          {people.operator.alias}")
        say(f"  password       {people.operator.password}")
        # Whoever reads this pastes it, whatever their folders are called.
        say(f"  six digits     .venv/bin/watchkeeper demo-code --data {shlex.quote(str(data))}")
        say(f"  watch it       .venv/bin/watchkeeper status --follow --data {shlex.quote(str(data))}")
        say("")
        if self._phone_listens:
            say("  phone          what reaches the operator's phone (a signed webhook) is printed here")
            say("")
        engine = engine_of(data)
        if engine == "sqlite":
            say(
                f"Sabotage to try. First: sqlite3 {shlex.quote(str(data / 'market.db'))}   then   .timeout 10000   "
                "then one of:"
            )
        else:
            say(
                f"Sabotage to try. First: psql with the owner's address from {data / SERVER_FILE}, then one of:"
            )
        say("")
        say("1. a deposit past the journal (stops that one trader; the others trade on)")
        say(sabotage.added(people.traders[0].alias))
        say("")
        say("2. an amount edited (stops all wallets; listings go on)")
        say(sabotage.edited(people.traders[1].alias, engine))
        say("")
        say("3. an entry deleted (the same)")
        say(sabotage.deleted(people.traders[2].alias, engine))
        say("")


def _remember(data: Path, people: People) -> None:
    """Keep the demonstration's made-up people, for a second run on the same folder; never done outside it."""
    document = {
        "operator": _kept(people.operator),
        "admin": _kept(people.admin),
        "farmers": [_kept(person) for person in people.farmers],
        "traders": [_kept(person) for person in people.traders],
        "buyers": [_kept(person) for person in people.buyers],
        "guest": None if people.guest is None else _kept(people.guest.person) | {"acts": people.guest.acts},
    }
    path = data / "run" / _PEOPLE_FILE
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)
    fresh.replace(path)


def _kept(person: Person) -> dict[str, object]:
    return {"alias": person.alias, "password": person.password, "secret": person.secret}


def _remembered(data: Path, where: Addresses) -> People | None:
    try:
        document = json.loads((data / "run" / _PEOPLE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None

    def person(kept: dict[str, str]) -> Person:
        return Person(
            where.market, alias=kept["alias"], password=kept["password"], secret=kept["secret"], run="again"
        )

    guest = document.get("guest")
    return People(
        person(document["operator"]),
        person(document["admin"]),
        [person(kept) for kept in document["farmers"]],
        [person(kept) for kept in document["traders"]],
        # A folder of an earlier version has none.
        [person(kept) for kept in document.get("buyers", ())],
        None if guest is None else Guest(person(guest), int(guest["acts"])),
    )


def operator_secret(data: Path) -> str | None:
    """The made-up operator's second factor, for `demo-code`."""
    try:
        document = json.loads((data / "run" / _PEOPLE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return str(document["operator"]["secret"])
