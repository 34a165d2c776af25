"""Ordinary business, hour after hour, until the ledgers have as many entries as a measurement wants.

Nothing is written past the entrance: every row is decided by the market's rules, with the calendar turned back. In an hour a
farmer lists, traders lock and get what they locked, ten lots become a block, a buyer fetches it, profits and earnings are
paid out. So nobody's balance grows, but histories do: a few traders stay for ever, the others come and go.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.bootstrap.bench.books import Bench, BenchFailed
from watchkeeper.bootstrap.drills.turning import HOUR, TurnedClock
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    Act,
    ActivateUser,
    Answer,
    Command,
    ConfirmPickup,
    CreateListing,
    Deposit,
    FormBlock,
    InviteUser,
    Payout,
    PayToLock,
    Purchase,
    VerifyDelivery,
    Withdraw,
)
from watchkeeper.market.execute import BATCH_MAX
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.reading import Books, open_books, system_id_of
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.setup import FIRST_PEOPLE, NewMarket
from watchkeeper.market.state import BLOCK_LOTS
from watchkeeper.operation import store

_REASON = "a market made to measure"
_PRODUCE = "Maize"
_UNIT_GRAMS = 10_000
_PRICE_UGX_PER_KG = 100
_COST_UGX = BLOCK_LOTS * _UNIT_GRAMS // 1000 * _PRICE_UGX_PER_KG
_PROCEEDS_UGX = _COST_UGX * 13 // 10
#: A group is what one trader may lock in an hour, five times; an hour has at most so many groups.
GROUP_TRADERS = 5
GROUPS_MAX = 10
_LOCKS = 20
_BLOCKS = _LOCKS // BLOCK_LOTS
#: A buyer may buy so often in an hour.
_PURCHASES = 5
_BUYERS = GROUPS_MAX * GROUP_TRADERS * _BLOCKS // _PURCHASES
#: The first group of traders stays; the others are others after so many hours.
_STAY_HOURS = 10
_CAPITAL_UGX = 400_000
#: The calendar is turned back so far; at ten groups an hour that is room for thirty million entries.
_BEGUN_HOURS_AGO = 400 * 24


class Filling:
    """The business of one market. Belongs to one thread. `clock` is the one that `bench` goes by."""

    def __init__(self, bench: Bench, *, clock: TurnedClock) -> None:
        self.bench = bench
        self.clock = clock
        self._books = bench.books.database
        # Every accepted act takes one journal number and one reference at most, so these were not used before.
        last = self._one("SELECT max(n) FROM journal")
        self._numbers, self._references = itertools.count(last + 1), itertools.count(last + 1)
        self._traders = self._active("trader")
        self._buyers = self._active("buyer")
        self._farmer = 0
        self._hours = 0

    def entries(self) -> int:
        """How many entries both ledgers have; their keys are dense."""
        return self._one(
            "SELECT (SELECT coalesce(max(id), 0) FROM wallet_ledger) + (SELECT coalesce(max(id), 0) FROM farmer_ledger)"
        )

    def hour(self, groups: int) -> None:
        """An hour's business of so many groups of traders; raises `BenchFailed` when anything is refused."""
        if self.clock.offset + HOUR > 0:
            raise BenchFailed("there are no more hours until now")
        self.bench.keep_lease()
        traders = self._people(groups)
        admin = self.bench.market.admin.id
        units = self._listed(groups)
        locks = self._all(
            [(PayToLock(unit_id=unit), traders[place // _LOCKS]) for place, unit in enumerate(units)]
        )
        self._all(
            [
                (VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=_REASON), admin)
                for lock in locks
            ]
        )
        blocks = self._all(
            [
                (FormBlock(trader_id=trader, produce=_PRODUCE), SYSTEM_USER_ID)
                for trader in traders
                for _ in range(_BLOCKS)
            ]
        )
        bought = self._all(
            [
                (Purchase(block_id=_number(block, "block_id")), self._buyers[place // _PURCHASES])
                for place, block in enumerate(blocks)
            ]
        )
        self._all([(self._pickup(purchase.utid), admin) for purchase in bought])
        self._all(
            [
                (
                    Withdraw(
                        amount_ugx=_BLOCKS * (_PROCEEDS_UGX - _COST_UGX),
                        provider="mtn",
                        external_ref=self._reference(),
                    ),
                    trader,
                )
                for trader in traders
            ]
        )
        self._all([(self._payout(len(units)), admin)])
        self.clock.offset += HOUR
        self._hours += 1

    def _people(self, groups: int) -> list[int]:
        """The traders of this hour; a new one has capital."""
        if self._hours and self._hours % _STAY_HOURS == 0:
            del self._traders[GROUP_TRADERS:]
        wanted = groups * GROUP_TRADERS
        new = self._enrolled("trader", wanted - len(self._traders))
        self._all(
            [
                (
                    Deposit(amount_ugx=_CAPITAL_UGX, provider="mtn", external_ref=self._reference()),
                    trader,
                )
                for trader in new
            ]
        )
        self._traders += new
        self._buyers += self._enrolled("buyer", _BUYERS - len(self._buyers))
        return self._traders[:wanted]

    def _enrolled(self, role: str, wanted: int) -> list[int]:
        admin = self.bench.market.admin.id
        invited = self._all([(InviteUser(role=role, reason=_REASON), admin) for _ in range(wanted)])
        people = [_number(answer, "user_id") for answer in invited]
        self._all([(ActivateUser(), person) for person in people])
        return people

    def _listed(self, groups: int) -> list[int]:
        """Units of a new farmer, whose earnings the hour's end pays out."""
        (self._farmer,) = self._enrolled("farmer", 1)
        listing = CreateListing(
            produce=_PRODUCE,
            grams=GROUP_TRADERS * _LOCKS * _UNIT_GRAMS,
            price_ugx_per_kg=_PRICE_UGX_PER_KG,
        )
        units: list[int] = []
        for answer in self._all([(listing, self._farmer)] * groups):
            ids = answer.body["unit_ids"]
            units += [unit for unit in ids if isinstance(unit, int)] if isinstance(ids, list) else []
        return units

    def _pickup(self, purchase: str) -> Command:
        return ConfirmPickup(
            purchase_utid=purchase,
            proceeds_ugx=_PROCEEDS_UGX,
            provider="mtn",
            external_ref=self._reference(),
            reason=_REASON,
        )

    def _payout(self, units: int) -> Command:
        farmer = self.bench.books.user(self._farmer)
        return Payout(
            account="" if farmer is None else farmer.alias,
            amount_ugx=units * _COST_UGX // BLOCK_LOTS,
            provider="mtn",
            external_ref=self._reference(),
            reason=_REASON,
        )

    def _reference(self) -> str:
        return f"FILL-{next(self._references)}"

    def _all(self, wanted: Sequence[tuple[Command, int]]) -> list[Answer]:
        answers: list[Answer] = []
        for begin in range(0, len(wanted), BATCH_MAX):
            acts = [
                Act(command=command, actor_id=actor_id, command_id=f"fill-{next(self._numbers)}")
                for command, actor_id in wanted[begin : begin + BATCH_MAX]
            ]
            for act, outcome in zip(acts, self.bench.executor.run(acts), strict=True):
                if isinstance(outcome, Refusal):
                    raise BenchFailed(f"{act.command.name}: {outcome.code}: {outcome.detail}")
                answers.append(outcome)
        return answers

    def _active(self, role: str) -> list[int]:
        """Who was here before: of traders those who stay."""
        rows = self._books.query(
            "SELECT user_id FROM user_state WHERE role = ? AND status = 'active' ORDER BY user_id LIMIT ?",
            (role, GROUP_TRADERS if role == "trader" else _BUYERS),
        )
        return [int(str(row[0])) for row in rows]

    def _one(self, sql: str) -> int:
        row = self._books.one(sql)
        return 0 if row is None else int(str(row[0]))


def _number(answer: Answer, name: str) -> int:
    found = answer.body[name]
    if not isinstance(found, int):
        raise BenchFailed(f"an answer without {name}")
    return found


def clock_of(real: Clock) -> TurnedClock:
    """A calendar that is turned back far enough for the hours of any size."""
    return TurnedClock(real, offset=-_BEGUN_HOURS_AGO * HOUR)


def opened(data: Path, *, clock: TurnedClock) -> Filling:
    """The market in this folder, made when there is none, with its purchase window open."""
    there = _there(data)
    if there is not None:
        # From its last hour on, and never before: the journal's instants go up.
        with closing(open_books(data, system_id=there.system_id)) as books:
            row = books.one("SELECT max(at) FROM journal")
        clock.offset += int(str(row[0] if row else 0)) + HOUR - clock.now()
    bench = Bench(data, clock=clock, there=there)
    try:
        if there is None:
            bench.flip(Switch.PURCHASE_WINDOW, "release")
        bench.tick()
        return Filling(bench, clock=clock)
    except BaseException:
        bench.close()
        raise


def _there(data: Path) -> NewMarket | None:
    # The control room's store is made when the market is; on a server a folder has an address before it has a market.
    if not (data / store.FILE_NAME).exists():
        return None
    system_id = system_id_of(data)
    with closing(Books(data, system_id=system_id)) as books:
        first = [user for user in map(books.user, FIRST_PEOPLE) if user is not None]
    if len(first) != len(FIRST_PEOPLE):
        raise BenchFailed("the market in this folder has no first people")
    return NewMarket(system_id, *first)
