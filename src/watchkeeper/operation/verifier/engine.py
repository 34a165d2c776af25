"""What the verifier asks the engine beneath the books: has anybody committed, and does anything look like a stranger?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Suspicion:
    """`reasons`: why a full pass is wanted at once. `counted`: append-only table, rows changed since the last look and
    in all, as the server counts them; 0 rows for a table that lies in another file.
    """

    reasons: tuple[str, ...] = ()
    counted: tuple[tuple[str, int, int], ...] = ()


class Engine(Protocol):
    """The engine's own marks. Belongs to the thread that looks."""

    @property
    def counts_schema_changes(self) -> bool:
        """Whether the schema's mark counts changes, so that one that was undone shows; else it is a digest."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait for a commit by anybody, at most that long; whether there was one."""
        ...

    def committed_at(self) -> int | None:
        """About when the last commit became visible, in microseconds; None when nobody can tell."""
        ...

    def look(self) -> Suspicion:
        """What speaks for a stranger's commit since the last look; call it outside a snapshot."""
        ...

    def schema_mark(self) -> int:
        """A number that is another one when the schema was changed; asked inside a snapshot."""
        ...
