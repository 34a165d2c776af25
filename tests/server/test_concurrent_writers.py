"""Eight clients, two executors, one set of books: histories kept, and checked for what concurrency breaks.

The bank test moves money between what is free and what is locked; the append test only adds. The checker is the
project's own, and each of its findings is shown to be found: the lock that prevents it is taken away, with the
constraints that would catch the consequence, and it has to see what happens then.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from tests.conftest import LONG
from tests.worlds.books import REASON, Market
from watchkeeper.base.database import places
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.market import rowlocks
from watchkeeper.market.commands import (
    Act,
    Answer,
    Command,
    CreateListing,
    Deposit,
    InviteUser,
    PayToLock,
    ReverseLock,
    VerifyDelivery,
)
from watchkeeper.market.execute import Executor

LIMIT_UGX = 1_000_000
CLIENTS = 8


@dataclass(slots=True)
class History:
    """What the clients were told, and what readers saw meanwhile."""

    answers: list[tuple[Act, Answer]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    #: A reader's look: the last entry it saw of a trader, and the balance in it.
    looks: list[tuple[int, int, int]] = field(default_factory=list)


class Bank:
    """Two executors, each behind a lock of its own, as two hosts have them."""

    def __init__(self, market: Market) -> None:
        self.market = market
        system_id = market.market.system_id
        self._lease = LeaseReader(
            LeaseStore(market.data, system_id=system_id, role="market"), clock=market.clock
        )
        self._lease.poll()
        market.keep_lease()
        self._lease.poll()
        self.executors = [
            Executor(market.data, system_id=system_id, clock=market.clock, lease=self._lease)
            for _ in range(2)
        ]
        self._guards = [threading.Lock(), threading.Lock()]
        self._counter = 0

    def run(self, client: int, commands: list[tuple[Command, int]], history: History) -> None:
        acts = [
            Act(command=command, actor_id=actor, command_id=f"{client}-{time.monotonic_ns()}-{index}")
            for index, (command, actor) in enumerate(commands)
        ]
        side = client % 2
        with self._guards[side]:
            outcomes = self.executors[side].run(acts)
        for act, outcome in zip(acts, outcomes, strict=True):
            if isinstance(outcome, Answer):
                history.answers.append((act, outcome))
            else:
                history.refusals.append(outcome.code)

    def keep_lease(self) -> None:
        self.market.keep_lease()
        self._lease.poll()

    def close(self) -> None:
        for executor in self.executors:
            executor.close()


def play(bank: Bank, work: Callable[[int, random.Random, History], None], *, seconds: float) -> History:
    """Eight clients at work at once, a reader beside them, and the lease kept."""
    history = History()
    ended = threading.Event()
    failures: list[BaseException] = []

    def client(number: int) -> None:
        draw = random.Random(number)
        try:
            while not ended.is_set():
                work(number, draw, history)
        except BaseException as error:
            failures.append(error)

    def reader() -> None:
        with psycopg.connect(places.addresses(bank.market.data)["owner"], autocommit=True) as connection:
            while not ended.is_set():
                history.looks += connection.execute(
                    "SELECT DISTINCT ON (trader_id) trader_id, number, capital_after FROM wallet_ledger "
                    "ORDER BY trader_id, number DESC"
                ).fetchall()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    threads.append(threading.Thread(target=reader))
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    while time.monotonic() - begun < seconds and not failures:
        bank.keep_lease()
        ended.wait(0.5)
    ended.set()
    for thread in threads:
        thread.join(30)
    assert failures == []
    return history


def anomalies(market: Market, history: History) -> set[str]:
    """What is wrong with a history and the books it left, by its name; empty when each could have come one by one."""
    found: set[str] = set()
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:

        def query(sql: str) -> list[tuple[int, ...]]:
            return connection.execute(sql).fetchall()

        stands = {str(row[0]) for row in query("SELECT utid FROM journal")}
        if any(answer.utid not in stands for _, answer in history.answers):
            found.add("answered and gone")
        (dense,) = query("SELECT count(*), max(n), count(DISTINCT n) FROM journal")
        if len(set(dense)) != 1:
            found.add("journal not dense")
        # Each entry must follow from the one before it: an update that was lost breaks the chain.
        last: dict[int, tuple[int, int, int]] = {}
        for trader, number, kind, amount, capital, locked in query(
            "SELECT trader_id, number, type, amount_ugx, capital_after, locked_after FROM wallet_ledger ORDER BY trader_id, id"
        ):
            before = last.get(trader, (0, 0, 0))
            step = {
                "capital_deposit": (amount, 0),
                "capital_lock": (-amount, amount),
                "capital_unlock": (amount, -amount),
                "settlement": (0, -amount),
            }[str(kind)]
            if (number, capital, locked) != (before[0] + 1, before[1] + step[0], before[2] + step[1]):
                found.add("lost update")
            last[trader] = (number, capital, locked)
        entries = {
            (row[0], row[1], row[2])
            for row in query("SELECT trader_id, number, capital_after FROM wallet_ledger")
        }
        if any(look not in entries for look in history.looks):
            found.add("dirty read")
        if query(
            "SELECT unit_id FROM locks l WHERE NOT EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid "
            "AND o.outcome = 'reversed') GROUP BY unit_id HAVING count(*) > 1"
        ):
            found.add("unit locked twice")
        if query(
            "SELECT trader_id FROM locks l WHERE NOT EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid "
            f"AND o.outcome IN ('reversed', 'delivered')) GROUP BY trader_id HAVING sum(amount_ugx) > {LIMIT_UGX}"
        ):
            # Each lock alone was within the limit: together they are not.
            found.add("write skew over the limit")
    return found


SECONDS = 20.0 if LONG else 4.0
#: What two executors do to each other is a matter of chance; so often it is tried.
_BURSTS_MAX = 40


@pytest.fixture
def bank(market: Market) -> Iterator[Bank]:
    found = Bank(market)
    yield found
    found.close()


class Crowd:
    """Few traders and few units, so that everybody meets."""

    def __init__(self, market: Market, *, traders: int, listings: int, price: int = 30_000) -> None:
        self.traders = [market.trader(capital_ugx=5_000_000) for _ in range(traders)]
        self.farmers = [market.person("farmer") for _ in range(listings)]
        self.admin = market.admin_id
        self.units: list[int] = []
        for farmer in self.farmers:
            answer = market.one(
                CreateListing(produce="Vanilla", grams=400_000, price_ugx_per_kg=price), farmer
            )
            units = answer.body["unit_ids"]
            assert isinstance(units, list)
            self.units += units


def test_a_bank_with_two_executors_is_as_if_all_had_come_one_by_one(market: Market, bank: Bank) -> None:
    crowd = Crowd(market, traders=3, listings=3)
    locked: list[str] = []

    def work(client: int, draw: random.Random, history: History) -> None:
        commands: list[tuple[Command, int]] = []
        for _ in range(draw.randint(1, 4)):
            what = draw.random()
            trader = draw.choice(crowd.traders)
            if what < 0.5 or not locked:
                commands.append((PayToLock(unit_id=draw.choice(crowd.units)), trader))
            elif what < 0.8:
                lock = draw.choice(locked)
                commands.append(
                    (VerifyDelivery(lock_utid=lock, outcome="cancelled", reason=REASON), crowd.admin)
                )
                commands.append((ReverseLock(lock_utid=lock, reason=REASON), crowd.admin))
            else:
                reference = f"{client}-{time.monotonic_ns()}"
                commands.append((Deposit(amount_ugx=1000, provider="mtn", external_ref=reference), trader))
        before = len(history.answers)
        bank.run(client, commands, history)
        locked.extend(
            answer.utid for act, answer in history.answers[before:] if isinstance(act.command, PayToLock)
        )

    history = play(bank, work, seconds=SECONDS)
    assert anomalies(market, history) == set()
    assert len(history.answers) > 50
    assert history.looks
    assert set(history.refusals) <= {
        "unit-not-available",
        "spend-cap-exceeded",
        "rate-limit-exceeded",
        "already-verified",
        "not-reversible",
        "lock-not-found",
        "busy",
    }


def test_an_append_only_crowd_loses_nothing_and_doubles_nothing(market: Market, bank: Bank) -> None:
    def work(client: int, draw: random.Random, history: History) -> None:
        commands: list[tuple[Command, int]] = [
            (InviteUser(role="farmer", reason=REASON), market.admin_id) for _ in range(draw.randint(1, 5))
        ]
        bank.run(client, commands, history)

    history = play(bank, work, seconds=SECONDS)
    assert anomalies(market, history) == set()
    assert len(history.answers) > 100
    assert set(history.refusals) <= {"busy"}


def test_two_executors_and_random_commands_never_lock_each_other_for_ever(market: Market, bank: Bank) -> None:
    """Ten minutes in the long form: the server's own count of deadlocks stays where it was."""
    crowd = Crowd(market, traders=4, listings=4, price=1000)
    url = places.addresses(market.data)["owner"]
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    with psycopg.connect(url) as connection:
        before = connection.execute(counted).fetchone()

    def work(client: int, draw: random.Random, history: History) -> None:
        commands: list[tuple[Command, int]] = []
        for _ in range(draw.randint(1, 8)):
            trader, unit = draw.choice(crowd.traders), draw.choice(crowd.units)
            commands.append(
                draw.choice(
                    [
                        (PayToLock(unit_id=unit), trader),
                        (InviteUser(role="trader", reason=REASON), crowd.admin),
                        (
                            Deposit(
                                amount_ugx=1, provider="mtn", external_ref=f"{client}-{time.monotonic_ns()}"
                            ),
                            trader,
                        ),
                        (
                            CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=1),
                            draw.choice(crowd.farmers),
                        ),
                    ]
                )
            )
        bank.run(client, commands, history)

    history = play(bank, work, seconds=600.0 if LONG else 5.0)
    with psycopg.connect(url) as connection:
        assert connection.execute(counted).fetchone() == before
    assert anomalies(market, history) == set()
    assert "operation-restricted" not in history.refusals


