"""From the store to the buyer: blocks, fees, purchases, pickups, and goods that are lost."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOff(Command):
    """End the position in a lot whose goods are lost; no money moves."""

    name = "write_off"
    roles = frozenset({"admin"})
    is_admin_action = True
    lot_id: int
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.WRITE_OFF})


@dataclass(frozen=True, slots=True, kw_only=True)
class FormBlock(Command):
    """Ten free lots of one trader and produce become a block; an act of the system's own."""

    name = "form_block"
    roles = frozenset({"system"})
    by_authority = "form-block"
    trader_id: int
    produce: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.BLOCK_FORMING})


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFee(Command):
    """Deduct the days in store of one lot that are due, from day `from_day` on; an act of the system's own."""

    name = "storage_fee"
    roles = frozenset({"system"})
    by_authority = "storage-fee"
    lot_id: int
    from_day: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.STORAGE_FEE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase(Command):
    """Buy a whole block as it weighs now; it waits 48 hours for its pickup."""

    name = "purchase"
    roles = frozenset({"buyer"})
    block_id: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.PURCHASE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPurchase(Command):
    """Give a bought block back before its deadline; passes pilot mode and the window."""

    name = "cancel_purchase"
    roles = frozenset({"buyer"})
    purchase_utid: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.PURCHASE_CANCELLATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmPickup(Command):
    """The buyer has the goods, and the proceeds came in from outside, by provider and reference; late or not."""

    name = "pickup"
    roles = frozenset({"admin"})
    is_admin_action = True
    purchase_utid: str
    proceeds_ugx: int
    provider: str
    external_ref: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.PICKUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirePurchase(Command):
    """Nobody came until the deadline: the block goes back into store."""

    name = "purchase_expiry"
    roles = frozenset({"admin"})
    is_admin_action = True
    purchase_utid: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.PICKUP})


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffBlock(Command):
    """End the positions in all the lots of a block whose goods are lost; no money moves."""

    name = "write_off_block"
    roles = frozenset({"admin"})
    is_admin_action = True
    block_id: int
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.WRITE_OFF})
