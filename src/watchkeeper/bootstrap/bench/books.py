"""A market of its own to measure on, in a folder that is thrown away."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.base.clock import Clock
from watchkeeper.boundary import selftest
from watchkeeper.boundary.features import JOBS
from watchkeeper.boundary.gate import Switch
from watchkeeper.boundary.lease import LeaseKeeper, LeaseReader, LeaseStore
from watchkeeper.boundary.selftest import WORKS, JobTurn
from watchkeeper.market import setup
from watchkeeper.market.commands import (
    Act,
    ActivateUser,
    Answer,
    Command,
    CreateListing,
    Deposit,
    InviteUser,
    SetPhase,
)
from watchkeeper.market.execute import Executor
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.reading import Books, open_books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.setup import NewMarket
from watchkeeper.market.switching import Switching

_REASON = "a market made to measure"
#: One trader locks at most twenty times an hour.
LOCKS_PER_TRADER = 20
_OF_A_SECOND = 1_000_000


class BenchFailed(RuntimeError):
    """The market refused what a measurement needs."""


class Bench:
    """A market with its pilot mode off and its lease alive, driven from one thread.

    `there`: the market is in this folder already, as another bench left it.
    """

    def __init__(self, data: Path, *, clock: Clock, there: NewMarket | None = None) -> None:
        self.data = data
        self.clock = clock
        self.market = there or setup.create(data, clock=clock)
        system_id = self.market.system_id
        self._lease_file = LeaseStore(data, system_id=system_id, role="watch")
        self._keeper = LeaseKeeper(self._lease_file, clock=clock)
        self._keeper.take()
        self._market_lease_file = LeaseStore(data, system_id=system_id, role="market")
        self.lease = LeaseReader(self._market_lease_file, clock=clock)
        self.executor = Executor(data, system_id=system_id, clock=clock, lease=self.lease)
        # Ids that the other bench did not give.
        self._counter = itertools.count(1 if there is None else _OF_A_SECOND)
        self._housekeeping: Housekeeping | None = None
        self.books = Books(data, system_id=system_id)
        self.keep_lease()
        if there is None:
            self._begin()

    def _begin(self) -> None:
        self.one(ActivateUser(), self.market.operator.id)
        self.one(ActivateUser(), self.market.admin.id)
        self.one(SetPhase(phase="production", reason=_REASON), self.market.operator.id)
        self.flip(Switch.PILOT_MODE, "release")

    def flip(self, switch: Switch, action: str) -> None:
        """`engage` or `release` a switch, as an admin would; its journal row comes with the next `tick`."""
        switching = Switching(
            self.data, system_id=self.market.system_id, books=self.books.database, clock=self.clock
        )
        admin = self.books.user(self.market.admin.id)
        if admin is None:
            raise BenchFailed("there is no admin")
        switching.flip(switch=switch, action=action, actor=admin, reason=_REASON)
        switching.close()

    def keep_lease(self) -> None:
        """Move the lease, as a watch that has read everything would; call it every few seconds."""
        self.lease.poll()
        newest = self.books.database.one("SELECT coalesce(max(n), 0) FROM journal")
        self._keeper.renew(watermark=int(str(newest[0])) if newest else 0, withheld="")
        self.lease.poll()

    def self_test(self) -> None:
        """What the market's process does each second: give its own rounds their turn, and probe every feature."""
        kept = self._kept()
        kept.keep_up(self.executor)
        kept.probe_features(self.executor)

    def tick(self) -> None:
        """The same with the journal's rows of flips, and without the probes."""
        self._kept().tick(self.executor)

    def _kept(self) -> Housekeeping:
        if self._housekeeping is None:
            books = open_books(self.data, system_id=self.market.system_id)
            self._housekeeping = Housekeeping(
                self.data,
                system_id=self.market.system_id,
                books=books,
                switching=Switching(
                    self.data, system_id=self.market.system_id, books=books, clock=self.clock
                ),
                clock=self.clock,
            )
        return self._housekeeping

    def probes_alone(self) -> None:
        """Probe every feature where somebody else plays the market's own rounds: they are said to be at work."""
        boot = self.clock.boot()
        found = self.executor.probe_features()
        turns = [JobTurn(job, WORKS, "", found.generation, boot, boot, None) for job in JOBS]
        lease = LeaseStore(self.data, system_id=self.market.system_id, role="market")
        try:
            selftest.record(lease.database(), found, turns)
        finally:
            lease.close()

    def counted(self) -> int:
        """A number that was not used yet."""
        return next(self._counter)

    def act(self, command: Command, actor_id: int) -> Act:
        """An act with an id of its own."""
        return Act(command=command, actor_id=actor_id, command_id=f"bench-{next(self._counter)}")

    def one(self, command: Command, actor_id: int) -> Answer:
        """Run one command that must be accepted."""
        outcome = self.executor.run([self.act(command, actor_id)])[0]
        if isinstance(outcome, Refusal):
            raise BenchFailed(f"{command.name}: {outcome.code}")
        return outcome

    def person(self, role: str) -> int:
        """A new active account of this role."""
        answer = self.one(InviteUser(role=role, reason=_REASON), self.market.admin.id)
        user_id = answer.body["user_id"]
        if not isinstance(user_id, int):
            raise BenchFailed("an invitation without an account")
        self.one(ActivateUser(), user_id)
        return user_id

    def units(self, wanted: int) -> list[int]:
        """That many free units at 100 shillings a kilogram."""
        found: list[int] = []
        while len(found) < wanted:
            farmer = self.person("farmer")
            for _ in range(10):
                answer = self.one(
                    CreateListing(produce="Maize", grams=2_000_000, price_ugx_per_kg=100), farmer
                )
                ids = answer.body["unit_ids"]
                if isinstance(ids, list):
                    found.extend(ids)
                if len(found) >= wanted:
                    break
        return found[:wanted]

    def trader(self, *, capital_ugx: int) -> int:
        """A new trader with that much capital."""
        trader = self.person("trader")
        self.one(
            Deposit(amount_ugx=capital_ugx, provider="mtn", external_ref=f"B{next(self._counter)}"), trader
        )
        return trader

    def close(self) -> None:
        """Give the files back."""
        if self._housekeeping is not None:
            self._housekeeping.close()
        self.executor.close()
        self.books.close()
        self._market_lease_file.close()
        self._lease_file.close()


@contextmanager
def bench(data: Path, *, clock: Clock) -> Iterator[Bench]:
    """A bench that is closed at the end."""
    made = Bench(data, clock=clock)
    try:
        yield made
    finally:
        made.close()
