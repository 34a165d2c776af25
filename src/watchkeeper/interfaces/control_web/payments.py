"""Payments that stand on one side only, what corrections could not take, and the forms that settle either."""

from __future__ import annotations

from dataclasses import asdict

from watchkeeper.base.database import DatabaseError
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.operation.catalogue import unexplained
from watchkeeper.operation.catalogue.unrecovered import Unrecovered

_LISTED_MAX = 100


def values(room: ControlRoom) -> dict[str, object]:
    """What the page shows: at most a hundred payments, the oldest first, and how many more there are."""
    rows = unexplained.listed(room.database, limit=_LISTED_MAX)
    return {
        "payments": rows,
        "left_out": unexplained.counted(room.database) - len(rows),
        "in_books": unexplained.UNMATCHED,
        "unrecovered": unrecovered(room),
    }


def document(room: ControlRoom) -> dict[str, object]:
    """The same for programs; `unrecovered` is null while the books cannot be read."""
    rows = unexplained.listed(room.database, limit=_LISTED_MAX)
    missing = unrecovered(room)
    return {
        "payments": [{"condition": condition, **asdict(one)} for condition, one in rows],
        "left_out": unexplained.counted(room.database) - len(rows),
        "unrecovered": None if missing is None else [asdict(one) for one in missing],
    }


def unrecovered(room: ControlRoom, finding: int | None = None) -> list[Unrecovered] | None:
    """What corrections could not take, of one finding or of all; None while the books cannot be read."""
    try:
        return room.unrecovered(None if finding is None else str(finding))
    except DatabaseError:
        return None
