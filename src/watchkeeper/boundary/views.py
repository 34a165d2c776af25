"""The published views: everything of the operated system that the control room may read.

One read-only connection, one snapshot a look. A row that somebody tampered with (text that is no UTF-8, for
one) is read all the same: a check must be able to name what it sees.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchkeeper.base.canonical import Value
from watchkeeper.base.database import Database, DatabaseError, SqliteDatabase, open_database
from watchkeeper.base.database.interface import Parameters
from watchkeeper.base.database.schema import objects, reference


@dataclass(frozen=True, slots=True)
class View:
    """A published table: its columns and its integer key. `journalled` rows belong to one journal row each."""

    table: str
    columns: tuple[str, ...]
    key: str = "id"
    journalled: bool = True

    @property
    def name(self) -> str:
        """The view's name in the database."""
        return f"watch_{self.table}"


def _view(table: str, columns: str, *, key: str = "id", journalled: bool = True) -> View:
    return View(table, tuple(columns.split()), key, journalled)


JOURNAL = _view(
    "journal",
    "n command_id utid command actor_id actor role decision subject target_utid reason amount_ugx arguments "
    "effects_digest idempotency_key body_digest answer gate_generation at",
    key="n",
)
EFFECTS = (
    _view("users", "id utid alias role_at_creation at"),
    _view("user_steps", "id utid user_id step reason at"),
    _view("role_history", "id utid user_id role_before role_after assigned_by reason at"),
    _view("listings", "id utid farmer_id produce grams price_ugx_per_kg at"),
    _view("units", "id utid listing_id number grams"),
    _view(
        "locks",
        "id utid unit_id trader_id farmer_id price_ugx_per_kg amount_ugx exposure_before_ugx exposure_after_ugx "
        "locked_at deadline_at",
    ),
    _view("lock_outcomes", "id utid lock_utid outcome minutes_late at"),
    _view(
        "wallet_ledger",
        "id utid trader_id number type amount_ugx capital_after locked_after profit_after provider external_ref "
        "incident at",
    ),
    _view("farmer_ledger", "id utid farmer_id number type amount_ugx balance_after incident at"),
    _view("lots", "id utid trader_id unit_id lock_utid produce grams cost_ugx at"),
    _view("write_offs", "id utid lot_id cost_ugx at"),
    _view("admin_actions", "id utid actor_id action subject target_utid reason at"),
    _view(
        "acknowledgements",
        "id utid finding incident table_name row_key row_digest account capital_delta_ugx locked_delta_ugx "
        "profit_delta_ugx earnings_delta_ugx at",
    ),
    _view("repairs", "id utid finding incident table_name row_key digest_before digest_after at"),
    _view("blocks", "id utid trader_id produce grams at"),
    _view("block_lots", "id utid block_id lot_id trader_id"),
    _view("storage_fee_deductions", "id utid lot_id trader_id day grams grams_after at"),
    _view("purchases", "id utid block_id buyer_id trader_id grams at deadline_at"),
    _view("purchase_outcomes", "id utid purchase_utid outcome at"),
    _view(
        "pickups",
        "id utid purchase_utid trader_id proceeds_ugx cost_ugx sale_return_ugx profit_credit_ugx provider external_ref at",
    ),
    _view("offers", "id utid unit_id trader_id farmer_id price_ugx_per_kg at"),
    _view("offer_steps", "id utid offer_utid step price_ugx_per_kg at"),
    _view("unit_steps", "id utid unit_id step at"),
    _view("payouts", "id utid farmer_id amount_ugx provider external_ref at"),
    _view("notices", "id utid kind role about_utid text at"),
    _view("notice_recipients", "id utid notice_id user_id"),
    _view("phases", "id utid phase reason at"),
    _view(
        "reconciliations",
        "id utid provider since until file_digest map_digest journal_n lines matched missing_in_books "
        "missing_in_statement different ignored fees_ugx actor_id at",
    ),
    _view(
        "reconciliation_items",
        "id utid reconciliation_id number provider external_ref kind our_utid our_direction "
        "our_amount_ugx their_direction their_amount_ugx their_at",
    ),
    _view(
        "payment_explanations",
        "id utid provider external_ref our_utid our_direction our_amount_ugx their_direction their_amount_ugx "
        "incident at",
    ),
    _view("unrecovered", "id utid finding incident account amount_ugx at"),
)
SIDE = (
    _view("rate_limit_hits", "id actor limit_name count limit_max window_seconds at", journalled=False),
    _view("sign_in_attempts", "id account address kind outcome at", journalled=False),
    _view("query_log", "id actor query fields subjects at", journalled=False),
)
#: State rows, which change: each follows from append-only rows. Never sealed.
STATES: Mapping[str, View] = {
    view.table: view
    for view in (
        _view("user_state", "user_id role status session_generation", key="user_id", journalled=False),
        _view("trader_state", "trader_id last_number exposure_ugx", key="trader_id", journalled=False),
        _view("unit_state", "unit_id status lock_utid", key="unit_id", journalled=False),
        _view(
            "offer_state",
            "offer_id unit_id status price_ugx_per_kg expires_at",
            key="offer_id",
            journalled=False,
        ),
        _view("block_state", "block_id status purchase_utid", key="block_id", journalled=False),
    )
}
VIEWS: Mapping[str, View] = {view.table: view for view in (JOURNAL, *EFFECTS, *SIDE)}

