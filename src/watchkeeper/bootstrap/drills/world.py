"""The drill's own system: a market with business in it, the control room beside it, and nothing else running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.bootstrap.bench.books import Bench
from watchkeeper.bootstrap.drills import business as businesses
from watchkeeper.bootstrap.drills import forging
from watchkeeper.bootstrap.drills.faults.model import Sql, Step
from watchkeeper.bootstrap.full_pass import FullPasses
from watchkeeper.bootstrap.setup import control_room
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import Command, CreateListing, Deposit, PayToLock, VerifyDelivery
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.setup import NewMarket
from watchkeeper.market.switching import Switching
from watchkeeper.operation import cycle, store
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.desk import Desk
from watchkeeper.operation.playbooks.deskwork import Operator
from watchkeeper.operation.verifier import full, passes
from watchkeeper.operation.verifier.continuous import Continuous
from watchkeeper.operation.verifier.engine_postgresql import PostgresEngine
from watchkeeper.operation.verifier.rescan import Rescan

_REASON = "a drill: the fault is made on purpose"


class World:
    """Belongs to one thread. The watch is turned by hand, so a drill is the same each time.

    `business` makes what goes on in the market before anything is wrong, and fills in `names`: the placeholders of the
    faults' statements. `there`: the market is in this folder already.
    """

    victim: int
    neighbour: int
    farmer: int
    victims_lock: str
    neighbours_lock: str
    late_lock: str

    def __init__(
        self,
        data: Path,
        *,
        clock: Clock,
        business: Callable[[World], None] = businesses.little,
        there: NewMarket | None = None,
    ) -> None:
        self.data = data
        self.clock = clock
        self.names: dict[str, object] = {}
        self.free_units: list[int] = []
        self._switching: Switching | None = None
        self._housekeeping: Housekeeping | None = None
        self._books: Books | None = None
        #: The rules that the last look at what is new, and at how things are now, saw broken.
        self.noticed: frozenset[str] = frozenset()
        #: Whether a fault was made since the last turn.
        self._injected = False
        self.bench = Bench(data, clock=clock, there=there)
        self.system_id = self.bench.market.system_id
        if there is None:
            control_room(data, system_id=self.system_id, clock=clock)
        self.database = store.open_store(data, system_id=self.system_id)
        self.continuous = Continuous(data, system_id=self.system_id, database=self.database, clock=clock)
        if isinstance(self.continuous.engine, PostgresEngine):
            # Turned by hand it looks at everything at each turn.
            self.continuous.engine.counts_seconds = self.continuous.engine.schema_seconds = 0.0
        self._full_passes = FullPasses(data, system_id=self.system_id, clock=clock)
        self.gatefile = self.continuous.gatefile
        self.desk = Desk(
            self.database,
            self.gatefile,
            MarketCures(self.bench.executor, self.bench.books, self.bench.lease),
            clock,
            self.continuous.context,
            # Whoever waits for the watch turns it by that.
            pause=lambda _: self.turn(),
        )
        self.operator = Operator(self.bench.market.operator.id, self.bench.market.operator.alias, True)
        #: What the market's process does each second; whoever plays the market's own rounds puts theirs here.
        self.self_test: Callable[[], None] = self._keep_up
        business(self)

    @property
    def alias(self) -> str:
        """The wronged trader's alias."""
        return str(self.names["alias"])

    def alias_of(self, user_id: int) -> str:
        """Anybody's alias; empty when there is no such account."""
        user = self.bench.books.user(user_id)
        return "" if user is None else user.alias

    @property
    def switching(self) -> Switching:
        """The switches, as the market's pages flip them."""
        if self._switching is None:
            self._switching = Switching(
                self.data, system_id=self.system_id, books=self.bench.books.database, clock=self.clock
            )
        return self._switching

    def tick(self) -> None:
        """What the market does by itself: blocks, fees, the end of offers, the journal's rows of flips."""
        self.bench.keep_lease()
        self._kept().tick(self.bench.executor)

    def probe(self) -> None:
        """The market's own probes of each half minute: of every switch, every feature, and a write into the books."""
        self.bench.keep_lease()
        self._kept().probe(self.bench.executor)

    def _keep_up(self) -> None:
        self._kept().keep_up(self.bench.executor)
        self._kept().probe_features(self.bench.executor)

    def _kept(self) -> Housekeeping:
        if self._housekeeping is None:
            self._books = Books(self.data, system_id=self.system_id)
            self._housekeeping = Housekeeping(
                self.data,
                system_id=self.system_id,
                books=self._books.database,
                switching=self.switching,
                clock=self.clock,
            )
        return self._housekeeping

    def flip(self, switch: Switch, action: str) -> None:
        """`engage` or `release` a switch, as an admin would; raises `Refusal`."""
        admin = self.bench.books.user(self.bench.market.admin.id)
        if admin is None:
            raise LookupError("the drill's market has no admin")
        self.switching.flip(switch=switch, action=action, actor=admin, reason=_REASON)

    def pilot_mode(self, action: str) -> None:
        """`engage` or `release` pilot mode, as an admin would; raises `Refusal`."""
        self.flip(Switch.PILOT_MODE, action)

    def inject(self, steps: tuple[Step, ...]) -> BootTime:
        """Take the steps of a fault in their order; when the last of them was done.

        Statements that follow each other are one transaction, committed from a process of its own.
        """
        self._injected = True
        at = self.clock.boot()
        together: list[str] = []
        for step in (*steps, None):
            if isinstance(step, str):
                together.append(step)
                continue
            if together:
                at = self._commit(Sql(tuple(together)))
                together.clear()
            if isinstance(step, Sql):
                at = self._commit(step)
            elif step is not None:
                step(self)
                at = self.clock.boot()
        return at

    def _commit(self, step: Sql) -> BootTime:
        nanoseconds = forging.commit(self.data, step, self.names)
        return BootTime(self.clock.boot().boot_id, nanoseconds)

    def turn(self) -> None:
        """One turn of the watch: a continuous pass, and a full one when something calls for it.

        Where nothing does, a fault is looked for as it is between commits: by going round once.
        """
        self.self_test()
        found = self.continuous.look()
        self.noticed = frozenset(draft.invariant for draft in found.drafts)
        cycle.take_pass(self.continuous, found, self.database, self.gatefile, clock=self.clock)
        if found.wanted:
            self.full_pass()
        elif self._injected:
            self._go_round(found.watermark)
        self._injected = False
        self._complete()

    def _complete(self) -> None:
        cycle.complete(self.database, self.gatefile, clock=self.clock)
        with self.database.transaction("write"):
            runs.open_missing(self.database, at=self.clock.now())
        self.bench.keep_lease()

    def hour(self) -> None:
        """The hour's full pass, with all that the watch and the control process do after one."""
        self.full_pass()
        self._complete()

    def _go_round(self, watermark: int) -> None:
        rescan = Rescan(clock=self.clock)
        while not rescan.rounds:
            piece = rescan.step(self.continuous.context())
            cycle.take(
                self.database,
                self.gatefile,
                piece.drafts,
                watermark=watermark,
                committed_at=None,
                clock=self.clock,
            )

    def in_the_whole(self) -> tuple[frozenset[str], frozenset[str]]:
        """The rules that a full pass would see broken now, known findings or not, and those of which it would say nothing;
        nothing is written.
        """
        broken: set[str] = set()
        unsaid: set[str] = set()
        for found in full.slices(self.continuous.context()):
            broken.update(draft.invariant for draft in found.drafts)
            unsaid.update(found.errors)
        return frozenset(broken), frozenset(unsaid)

    def in_a_round(self) -> frozenset[str]:
        """The same rules by what is looked at between commits of that for which no seal speaks; nothing is written."""
        context = self.continuous.context()
        return frozenset(
            draft.invariant
            for invariant in INVARIANTS.values()
            for found in full.pages(invariant, invariant.rolling, context)
            for draft in found.drafts
        )

    def full_pass(self) -> None:
        """A full pass, by the runner that the watch's child uses."""
        with self.database.transaction("write"):
            passes.ask(self.database, reason="a drill", at=self.clock.now())
        self._full_passes.run_waiting()

    def can_lock(self, trader: int) -> str:
        """What the market answers when this trader pays for a free unit: accepted, or the refusal's code."""
        return self.tried(PayToLock(unit_id=self.free_units.pop()), trader)

    def can_deposit(self, trader: int) -> str:
        """The same for a deposit."""
        command = Deposit(amount_ugx=1000, provider="airtel", external_ref=f"T{self.bench.counted()}")
        return self.tried(command, trader)

    def can_list(self) -> str:
        """The same when a farmer lists produce."""
        return self.tried(CreateListing(produce="Beans", grams=20_000, price_ugx_per_kg=100), self.farmer)

    def can_verify(self, lock_utid: str, outcome: str) -> str:
        """The same when the admin says what became of a lock."""
        command = VerifyDelivery(lock_utid=lock_utid, outcome=outcome, reason=_REASON)
        return self.tried(command, self.bench.market.admin.id)

    def tried(self, command: Command, actor_id: int) -> str:
        """What the market answers to a command: accepted, or the refusal's code."""
        self.bench.keep_lease()
        outcome = self.bench.executor.run([self.bench.act(command, actor_id)])[0]
        return outcome.code if isinstance(outcome, Refusal) else "accepted"

    def read(self, query: str) -> str:
        """The same when somebody but the operator wants to read what is logged."""
        self.bench.keep_lease()
        try:
            self.bench.executor.admit_reading(query)
        except Refusal as refusal:
            return refusal.code
        return "accepted"

    def close(self) -> None:
        """Give the files back."""
        if self._housekeeping is not None:
            self._housekeeping.close()
        if self._books is not None:
            self._books.close()
        if self._switching is not None:
            self._switching.close()
        self._full_passes.close()
        self.continuous.close()
        self.database.close()
        self.bench.close()
