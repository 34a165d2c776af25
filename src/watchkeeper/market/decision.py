"""What a rule answers when it accepts a command: the rows to append and what the journal says."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import Instant
from watchkeeper.market.state import State, User

Row = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Who acts, when, and under which UTID, once everything before the command's own rules has passed."""

    actor: User
    at: Instant
    utid: str


@dataclass(slots=True, kw_only=True)
class Decision:
    """The effects of one accepted command. Every row carries its UTID."""

    utid: str
    rows: list[tuple[str, Row]] = field(default_factory=list)
    decision: str = "accepted"
    subject: str | None = None
    target_utid: str | None = None
    reason: str | None = None
    amount_ugx: int | None = None
    answer: dict[str, object] = field(default_factory=dict)

    def add(self, state: State, table: str, **columns: Value) -> int:
        """Append a row to `table` under this decision's UTID; its new primary key."""
        identifier = state.take_id(table)
        self.rows.append((table, {"id": identifier, "utid": self.utid, **columns}))
        return identifier
