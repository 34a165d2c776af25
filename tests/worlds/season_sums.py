"""The season's own arithmetic, from the rows of the books alone: money, exposure, and the fee to the gram."""

from __future__ import annotations

from collections import Counter, defaultdict

from tests.worlds.season import DAY, Season, whole
from watchkeeper.boundary.gate import Switch

EXPOSURE_UGX_MAX = 1_000_000
NEVER = 2**62
#: What an entry does to capital, locked and profit, as the rules say it on paper.
ENTRIES = {
    "capital_deposit": (1, 0, 0),
    "capital_lock": (-1, 1, 0),
    "capital_unlock": (1, -1, 0),
    "settlement": (0, -1, 0),
    "sale_return": (1, 0, 0),
    "profit_credit": (0, 0, 1),
    "profit_withdrawal": (0, 0, -1),
}


class Sums:
    """Everything added up anew at one moment."""

    def __init__(self, season: Season) -> None:
        self._season = season
        self.wallets: dict[int, tuple[int, int, int]] = {}
        self.earnings: Counter[int] = Counter()
        self._replay()
        query = season.query
        self.ended = {
            str(utid): str(outcome)
            for utid, outcome in query(
                "SELECT lock_utid, outcome FROM lock_outcomes WHERE outcome IN ('delivered', 'reversed')"
            )
        }
        self.locked: Counter[int] = Counter()
        for utid, trader, amount in query("SELECT utid, trader_id, amount_ugx FROM locks"):
            if str(utid) not in self.ended:
                self.locked[whole(trader)] += whole(amount)
        self.lots = {
            whole(lot): (whole(trader), whole(cost))
            for lot, trader, cost in query("SELECT id, trader_id, cost_ugx FROM lots")
        }
        self.written_off = {whole(row[0]) for row in query("SELECT lot_id FROM write_offs")}
        self.picked_up = {
            whole(row[0])
            for row in query(
                "SELECT m.lot_id FROM block_lots m JOIN purchases p ON p.block_id = m.block_id "
                "JOIN purchase_outcomes o ON o.purchase_utid = p.utid WHERE o.outcome = 'picked_up'"
            )
        } - self.written_off

    def _replay(self) -> None:
        """Each entry follows from the one before it."""
        season = self._season
        last: dict[int, int] = {}
        for trader, number, kind, amount, *after in season.query(
            "SELECT trader_id, number, type, amount_ugx, capital_after, locked_after, profit_after FROM wallet_ledger "
            "ORDER BY trader_id, number"
        ):
            whose, signs = whole(trader), ENTRIES[str(kind)]
            before = self.wallets.get(whose, (0, 0, 0))
            capital, locked, profit = (b + s * whole(amount) for b, s in zip(before, signs, strict=True))
            stands = tuple(whole(value) for value in after)
            season.check(
                stands == (capital, locked, profit) and min(stands) >= 0, f"entry {number!r} of {whose}"
            )
            season.check(
                whole(number) == last.get(whose, 0) + 1 and whole(amount) > 0, f"entry {number!r} of {whose}"
            )
            last[whose] = whole(number)
            self.wallets[whose] = (capital, locked, profit)
        for farmer, kind, amount, balance in season.query(
            "SELECT farmer_id, type, amount_ugx, balance_after FROM farmer_ledger ORDER BY farmer_id, number"
        ):
            whose = whole(farmer)
            self.earnings[whose] += {"settlement": 1, "payout": -1}[str(kind)] * whole(amount)
            season.check(whole(balance) == self.earnings[whose] >= 0, f"farmer {whose} has {balance!r}")

    def outside(self) -> int:
        """What came in less what went out, by the amounts of the commands in the journal."""
        moved = {
            str(command): whole(amount)
            for command, amount in self._season.query(
                "SELECT command, sum(amount_ugx) FROM journal WHERE command IN ('deposit', 'pickup', 'withdraw', 'payout') "
                "GROUP BY command"
            )
        }
        came = moved.get("deposit", 0) + moved.get("pickup", 0)
        return came - moved.get("withdraw", 0) - moved.get("payout", 0)

    def inside(self) -> int:
        """What everybody has."""
        return sum(sum(wallet) for wallet in self.wallets.values()) + self.earnings.total()

    def exposure(self) -> Counter[int]:
        """What each trader has at stake."""
        found = Counter(self.locked)
        for lot, (trader, cost) in self.lots.items():
            if lot not in self.written_off and lot not in self.picked_up:
                found[trader] += cost
        return found

    def checked(self) -> None:
        """All that must be so at any moment."""
        season = self._season
        season.check(self.outside() == self.inside(), f"outside {self.outside():,}, inside {self.inside():,}")
        for trader, (_, locked, _) in self.wallets.items():
            season.check(
                locked == self.locked[trader], f"{trader} has {locked} locked, {self.locked[trader]} by locks"
            )
        self._check_goods()
        exposure = self.exposure()
        for whose, kept in season.query("SELECT trader_id, exposure_ugx FROM trader_state"):
            counted = exposure[whole(whose)]
            season.check(counted == whole(kept), f"{whose!r}: exposure {counted} counted, {kept!r} kept")
            season.check(counted <= EXPOSURE_UGX_MAX, f"{whose!r} is exposed by {counted:,}")

    def _check_goods(self) -> None:
        season = self._season
        for utid, proceeds, cost, returned, profit in season.query(
            "SELECT purchase_utid, proceeds_ugx, cost_ugx, sale_return_ugx, profit_credit_ugx FROM pickups"
        ):
            season.check(
                whole(returned) == min(whole(proceeds), whole(cost))
                and whole(returned) + whole(profit) == whole(proceeds),
                f"pickup of {utid!r}",
            )
        cost = sum(cost for _, cost in self.lots.values())
        settled, credited, picked_up = (
            season.number(f"SELECT coalesce(sum({column}), 0) FROM {rows}")
            for column, rows in (
                ("amount_ugx", "wallet_ledger WHERE type = 'settlement'"),
                ("amount_ugx", "farmer_ledger WHERE type = 'settlement'"),
                ("cost_ugx", "pickups"),
            )
        )
        season.check(settled == credited == cost, f"settled {settled}, credited {credited}, in lots {cost}")
        season.check(picked_up == sum(self.lots[lot][1] for lot in self.picked_up), f"picked up {picked_up}")


