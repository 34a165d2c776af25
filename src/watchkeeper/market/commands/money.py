"""Money from and to outside."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit(Command):
    """Capital that a trader has paid in, by provider and the provider's reference."""

    name = "deposit"
    roles = frozenset({"trader"})
    amount_ugx: int
    provider: str
    external_ref: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.DEPOSIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Command):
    """Profit that was paid out to a trader, by provider and the provider's reference; capital never."""

    name = "withdraw"
    roles = frozenset({"trader"})
    amount_ugx: int
    provider: str
    external_ref: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.WITHDRAW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout(Command):
    """An admin confirms that a farmer was paid, outside; the farmer is named by alias."""

    name = "payout"
    roles = frozenset({"admin"})
    is_admin_action = True
    account: str
    amount_ugx: int
    provider: str
    external_ref: str
    reason: str

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.PAYOUT})
