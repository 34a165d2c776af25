"""The ninety days: which business comes at which hour, which mishap on which day, and when nobody keeps up."""

from __future__ import annotations

from collections.abc import Callable

from tests.worlds import season_mishaps as mishaps
from tests.worlds import season_people as people
from tests.worlds import season_refusals as refusals
from tests.worlds import season_store as store
from tests.worlds import season_trade as trade
from tests.worlds.season import DAYS, HOUR, SECOND, Season
from watchkeeper.boundary.gate import Switch

Work = Callable[[Season], None]

#: On these the housekeeping did not run at all; the next day catches up. No switch is flipped on them.
UNKEPT = frozenset({19, 20, 47, 71, 72, 73})
#: Pilot mode is on from the first hour to the last.
IN_PILOT_MODE = frozenset({26, 27, 58})
#: The mishaps, in an order that is drawn anew for each round.
MISHAPS: tuple[Work, ...] = (
    mishaps.killed,
    mishaps.sent_twice,
    mishaps.restricted,
    mishaps.shut_down,
    mishaps.stop_file,
    mishaps.clock_back,
    mishaps.silent,
    mishaps.pilot_hours,
    mishaps.back_in_the_pilot,
    mishaps.closed_window,
    refusals.over_the_limit,
    refusals.wrong_offers,
    refusals.wrong_money,
    refusals.wrong_goods,
    refusals.too_often,
)
#: The same for what happens with accounts.
ACCOUNTS: tuple[Work, ...] = (
    people.suspended,
    people.unsuspended,
    people.other_role,
    people.deleted,
    people.passwords,
    people.told,
    people.compared,
)
#: The hours of a day; each is one batch, or several.
HOURS: tuple[tuple[Work, ...], ...] = (
    (people.newcomers, trade.money_in),
    (trade.listings, trade.offers),
    (trade.answers, trade.locks),
    (trade.locks_by_offer, store.purchases),
    (trade.deliveries, store.pickups),
    (trade.money_out, store.losses),
)
#: In a season of so many people the housekeeping comes at every other hour only.
SMALL = 100
#: What goes on while pilot mode is on.
ENDING: tuple[Work, ...] = (trade.deliveries, store.pickups, store.losses)


class Bag:
    """Gives each once, in an order that is drawn, and then begins anew."""

    def __init__(self, season: Season, works: tuple[Work, ...]) -> None:
        self._season = season
        self._works = works
        self._left: list[Work] = []

    def next(self) -> Work:
        """The next one."""
        if not self._left:
            self._left = self._season.draw.sample(self._works, len(self._works))
        return self._left.pop()


def played(season: Season, each_day: Work) -> None:
    """All the days; `each_day` looks at the end of each."""
    people.settled(season)
    season.flip(Switch.PURCHASE_WINDOW, "release")
    mishap, accounts = Bag(season, MISHAPS), Bag(season, ACCOUNTS)
    for season.day in range(1, DAYS + 1):
        # A mishap may take a day or two of its own; the next day begins where it ended.
        if season.day in IN_PILOT_MODE:
            _in_pilot_mode(season)
        else:
            _a_day(season, mishap, accounts)
        each_day(season)


def _a_day(season: Season, mishap: Bag, accounts: Bag) -> None:
    unkept = season.day in UNKEPT
    trouble = season.draw.randrange(len(HOURS))
    for index, works in enumerate(HOURS):
        for work in works:
            work(season)
            season.flush()
        if season.day > 3 and not unkept and index == trouble:
            mishap.next()(season)
            accounts.next()(season)
            season.flush()
        season.later(4 * HOUR - 50 * SECOND + season.draw.randint(0, 100) * SECOND)
        if not unkept and (index % 2 or season.size > SMALL):
            season.keep_up()


def _in_pilot_mode(season: Season) -> None:
    season.flip(Switch.PILOT_MODE, "engage")
    for work in ENDING:
        work(season)
        season.flush()
        season.later(8 * HOUR)
        season.keep_up()
    season.flip(Switch.PILOT_MODE, "release")
    season.keep_up()
