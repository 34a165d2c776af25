"""From one UTID to everything that it wrote, and along the chain of acts before and after it."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base.database import Database
from watchkeeper.base.database.interface import Record
from watchkeeper.market.inventory import reading as goods
from watchkeeper.market.listings import naming
from watchkeeper.market.rows import number, text_or_none
from watchkeeper.market.state import User
from watchkeeper.market.tables import EFFECT_COLUMNS
from watchkeeper.market.trail import Trail

#: A chain is short: lock, outcome, reversal, cures. Longer than this is cut and said to be.
CHAIN_MAX = 100
_ROWS_MAX = 300
_OWNERS = ("trader_id", "farmer_id", "user_id", "buyer_id")
#: What only an admin or the operator reads in somebody else's row.
_INTERNAL = frozenset({"actor_id", "trader_id", "farmer_id", "user_id", "buyer_id", "assigned_by", "reason"})
#: What of a row that names a trader and somebody else is the trader's alone.
_A_TRADERS = frozenset({"exposure_before_ugx", "exposure_after_ugx"})


def trace(database: Database, utid: str, *, viewer: User) -> dict[str, object] | None:
    """The act of this UTID with its rows and its chain; None when there is none that `viewer` may see."""
    own = _act(database, utid, viewer)
    if own is None:
        return None
    trail = Trail(database)
    earlier: list[dict[str, object]] = []
    seen = {utid}
    front = [utid]
    while front and len(seen) < CHAIN_MAX:
        for before in _before(database, front.pop(0), trail):
            if before in seen or len(seen) >= CHAIN_MAX:
                continue
            seen.add(before)
            front.append(before)
            act = _act(database, before, viewer)
            if act is not None:
                earlier.insert(0, act)
    later: list[dict[str, object]] = []
    front = [utid]
    while front and len(seen) < CHAIN_MAX:
        for following in _after(database, front.pop(0), trail):
            if following in seen or len(seen) >= CHAIN_MAX:
                continue
            seen.add(following)
            front.append(following)
            act = _act(database, following, viewer)
            if act is not None:
                later.append(act)
    return {
        "utid": utid,
        "act": own,
        "earlier": earlier,
        "later": later,
        "complete": len(seen) < CHAIN_MAX and trail.whole,
    }


def _before(database: Database, utid: str, trail: Trail) -> list[str]:
    row = database.one("SELECT target_utid FROM journal WHERE utid = ?", (utid,))
    target = text_or_none(row[0]) if row else None
    return [
        *([] if target is None else [target]),
        *goods.neighbours_before(database, utid),
        *trail.before(utid),
    ]


def _after(database: Database, utid: str, trail: Trail) -> list[str]:
    # A lot's fee has an act for each day; the deductions are in the inventory, and each leads back to its lot from here.
    rows = database.query(
        "SELECT utid FROM journal WHERE target_utid = ? AND command <> 'storage_fee' ORDER BY n LIMIT ?",
        (utid, CHAIN_MAX),
    )
    return [
        *(str(row[0]) for row in rows),
        *goods.neighbours_after(database, utid),
        *trail.after(utid),
    ]


def _act(database: Database, utid: str, viewer: User) -> dict[str, object] | None:
    row = database.one(
        "SELECT n, command, actor, actor_id, role, decision, subject, target_utid, reason, amount_ugx, at "
        "FROM journal WHERE utid = ?",
        (utid,),
    )
    if row is None:
        return None
    rows: list[dict[str, object]] = []
    for table, columns in EFFECT_COLUMNS.items():
        found = database.query(
            f"SELECT {', '.join(columns)} FROM {table} WHERE utid = ? ORDER BY id LIMIT ?", (utid, _ROWS_MAX)
        )
        rows.extend({"table": table, **dict(zip(columns, values, strict=True))} for values in found)
    for entry in rows:
        if entry["table"] == "offer_steps":
            # Both sides of an offer see its steps; the row itself names neither.
            parties = database.one(
                "SELECT trader_id, farmer_id FROM offers WHERE utid = ?", (str(entry["offer_utid"]),)
            )
            if parties is not None:
                entry["trader_id"], entry["farmer_id"] = parties
    if viewer.role in ("admin", "operator"):
        return _head(row) | {"reason": row[8], "rows": rows}
    if viewer.role == "buyer":
        return _for_a_buyer(database, utid, row, rows, viewer)
    acted = _acted(row, viewer)
    own = [entry for entry in rows if any(entry.get(column) == viewer.id for column in _OWNERS)]
    if not acted and not own:
        return None
    shown = [entry for entry in rows if not _is_of_others(entry, viewer)] if acted else own
    head = _head(row)
    if not acted:
        head["amount_ugx"] = None
    return head | {"rows": [_without_what_is_others(entry, viewer) for entry in shown]}


def _acted(row: Record, viewer: User) -> bool:
    """Whether the act is the viewer's, in the role of today: what an earlier role let somebody see ends with it."""
    return number(row[3]) == viewer.id and str(row[4]) == viewer.role


def _is_of_others(entry: Mapping[str, object], viewer: User) -> bool:
    """Whether a row names whose it is, and that is somebody else."""
    owners = [entry[column] for column in _OWNERS if entry.get(column) is not None]
    return bool(owners) and viewer.id not in owners


def _without_what_is_others(entry: Mapping[str, object], viewer: User) -> dict[str, object]:
    hidden = _INTERNAL if entry.get("trader_id") in (None, viewer.id) else _INTERNAL | _A_TRADERS
    return {name: value for name, value in entry.items() if name not in hidden}


#: All that a buyer reads of a purchase's rows. No money, and nobody's name but the own.
_FOR_A_BUYER = {
    "purchases": ("block_id", "grams", "at", "deadline_at"),
    "purchase_outcomes": ("purchase_utid", "outcome", "at"),
    "blocks": ("produce", "grams", "at"),
}


def _for_a_buyer(
    database: Database, utid: str, row: Record, rows: list[dict[str, object]], viewer: User
) -> dict[str, object] | None:
    if not _acted(row, viewer) and utid not in goods.bought_by(database, [utid], viewer.id):
        return None
    shown = {name: _head(row)[name] for name in ("command", "decision", "target_utid", "at")}
    return shown | {
        "rows": [
            {"table": entry["table"]}
            | {name: _plain(name, entry) for name in _FOR_A_BUYER[str(entry["table"])]}
            for entry in rows
            if entry["table"] in _FOR_A_BUYER
        ]
    }


def _plain(name: str, entry: Mapping[str, object]) -> object:
    return naming.for_a_buyer(str(entry[name])) if name == "produce" else entry[name]


def _head(row: Record) -> dict[str, object]:
    return {
        "n": row[0],
        "command": row[1],
        "actor": row[2],
        "role": row[4],
        "decision": row[5],
        "subject": row[6],
        "target_utid": row[7],
        "amount_ugx": row[9],
        "at": row[10],
    }
