"""What everybody on the floor works with: who is there, what they see through the API, and how often they may act.

Nothing is remembered here that the market knows: a demonstration that begins again on the same folder goes on with what it
finds. What is kept besides is bounded by the number of people.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from watchkeeper.base.clock import Clock
from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.bootstrap.demo.pace import PACES, Pace
from watchkeeper.bootstrap.demo.people import People

Row = dict[str, Any]

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
PRICES = dict(PRODUCE)
#: How the providers' references of this market begin.
REFERENCE = "DEMO-"
_PAGE = 200
#: What is still open lies within so many pages of the oldest that is.
_PAGES_MAX = 5


def unended(lock: Row) -> bool:
    """Whether a lock can still become something else."""
    return lock["outcome"] not in ("delivered", "reversed")


class Floor:
    """The market floor; belongs to the day's one thread."""

    def __init__(
        self, people: People, *, draw: random.Random, clock: Clock, run: str, keep: Callable[[], None]
    ) -> None:
        self.people = people
        #: To be called when the guest came, left, or has another password.
        self.keep = keep
        self.draw = draw
        self.clock = clock
        self.pace = Pace(clock)
        #: Listings that were made.
        self.listed = 0
        #: From where on payments are in no statement yet, by account, as the API counts them.
        self.stated: dict[str, int] = {}
        self.run = run
        self._reference = 0
        self._passed: dict[tuple[str, str], int] = {}
        self._accounts_passed = 0

    def payment(self) -> Row:
        """A provider and a reference that was never used."""
        self._reference += 1
        return {
            "provider": self.draw.choice(("mtn", "airtel")),
            "external_ref": f"{REFERENCE}{self.run}-{self._reference}",
        }

    def chosen(self, of: Sequence[Any]) -> Any:
        """One of these; None where there is none."""
        return self.draw.choice(of) if of else None

    def somebody(self, among: Sequence[Person], limit: str) -> Person | None:
        """One of those who may do this now, by the name of the market's limit; None when all have to wait."""
        return self.found([one for one in among if self.may(one, limit)])

    def may(self, who: Person, limit: str) -> bool:
        """Whether somebody need not wait for the market's limit of this name."""
        return self.pace.free(f"{limit} {who.alias}", PACES[limit])

    def in_turn(self, among: Sequence[Person]) -> list[Person]:
        """These people, in an order of this moment."""
        return self.draw.sample(list(among), len(among))

    def found(self, among: Sequence[Person]) -> Person | None:
        """One of these people; None where there is none."""
        return self.draw.choice(among) if among else None

    def paced(self, who: Person, limit: str, path: str, body: Row) -> Row:
        """Do what the market limits; raises `Refused`."""
        key, often = f"{limit} {who.alias}", PACES[limit]
        try:
            answer = who.post(path, body)
        except Refused as refused:
            if refused.retry_after_seconds is not None:
                self.pace.shut(key, often, seconds=refused.retry_after_seconds)
            raise
        self.pace.take(key, often)
        return answer

    def some(self, who: Person, path: str, name: str) -> list[Row]:
        """One page of what somebody is shown."""
        found = who.get(path)[name]
        return found if isinstance(found, list) else []

    def account(self, alias: str) -> Row | None:
        """An account as the admin sees it; those far before it are not read again."""
        for _ in range(_PAGES_MAX):
            page = self.people.admin.get(f"/v1/users?after={self._accounts_passed}&limit={_PAGE}")
            rows = page["users"] if isinstance(page["users"], list) else []
            for row in rows:
                if row["alias"] == alias:
                    return dict(row)
            if len(rows) < _PAGE:
                break
            self._accounts_passed = int(str(page["next"]))
        return None

    def open_ones(self, who: Person, path: str, name: str, still: Callable[[Row], bool]) -> list[Row]:
        """What is still open of a list that only grows, the oldest first; what has ended at its beginning is not read again."""
        key = (who.alias, path)
        found: list[Row] = []
        after = self._passed.get(key, 0)
        for _ in range(_PAGES_MAX):
            rows = self.some(who, f"{path}?after={after}&limit={_PAGE}", name)
            for row in rows:
                after = int(row["id"])
                if still(row):
                    found.append(row)
                elif not found:
                    self._passed[key] = after
            if len(rows) < _PAGE:
                break
        return found
