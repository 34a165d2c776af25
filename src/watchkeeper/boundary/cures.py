"""The port through which the control room cures: what the operated system offers to playbooks.

The operated system implements it; the control room calls it and knows nothing of how. Each cure
names its finding and its incident, is decided again inside the transaction that writes, is journalled
with a UTID like any command, and passes restrictions and switches, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class CureRefused(Exception):
    """The operated system does not accept this cure; nothing was written."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """On whose authority, for which finding and incident, and why."""

    operator_id: int
    finding: str
    incident: str
    reason: str
    #: The highest key of each table that the watch has sealed: no cure takes the place of a row that was lost.
    sealed_keys: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The journal number and UTID under which a cure stands in the books, and what it answered."""

    utid: str
    n: int
    answer: dict[str, object]


@dataclass(frozen=True, slots=True)
class Deltas:
    """What a wrong row that stands brought to an account, in UGX, to be booked to suspense."""

    capital_ugx: int = 0
    locked_ugx: int = 0
    profit_ugx: int = 0
    earnings_ugx: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money from or to outside as the system's books have it and as the other side's statement does; amounts in UGX.

    `way` is in or out; None on the side that lacks it. `utid` booked it, and `account` is whose money it moved.
    """

    provider: str
    reference: str
    utid: str | None
    way: str | None
    amount_ugx: int | None
    account: str | None
    their_way: str | None
    their_amount_ugx: int | None
    #: By which act this was explained, if it was.
    explained_by: str | None = None

    @property
    def open(self) -> bool:
        """Whether the two sides differ, and nobody has said why."""
        return self.explained_by is None and (self.way, self.amount_ugx) != (
            self.their_way,
            self.their_amount_ugx,
        )


@dataclass(frozen=True, slots=True)
class Position:
    """An open position that counts towards an account's exposure, and how it can be ended, if it can."""

    utid: str
    kind: str
    amount_ugx: int
    state: str
    unwindable: bool


class Cures(Protocol):
    """What a playbook may ask for. Every method raises `CureRefused` when it is not accepted."""

    def repair(self, mandate: Mandate, *, sealed_leaf: str, sealed_head: int) -> Receipt:
        """Put the rows of one sealed leaf back, byte for byte."""
        ...

    def acknowledge(
        self,
        mandate: Mandate,
        *,
        table_name: str,
        row_key: str,
        row_digest: str,
        account: str | None,
        deltas: Deltas,
    ) -> Receipt:
        """Let a wrong row that truly happened stand, by the digest that it has now."""
        ...

    def correct(self, mandate: Mandate, *, account: str, bucket: str, amount_ugx: int) -> Receipt:
        """Move one balance by a signed amount against suspense."""
        ...

    def predict(self, *, account: str, bucket: str, amount_ugx: int) -> dict[str, dict[str, int]]:
        """The account's balances `before` and `after` such a correction, and what of it would be `unrecovered`; writes nothing."""
        ...

    def waive(self, mandate: Mandate, *, correction_utid: str) -> Receipt:
        """Give up what a correction could not take."""
        ...

    def transfers(self, *, provider: str, reference: str) -> list[Transfer]:
        """What is known of a payment: one for each thing that statements say of it, the newest first; one where none says anything."""
        ...

    def explain(
        self, mandate: Mandate, transfer: Transfer, *, bucket: str | None, amount_ugx: int
    ) -> Receipt:
        """Write down why the two sides of a transfer differ, with a correction of its account where a bucket is named."""
        ...

    def restore_defences(self, mandate: Mandate) -> Receipt:
        """Put triggers, views and indexes back as the migrations made them."""
        ...

    def restore_state(self, mandate: Mandate, *, table_name: str, row_key: str) -> Receipt:
        """Set one state row to what the append-only rows say; an account's ends its sessions as well."""
        ...

    def unwind(self, mandate: Mandate, *, position_utid: str) -> list[Receipt]:
        """End an open position: record it as cancelled and give its money back."""
        ...

    def positions(self, *, account: str) -> list[Position]:
        """The account's open positions, newest first."""
        ...

    def probe(self) -> dict[str, bool]:
        """Whether each switch, probed now through the real entrance, refuses what it must."""
        ...
