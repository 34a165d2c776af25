"""What each state row ought to be, worked out a second time from the append-only rows (domain.md).

Each replay is given a filter of rows: once with all that stand, and, where that does not agree, once without strangers.
A replay gives key -> the values after the key, None where there should be no row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.boundary.views import STATES, VIEWS, Row
from watchkeeper.operation.catalogue import paging, strangers
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context

#: An offer waits so long for its next step (domain, Offers).
_OFFER_MICROSECONDS = 24 * 3600 * MICROSECONDS_PER_SECOND
#: Acts about an account that end its sessions; their journal rows name its alias. `journal_by_sessions_ended` serves these.
SESSIONS_END = (
    "change_role",
    "suspend_user",
    "delete_user",
    "end_sessions",
    "reset_second_factor",
    "reset_password",
    "change_password",
    "restore_state",
)
_AFTER_STEP = {"activated": "active", "unsuspended": "active"}
_KEYS_AT_ONCE = 500
#: All that so many traders ever did is counted by one statement, and a server ends one that takes longer than half a minute.
_TRADERS_AT_ONCE = 20
#: More rows about so few things than a market makes.
_ROWS_MAX = 200_000

Values: TypeAlias = tuple[Value, ...] | None
Keep: TypeAlias = Callable[[str, list[Row]], list[Row]]
Replay: TypeAlias = Callable[[Context, Sequence[int], Keep], dict[int, Values]]


class TooManyRows(Exception):
    """More rows tell of these few things than any market writes. What they say cannot be worked out."""


@dataclass(frozen=True, slots=True)
class State:
    """A state table: what it is the state of, and how it follows."""

    table: str
    #: The table of the things that have such a state.
    facts: str
    replay: Replay


def all_rows(_: str, rows: list[Row]) -> list[Row]:
    """Every row that stands."""
    return rows


def without_strangers(context: Context) -> Keep:
    """Only rows that belong to a journal row, or were acknowledged."""

    def keep(table: str, rows: list[Row]) -> list[Row]:
        strange = strangers.among(context, table, rows)
        return [row for row in rows if row["id"] not in strange]

    return keep


def rows_by(context: Context, table: str, column: str, values: Iterable[Value]) -> list[Row]:
    """All rows of a table whose indexed column has one of these values, in order of their keys."""
    # Text that is no ASCII points at nothing.
    wanted = sorted(
        {value for value in values if isinstance(value, int) or (isinstance(value, str) and value.isascii())},
        key=str,
    )
    found: list[Row] = []
    for piece in paging.pieces(wanted, _KEYS_AT_ONCE):
        where = f"{column} IN ({', '.join('?' * len(piece))}) ORDER BY id"
        found += context.views.rows(VIEWS[table], where, piece, limit=_ROWS_MAX + 1)
        if len(found) > _ROWS_MAX:
            raise TooManyRows(TooManyRows.__doc__)
    return sorted(found, key=lambda row: integer(row["id"]))


def standing(context: Context, table: str, keys: Collection[int]) -> dict[int, Values]:
    """The state rows as they are: key -> the values after the key."""
    view = STATES[table]
    return {
        key: tuple(row[column] for column in view.columns[1:])
        for key, row in context.views.by_keys(view, keys).items()
    }


def _units(context: Context, keys: Sequence[int], keep: Keep) -> dict[int, Values]:
    """The last lock that stands has the unit; where there is none it left the market, or is free."""
    found: dict[int, Values] = {
        integer(row["id"]): ("available", None)
        for row in keep("units", rows_by(context, "units", "id", keys))
    }
    for row in keep("unit_steps", rows_by(context, "unit_steps", "unit_id", keys)):
        if row["unit_id"] in found:
            found[integer(row["unit_id"])] = ("cancelled", None)
    locks = keep("locks", rows_by(context, "locks", "unit_id", keys))
    outcomes = keep(
        "lock_outcomes", rows_by(context, "lock_outcomes", "lock_utid", [row["utid"] for row in locks])
    )
    ended = {(row["lock_utid"], row["outcome"]) for row in outcomes}
    for row in locks:
        utid = row["utid"]
        if row["unit_id"] in found and (utid, "reversed") not in ended:
            status = "delivered" if (utid, "delivered") in ended else "locked"
            found[integer(row["unit_id"])] = (status, utid)
    return found


def _offers(context: Context, keys: Sequence[int], keep: Keep) -> dict[int, Values]:
    offers = keep("offers", rows_by(context, "offers", "id", keys))
    steps: dict[Value, list[Row]] = {}
    for row in keep(
        "offer_steps", rows_by(context, "offer_steps", "offer_utid", [row["utid"] for row in offers])
    ):
        steps.setdefault(row["offer_utid"], []).append(row)
    found: dict[int, Values] = {}
    for offer in offers:
        status, price, at = "pending", offer["price_ugx_per_kg"], integer(offer["at"])
        for step in steps.get(offer["utid"], ()):
            status, at = str(step["step"]), integer(step["at"])
            if step["step"] == "countered":
                price = step["price_ugx_per_kg"]
        found[integer(offer["id"])] = (offer["unit_id"], status, price, at + _OFFER_MICROSECONDS)
    return found


def _blocks(context: Context, keys: Sequence[int], keep: Keep) -> dict[int, Values]:
    """Sold while its last purchase was not given back; else in store while a lot of it stands."""
    blocks = keep("blocks", rows_by(context, "blocks", "id", keys))
    lots = keep("block_lots", rows_by(context, "block_lots", "block_id", keys))
    gone = {
        row["lot_id"]
        for row in keep(
            "write_offs", rows_by(context, "write_offs", "lot_id", [row["lot_id"] for row in lots])
        )
    }
    left = {row["block_id"] for row in lots if row["lot_id"] not in gone}
    purchases = keep("purchases", rows_by(context, "purchases", "block_id", keys))
    outcomes = {
        row["purchase_utid"]: row["outcome"]
        for row in keep(
            "purchase_outcomes",
            rows_by(context, "purchase_outcomes", "purchase_utid", [row["utid"] for row in purchases]),
        )
    }
    found: dict[int, Values] = {
        integer(row["id"]): ("in_storage" if row["id"] in left else "written_off", None) for row in blocks
    }
    for row in purchases:
        outcome = outcomes.get(row["utid"])
        if row["block_id"] in found and outcome in (None, "picked_up"):
            status = "awaiting_pickup" if outcome is None else "picked_up"
            found[integer(row["block_id"])] = (status, row["utid"])
    return found


def _users(context: Context, keys: Sequence[int], keep: Keep) -> dict[int, Values]:
    """The last role and step; the sessions' number grows with each act that ends them, and each cure of the history."""
    users = {integer(row["id"]): row["alias"] for row in keep("users", rows_by(context, "users", "id", keys))}
    roles = {row["user_id"]: row["role_after"] for row in _history(context, "role_history", keys, keep)}
    steps = {row["user_id"]: str(row["step"]) for row in _history(context, "user_steps", keys, keep)}
    ended = _sessions_ended(context, list(users.values()))
    cured = _cures_of_history(context, keys)
    return {
        key: (
            roles[key],
            _AFTER_STEP.get(steps[key], steps[key]),
            1 + ended.get(alias, 0) + cured.get(key, 0),
        )
        for key, alias in users.items()
        if key in roles and key in steps
    }