@contextmanager
def without_guards(market: Market, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No constraint catches the consequence, and no row of a trader or a unit is locked."""
    with psycopg.connect(places.addresses(market.data)["owner"], autocommit=True) as connection:
        for table, constraint in (
            ("wallet_ledger", "wallet_ledger_trader_id_number_key"),
            ("wallet_ledger", "wallet_ledger_capital_after_check"),
            ("locks", "locks_exposure_after_ugx_check"),
        ):
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")
    monkeypatch.setattr(rowlocks, "hold", lambda database, acts: None)
    yield


def test_the_checker_sees_what_the_row_locks_prevent(
    market: Market, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"lost update", "write skew over the limit", "unit locked twice"}
    found: set[str] = set()
    guard = threading.Lock()
    with without_guards(market, monkeypatch):
        for _ in range(_BURSTS_MAX):
            # Nobody locks more than twenty times an hour: new people each time.
            crowd = Crowd(market, traders=2, listings=1)
            # Each free unit is wanted by four at once.
            units = iter([unit for unit in crowd.units for _ in range(4)])

            def work(
                client: int,
                draw: random.Random,
                history: History,
                crowd: Crowd = crowd,
                units: Iterator[int] = units,
            ) -> None:
                with guard:
                    unit = next(units, crowd.units[-1])
                commands: list[tuple[Command, int]] = [(PayToLock(unit_id=unit), draw.choice(crowd.traders))]
                bank.run(client, commands, history)

            found |= anomalies(market, play(bank, work, seconds=1.0))
            if wanted <= found:
                break
    assert wanted <= found


def test_the_checker_sees_an_answer_before_its_commit(
    market: Market, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered and then rolled back: what a lost acknowledgement and a dirty read look like."""
    crowd = Crowd(market, traders=1, listings=1, price=1000)
    history = History()
    with monkeypatch.context() as patched:
        patched.setattr(
            "watchkeeper.base.database.postgresql.PostgresDatabase.commit", lambda self: self.rollback()
        )
        bank.run(0, [(PayToLock(unit_id=crowd.units[0]), crowd.traders[0])], history)
    # Somebody read the balance that was never committed.
    (answered,) = history.answers
    history.looks.append((crowd.traders[0], 2, int(str(answered[1].body["capital_ugx"]))))
    assert anomalies(market, history) == {"answered and gone", "dirty read"}
