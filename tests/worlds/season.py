"""A market that lives through a season: its clock, its people, and the one way in which they act. The rest is in `season_*`."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.worlds.books import StandingClock
from watchkeeper.base.clock import BootTime, Instant
from watchkeeper.base.database.interface import Record
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import Act, Answer, Command
from watchkeeper.market.execute import Executor
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.reading import Books
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import User
from watchkeeper.market.switching import Switching
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import findings, verdicts

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DAYS = 90
REASON = "in a season this is what was meant to happen"
PRODUCE = ("Beans", "Coffee", "Maize", "Vanilla")
#: A unit weighs ten kilograms, and a price is one per kilogram.
UNIT_KG = 10
ACCEPTED = "accepted"
#: The lots that the fee can still touch, and the journal's last number.
_LOTS_AND_LAST = (
    "SELECT (SELECT count(*) FROM lots l WHERE NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) AND NOT EXISTS "
    "(SELECT 1 FROM block_lots b JOIN block_state s ON s.block_id = b.block_id WHERE b.lot_id = l.id "
    "AND s.status <> 'in_storage')), (SELECT max(n) FROM journal)"
)


def whole(value: object) -> int:
    """A whole number from the books, whichever engine gave it."""
    return int(str(value))


@dataclass(slots=True)
class People:
    """Who is active, by role, as the season believes it."""

    farmers: list[int] = field(default_factory=list)
    traders: list[int] = field(default_factory=list)
    buyers: list[int] = field(default_factory=list)
    admins: list[int] = field(default_factory=list)
    #: Suspended, and not to be found in the lists above until they are not any more.
    suspended: list[tuple[int, str]] = field(default_factory=list)

    def of(self, role: str) -> list[int]:
        """The active ones of a role."""
        return {
            "farmer": self.farmers,
            "trader": self.traders,
            "buyer": self.buyers,
            "admin": self.admins,
        }[role]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A moment in which the housekeeping had done all that was due, except for those who were held up."""

    at: Instant
    #: The journal's last number then: what has a higher one came afterwards, even at the same instant.
    n: int
    but: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Waiting:
    act: Act
    may: frozenset[str]


