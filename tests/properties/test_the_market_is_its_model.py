"""Random commands, valid and not, against a plain model: the same answers, the same balances, and a watch that agrees.

20,000 steps in `./test`, a million in the long form; in batches as the market runs them, with switches flipped between, and
virtual time going on. After each batch the balances are compared and money is conserved; now and then the watch looks, and at the
end it makes a full pass: every check must hold.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import LONG
from tests.properties.model import ACCEPTED, Account, Plain, Unit
from tests.worlds.books import StandingClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    Answer,
    Command,
    CreateListing,
    Deposit,
    PayToLock,
    ReverseLock,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.switching import Switching
from watchkeeper.operation.verifier import verdicts
from watchkeeper.operation.verifier.tail import watermarks

REASON = "a random step that says why it was taken"
#: What a game that is worth its time comes to.
EXPECTED = {
    ACCEPTED,
    "already-verified",
    "already-written-off",
    "insufficient-capital",
    "invalid-role",
    "lock-not-found",
    "lot-not-found",
    "not-admin",
    "not-reversible",
    "pilot-mode-active",
    "rate-limit-exceeded",
    "reference-already-used",
    "spend-cap-exceeded",
    "system-shut-down",
    "unit-not-available",
    "unit-not-found",
    "validation-failed",
}
SWITCHES = (Switch.PILOT_MODE, Switch.SHUTDOWN)
#: Kept open at a time, so that the model's own sums stay cheap.
PEOPLE = 12


STEPS = 1_000_000 if LONG else 20_000


@dataclass(frozen=True, slots=True)
class Step:
    """A command, who asks, and what the plain model says about it, given the market's own answer for its names."""

    command: Command
    actor: int
    model: Callable[[Answer | None, int], str]