def _history(context: Context, table: str, keys: Sequence[int], keep: Keep) -> list[Row]:
    return keep(table, rows_by(context, table, "user_id", keys))


def _sessions_ended(context: Context, aliases: Iterable[Value]) -> dict[Value, int]:
    named = sorted({alias for alias in aliases if isinstance(alias, str) and alias.isascii()})
    found: dict[Value, int] = {}
    # Spelled out as in the index, which holds these rows alone.
    commands = ", ".join(f"'{command}'" for command in SESSIONS_END)
    for piece in paging.pieces(named, _KEYS_AT_ONCE):
        rows = context.views.database.query(
            f"SELECT subject, count(*) FROM watch_journal WHERE subject IN ({', '.join('?' * len(piece))}) "
            f"AND command IN ({commands}) GROUP BY subject",
            piece,
        )
        found |= {subject: integer(count) for subject, count in rows}
    return found


def _cures_of_history(context: Context, keys: Sequence[int]) -> dict[int, int]:
    """Account -> how many rows of its history were put back or acknowledged; by indexes of the rows' own tables."""
    found: dict[int, int] = {}
    for piece in paging.pieces(keys, _KEYS_AT_ONCE):
        for history in ("user_steps", "role_history"):
            for cure in ("repairs", "acknowledgements"):
                for user_id, count in context.views.database.query(
                    f"SELECT h.user_id, count(*) FROM watch_{history} h JOIN watch_{cure} c ON c.table_name = '{history}' "
                    f"AND c.row_key = CAST(h.id AS TEXT) WHERE h.user_id IN ({', '.join('?' * len(piece))}) "
                    "GROUP BY h.user_id",
                    piece,
                ):
                    found[integer(user_id)] = found.get(integer(user_id), 0) + integer(count)
    return found


