"""Letting a wrong row stand, because it truly happened (catalogue, Findings and verdicts)."""

from __future__ import annotations

from watchkeeper.base import canonical
from watchkeeper.base.database import Database
from watchkeeper.market import reasons
from watchkeeper.market.commands import Acknowledge
from watchkeeper.market.cures.replay import blocks_of, replay_account, replay_block, replay_unit, user_of
from watchkeeper.market.decision import Context, Decision, Row
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.state import State
from watchkeeper.market.tables import EFFECT_COLUMNS, JOURNAL_COLUMNS

KEY_COLUMN = dict.fromkeys(EFFECT_COLUMNS, "id") | {"journal": "n"}
COLUMNS = EFFECT_COLUMNS | {
    "journal": JOURNAL_COLUMNS,
    "rate_limit_hits": ("id", "actor", "limit_name", "count", "limit_max", "window_seconds", "at"),
    "sign_in_attempts": ("id", "account", "address", "kind", "outcome", "at"),
    "query_log": ("id", "actor", "query", "fields", "subjects", "at"),
}


def row_as_found(database: Database, table: str, key: int) -> Row | None:
    """One row of an append-only table as it stands now, or None."""
    columns = COLUMNS[table]
    key_column = KEY_COLUMN.get(table, "id")
    row = database.one(f"SELECT {', '.join(columns)} FROM {table} WHERE {key_column} = ?", (key,))
    return None if row is None else dict(zip(columns, row, strict=True))


def is_acknowledged(database: Database, table: str, row_key: str, row_digest: str) -> bool:
    """Whether the operator has let this row stand, as it is with this digest."""
    return (
        database.one(
            "SELECT 1 FROM acknowledgements WHERE table_name = ? AND row_key = ? AND row_digest = ?",
            (table, row_key, row_digest),
        )
        is not None
    )


def acknowledge(command: Acknowledge, database: Database, state: State, context: Context) -> Decision:
    """Record the row's digest and the deltas it brought; refused when the row is not what was looked at."""
    reason = reasons.checked(command.reason)
    if command.table_name not in COLUMNS or not command.row_key.isdecimal():
        raise Refusal("validation-failed", "There is no such row to acknowledge.", field="table_name")
    row = row_as_found(database, command.table_name, int(command.row_key))
    if row is None or canonical.digest(canonical.row_bytes(command.table_name, row)) != command.row_digest:
        raise Refusal(
            "resumption-refused", "The row is not the one that was looked at. Look at the finding again."
        )
    if is_acknowledged(database, command.table_name, command.row_key, command.row_digest):
        raise Refusal("already-acknowledged", "This row is acknowledged already, as it stands.")
    decision = Decision(
        utid=context.utid,
        subject=f"{command.table_name} {command.row_key}",
        reason=reason,
        amount_ugx=command.capital_delta_ugx
        + command.locked_delta_ugx
        + command.profit_delta_ugx
        + command.earnings_delta_ugx,
    )
    decision.add(
        state,
        "acknowledgements",
        finding=command.finding,
        incident=command.incident,
        table_name=command.table_name,
        row_key=command.row_key,
        row_digest=command.row_digest,
        account=command.account,
        capital_delta_ugx=command.capital_delta_ugx,
        locked_delta_ugx=command.locked_delta_ugx,
        profit_delta_ugx=command.profit_delta_ugx,
        earnings_delta_ugx=command.earnings_delta_ugx,
        at=context.at,
    )
    # What stands now counts: the state rows follow the append-only rows again.
    if command.account is not None:
        owner = state.by_alias(command.account)
        ending = user_of(database, command.table_name, int(command.row_key)) == owner.id
        replay_account(database, owner, ending=int(ending))
    if command.table_name == "locks":
        replay_unit(database, number(row["unit_id"]))
    elif command.table_name == "units":
        replay_unit(database, int(command.row_key))
    for block_id in blocks_of(database, command.table_name, row):
        replay_block(database, block_id)
    decision.answer = {"acknowledged": f"{command.table_name} {command.row_key}"}
    return decision
