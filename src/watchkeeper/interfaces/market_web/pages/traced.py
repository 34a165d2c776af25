"""A trace in words: each act, what it wrote, and the acts before and after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from watchkeeper.base.utid import UTID_FORM
from watchkeeper.interfaces.market_web import trade
from watchkeeper.interfaces.market_web.pages.rendering import kg, ugx, when, words
from watchkeeper.interfaces.market_web.pages.visit import Visit
from watchkeeper.market.refusals import Refusal

_UTID = re.compile(UTID_FORM)
_MONEY = ("_ugx", "_after")
_NOT_SHOWN = frozenset({"table", "id", "n", "utid"})


def readable(visit: Visit, utid: str) -> dict[str, object]:
    """The trace of this UTID for whoever asks, or what is wrong with it."""
    try:
        if not _UTID.fullmatch(utid):
            raise Refusal("validation-failed", "A UTID looks like 20261123-140509-tra-4k9x2a.")
        found: Any = trade.trace_utid(utid, visit.session, visit.services)
    except Refusal as refusal:
        return {"traced": None, "problem": refusal.detail, "status": refusal.status}
    return {
        "problem": "",
        "traced": {
            "earlier": [_act(act) for act in found["earlier"]],
            "act": _act(found["act"]),
            "later": [_act(act) for act in found["later"]],
            "complete": found["complete"],
        },
    }


def _act(act: Mapping[str, Any]) -> dict[str, object]:
    head = {name: value for name, value in act.items() if name not in ("rows", "command", "at")}
    return {
        "command": words(act["command"]),
        "at": act["at"],
        "head": _pairs(head),
        # By its number a thing is called on the other pages.
        "rows": [
            (f"{words(row['table'])} {row['id']}" if "id" in row else words(row["table"]), _pairs(row))
            for row in act["rows"]
        ],
    }


def _pairs(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (words(name.removesuffix("_ugx")), _value(name, value))
        for name, value in row.items()
        if name not in _NOT_SHOWN and value is not None
    ]


def _value(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if name.startswith("grams"):
            return kg(value)
        if name == "at" or name.endswith("_at"):
            return when(value)
        if name.endswith(_MONEY) or name.startswith(("amount_ugx", "price_ugx", "cost_ugx")):
            return ugx(value)
    return words(value) if name in ("decision", "outcome", "status", "type", "step") else str(value)