class Game:
    """One market, its model, and somebody who does what comes to mind."""

    def __init__(self, world: World, clock: StandingClock, *, seed: int) -> None:
        self.world = world
        self.clock = clock
        self.draw = random.Random(seed)
        self.plain = Plain()
        self.seen: Counter[str] = Counter()
        self.bench = world.bench
        self.admin = self.bench.market.admin.id
        self.plain.accounts[self.admin] = Account("admin")
        self.farmers = [self._person("farmer") for _ in range(PEOPLE)]
        self.traders = [self._person("trader") for _ in range(PEOPLE)]
        self.outsiders = [self._person("buyer"), self.admin, self.farmers[0], self.traders[0]]
        self._switching = Switching(
            world.data, system_id=world.system_id, books=self.bench.books.database, clock=clock
        )
        #: What the market had before the game: other people's money, which must not move.
        self.others = self._total() - self._mine()
        self.first_lot = self._number("SELECT coalesce(max(id), 0) FROM lots")

    def _person(self, role: str) -> int:
        found = self.bench.person(role)
        self.plain.accounts[found] = Account(role)
        return found

    def _number(self, sql: str) -> int:
        row = self.bench.books.database.one(sql)
        return int(str(row[0])) if row else 0

    def _total(self) -> int:
        return self._number(
            "SELECT (SELECT coalesce(sum(capital_after + locked_after + profit_after), 0) FROM wallet_ledger w JOIN trader_state s "
            "ON s.trader_id = w.trader_id AND s.last_number = w.number) + (SELECT coalesce(sum(balance_after), 0) "
            "FROM farmer_ledger f WHERE number = (SELECT max(number) FROM farmer_ledger g WHERE g.farmer_id = f.farmer_id))"
        )

    def _mine(self) -> int:
        return sum(a.capital + a.locked + a.earnings for a in self.plain.accounts.values())

    # What comes to mind.

    def step(self) -> Step:
        """One command with arguments that are mostly sensible."""
        kinds = (
            self._list,
            self._deposit,
            self._lock,
            self._lock,
            self._verify,
            self._verify,
            self._reverse,
            self._write_off,
        )
        return self.draw.choice(kinds)()

    def _by(self, people: list[int]) -> int:
        return self.draw.choice(people if self.draw.random() > 0.03 else self.outsiders)

    def _reason(self) -> str:
        return REASON if self.draw.random() > 0.02 else "short"

    def _list(self) -> Step:
        actor, draw = self._by(self.farmers), self.draw
        grams = draw.choice((10_000, 20_000, 50_000, 5_000, 0, 2_010_000)) if draw.random() < 0.1 else 30_000
        price = draw.choice((0, 10_000_001)) if draw.random() < 0.02 else draw.randint(1, 30_000)

        def model(answer: Answer | None, at: int) -> str:
            said = self.plain.list_produce(actor, at, grams=grams, price=price)
            units = answer.body["unit_ids"] if answer is not None else []
            assert isinstance(units, list)
            for unit in units:
                self.plain.units[unit] = Unit(actor, price)
            return said

        return Step(CreateListing(produce="Maize", grams=grams, price_ugx_per_kg=price), actor, model)

    def _deposit(self) -> Step:
        actor, draw = self._by(self.traders), self.draw
        amount = draw.choice((0, -5, 100_000_001)) if draw.random() < 0.03 else draw.randint(1, 400_000)
        provider = draw.choice(("mtn", "airtel", "bank", "cash", "piggybank"))
        reference = f"G{draw.randint(1, 200_000)}" if draw.random() > 0.02 else ""

        def model(_: Answer | None, at: int) -> str:
            return self.plain.deposit(actor, at, amount=amount, provider=provider, reference=reference)

        return Step(Deposit(amount_ugx=amount, provider=provider, external_ref=reference), actor, model)

    def _lock(self) -> Step:
        actor, draw = self._by(self.traders), self.draw
        units = list(self.plain.units)
        unit = draw.choice(units[-60:]) if units and draw.random() > 0.02 else 10**9

        def model(answer: Answer | None, at: int) -> str:
            return self.plain.pay_to_lock(actor, at, unit=unit, utid=answer.utid if answer else "none")

        return Step(PayToLock(unit_id=unit), actor, model)

    def _some_lock(self) -> str:
        locks = list(self.plain.locks)
        return (
            self.draw.choice(locks[-40:])
            if locks and self.draw.random() > 0.02
            else "20200101-000000-tra-000000"
        )

    def _verify(self) -> Step:
        actor, lock, reason = self._by([self.admin]), self._some_lock(), self._reason()
        outcome = self.draw.choice(("delivered", "delivered", "late", "cancelled", "eaten"))

        def model(_: Answer | None, at: int) -> str:
            return self.plain.verify(actor, at, lock=lock, outcome=outcome, reason=reason)

        return Step(VerifyDelivery(lock_utid=lock, outcome=outcome, reason=reason), actor, model)

    def _reverse(self) -> Step:
        actor, lock, reason = self._by([self.admin]), self._some_lock(), self._reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.reverse(actor, at, lock=lock, reason=reason)

        return Step(ReverseLock(lock_utid=lock, reason=reason), actor, model)

    def _write_off(self) -> Step:
        actor, reason = self._by([self.admin]), self._reason()
        lots = list(self.plain.lots)
        lot = self.draw.choice(lots[-40:]) if lots and self.draw.random() > 0.02 else 10**9

        def model(_: Answer | None, at: int) -> str:
            return self.plain.write_off(actor, at, lot=lot, reason=reason)

        return Step(WriteOff(lot_id=lot + self.first_lot, reason=reason), actor, model)

    # Playing it.

    def batch(self) -> int:
        """Some steps at once; how many. Answers and balances must be the model's."""
        self.bench.keep_lease()
        self.clock.instant_offset += self.draw.randint(1, 600) * 1_000_000
        steps = [self.step() for _ in range(self.draw.randint(1, 20))]
        outcomes = self.bench.executor.run([self.bench.act(step.command, step.actor) for step in steps])
        for step, outcome in zip(steps, outcomes, strict=True):
            answer = outcome if isinstance(outcome, Answer) else None
            # The market took its instant for the whole batch; so does the model.
            said = step.model(answer, self.clock.now())
            assert (ACCEPTED if isinstance(outcome, Answer) else outcome.code) == said, step.command
            self.seen[said] += 1
        self.compare({step.actor for step in steps})
        return len(steps)

    def compare(self, people: set[int]) -> None:
        """Balances, exposure and conservation."""
        for person in people:
            account = self.plain.accounts[person]
            if account.role == "trader":
                wallet = self.bench.books.wallet(person)
                assert (wallet.capital_ugx, wallet.locked_ugx, wallet.profit_ugx) == (
                    account.capital,
                    account.locked,
                    0,
                )
                assert wallet.exposure_ugx == self.plain.exposure(person)
            elif account.role == "farmer":
                assert self.bench.books.earnings(person).balance_ugx == account.earnings
        assert self.plain.conserved()
        assert self._total() == self.others + self._mine()

    def flip(self) -> None:
        """Engage or release a switch, now and then."""
        # An admin's release is stopped by a shutdown like everything else.
        switch = Switch.SHUTDOWN if self.plain.shut_down else self.draw.choice(SWITCHES)
        engaged = self.plain.pilot_mode if switch is Switch.PILOT_MODE else self.plain.shut_down
        if not engaged and self.draw.random() > 0.2:
            return
        by = self.bench.market.admin if switch is Switch.PILOT_MODE else self.bench.market.operator
        actor = self.bench.books.user(by.id)
        assert actor is not None
        self._switching.flip(
            switch=switch, action="release" if engaged else "engage", actor=actor, reason=REASON
        )
        if switch is Switch.PILOT_MODE:
            self.plain.pilot_mode = not engaged
        else:
            self.plain.shut_down = not engaged

    def more_people(self) -> None:
        """Fresh traders and farmers now and then, so that limits and caps do not end the game."""
        if not self.plain.shut_down:
            self.traders = [*self.traders[1:], self._person("trader")]
            self.farmers = [*self.farmers[1:], self._person("farmer")]
            self._forget()

    def _forget(self) -> None:
        """What nobody in the game can reach any more is settled in the model, to keep its sums cheap."""
        reachable = set(list(self.plain.locks)[-40:])
        playing = {*self.traders, *self.outsiders}
        for utid in [
            u for u, lock in self.plain.locks.items() if u not in reachable and lock.trader not in playing
        ]:
            del self.plain.locks[utid]
        lots = set(list(self.plain.lots)[-40:])
        for key in [k for k, lot in self.plain.lots.items() if k not in lots and lot.trader not in playing]:
            del self.plain.lots[key]

    def watch(self) -> None:
        """The watch reads on, and finds nothing."""
        for _ in range(100):
            before = watermarks(self.world.database)
            self.world.turn()
            if watermarks(self.world.database) == before:
                break
        assert self.world.database.query("SELECT invariant, detail FROM findings") == []

    def all_hold(self) -> None:
        """A full pass, and every verdict of either mode."""
        self.world.full_pass()
        views = verdicts.current(self.world.database, clock=self.clock)
        assert {(view.continuous, view.full) for view in views} == {(verdicts.HOLDS, verdicts.HOLDS)}

    def close(self) -> None:
        self._switching.close()


@pytest.mark.timeout(24 * 3600)
@pytest.mark.parametrize("seed", [20_261_124])
def test_answers_balances_and_verdicts_are_those_of_the_plain_model(data: Path, seed: int) -> None:
    clock = StandingClock()
    world = World(data, clock=clock)
    game = Game(world, clock, seed=seed)
    done = batches = 0
    while done < STEPS:
        done += game.batch()
        batches += 1
        if batches % 10 == 0:
            game.flip()
        if batches % 40 == 0:
            game.more_people()
        if batches % 50 == 0:
            game.watch()
    game.watch()
    game.all_hold()
    assert game.seen.keys() >= EXPECTED, "the game never came to some of the answers"
    assert game.seen[ACCEPTED] > STEPS // 10
    game.close()
    world.close()
