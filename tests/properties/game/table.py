"""The table that the game is played at: one market, its plain model, and who plays."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pytest

from tests.properties.model import ACCEPTED, Account, Plain
from tests.worlds.books import StandingClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import Answer, Command
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching

REASON = "a random step that says why it was taken"
#: Kept open at a time, so that the model's own sums stay cheap.
PEOPLE = 12
SYSTEM = SYSTEM_USER_ID
NOWHERE = 10**9
NO_UTID = "20200101-000000-tra-000000"


@dataclass(frozen=True, slots=True)
class Step:
    """A command, who asks, and what the plain model says about it, given the market's own answer for its names."""

    command: Command
    actor: int
    model: Callable[[Answer | None, int], str]


_K = TypeVar("_K")
_V = TypeVar("_V")


def _keep(things: dict[_K, _V], most: int, wanted: Callable[[_K, _V], bool]) -> None:
    """Drop all but the last and what is wanted."""
    last = set(list(things)[-most:])
    for key in [k for k, thing in things.items() if k not in last and not wanted(k, thing)]:
        del things[key]


class Table:
    """What the moves have in common."""

    def __init__(self, world: World, clock: StandingClock, *, seed: int) -> None:
        self.world = world
        # The game deducts, forms and expires itself, when it likes.
        world.self_test = world.bench.probes_alone
        self.clock = clock
        self.draw = random.Random(seed)
        self.plain = Plain()
        self.seen: Counter[str] = Counter()
        #: Command -> how often it was accepted.
        self.done: Counter[str] = Counter()
        #: Refused steps after which every table was compared with what it was before.
        self.undisturbed = 0
        self.bench = world.bench
        self.admin = self.bench.market.admin.id
        self.operator = self.bench.market.operator.id
        self.plain.joins(self.admin, self._account(self.admin, "admin"))
        self.plain.joins(self.operator, self._account(self.operator, "operator"))
        self.farmers = [self.person("farmer") for _ in range(PEOPLE)]
        self.traders = [self.person("trader") for _ in range(PEOPLE)]
        self.buyers = [self.person("buyer") for _ in range(PEOPLE // 3)]
        #: Accounts that were invited in the course of the game.
        self.guests: list[int] = []
        self.suspended: list[int] = []
        #: The last payment that anybody named.
        self.paid_last = ("mtn", "G0")
        #: Statements that were compared, by provider and number, and the last number.
        self.compared: set[tuple[str, int]] = set()
        self.statements = 0
        self.outsiders = [self.buyers[0], self.admin, self.farmers[0], self.traders[0]]
        self._switching = Switching(
            world.data, system_id=world.system_id, books=self.bench.books.database, clock=clock
        )
        self._count_the_others()
        #: What the market had before the game: other people's money, which must not move.
        self.others = self.total() - self.mine()
        self.first_lot = self.number("SELECT coalesce(max(id), 0) FROM lots")

    def _account(self, user: int, role: str, status: str = "active") -> Account:
        found = self.bench.books.user(user)
        assert found is not None
        return Account(role, status, found.alias)

    def person(self, role: str) -> int:
        """Somebody new in this role."""
        found = self.bench.person(role)
        self.plain.joins(found, self._account(found, role))
        return found

    def invited(self, user: int, role: str) -> None:
        """Somebody whom the market has just made an account for."""
        self.plain.joins(user, self._account(user, role, "invited"))
        self.guests = [*self.guests[-19:], user]

    def _count_the_others(self) -> None:
        census = Counter(
            (str(role), str(status))
            for role, status in self.bench.books.database.query("SELECT role, status FROM user_state")
        )
        self.plain.census = census

    def number(self, sql: str) -> int:
        """The answer to a question of one number."""
        row = self.bench.books.database.one(sql)
        return int(str(row[0])) if row else 0

    def total(self) -> int:
        """All money in the books. By each account's last entry, found by its index: the ledgers grow with the game."""
        wallet = (
            "SELECT capital_after + locked_after + profit_after FROM wallet_ledger WHERE trader_id = u.id"
        )
        earnings = "SELECT balance_after FROM farmer_ledger WHERE farmer_id = u.id"
        last = "ORDER BY number DESC LIMIT 1"
        return self.number(
            f"SELECT sum(coalesce(({wallet} {last}), 0) + coalesce(({earnings} {last}), 0)) FROM users u"
        )

    def mine(self) -> int:
        """All money in the model."""
        return sum(a.capital + a.locked + a.profit + a.earnings for a in self.plain.accounts.values())

    # What comes to mind.

    def chance(self, of: float) -> bool:
        """True as often as that."""
        return self.draw.random() < of

    def by(self, people: Sequence[int]) -> int:
        """Mostly one of these."""
        if self.chance(0.03):
            return self.draw.choice([*self.outsiders, *self.guests])
        return self.draw.choice(people)

    def reason(self) -> str:
        """Mostly a good one."""
        return self.draw.choice(("short", f"{REASON}, 0772 123456")) if self.chance(0.02) else REASON

    def some_utid(self, of: Mapping[str, object]) -> str:
        """One of the last, or none that there is."""
        names = list(of)[-40:]
        return NO_UTID if not names or self.chance(0.02) else self.draw.choice(names)

    def some_id(self, of: Mapping[int, object], most: int = 40) -> int:
        """The same of numbers."""
        names = list(of)[-most:]
        return NOWHERE if not names or self.chance(0.02) else self.draw.choice(names)

    def price(self) -> int:
        """Shillings a kilogram, now and then none that can be asked."""
        if self.chance(0.02):
            return self.draw.choice((0, 10_000_001))
        return self.draw.randint(1, 30_000) if self.chance(0.3) else self.draw.randint(1, 4_000)

    def payment(self) -> tuple[str, str]:
        """A provider and its reference."""
        if self.chance(0.03):
            return self.paid_last
        provider = "piggybank" if self.chance(0.02) else self.draw.choice(("mtn", "airtel", "bank", "cash"))
        reference = f"G{self.draw.randint(1, 200_000)}"
        self.paid_last = provider, self.draw.choice(("", "g@b.ug")) if self.chance(0.02) else reference
        return self.paid_last

    # What is compared.

    def compare(self, people: set[int]) -> None:
        """States, balances, exposure and conservation."""
        for person in people - {SYSTEM}:
            account = self.plain.accounts[person]
            user = self.bench.books.user(person)
            assert user is not None
            assert (user.role, user.status) == (account.role, account.status)
            assert user.session_generation == 1 + account.ended
            if account.role == "trader":
                wallet = self.bench.books.wallet(person)
                assert (wallet.capital_ugx, wallet.locked_ugx, wallet.profit_ugx) == (
                    account.capital,
                    account.locked,
                    account.profit,
                )
                assert wallet.exposure_ugx == self.plain.exposure(person)
            elif account.role == "farmer":
                assert self.bench.books.earnings(person).balance_ugx == account.earnings
        assert self.plain.conserved()
        assert self.total() == self.others + self.mine()

    def flip(self) -> None:
        """Engage or release a switch, now and then."""
        # An admin's release is stopped by a shutdown like everything else.
        switch = Switch.SHUTDOWN if self.plain.shut_down else self.draw.choice(list(Switch))
        engaged = {
            Switch.PILOT_MODE: self.plain.pilot_mode,
            Switch.SHUTDOWN: self.plain.shut_down,
            Switch.PURCHASE_WINDOW: not self.plain.window_open,
        }[switch]
        if not engaged and not self.chance(0.2):
            return
        by = self.operator if switch is Switch.SHUTDOWN else self.admin
        actor = self.bench.books.user(by)
        assert actor is not None
        action = "release" if engaged else "engage"
        if self.plain.accounts[by].status != "active":
            # An admin whom the operator suspended flips nothing either.
            with pytest.raises(Refusal, match="not active"):
                self._switching.flip(switch=switch, action=action, actor=actor, reason=REASON)
            return
        self._switching.flip(switch=switch, action=action, actor=actor, reason=REASON)
        if switch is Switch.PILOT_MODE:
            self.plain.flip_pilot_mode(self.clock.now())
        elif switch is Switch.SHUTDOWN:
            self.plain.shut_down = not engaged
        else:
            self.plain.window_open = engaged

    def more_people(self) -> None:
        """Fresh traders, farmers and buyers now and then, so that limits and caps do not end the game."""
        if self.plain.shut_down or self.plain.phase == "pilot":
            return
        if self.plain.accounts[self.admin].status != "active":
            # Who is suspended invites nobody.
            return
        self.traders = [*self.traders[1:], self.person("trader")]
        self.farmers = [*self.farmers[1:], self.person("farmer")]
        self.buyers = [*self.buyers[1:], self.person("buyer")]
        self._forget()

    def _forget(self) -> None:
        """What nobody in the game can reach any more leaves the model, to keep its sums cheap."""
        plain = self.plain
        playing = {*self.traders, *self.farmers, *self.buyers, *self.outsiders, *self.guests, *self.suspended}
        # Who left the game and has an offer may still pay by it.
        playing |= {plain.offers[utid].trader for utid in list(plain.offers)[-40:]}

        _keep(plain.locks, 40, lambda _, lock: lock.trader in playing or lock.farmer in playing)
        _keep(plain.offers, 40, lambda _, offer: offer.trader in playing and offer.is_open)
        _keep(plain.comparisons, 40, lambda _, __: False)
        _keep(plain.sales, 40, lambda _, sale: bool({sale.trader, sale.buyer} & playing))
        sold = {sale.block for sale in plain.sales.values()}
        _keep(plain.blocks, 40, lambda key, block: key in sold or block.trader in playing)
        stored = {lot for block in plain.blocks.values() for lot in block.lots}
        _keep(plain.lots, 40, lambda key, lot: key in stored or lot.trader in playing)
        named = {lock.unit for lock in plain.locks.values()} | {o.unit for o in plain.offers.values()}
        named |= set(list(plain.units)[-60:])
        _keep(
            plain.listings,
            40,
            lambda _, units: plain.units[units[0]].farmer in playing or bool(named & set(units)),
        )
        listed = {unit for units in plain.listings.values() for unit in units}
        _keep(plain.units, 60, lambda key, _: key in listed)

    def close(self) -> None:
        """Give the files back."""
        self._switching.close()

    def said(self, step: Step, outcome: object) -> str:
        """What the model says, counted."""
        answer = outcome if isinstance(outcome, Answer) else None
        # The market took its instant for the whole batch; so does the model.
        said = step.model(answer, self.clock.now())
        self.seen[said] += 1
        self.done[step.command.name] += said == ACCEPTED
        return said
