"""Loads the part of the books that a batch needs, with a handful of queries whatever its size."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database
from watchkeeper.market import pace
from watchkeeper.market.commands import (
    AccountAct,
    Acknowledge,
    Act,
    ActivateUser,
    Correct,
    CureReversal,
    CureVerification,
    Deposit,
    InviteUser,
    PayToLock,
    RestoreState,
    ReverseLock,
    SetPhase,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.state import (
    Earnings,
    Lock,
    Lot,
    Recorded,
    State,
    Unit,
    User,
    Wallet,
)
from watchkeeper.market.tables import EFFECT_COLUMNS


def number(value: Value) -> int:
    """An integer column, as an integer."""
    if not isinstance(value, int):
        msg = f"expected an integer, found {type(value).__name__}"
        raise TypeError(msg)
    return value


def text_or_none(value: Value) -> str | None:
    """A text column that may be NULL."""
    return None if value is None else str(value)


def marks(values: Collection[object]) -> str:
    """Question marks for an IN list; nothing is in an empty one."""
    return ", ".join("?" * len(values)) or "NULL"


def load(database: Database, acts: Sequence[Act], *, at: Instant) -> State:
    """The working set of these acts as of now, inside the caller's transaction; `numbers` come later."""
    state = State()
    lock_utids, unit_ids, lot_ids, aliases = set[str](), set[int](), set[int](), set[str]()
    for act in acts:
        command = act.command
        if isinstance(command, PayToLock):
            unit_ids.add(command.unit_id)
        elif isinstance(command, VerifyDelivery | ReverseLock | CureVerification | CureReversal):
            lock_utids.add(command.lock_utid)
        elif isinstance(command, WriteOff):
            lot_ids.add(command.lot_id)
        elif isinstance(command, Correct | RestoreState | AccountAct):
            aliases.add(command.account)
        elif isinstance(command, Acknowledge):
            account = command.account
            if account is not None:
                aliases.add(account)
    locks(database, state, lock_utids)
    unit_ids.update(lock.unit_id for lock in state.locks.values())
    units(database, state, unit_ids)
    lots(database, state, lot_ids)
    user_ids = {act.actor_id for act in acts}
    user_ids.update(unit.farmer_id for unit in state.units.values())
    user_ids.update(lock.trader_id for lock in state.locks.values())
    user_ids.update(lock.farmer_id for lock in state.locks.values())
    user_ids.update(lot.trader_id for lot in state.lots.values())
    users(database, state, ids=user_ids, aliases=aliases)
    wallets(database, state, [user.id for user in state.users.values() if user.role == "trader"])
    earnings(database, state, [user.id for user in state.users.values() if user.role == "farmer"])
    _references(database, state, acts)
    _recorded(database, state, acts)
    _paces(database, state, acts, at=at)
    return state


def numbers(database: Database, state: State) -> None:
    """Load the next journal number and the next key of each table; whoever asks appends next."""
    columns = ", ".join(f"(SELECT coalesce(max(id), 0) FROM {table})" for table in EFFECT_COLUMNS)
    row = database.one(f"SELECT (SELECT coalesce(max(n), 0) FROM journal), {columns}")
    if row is None:
        raise TypeError("a query of totals gave no row")
    state.next_n = number(row[0]) + 1
    state.next_ids = {table: number(last) + 1 for table, last in zip(EFFECT_COLUMNS, row[1:], strict=True)}


def census(database: Database, state: State, acts: Sequence[Act]) -> None:
    """Load the phase and how many accounts are in which state, where a command may make somebody active.

    Whoever asks appends next, so two executors never pass a cap together.
    """
    if not any(isinstance(act.command, AccountAct | ActivateUser | InviteUser | SetPhase) for act in acts):
        return
    row = database.one("SELECT phase FROM phases ORDER BY id DESC LIMIT 1")
    state.phase = "pilot" if row is None else str(row[0])
    state.census = {
        (str(role), str(status)): number(count)
        for role, status, count in database.query(
            "SELECT role, status, count(*) FROM user_state GROUP BY role, status"
        )
    }


