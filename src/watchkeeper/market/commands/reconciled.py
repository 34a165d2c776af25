"""What a provider's statement says, written down beside the books: one act opens a comparison, others fill it."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.clock import Instant
from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command

#: A journal row with all its effects is one sealed leaf, so an act takes so many items at most.
ITEMS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A payment as the statement has it; without direction, amount and instant it is one that the statement lacks."""

    reference: str
    direction: str | None = None
    amount_ugx: int | None = None
    at: Instant | None = None

    def document(self) -> list[int | str | None]:
        """The line as it enters digests."""
        return [self.reference, self.direction, self.amount_ugx, self.at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile(Command):
    """Open the comparison of a statement with the books as they stood at journal number `journal_n`."""

    name = "reconcile"
    roles = frozenset({"admin", "operator"})
    provider: str
    since: Instant
    until: Instant
    file_digest: str
    map_digest: str
    journal_n: int
    matched: int
    missing_in_books: int
    missing_in_statement: int
    different: int
    #: Rows of the statement that do not count: of another status or kind, or outside the time.
    ignored: int
    fees_ugx: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.RECONCILIATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcilePart(Command):
    """The next items of an open comparison, numbered from `first`."""

    name = "reconcile_part"
    roles = frozenset({"admin", "operator"})
    reconciliation: str
    first: int
    lines: tuple[Line, ...]

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.RECONCILIATION})

    def arguments(self) -> dict[str, int | str | None]:
        """The lines stand in the effect rows already, so the journal keeps their digest."""
        lines = canonical.digest(canonical.encode([line.document() for line in self.lines]))
        return {
            "reconciliation": self.reconciliation,
            "first": self.first,
            "count": len(self.lines),
            "lines": lines,
        }
