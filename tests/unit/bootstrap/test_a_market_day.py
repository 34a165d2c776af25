"""The demonstration's day against the market's own application: it goes on for days, and no lock is forgotten."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.books import REASON
from tests.worlds.office import Office
from watchkeeper.bootstrap.demo.acts import KINDS, goods
from watchkeeper.bootstrap.demo.acts.office import open_window
from watchkeeper.bootstrap.demo.client import Person
from watchkeeper.bootstrap.demo.day import Day
from watchkeeper.bootstrap.demo.floor import Floor
from watchkeeper.bootstrap.demo.people import People, enrolled, invite
from watchkeeper.market.commands import Answer, Command, CreateListing, PayToLock, VerifyDelivery

#: As many as one trader may lock in an hour; so often that they are more than a page of the API holds.
PACE = 20
MANY = 200
STEPS_MAX = 3000
UNITS_OF_A_BLOCK = 10
MINUTES_A_STEP = 1
MINUTES_OF_TWO_DAYS = 49 * 60


class MarketDay:
    """An office with the people of the demonstration in it."""

    def __init__(self, data: Path) -> None:
        self.office = office = Office(data)
        self.draw = random.Random(1)
        base = str(office.http.base_url)
        office.market.keep_lease()
        office.sign_in(office.admin)
        link = office.post(office.admin, "/v1/users", role="admin", reason=REASON).json()["enrolment"]
        person, codes = enrolled(base, link, "Admin of the day", self.draw, "t", clock=office.clock)
        person.sign_in(recovery_code=codes[0])
        operator = Person(base, alias=office.operator.alias, password="", secret=None, run="t")
        self.people = People(operator, person)
        invite(self.people, draw=self.draw, run="t", say=lambda _: None, clock=office.clock)

    def floor(self) -> Floor:
        return Floor(self.people, draw=self.draw, clock=self.office.clock, run="t", keep=lambda: None)

    def one(self, command: Command, actor_id: int) -> Answer:
        self.office.market.keep_lease()
        return self.office.intake.submit(self.office.market.act(command, actor_id)).result(10)

    def listed(self, units: int) -> list[int]:
        """So many new units."""
        listing = CreateListing(produce="Maize", grams=10_000 * units, price_ugx_per_kg=1)
        found = self.one(listing, self.office.market.farmer).body["unit_ids"]
        assert isinstance(found, list)
        return found

    def verify(self, utid: str) -> None:
        """What was locked was delivered."""
        self.one(
            VerifyDelivery(lock_utid=utid, outcome="delivered", reason=REASON), self.office.market.admin_id
        )

    def play(self, day: Day, *, until: set[str], and_then: Callable[[], bool] = lambda: True) -> None:
        """Step on, some minutes at a time, until each of these was done since the beginning of this, and then this holds."""
        before = dict(day.done)
        for _ in range(STEPS_MAX):
            missing = {name for name in until if day.done.get(name, 0) == before.get(name, 0)}
            if not missing and and_then():
                return
            self.office.market.keep_lease()
            self.office.later(MINUTES_A_STEP)
            day.step()
        pytest.fail(f"these were not done in {STEPS_MAX} steps: {missing}; refused: {day.refused}")


@pytest.fixture
def market_day(data: Path) -> Iterator[MarketDay]:
    found = MarketDay(data)
    yield found
    found.office.close()


def test_after_more_locks_than_a_page_holds_new_ones_are_verified_and_late_ones_reversed(
    market_day: MarketDay,
) -> None:
    market, office = market_day.office.market, market_day.office

    units = market_day.listed(MANY) + market_day.listed(MANY)

    def locked(count: int) -> list[str]:
        office.later(61)
        return [market_day.one(PayToLock(unit_id=units.pop()), market.tina).utid for _ in range(count)]

    for _ in range(MANY // PACE + 1):
        for utid in locked(PACE):
            market_day.verify(utid)
    newest = locked(4)
    floor = market_day.floor()
    assert goods.late(floor)
    assert not goods.reverse(floor)
    assert goods.late(floor)
    assert goods.reverse(floor)
    assert goods.accepted_late(floor)
    assert goods.cancelled(floor)
    assert goods.reverse(floor)
    assert goods.delivered(floor)
    assert not goods.delivered(floor)
    assert not goods.reverse(floor)
    outcomes = {str(row["utid"]): str(row["outcome"]) for row in market.books.locks(after=MANY + PACE)}
    assert sorted(outcomes.values()) == ["delivered", "delivered", "reversed", "reversed"]
    assert sorted(outcomes) == sorted(newest)


def test_buyers_leave_the_last_block_while_a_loss_is_due(market_day: MarketDay) -> None:
    floor = market_day.floor()
    buyer = floor.people.buyers[0]
    assert open_window(floor)

    def block() -> None:
        for unit in market_day.listed(UNITS_OF_A_BLOCK):
            market_day.verify(market_day.one(PayToLock(unit_id=unit), market_day.office.market.tina).utid)
        until(lambda: floor.some(buyer, "/v1/blocks", "blocks"), what="the market formed the block")

    block()
    assert not goods.buy(floor)
    assert goods.write_off_block(floor)
    floor.pace.take(goods.BLOCK_LOSS, goods.LOSS)
    block()
    assert goods.buy(floor)


@pytest.mark.timeout(1800)
def test_a_day_goes_on_for_days_with_every_kind_of_act(tmp_path: Path) -> None:
    market_day = MarketDay(tmp_path / "data")
    day = Day(market_day.people, speed=20, clock=market_day.office.clock)
    market_day.office.market.keep_lease()
    day.open()
    names = {kind.name for kind in KINDS}
    floor = market_day.floor()
    # An order that was forgotten may be given back, and then another one is.
    market_day.play(
        day, until=names - {"purchases expired"}, and_then=lambda: goods.forgotten(floor) is not None
    )
    # Whoever has not come for a block by then is late, sessions have ended, and codes are others.
    market_day.office.later(MINUTES_OF_TWO_DAYS)
    market_day.play(day, until=names)
    market_day.office.close()
    assert "rate-limit-exceeded" not in day.refused
    assert "validation-failed" not in day.refused
    assert sum(day.refused.values()) * 5 < sum(day.done.values()), day.refused