class Season:
    """One market and everything that happens to it. Belongs to one thread."""

    def __init__(self, data: Path, *, seed: int, size: int) -> None:
        self.seed = seed
        self.size = size
        self.day = 0
        self.draw = random.Random(seed)
        self.clock = StandingClock()
        self.world = World(data, clock=self.clock)
        self.world.self_test = self.self_test
        self.bench = self.world.bench
        self.system_id = self.bench.market.system_id
        self.operator = self.bench.market.operator.id
        self.people = People(admins=[self.bench.market.admin.id])
        self.codes: Counter[str] = Counter()
        self.replayed = 0
        self.caught_up: list[CaughtUp] = []
        #: Traders whose goods a restriction holds up just now.
        self.held_up: frozenset[int] = frozenset()
        #: (when, switch, engaged) as the season flipped them.
        self.flipped: list[tuple[Instant, Switch, bool]] = []
        self.engaged = {Switch.PURCHASE_WINDOW}
        self._waiting: list[_Waiting] = []
        self._renewed: BootTime | None = None
        self._books = Books(data, system_id=self.system_id)
        self.switching = Switching(
            data, system_id=self.system_id, books=self.bench.books.database, clock=self.clock
        )
        self.housekeeping = self._housekeeping()

    def _housekeeping(self) -> Housekeeping:
        return Housekeeping(
            self.world.data,
            system_id=self.system_id,
            books=self._books.database,
            switching=self.switching,
            clock=self.clock,
        )

    # What is in the books, and when it is.

    @property
    def now(self) -> Instant:
        """The season's own time."""
        return self.clock.now()

    def later(self, microseconds: int) -> None:
        """Let time go on, or back where it is below zero."""
        self.clock.instant_offset += microseconds

    def query(self, sql: str, arguments: Sequence[object] = ()) -> list[Record]:
        """Rows of the books; what comes first in them does not hang on chance."""
        return list(self.bench.books.database.query(sql, tuple(arguments)))  # type: ignore[arg-type]

    def numbers(self, sql: str, arguments: Sequence[object] = ()) -> list[int]:
        """The first column of it as whole numbers."""
        return [whole(row[0]) for row in self.query(sql, arguments)]

    def number(self, sql: str, arguments: Sequence[object] = ()) -> int:
        """The one number that is asked for."""
        return self.numbers(sql, arguments)[0]

    def whole_row(self, sql: str) -> list[int]:
        """The one row of whole numbers that is asked for."""
        (row,) = self.query(sql)
        return [whole(value) for value in row]

    def user(self, user_id: int) -> User:
        """An account as it stands."""
        found = self.bench.books.user(user_id)
        assert found is not None, user_id
        return found

    def alias(self, user_id: int) -> str:
        """Its alias."""
        return self.user(user_id).alias

    @property
    def admin(self) -> int:
        """One of the admins."""
        return self.draw.choice(self.people.admins)

    def reference(self) -> str:
        """A provider's reference that was not used yet."""
        return f"S-{self.bench.counted()}"

    # Acting.

    def keep_lease(self) -> None:
        """Renew the lease as a watch does, each second; it goes by what the hosts' clock says, not the season's."""
        boot = self.clock.boot()
        age = None if self._renewed is None else boot.seconds_since(self._renewed)
        if age is None or age > 1:
            self.bench.keep_lease()
            self._renewed = boot

    def fail(self, why: str) -> AssertionError:
        """What to raise, so that it can be played again."""
        return AssertionError(f"seed {self.seed}, day {self.day}: {why}")

    def check(self, holds: bool, why: str) -> None:
        """Fail unless it holds."""
        if not holds:
            raise self.fail(why)

    def do(self, command: Command, actor_id: int, *may: str) -> None:
        """Something that is to be accepted, with what else comes in at this hour; `may` are codes it may be refused with."""
        self._waiting.append(_Waiting(self.bench.act(command, actor_id), frozenset(may)))

    def send(self, acts: Sequence[Act]) -> list[Answer | Refusal]:
        """What these are answered, in one batch, with the lease alive; each answer is counted."""
        self.keep_lease()
        outcomes = self.bench.executor.run(acts)
        for outcome in outcomes:
            self.codes[outcome.code if isinstance(outcome, Refusal) else ACCEPTED] += 1
            self.replayed += isinstance(outcome, Answer) and outcome.replayed
        return outcomes

    def flush(self) -> None:
        """Run what waits."""
        waiting, self._waiting = self._waiting, []
        outcomes = self.send([entry.act for entry in waiting])
        for entry, outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, Refusal) and outcome.code not in entry.may:
                raise self.fail(f"{entry.act.command} was refused: {outcome.code}, {outcome.detail}")

    def once(self, command: Command, actor_id: int) -> Answer:
        """Something that must be accepted, at once."""
        self.flush()
        outcome = self.send([self.bench.act(command, actor_id)])[0]
        if isinstance(outcome, Refusal):
            raise self.fail(f"{command} was refused: {outcome.code}, {outcome.detail}")
        return outcome

    def refused(self, command: Command, actor_id: int, code: str) -> None:
        """Something that must be refused with just this code, and write nothing."""
        self.flush()
        last = self.number("SELECT max(n) FROM journal")
        outcome = self.send([self.bench.act(command, actor_id)])[0]
        found = outcome.code if isinstance(outcome, Refusal) else ACCEPTED
        self.check(found == code, f"{command}: {found} where {code} was to come")
        self.check(self.number("SELECT max(n) FROM journal") == last, f"{command} was refused and wrote")

    def flip(self, switch: Switch, action: str, actor_id: int | None = None) -> None:
        """Engage or release a switch, by an admin unless it is said by whom."""
        self.flush()
        actor = self.user(self.people.admins[0] if actor_id is None else actor_id)
        self.switching.flip(switch=switch, action=action, actor=actor, reason=REASON)
        self.noted(switch, engaged=action == "engage")

    def noted(self, switch: Switch, *, engaged: bool) -> None:
        """Remember how a switch stands since now."""
        self.flipped.append((self.now, switch, engaged))
        (self.engaged.add if engaged else self.engaged.discard)(switch)

    def wait(self, until: Callable[[], bool], *, step: int, what: str) -> None:
        """Let time go on, step by step, until it is so."""
        for _ in range(100):
            if until():
                return
            self.later(step)
        raise self.fail(f"never came: {what}")

    # What goes on beside the people.

    def tick(self) -> None:
        """One second's work of the housekeeping."""
        self.keep_lease()
        self.housekeeping.tick(self.bench.executor)

    def self_test(self) -> None:
        """What the market's process finds out about itself; its own work it does when the season says so, and is summed by that."""
        self.housekeeping.probe_features(self.bench.executor)

    def keep_up(self) -> None:
        """The housekeeping at work until nothing is due any more."""
        self.flush()
        (lots, before), quiet, since = self.whole_row(_LOTS_AND_LAST), 0, self.now
        # One round looks at a hundred lots, the first at what the last one left: it is quiet once these brought nothing.
        while quiet < 2 + lots // 100:
            # Where nothing was due a moment ago it rests for half a minute.
            self.later(31 * SECOND)
            self.tick()
            lots, last = self.whole_row(_LOTS_AND_LAST)
            quiet = quiet + 1 if last == before else 0
            # A day that ends while it looks may be seen or not; what ended before the quiet was seen.
            since = self.now if quiet == 1 else since
            before = last
        if not self.engaged & {Switch.SHUTDOWN, Switch.PILOT_MODE}:
            self.caught_up.append(CaughtUp(since, before, self.held_up))

    def restarted(self) -> None:
        """The process was killed: nothing of what it had in memory is there any more, and a new one goes on."""
        self.housekeeping.close()
        self.bench.executor.close()
        self.bench.executor = Executor(
            self.world.data, system_id=self.system_id, clock=self.clock, lease=self.bench.lease
        )
        self.housekeeping = self._housekeeping()

    def watched(self, *, full: bool = False) -> None:
        """The watch looks until it has seen everything: nothing is wrong, and nothing unknown."""
        self.flush()
        self.bench.executor.flush_notes()
        last = self.number("SELECT max(n) FROM journal")
        self.world.turn()
        while logs.size(self.world.database, logs.MAIN) < last:
            self.world.turn()
        if full:
            self.world.full_pass()
        open_findings = findings.open_findings(self.world.database)
        self.check(open_findings == [], f"the watch found {open_findings}")
        for row in verdicts.current(self.world.database, clock=self.clock):
            self.check((row.continuous, row.full) == (verdicts.HOLDS, verdicts.HOLDS), f"{row}")

    def close(self) -> None:
        """Give the files back."""
        self.housekeeping.close()
        self.switching.close()
        self._books.close()
        self.world.close()