def _pilot_mode(season: Season) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    begun: int | None = None
    for at, switch, engaged in season.flipped:
        if switch is Switch.PILOT_MODE and engaged and begun is None:
            begun = at
        elif switch is Switch.PILOT_MODE and not engaged and begun is not None:
            found.append((begun, at))
            begun = None
    return found if begun is None else [*found, (begun, NEVER)]


def expected_fees(season: Season) -> dict[int, dict[int, int]]:
    """Lot -> day -> grams, worked out day by day: half a percent of the first weight for each full day that counts.

    A day counts that pilot mode left alone and in which nobody was to fetch the lot. It is deducted at the first moment after
    it in which the housekeeping had caught up and the lot still lay in store.
    """
    pilot_mode = _pilot_mode(season)
    away: dict[int, list[tuple[int, int]]] = defaultdict(list)
    #: The same by journal numbers: what has the same instant has an order there.
    numbers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for lot, begin, end, outcome, first, last in season.query(
        "SELECT m.lot_id, p.at, o.at, o.outcome, j.n, k.n FROM block_lots m JOIN purchases p ON p.block_id = m.block_id "
        "JOIN journal j ON j.utid = p.utid LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid "
        "LEFT JOIN journal k ON k.utid = o.utid ORDER BY p.id"
    ):
        # Once fetched it is away for good.
        back = outcome in ("cancelled", "expired")
        away[whole(lot)].append((whole(begin), whole(end) if back else NEVER))
        numbers[whole(lot)].append((whole(first), whole(last) if back else NEVER))
    for lot, n in season.query("SELECT w.lot_id, j.n FROM write_offs w JOIN journal j ON j.utid = w.utid"):
        numbers[whole(lot)].append((whole(n), NEVER))
    found: dict[int, dict[int, int]] = {}
    for lot, trader, grams, at in season.query("SELECT id, trader_id, grams, at FROM lots ORDER BY id"):
        lot_id = whole(lot)
        moments = [
            moment.at
            for moment in season.caught_up
            if whole(trader) not in moment.but
            and not any(first <= moment.n < last for first, last in numbers[lot_id])
        ]
        stops = [*pilot_mode, *away[lot_id]]
        found[lot_id] = _of_one(whole(grams), whole(at), max(moments, default=0), stops)
    return found


def _of_one(grams: int, begun: int, until: int, stops: list[tuple[int, int]]) -> dict[int, int]:
    """Day -> grams of one lot."""
    days: dict[int, int] = {}
    left, counted, day = grams, 0, 0
    while begun + (day + 1) * DAY <= until and left:
        day += 1
        first, last = begun + (day - 1) * DAY, begun + day * DAY
        if any(begin < last and end > first for begin, end in stops):
            continue
        counted += 1
        # In two hundredths of a gram nothing is lost between days: the whole after so many days, less what went before.
        lost = min(left, counted * grams // 200 - (grams - left))
        days[day], left = lost, left - lost
    return days


def check_fees(season: Season) -> int:
    """Compare lot by lot and day by day with what was deducted; how many grams it is in all."""
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for lot, day, grams in season.query("SELECT lot_id, day, grams FROM storage_fee_deductions ORDER BY id"):
        found[whole(lot)][whole(day)] = whole(grams)
    expected = expected_fees(season)
    for lot_id, days in expected.items():
        season.check(found[lot_id] == days, f"lot {lot_id}: {found[lot_id]} deducted, {days} expected")
    return sum(sum(days.values()) for days in expected.values())
