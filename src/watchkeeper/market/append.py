"""Writes what a batch decided: effect rows, journal rows, projections; a statement for each table."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.database import Database
from watchkeeper.market.commands import Act
from watchkeeper.market.decision import Decision, Row
from watchkeeper.market.state import State, User
from watchkeeper.market.tables import EFFECT_COLUMNS, INSERT, INSERT_JOURNAL, JOURNAL_COLUMNS


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted act with its journal row."""

    act: Act
    decision: Decision
    journal: Row


def journal_row(act: Act, decision: Decision, *, n: int, actor: User, generation: int, at: int) -> Row:
    """The journal's row for an accepted act; it carries the digest of all its effect rows."""
    effects = [(table, _key(row), row) for table, row in decision.rows]
    return {
        "n": n,
        "command_id": act.command_id,
        "utid": decision.utid,
        "command": act.command.name,
        "actor_id": actor.id,
        "actor": actor.alias,
        "role": actor.role,
        "decision": decision.decision,
        "subject": decision.subject,
        "target_utid": decision.target_utid,
        "reason": decision.reason,
        "amount_ugx": decision.amount_ugx,
        "arguments": canonical.encode(act.command.arguments()).decode("utf-8"),
        "effects_digest": canonical.effects_digest(effects),
        "idempotency_key": act.idempotency_key,
        "body_digest": act.body_digest,
        "answer": canonical.encode({"utid": decision.utid, **decision.answer}).decode("utf-8"),
        "gate_generation": generation,
        "at": at,
    }


def _key(row: Row) -> int:
    key = row["id"]
    if not isinstance(key, int):
        raise TypeError("an effect row has no key")
    return key


def append(database: Database, accepted: list[Accepted], state: State) -> None:
    """Append the rows of all accepted acts and write their projections back."""
    by_table: dict[str, list[Row]] = {}
    for entry in accepted:
        for table, row in entry.decision.rows:
            by_table.setdefault(table, []).append(row)
    for table, columns in EFFECT_COLUMNS.items():
        rows = by_table.get(table)
        if rows:
            database.execute_many(INSERT[table], [tuple(row.get(c) for c in columns) for row in rows])
    database.execute_many(
        INSERT_JOURNAL, [tuple(entry.journal[c] for c in JOURNAL_COLUMNS) for entry in accepted]
    )
    project(database, state)


def project(database: Database, state: State) -> None:
    """Write the state rows that moved."""
    if state.dirty_users:
        database.execute_many(
            "INSERT INTO user_state (user_id, role, status, session_generation) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (user_id) DO UPDATE SET role = excluded.role, status = excluded.status, "
            "session_generation = excluded.session_generation",
            [
                (user.id, user.role, user.status, user.session_generation)
                for user in (state.users[key] for key in sorted(state.dirty_users))
            ],
        )
    if state.dirty_units:
        database.execute_many(
            "INSERT INTO unit_state (unit_id, status, lock_utid) VALUES (?, ?, ?) "
            "ON CONFLICT (unit_id) DO UPDATE SET status = excluded.status, lock_utid = excluded.lock_utid",
            [
                (unit.id, unit.status, unit.lock_utid)
                for unit in (state.units[key] for key in sorted(state.dirty_units))
            ],
        )
    if state.dirty_offers:
        # What ends comes first: a unit's new offer may follow the old one in the same batch.
        database.execute_many(
            "INSERT INTO offer_state (offer_id, unit_id, status, price_ugx_per_kg, expires_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (offer_id) DO UPDATE SET status = excluded.status, "
            "price_ugx_per_kg = excluded.price_ugx_per_kg, expires_at = excluded.expires_at",
            [
                (offer.id, offer.unit_id, offer.status, offer.price_ugx_per_kg, offer.expires_at)
                for offer in sorted(
                    (state.offers[key] for key in state.dirty_offers), key=lambda o: (o.is_open, o.id)
                )
            ],
        )
    if state.dirty_wallets:
        database.execute_many(
            "INSERT INTO trader_state (trader_id, last_number, exposure_ugx) VALUES (?, ?, ?) "
            "ON CONFLICT (trader_id) DO UPDATE SET last_number = excluded.last_number, exposure_ugx = excluded.exposure_ugx",
            [
                (wallet.trader_id, wallet.number, wallet.exposure_ugx)
                for wallet in (state.wallets[key] for key in sorted(state.dirty_wallets))
            ],
        )
    if state.dirty_blocks:
        database.execute_many(
            "INSERT INTO block_state (block_id, status, purchase_utid) VALUES (?, ?, ?) "
            "ON CONFLICT (block_id) DO UPDATE SET status = excluded.status, purchase_utid = excluded.purchase_utid",
            [
                (block.id, block.status, block.purchase_utid)
                for block in (state.blocks[key] for key in sorted(state.dirty_blocks))
            ],
        )


def count_commit(database: Database) -> None:
    """Own up to this transaction: the watch compares the sum with the engine's own count of commits."""
    database.execute("UPDATE commit_count SET commits = commits + 1 WHERE id = 1")
