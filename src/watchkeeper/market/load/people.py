"""Accounts, their balances, and who took part in an act."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from watchkeeper.base.database import Database
from watchkeeper.market.commands import (
    Act,
    SendNotice,
)
from watchkeeper.market.rows import marks, number
from watchkeeper.market.state import (
    Earnings,
    State,
    User,
    Wallet,
)


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
        if number(row[1]) > 0 and row[3] is None:
            state.lost_wallets.add(trader_id)
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


#: Tables whose rows name people, and the columns that do.
_PEOPLE = (
    ("journal", "actor_id"),
    ("locks", "trader_id"),
    ("locks", "farmer_id"),
    ("offers", "trader_id"),
    ("offers", "farmer_id"),
    ("wallet_ledger", "trader_id"),
    ("farmer_ledger", "farmer_id"),
    ("listings", "farmer_id"),
    ("lots", "trader_id"),
    ("blocks", "trader_id"),
    ("purchases", "buyer_id"),
    ("purchases", "trader_id"),
    ("pickups", "trader_id"),
    ("user_steps", "user_id"),
)


def parties(database: Database, state: State, acts: Iterable[Act]) -> None:
    for act in acts:
        command = act.command
        if isinstance(command, SendNotice) and command.about_utid is not None:
            utid = command.about_utid
            sql = " UNION ".join(f"SELECT {column} FROM {table} WHERE utid = ?" for table, column in _PEOPLE)
            rows = database.query(sql, (utid,) * len(_PEOPLE))
            state.parties[utid] = frozenset(number(row[0]) for row in rows)


def taken_aliases(database: Database, aliases: Collection[str]) -> set[str]:
    """Which of these aliases belong to an account already."""
    rows = database.query(f"SELECT alias FROM users WHERE alias IN ({marks(aliases)})", tuple(aliases))
    return {str(row[0]) for row in rows}
