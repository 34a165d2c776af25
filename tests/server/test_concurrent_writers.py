"""Eight clients, an executor and a connection for each, one set of books: histories kept, and checked for what
concurrency breaks.

The bank test moves money between what is free and what is locked; the append test only adds. The checker is the
project's own, and each of its findings is shown to be found: the lock that prevents it is taken away, with the
constraints that would catch the consequence, and it has to see what happens then. Each client has an admin of its own:
the acting account's row is held first, and whoever shares one comes one by one.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from tests.conftest import LONG
from tests.waiting import until
from tests.worlds.books import REASON, Market
from tests.worlds.server import Cluster
from watchkeeper.base.database import Database, places
from watchkeeper.base.database.postgresql import PostgresDatabase
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
    WriteOff,
)
from watchkeeper.market.execute import Executor

LIMIT_UGX = 1_000_000
CLIENTS = 8
#: The last entry of the newest traders, and the balance in it.
LOOK = (
    "SELECT s.trader_id, s.last_number, l.capital_after FROM trader_state s JOIN wallet_ledger l "
    "ON l.trader_id = s.trader_id AND l.number = s.last_number ORDER BY s.trader_id DESC LIMIT 20"
)


@dataclass(slots=True)
class History:
    """What the clients were told, and what readers saw meanwhile."""

    answers: list[tuple[Act, Answer]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    delivered: int = 0
    #: What readers saw: the last entry of a trader, and the balance in it.
    looks: set[tuple[int, int, int]] = field(default_factory=set)

    def accepted(self) -> Counter[str]:
        """How many commands of each name were answered."""
        return Counter(act.command.name for act, _ in self.answers)


class Bank:
    """An executor for each client, as so many hosts have them."""

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
            for _ in range(CLIENTS)
        ]
        #: Backends that are not the executors': these connect when they are first used.
        self.others = connections(market)

    def run(self, client: int, commands: list[tuple[Command, int]], history: History) -> None:
        acts = [
            Act(command=command, actor_id=actor, command_id=f"{client}-{time.monotonic_ns()}-{index}")
            for index, (command, actor) in enumerate(commands)
        ]
        outcomes = self.executors[client].run(acts)
        for act, outcome in zip(acts, outcomes, strict=True):
            if isinstance(outcome, Answer):
                history.answers.append((act, outcome))
                history.delivered += outcome.body.get("outcome") == "delivered"
            else:
                history.refusals.append(outcome.code)

    def keep_lease(self) -> None:
        self.market.keep_lease()
        self._lease.poll()

    def close(self) -> None:
        for executor in self.executors:
            executor.close()


#: Whatever a play waits for has come by then.
_PLAYED_SECONDS_MAX = 120.0
Work = Callable[[int, random.Random, History], None]


def play(
    bank: Bank,
    work: Work,
    history: History,
    *,
    seconds: float,
    and_then: Callable[[], bool] = lambda: True,
) -> None:
    """Eight clients at work at once for so long and until this holds, a reader beside them, and the lease kept."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def client(number: int) -> None:
        draw = random.Random(number + CLIENTS * len(history.answers))
        try:
            while not ended.is_set():
                work(number, draw, history)
        except BaseException as error:
            failures.append(error)

    def reader() -> None:
        with psycopg.connect(places.addresses(bank.market.data)["owner"], autocommit=True) as connection:
            while not ended.is_set():
                history.looks.update(connection.execute(LOOK).fetchall())

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    threads.append(threading.Thread(target=reader))
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    while not failures and (
        (worked := time.monotonic() - begun) < seconds or (worked < _PLAYED_SECONDS_MAX and not and_then())
    ):
        bank.keep_lease()
        ended.wait(0.5)
    ended.set()
    for thread in threads:
        thread.join(30)
    assert failures == []


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
        for trader, number in query("SELECT trader_id, last_number FROM trader_state"):
            # The next entry is numbered by the state.
            if number != last.get(trader, (0,))[0]:
                found.add("lost update")
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
#: Nobody locks more than twenty times an hour, so new people come that often.
_BURST_SECONDS = 2.0
#: What executors do to each other is a matter of chance; so often it is tried.
_BURSTS_MAX = 40


@pytest.fixture
def bank(market: Market) -> Iterator[Bank]:
    found = Bank(market)
    yield found
    found.close()


@pytest.fixture
def admins(market: Market) -> list[int]:
    """One for each client."""
    return [market.person("admin") for _ in range(CLIENTS)]


