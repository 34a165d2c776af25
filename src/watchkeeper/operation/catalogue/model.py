"""What an invariant is, what a check says when one does not hold, and how that may close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from watchkeeper.base.clock import Instant
from watchkeeper.base.words import harmless
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.operation.catalogue.accounts import Accounts
from watchkeeper.operation.catalogue.context import Context, News

_DETAIL_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a check sees: what was expected, what was found, where, and what has to stop because of it.

    `expected` and `found` are canonical JSON. `found_digest` makes a second change of the same row a new finding.
    """

    invariant: str
    kind: str
    scope: Scope
    classes: frozenset[OperationClass]
    account: str | None = None
    table_name: str
    row_key: str
    expected: str = ""
    found: str = ""
    found_digest: str = ""
    #: Where the sealed bytes of the row are: (log, leaf index).
    sealed_log: str | None = None
    sealed_index: int | None = None
    detail: str

    def __post_init__(self) -> None:
        # What stands in a tampered row may be any bytes; what is said of it goes into the gate, the store and to people.
        object.__setattr__(self, "detail", harmless(self.detail, _DETAIL_LENGTH_MAX))
        if self.account is not None and not self.account.isascii():
            object.__setattr__(self, "account", None)


class CannotTell(Exception):
    """What the check looks at is missing or too old to say anything about now."""


class Seen(Protocol):
    """A finding as the check that made it looks at it again."""

    @property
    def kind(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def account(self) -> str | None: ...
    @property
    def table_name(self) -> str: ...
    @property
    def row_key(self) -> str: ...
    @property
    def sealed_log(self) -> str | None: ...
    @property
    def sealed_index(self) -> int | None: ...
    @property
    def watermark(self) -> int: ...
    @property
    def seen_at(self) -> Instant: ...
    @property
    def full_pass(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Standing:
    """`how` is `stands`, or the way in which the finding may close: repaired, acknowledged, cured."""

    how: str
    detail: str

    @property
    def stands(self) -> bool:
        """Whether the rule is still broken here."""
        return self.how == "stands"


#: Judges rows: what one pass found new, and each slice of a full pass once more.
Rows = Callable[[Context, News], list[Draft]]
#: Judges what is new beside the running replay, in journal order; continuous passes only.
Running = Callable[[Context, News, Accounts], list[Draft]]
#: Judges how things are now, of no row: each continuous pass. When it comes to no end, no row waits for it.
Now = Callable[[Context], list[Draft]]
#: Judges all that is not judged row by row; full passes only. A snapshot a page, bounded pages.
Full = Callable[[Context], Iterator[list[Draft]]]
#: Asks the check's own question again for one finding, inside the caller's snapshot.
Closing = Callable[[Context, Seen], Standing]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule that must always hold: its number and name in the manual, how bad a breach is, which playbook cures it.

    The checks read the published views and never call the operated system's code. One that raises is UNKNOWN.
    """

    id: str
    name: str
    severity: str
    playbook: str
    #: Kind of finding -> how one may close.
    closes: Mapping[str, Closing] = field(default_factory=dict)
    rows: Rows | None = None
    running: Running | None = None
    now: Now | None = None
    full: Full | None = None
    #: What the rolling re-scan asks between commits, where an engine may give no hint; pages of some milliseconds each.
    rolling: Full | None = None
    #: Invariants whose running replay or whose verdict this one reads; when theirs came to no end, this one has said nothing.
    reads: tuple[str, ...] = ()
