"""What an invariant is, and what a check says when one does not hold."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass, Scope


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule that must always hold: its number and name in the manual, how bad a breach is, which playbook cures it."""

    id: str
    name: str
    severity: str
    playbook: str


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