class Crowd:
    """Few traders and few units, so that everybody meets."""

    def __init__(self, market: Market, *, traders: int, listings: int, price: int = 30_000) -> None:
        self.traders = [market.trader(capital_ugx=5_000_000) for _ in range(traders)]
        self.farmers = [market.person("farmer") for _ in range(listings)]
        self.units: list[int] = []
        self.locked: list[str] = []
        for farmer in self.farmers:
            answer = market.one(
                CreateListing(produce="Vanilla", grams=400_000, price_ugx_per_kg=price), farmer
            )
            units = answer.body["unit_ids"]
            assert isinstance(units, list)
            self.units += units

    def run(self, bank: Bank, client: int, commands: list[tuple[Command, int]], history: History) -> None:
        """Run them and keep what was locked."""
        before = len(history.answers)
        bank.run(client, commands, history)
        self.locked += [
            answer.utid for act, answer in history.answers[before:] if isinstance(act.command, PayToLock)
        ]


def burst(
    bank: Bank, crowd: Callable[[], Crowd], work: Callable[[Crowd], Work], history: History, *, seconds: float
) -> None:
    """So long, in bursts with new people each, in each of which locks are paid, verified and reversed."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        before = history.accepted()

        def all_done(before: Counter[str] = before) -> bool:
            new = history.accepted() - before
            return min(new["pay_to_lock"], new["verify_delivery"], new["reverse_lock"]) > 0

        play(bank, work(crowd()), history, seconds=_BURST_SECONDS, and_then=all_done)
        assert all_done(), history.accepted() - before


def connections(market: Market) -> int:
    """How many of the server's backends work for the market."""
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename = current_database() || '_market'"
        ).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.rule("exposure.serial", "ledger.conserved")
def test_a_bank_with_many_executors_is_as_if_all_had_come_one_by_one(
    market: Market, bank: Bank, admins: list[int]
) -> None:
    def people(crowd: Crowd) -> Work:
        def work(client: int, draw: random.Random, history: History) -> None:
            commands: list[tuple[Command, int]] = []
            for _ in range(draw.randint(1, 4)):
                what = draw.random()
                trader, admin = draw.choice(crowd.traders), admins[client]
                if what < 0.5 or not crowd.locked:
                    commands.append((PayToLock(unit_id=draw.choice(crowd.units)), trader))
                elif what < 0.8:
                    lock = draw.choice(crowd.locked)
                    commands.append(
                        (VerifyDelivery(lock_utid=lock, outcome="cancelled", reason=REASON), admin)
                    )
                    commands.append((ReverseLock(lock_utid=lock, reason=REASON), admin))
                else:
                    reference = f"{client}-{time.monotonic_ns()}"
                    commands.append(
                        (Deposit(amount_ugx=1000, provider="mtn", external_ref=reference), trader)
                    )
            crowd.run(bank, client, commands, history)

        return work

    history = History()
    burst(bank, lambda: Crowd(market, traders=3, listings=3), people, history, seconds=SECONDS)
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


def inviting(bank: Bank, admins: Sequence[int]) -> Work:
    """Only adds, each client through its own admin: no row but the last lock is wanted by two."""

    def work(client: int, draw: random.Random, history: History) -> None:
        commands: list[tuple[Command, int]] = [
            (InviteUser(role="farmer", reason=REASON), admins[client]) for _ in range(draw.randint(1, 5))
        ]
        bank.run(client, commands, history)

    return work


@pytest.mark.rule("journal.dense")
def test_an_append_only_crowd_loses_nothing_and_doubles_nothing(
    market: Market, bank: Bank, admins: list[int]
) -> None:
    history = History()
    play(
        bank,
        inviting(bank, admins),
        history,
        seconds=SECONDS,
        and_then=lambda: len(history.answers) > 100,
    )
    assert connections(market) - bank.others >= CLIENTS
    assert anomalies(market, history) == set()
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:
        stands = connection.execute(
            "SELECT utid FROM journal WHERE command = 'invite_user' AND actor_id = ANY(%s)", (admins,)
        ).fetchall()
    assert sorted(utid for (utid,) in stands) == sorted(answer.utid for _, answer in history.answers)
    assert {act.actor_id for act, _ in history.answers} == set(admins)
    assert len(history.answers) > 100
    assert set(history.refusals) <= {"busy"}


def deadlocks(market: Market, bank: Bank) -> int:
    """The server's own count, once everybody has left: a backend adds what it saw at its end."""
    for executor in bank.executors:
        executor.close()
    until(lambda: connections(market) <= bank.others, what="the writers have left")
    with psycopg.connect(places.addresses(market.data)["owner"], autocommit=True) as connection:
        row = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def look_for_rings_soon(postgresql: Cluster, market: Market) -> None:
    """Whoever waits for 100 ms looks whether it waits for itself: long before it would give up waiting."""
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:
        name = connection.info.dbname
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '100ms'")