def users(database: Database, state: State, *, ids: Collection[int], aliases: Collection[str] = ()) -> None:
    """Load accounts by id and by alias."""
    if not ids and not aliases:
        return
    rows = database.query(
        "SELECT u.id, u.alias, s.role, s.status, s.session_generation FROM users u JOIN user_state s ON s.user_id = u.id "
        f"WHERE u.id IN ({marks(ids)}) OR u.alias IN ({marks(aliases)})",
        (*ids, *aliases),
    )
    for row in rows:
        user = User(number(row[0]), str(row[1]), str(row[2]), str(row[3]), number(row[4]))
        state.users[user.id] = user
        state.users_by_alias[user.alias] = user.id


def wallets(database: Database, state: State, trader_ids: Collection[int]) -> None:
    """Load balances: the row that the state row points to, never the largest number that somebody put there."""
    if not trader_ids:
        return
    rows = database.query(
        "SELECT s.trader_id, s.last_number, s.exposure_ugx, l.capital_after, l.locked_after, l.profit_after "
        "FROM trader_state s LEFT JOIN wallet_ledger l ON l.trader_id = s.trader_id AND l.number = s.last_number "
        f"WHERE s.trader_id IN ({marks(trader_ids)})",
        tuple(trader_ids),
    )
    for row in rows:
        trader_id = number(row[0])
        state.wallets[trader_id] = Wallet(
            trader_id=trader_id,
            number=number(row[1]),
            exposure_ugx=number(row[2]),
            capital_ugx=number(row[3]) if row[3] is not None else 0,
            locked_ugx=number(row[4]) if row[4] is not None else 0,
            profit_ugx=number(row[5]) if row[5] is not None else 0,
        )


def earnings(database: Database, state: State, farmer_ids: Collection[int]) -> None:
    """Load farmers' balances from their last ledger rows."""
    if not farmer_ids:
        return
    rows = database.query(
        "SELECT farmer_id, number, balance_after FROM farmer_ledger f WHERE farmer_id IN "
        f"({marks(farmer_ids)}) AND number = (SELECT max(number) FROM farmer_ledger g WHERE g.farmer_id = f.farmer_id)",
        tuple(farmer_ids),
    )
    for row in rows:
        farmer_id = number(row[0])
        state.earnings[farmer_id] = Earnings(farmer_id, number(row[1]), number(row[2]))


def units(database: Database, state: State, unit_ids: Collection[int]) -> None:
    """Load units with their listings' facts and their state."""
    if not unit_ids:
        return
    rows = database.query(
        "SELECT u.id, u.listing_id, u.number, u.grams, l.farmer_id, l.produce, l.price_ugx_per_kg, s.status, s.lock_utid "
        "FROM units u JOIN listings l ON l.id = u.listing_id JOIN unit_state s ON s.unit_id = u.id "
        f"WHERE u.id IN ({marks(unit_ids)})",
        tuple(unit_ids),
    )
    for row in rows:
        unit = Unit(
            id=number(row[0]),
            listing_id=number(row[1]),
            number=number(row[2]),
            grams=number(row[3]),
            farmer_id=number(row[4]),
            produce=str(row[5]),
            price_ugx_per_kg=number(row[6]),
            status=str(row[7]),
            lock_utid=text_or_none(row[8]),
        )
        state.units[unit.id] = unit


def locks(database: Database, state: State, utids: Collection[str]) -> None:
    """Load locks with their outcomes in order."""
    if not utids:
        return
    rows = database.query(
        "SELECT id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, locked_at, deadline_at "
        f"FROM locks WHERE utid IN ({marks(utids)})",
        tuple(utids),
    )
    for row in rows:
        lock = Lock(
            id=number(row[0]),
            utid=str(row[1]),
            unit_id=number(row[2]),
            trader_id=number(row[3]),
            farmer_id=number(row[4]),
            price_ugx_per_kg=number(row[5]),
            amount_ugx=number(row[6]),
            locked_at=Instant(number(row[7])),
            deadline_at=Instant(number(row[8])),
        )
        state.locks[lock.utid] = lock
    outcomes = database.query(
        f"SELECT lock_utid, outcome FROM lock_outcomes WHERE lock_utid IN ({marks(utids)}) ORDER BY id",
        tuple(utids),
    )
    for utid, outcome in outcomes:
        lock = state.locks[str(utid)]
        state.locks[lock.utid] = replace(lock, outcomes=(*lock.outcomes, str(outcome)))


