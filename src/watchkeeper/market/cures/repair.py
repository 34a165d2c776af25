"""Putting sealed bytes back (catalogue, Findings and verdicts: repaired).

The database's own triggers are switched off for this connection only and for the length of the
statements below, inside the one transaction; the repair's journal row says so. Triggers are not
dropped, so the schema stays as it is.
"""

from __future__ import annotations

import json
from typing import TypeAlias

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Value
from watchkeeper.base.database import Database
from watchkeeper.market import reasons
from watchkeeper.market.commands import Repair
from watchkeeper.market.cures.acknowledge import COLUMNS, KEY_COLUMN, is_acknowledged, row_as_found
from watchkeeper.market.cures.replay import (
    blocks_of,
    replay_account,
    replay_block,
    replay_offer,
    replay_unit,
    user_of,
)
from watchkeeper.market.decision import Context, Decision, Row
from watchkeeper.market.load.people import users
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.state import State

SealedRow: TypeAlias = tuple[str, Row]

#: A repair's own leaf must hold a row for each row repaired; what is left is repaired by the next.
ROWS_MAX = 100


def sealed_rows(leaf: str) -> list[SealedRow]:
    """The rows of a sealed leaf; `Refusal` when the leaf does not agree with its own journal digest."""
    try:
        document = json.loads(leaf)
        if document["v"] != canonical.FORMAT_VERSION:
            raise ValueError("unknown format version")
        if document["kind"] == "row":
            return [(str(document["table"]), dict(document["row"]))]
        journal = dict(document["journal"])
        effects = [(str(table), dict(row)) for table, row in document["effects"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("resumption-refused", "The sealed copy cannot be read.") from error
    for table, _ in effects:
        if table not in COLUMNS:
            raise Refusal("resumption-refused", "The sealed copy names a table that does not exist.")
    digest = canonical.effects_digest((table, row["id"], row) for table, row in effects)
    if digest != journal["effects_digest"]:
        raise Refusal(
            "resumption-refused",
            "The sealed copy does not agree with the journal's digest; repair is not offered. Acknowledge and correct.",
        )
    return [*effects, ("journal", journal)]


def repair(command: Repair, database: Database, state: State, context: Context) -> Decision:
    """Write back every row of the leaf that is missing or differs, then the state rows that hang on them."""
    reason = reasons.checked(command.reason)
    differing: list[tuple[str, int, Row, Row | None]] = []
    for table, row in sealed_rows(command.sealed_leaf):
        key = number(row[KEY_COLUMN.get(table, "id")])
        found = row_as_found(database, table, key)
        if found is None or canonical.row_bytes(table, found) != canonical.row_bytes(table, row):
            differing.append((table, key, row, found))
    if not differing:
        raise Refusal(
            "resumption-refused", "These rows stand as they were sealed; nothing is to be repaired."
        )
    # What was let stand stays as it is, unless it is all that there is to put back.
    differing = [
        (table, key, row, found)
        for table, key, row, found in differing
        if found is None
        or not is_acknowledged(database, table, str(key), canonical.digest(canonical.row_bytes(table, found)))
    ] or differing
    decision = Decision(utid=context.utid, reason=reason, decision="repaired")
    decision.target_utid = _utid(differing[0][2])
    decision.subject = ", ".join(f"{table} {key}" for table, key, _, _ in differing[:5])
    ended: dict[int, int] = {}
    for table, key, row, _ in differing[:ROWS_MAX]:
        write_back(database, table, row)
        person = user_of(database, table, key)
        if person is not None:
            ended[person] = ended.get(person, 0) + 1
    # Once they are back: what is put back may be the record of an earlier repair.
    for table, key, row, found in differing[:ROWS_MAX]:
        decision.add(
            state,
            "repairs",
            finding=command.finding,
            incident=command.incident,
            table_name=table,
            row_key=str(key),
            digest_before=None if found is None else canonical.digest(canonical.row_bytes(table, found)),
            digest_after=canonical.digest(canonical.row_bytes(table, row)),
            at=context.at,
        )
    # Once all of them are back: what one row says of a state, another may have to complete.
    for table, _, row, _ in differing[:ROWS_MAX]:
        _follow(database, state, table, row, ended)
    decision.answer = {"repaired": min(len(differing), ROWS_MAX), "left": max(0, len(differing) - ROWS_MAX)}
    return decision


def _utid(row: Row) -> str | None:
    utid = row.get("utid")
    return None if utid is None else str(utid)


def write_back(database: Database, table: str, row: Row) -> None:
    """Set one row to its sealed values; the caller has switched the triggers off."""
    columns = COLUMNS[table]
    values: list[Value] = [row.get(column) for column in columns]
    assignments = ", ".join(f"{column} = excluded.{column}" for column in columns)
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({KEY_COLUMN.get(table, 'id')}) DO UPDATE SET {assignments}",
        values,
    )


def _follow(database: Database, state: State, table: str, row: Row, ended: dict[int, int]) -> None:
    for block_id in blocks_of(database, table, row):
        # A block whose own row is still to be put back gets its state row then.
        if database.one("SELECT 1 FROM blocks WHERE id = ?", (block_id,)) is not None:
            replay_block(database, block_id)
    owners = {number(row[column]) for column in ("trader_id", "user_id") if row.get(column) is not None}
    if owners:
        users(database, state, ids=owners)
        for owner in owners:
            if owner in state.users:
                replay_account(database, state.users[owner], ending=ended.get(owner, 0))
    if table == "locks":
        replay_unit(database, number(row["unit_id"]))
    elif table == "lock_outcomes":
        found = database.one("SELECT unit_id FROM locks WHERE utid = ?", (str(row["lock_utid"]),))
        if found is not None:
            replay_unit(database, number(found[0]))
    elif table == "units":
        replay_unit(database, number(row["id"]))
    elif table == "unit_steps":
        replay_unit(database, number(row["unit_id"]))
    elif table == "offer_steps":
        found = database.one("SELECT id FROM offers WHERE utid = ?", (str(row["offer_utid"]),))
        if found is not None:
            replay_offer(database, number(found[0]))
    elif table == "write_offs":
        found = database.one("SELECT trader_id FROM lots WHERE id = ?", (number(row["lot_id"]),))
        if found is not None:
            users(database, state, ids={number(found[0])})
            owner = number(found[0])
            replay_account(database, state.users[owner], ending=ended.get(owner, 0))