Row = dict[str, Value]
#: How long what the market's role says of its commits is taken for true.
_FAILOVER_SECONDS = 5.0


class Views:
    """A reader of the published views. Belongs to one thread at a time."""

    def __init__(self, data: Path, *, system_id: str) -> None:
        self._data = data
        self._system_id = system_id
        self._database: Database | None = None
        self._failover = ""
        self._failover_asked = 0.0

    @property
    def database(self) -> Database:
        """The open connection; raises `DatabaseError` when the books are gone, replaced or another system's."""
        if self._database is not None and not self._database.same_place():
            self.close()
            raise DatabaseError("the books were replaced by another file")
        if self._database is None:
            database = open_database(
                self._data, "market", role="watch", may_write=False, busy_seconds_max=2.0
            )
            if isinstance(database, SqliteDatabase):
                # A server keeps no text that is none; in a file anything may stand, and a check must be able to name it.
                database.reads_any_text = True
            try:
                row = database.one("SELECT system_id FROM watch_system")
                if row is None or row[0] != self._system_id:
                    raise DatabaseError("the books belong to another system")
            except DatabaseError:
                database.close()
                raise
            self._database = database
        return self._database

    def close(self) -> None:
        """Give the connection back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One unchanging picture for the length of the block; nested blocks share it."""
        database = self.database
        if database.in_transaction:
            yield
            return
        with database.transaction("read"):
            yield

    def at_a_failover(self) -> str:
        """What a failover of the server may lose, in words; empty where there is no server that could fail over.

        Asked at most every few seconds, as the market's role: a role has settings of its own, and the market commits.
        """
        if self.database.engine == "sqlite":
            return ""
        # A stopwatch of the process: it spares the server connections, and nothing is judged by it.
        if not self._failover or time.monotonic() - self._failover_asked >= _FAILOVER_SECONDS:
            self._failover = self._asked_as_the_market()
            self._failover_asked = time.monotonic()
        return self._failover

    def _asked_as_the_market(self) -> str:
        try:
            with closing(open_database(self._data, "market", role="market", may_write=False)) as database:
                row = database.one(
                    "SELECT current_setting('synchronous_standby_names') <> '' "
                    "AND current_setting('synchronous_commit') NOT IN ('off', 'local')"
                )
        except DatabaseError:
            return "may lose the last commits: how the market commits cannot be read"
        return "loses nothing: commits wait for a standby" if row == (True,) else "may lose the last commits"

    def schema(self) -> dict[tuple[str, str], str]:
        """What the books' schema is made of now."""
        return objects(self.database)

    def schema_as_made(self) -> dict[tuple[str, str], str]:
        """What it was made of by its migrations."""
        return reference(self._data)

    def published(self) -> frozenset[str]:
        """The names of the views that are there."""
        if self.database.engine == "sqlite":
            rows = self.database.query("SELECT name FROM sqlite_schema WHERE type = 'view' LIMIT 1000")
        else:
            rows = self.database.query(
                "SELECT c.relname::text FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace "
                "WHERE c.relkind = 'v' AND s.nspname = 'boundary' LIMIT 1000"
            )
        return frozenset(str(row[0]) for row in rows)

    def rows(self, view: View, where: str, parameters: Parameters = (), *, limit: int) -> list[Row]:
        """Rows of a view by a condition that ends in its order, at most `limit`."""
        tail = f"FROM {view.name} WHERE {where} LIMIT ?"
        arguments = (*parameters, limit)
        found = self.database.query(f"SELECT {', '.join(view.columns)} {tail}", arguments)
        return [dict(zip(view.columns, row, strict=True)) for row in found]

    def after(self, view: View, key: int, *, limit: int) -> list[Row]:
        """Rows with a key above `key`, in order."""
        return self.rows(view, f"{view.key} > ? ORDER BY {view.key}", (key,), limit=limit)

    def by_keys(self, view: View, keys: Collection[int]) -> dict[int, Row]:
        """Rows by their keys; what is not there is left out. At most 30,000 keys a call."""
        if not keys:
            return {}
        low, high = min(keys), max(keys)
        if high - low < 2 * len(keys) + 100:
            found = self.rows(
                view, f"{view.key} BETWEEN ? AND ? ORDER BY {view.key}", (low, high), limit=high - low + 1
            )
        else:
            marks = ", ".join("?" * len(keys))
            found = self.rows(
                view, f"{view.key} IN ({marks}) ORDER BY {view.key}", tuple(keys), limit=len(keys)
            )
        wanted = set(keys)
        return {key: row for row in found if isinstance(key := row[view.key], int) and key in wanted}

    def last(self, view: View) -> int:
        """The highest key, or 0."""
        row = self.database.one(f"SELECT max({view.key}) FROM {view.name}")
        return 0 if row is None or not isinstance(row[0], int) else row[0]

    def number(self, sql: str, parameters: Parameters = ()) -> int:
        """One integer of a query over views; 0 for NULL."""
        row = self.database.one(sql, parameters)
        return 0 if row is None or not isinstance(row[0], int) else row[0]