def lots(database: Database, state: State, lot_ids: Collection[int]) -> None:
    """Load lots and whether they are written off."""
    if not lot_ids:
        return
    rows = database.query(
        "SELECT l.id, l.utid, l.trader_id, l.cost_ugx, EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) "
        f"FROM lots l WHERE l.id IN ({marks(lot_ids)})",
        tuple(lot_ids),
    )
    for row in rows:
        lot = Lot(number(row[0]), str(row[1]), number(row[2]), number(row[3]), bool(row[4]))
        state.lots[lot.id] = lot


def _references(database: Database, state: State, acts: Iterable[Act]) -> None:
    wanted = {act.command.external_ref.strip(): None for act in acts if isinstance(act.command, Deposit)}
    if not wanted:
        return
    rows = database.query(
        f"SELECT provider, external_ref FROM wallet_ledger WHERE external_ref IN ({marks(wanted)}) LIMIT 10000",
        tuple(wanted),
    )
    state.references = {(str(provider), str(reference)) for provider, reference in rows}


def _recorded(database: Database, state: State, acts: Sequence[Act]) -> None:
    keyed = [act for act in acts if act.idempotency_key is not None]
    if keyed:
        keys = {str(act.idempotency_key) for act in keyed}
        actors = {act.actor_id for act in keyed}
        commands = {act.command.name for act in keyed}
        rows = database.query(
            "SELECT actor_id, command, idempotency_key, n, utid, body_digest, answer FROM journal "
            f"WHERE idempotency_key IN ({marks(keys)}) AND actor_id IN ({marks(actors)}) "
            f"AND command IN ({marks(commands)})",
            (*keys, *actors, *commands),
        )
        for row in rows:
            state.recorded[(number(row[0]), str(row[1]), str(row[2]))] = Recorded(
                number(row[3]), str(row[4]), text_or_none(row[5]), str(row[6])
            )


def recorded_by_id(database: Database, command_ids: Collection[str]) -> dict[str, Recorded]:
    """What stands in the journal under these internal ids: asked after a COMMIT of unknown outcome."""
    rows = database.query(
        f"SELECT command_id, n, utid, body_digest, answer FROM journal WHERE command_id IN ({marks(command_ids)})",
        tuple(command_ids),
    )
    return {
        str(row[0]): Recorded(number(row[1]), str(row[2]), text_or_none(row[3]), str(row[4])) for row in rows
    }


def _paces(database: Database, state: State, acts: Iterable[Act], *, at: Instant) -> None:
    for act in acts:
        limit = pace.BY_COMMAND.get(act.command.name)
        key = (act.actor_id, limit.name) if limit else None
        if limit is None or key is None or key in state.paces:
            continue
        rows = database.query(
            f"SELECT at FROM journal WHERE actor_id = ? AND command IN ({marks(limit.commands)}) AND at > ? "
            "ORDER BY at DESC LIMIT ?",
            (
                act.actor_id,
                *limit.commands,
                at - limit.window_seconds * MICROSECONDS_PER_SECOND,
                limit.accepted_max,
            ),
        )
        state.paces[key] = deque(Instant(number(row[0])) for row in reversed(rows))


def taken_utids(database: Database, utids: Collection[str]) -> set[str]:
    """Which of these UTIDs stand in the journal already."""
    rows = database.query(f"SELECT utid FROM journal WHERE utid IN ({marks(utids)})", tuple(utids))
    return {str(row[0]) for row in rows}


def taken_aliases(database: Database, aliases: Collection[str]) -> set[str]:
    """Which of these aliases belong to an account already."""
    rows = database.query(f"SELECT alias FROM users WHERE alias IN ({marks(aliases)})", tuple(aliases))
    return {str(row[0]) for row in rows}
