"""The append-only tables and their columns, in the order in which rows are inserted."""

from __future__ import annotations

#: Rows that a command inserts, besides its journal row. Order matters only for foreign keys.
EFFECT_COLUMNS: dict[str, tuple[str, ...]] = {
    "users": ("id", "utid", "alias", "role_at_creation", "at"),
    "user_steps": ("id", "utid", "user_id", "step", "reason", "at"),
    "role_history": ("id", "utid", "user_id", "role_before", "role_after", "assigned_by", "reason", "at"),
    "listings": ("id", "utid", "farmer_id", "produce", "grams", "price_ugx_per_kg", "at"),
    "units": ("id", "utid", "listing_id", "number", "grams"),
    "locks": (
        "id",
        "utid",
        "unit_id",
        "trader_id",
        "farmer_id",
        "price_ugx_per_kg",
        "amount_ugx",
        "exposure_before_ugx",
        "exposure_after_ugx",
        "locked_at",
        "deadline_at",
    ),
    "lock_outcomes": ("id", "utid", "lock_utid", "outcome", "minutes_late", "at"),
    "wallet_ledger": (
        "id",
        "utid",
        "trader_id",
        "number",
        "type",
        "amount_ugx",
        "capital_after",
        "locked_after",
        "profit_after",
        "provider",
        "external_ref",
        "incident",
        "at",
    ),
    "farmer_ledger": (
        "id",
        "utid",
        "farmer_id",
        "number",
        "type",
        "amount_ugx",
        "balance_after",
        "incident",
        "at",
    ),
    "lots": ("id", "utid", "trader_id", "unit_id", "lock_utid", "produce", "grams", "cost_ugx", "at"),
    "write_offs": ("id", "utid", "lot_id", "cost_ugx", "at"),
    "admin_actions": ("id", "utid", "actor_id", "action", "subject", "target_utid", "reason", "at"),
    "acknowledgements": (
        "id",
        "utid",
        "finding",
        "incident",
        "table_name",
        "row_key",
        "row_digest",
        "account",
        "capital_delta_ugx",
        "locked_delta_ugx",
        "profit_delta_ugx",
        "earnings_delta_ugx",
        "at",
    ),
    "repairs": (
        "id",
        "utid",
        "finding",
        "incident",
        "table_name",
        "row_key",
        "digest_before",
        "digest_after",
        "at",
    ),
    "phases": ("id", "utid", "phase", "reason", "at"),
}

JOURNAL_COLUMNS = (
    "n",
    "command_id",
    "utid",
    "command",
    "actor_id",
    "actor",
    "role",
    "decision",
    "subject",
    "target_utid",
    "reason",
    "amount_ugx",
    "arguments",
    "effects_digest",
    "idempotency_key",
    "body_digest",
    "answer",
    "gate_generation",
    "at",
)


def insert(table: str, columns: tuple[str, ...]) -> str:
    """The INSERT statement for rows of `table` with all its columns."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


INSERT = {table: insert(table, columns) for table, columns in EFFECT_COLUMNS.items()}
INSERT_JOURNAL = insert("journal", JOURNAL_COLUMNS)