#: Tables that a trader's row follows from.
_TRADED = (
    "wallet_ledger",
    "locks",
    "lock_outcomes",
    "lots",
    "write_offs",
    "pickups",
    "purchases",
    "block_lots",
)


def _traders(context: Context, keys: Sequence[int], keep: Keep) -> dict[int, Values]:
    """The last ledger number, and what every open position costs, counted by the engine; zeros where there is nothing."""
    leaving: Mapping[str, frozenset[int]] = {}
    if keep is not all_rows:
        strange = {table: strangers.of_table(context, table) for table in _TRADED}
        # Too many to tell apart: then all that stands is what counts.
        leaving = {table: keys_ for table, keys_ in strange.items() if keys_}

    def but(table: str, name: str) -> str:
        left_out = leaving.get(table)
        return f" AND {name}.id NOT IN ({', '.join(map(str, sorted(left_out)))})" if left_out else ""

    found: dict[int, Values] = dict.fromkeys(keys, (0, 0))
    for piece in paging.pieces(keys, _TRADERS_AT_ONCE):
        for key, number, locked, stored in context.views.database.query(
            "SELECT u.id, (SELECT max(e.number) FROM watch_wallet_ledger e WHERE e.trader_id = u.id"
            f"{but('wallet_ledger', 'e')}), "
            f"(SELECT sum(l.amount_ugx) FROM watch_locks l WHERE l.trader_id = u.id{but('locks', 'l')} AND NOT EXISTS "
            "(SELECT 1 FROM watch_lock_outcomes o WHERE o.lock_utid = l.utid AND o.outcome IN ('delivered', 'reversed')"
            f"{but('lock_outcomes', 'o')})), "
            f"(SELECT sum(t.cost_ugx) FROM watch_lots t WHERE t.trader_id = u.id{but('lots', 't')} AND NOT EXISTS "
            f"(SELECT 1 FROM watch_write_offs w WHERE w.lot_id = t.id{but('write_offs', 'w')}) AND NOT EXISTS "
            "(SELECT 1 FROM watch_block_lots b JOIN watch_purchases p ON p.block_id = b.block_id "
            "JOIN watch_pickups k ON k.purchase_utid = p.utid WHERE b.lot_id = t.id"
            f"{but('block_lots', 'b')}{but('purchases', 'p')}{but('pickups', 'k')})) "
            f"FROM watch_users u WHERE u.id IN ({', '.join('?' * len(piece))})",
            piece,
        ):
            found[integer(key)] = (integer(number), integer(locked) + integer(stored))
    return found


REPLAYED: Mapping[str, State] = {
    state.table: state
    for state in (
        State("user_state", "users", _users),
        State("trader_state", "users", _traders),
        State("unit_state", "units", _units),
        State("offer_state", "offers", _offers),
        State("block_state", "blocks", _blocks),
    )
}