def everything(bank: Bank, admins: Sequence[int], crowd: Crowd) -> Work:
    """Every command of the money path at random, in batches that hold many rows."""

    def work(client: int, draw: random.Random, history: History) -> None:
        commands: list[tuple[Command, int]] = []
        for _ in range(draw.randint(1, 8)):
            trader, unit, admin = draw.choice(crowd.traders), draw.choice(crowd.units), admins[client]
            lock = draw.choice(crowd.locked) if crowd.locked else ""
            outcome = draw.choice(("cancelled", "late", "delivered"))
            reference = f"{client}-{time.monotonic_ns()}"
            choices: list[tuple[Command, int]] = [
                (PayToLock(unit_id=unit), trader),
                (PayToLock(unit_id=unit), trader),
                (VerifyDelivery(lock_utid=lock, outcome=outcome, reason=REASON), admin),
                (ReverseLock(lock_utid=lock, reason=REASON), admin),
                (WriteOff(lot_id=draw.randint(1, 1 + history.delivered), reason=REASON), admin),
                (Deposit(amount_ugx=1, provider="mtn", external_ref=reference), trader),
                (
                    CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=1),
                    draw.choice(crowd.farmers),
                ),
            ]
            commands.append(draw.choice(choices))
        if draw.random() < 0.1:
            commands.append((InviteUser(role="trader", reason=REASON), admins[client]))
        crowd.run(bank, client, commands, history)

    return work


@pytest.mark.timeout(1800)
def test_many_executors_and_random_commands_never_lock_each_other_for_ever(
    postgresql: Cluster, market: Market, bank: Bank, admins: list[int]
) -> None:
    """Ten minutes in the long form: the server's own count of deadlocks stays where it was."""
    look_for_rings_soon(postgresql, market)
    history = History()
    before = deadlocks(market, bank)
    burst(
        bank,
        lambda: Crowd(market, traders=4, listings=4, price=1000),
        lambda crowd: everything(bank, admins, crowd),
        history,
        seconds=600.0 if LONG else 5.0,
    )
    assert deadlocks(market, bank) == before
    assert anomalies(market, history) == set()
    assert "operation-restricted" not in history.refusals
    accepted = history.accepted()
    assert min(accepted[name] for name in ("deposit", "create_listing", "invite_user", "write_off")) > 0


def test_the_count_sees_a_ring_when_the_rows_are_held_in_no_order(
    postgresql: Cluster, market: Market, bank: Bank, admins: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    look_for_rings_soon(postgresql, market)
    before = deadlocks(market, bank)
    draw = random.Random(1)

    def in_no_order(database: Database, table: str, key: str, ids: set[int]) -> None:
        for one in draw.sample(sorted(ids), len(ids)):
            database.query(f"SELECT {key} FROM {table} WHERE {key} = ? FOR NO KEY UPDATE", (one,))

    monkeypatch.setattr(rowlocks, "_lock", in_no_order)
    for _ in range(_BURSTS_MAX):
        crowd = Crowd(market, traders=4, listings=4, price=1000)
        history = History()
        play(bank, everything(bank, admins, crowd), history, seconds=1.0)
        if deadlocks(market, bank) > before:
            return
    pytest.fail("rows held in no order made no ring, or nobody counted it")


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

            history = History()
            play(bank, work, history, seconds=1.0)
            found |= anomalies(market, history)
            if wanted <= found:
                break
    assert wanted <= found


def test_the_checker_sees_what_the_lock_of_the_end_prevents(
    market: Market, bank: Bank, admins: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(places.addresses(market.data)["owner"], autocommit=True) as connection:
        for table in ("journal", "users", "user_steps", "role_history", "admin_actions"):
            connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey CASCADE")
    monkeypatch.setattr(rowlocks, "hold_the_end", lambda database: None)
    for _ in range(_BURSTS_MAX):
        history = History()
        play(bank, inviting(bank, admins), history, seconds=1.0)
        if "journal not dense" in anomalies(market, history):
            return
    pytest.fail("two appended at once and the checker saw nothing")


def test_the_checker_sees_an_answer_before_its_commit_and_a_look_at_it(
    market: Market, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered and then undone, with somebody who reads through the writer's own connection, where nothing isolates."""
    crowd = Crowd(market, traders=1, listings=1, price=1000)
    history = History()

    def seen_and_undone(self: PostgresDatabase) -> None:
        history.looks.update(self._cursor.execute(LOOK).fetchall())  # type: ignore[arg-type]
        self.rollback()

    with monkeypatch.context() as patched:
        patched.setattr(PostgresDatabase, "commit", seen_and_undone)
        bank.run(0, [(PayToLock(unit_id=crowd.units[0]), crowd.traders[0])], history)
    assert len(history.answers) == 1
    assert anomalies(market, history) == {"answered and gone", "dirty read"}
