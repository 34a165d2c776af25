"""From the store to the buyer, and money from and to outside."""

from __future__ import annotations

from tests.properties.model.base import ACCEPTED, DAY, HOUR, Block, Lot, Sale, poor
from tests.properties.model.trade import Trade

LOT_GRAMS = 10_000
DAYS_AT_ONCE = 60


class Goods(Trade):
    """Lots, blocks, fees, purchases, and what is paid in and out."""

    def write_off(self, actor: int, at: int, *, lot: int, reason: str) -> str:
        """Goods are lost; no money moves."""
        first = self.before("write_off", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason):
            return "validation-failed"
        if lot not in self.lots:
            return "lot-not-found"
        found = self.lots[lot]
        if found.written_off:
            return "already-written-off"
        block = None if found.block is None else self.blocks[found.block]
        if block is not None and block.status != "in_storage":
            return "inventory-not-available"
        found.written_off = True
        if block is not None and not self._standing(block):
            block.status = "written_off"
        return ACCEPTED

    def write_off_block(self, actor: int, at: int, *, block: int, reason: str) -> str:
        """A whole block is lost."""
        first = self.before("write_off_block", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason):
            return "validation-failed"
        if block not in self.blocks:
            return "block-not-found"
        found = self.blocks[block]
        if found.status == "written_off":
            return "already-written-off"
        if found.status != "in_storage":
            return "inventory-not-available"
        for lot in self._standing(found):
            lot.written_off = True
        found.status = "written_off"
        return ACCEPTED

    def _standing(self, block: Block) -> list[Lot]:
        return [self.lots[lot] for lot in block.lots if not self.lots[lot].written_off]

    def free_lots(self, trader: int, produce: str) -> list[int]:
        """The oldest ten lots that are in no block."""
        return [
            key
            for key, lot in sorted(self.lots.items())
            if lot.trader == trader and lot.produce == produce and lot.block is None and not lot.written_off
        ][:10]

    def form_block(self, *, trader: int, produce: str, block: int) -> str:
        """Ten free lots of a trader become a block; `block` is the market's name for it."""
        if self.shut_down:
            return "system-shut-down"
        lots = self.free_lots(trader, produce)
        if len(lots) < 10:
            return "nothing-due"
        self.blocks[block] = Block(trader, lots)
        for lot in lots:
            self.lots[lot].block = block
        return ACCEPTED

    def due(self, lot: int, at: int) -> list[int]:
        """The days of a lot that count and are not deducted, a bounded number of them."""
        found = self.lots[lot]
        block = None if found.block is None else self.blocks[found.block]
        if found.written_off or found.lost >= LOT_GRAMS or (block and block.status != "in_storage"):
            return []
        idle = [*self.pilot, *(block.awaited if block else [])]
        days: list[int] = []
        for day in range(1, (at - found.started) // DAY + 1):
            begin, end = found.started + (day - 1) * DAY, found.started + day * DAY
            counts = all(begun >= end or (over is not None and over <= begin) for begun, over in idle)
            if day not in found.days and counts:
                days.append(day)
        return days[:DAYS_AT_ONCE]

    def storage_fee(self, at: int, *, lot: int, from_day: int) -> str:
        """A two-hundredth of the first weight for each day that counts, to the gram over all days."""
        if self.shut_down:
            return "system-shut-down"
        if self.pilot_mode:
            return "pilot-mode-active"
        if lot not in self.lots:
            return "lot-not-found"
        days = self.due(lot, at)
        if not days or days[0] != from_day:
            return "nothing-due"
        found = self.lots[lot]
        for day in days:
            found.days.add(day)
            found.lost = min(LOT_GRAMS, LOT_GRAMS * len(found.days) // 200)
            if found.lost == LOT_GRAMS:
                break
        return ACCEPTED

    def grams(self, block: int) -> int:
        """What a block weighs now."""
        return sum(LOT_GRAMS - lot.lost for lot in self._standing(self.blocks[block]))

    def purchase(self, actor: int, at: int, *, block: int, utid: str) -> str:
        """The first buyer gets the block."""
        first = self.before("purchase", actor, at, "buyer")
        if first != ACCEPTED:
            return first
        if block not in self.blocks:
            return "block-not-found"
        found = self.blocks[block]
        if found.status != "in_storage" or not self.grams(block):
            return "inventory-not-available"
        self.counts("purchase", actor, at)
        found.status = "awaiting_pickup"
        found.awaited.append((at, None))
        self.sales[utid] = Sale(actor, found.trader, block, at + 48 * HOUR)
        return ACCEPTED

    def cancel_purchase(self, actor: int, at: int, *, sale: str) -> str:
        """The buyer gives it back in time."""
        first = self.before("cancel_purchase", actor, at, "buyer")
        if first != ACCEPTED:
            return first
        found = self.sales.get(sale)
        if found is None or found.buyer != actor:
            return "purchase-not-found"
        if found.outcome:
            return "already-ended"
        if at >= found.deadline:
            return "deadline-passed"
        self._ends(found, at, "cancelled", block="in_storage")
        return ACCEPTED

    def purchase_expiry(self, actor: int, at: int, *, sale: str, reason: str) -> str:
        """Nobody came."""
        first = self.before("purchase_expiry", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason):
            return "validation-failed"
        found = self.sales.get(sale)
        if found is None:
            return "purchase-not-found"
        if found.outcome:
            return "already-ended"
        if at <= found.deadline:
            return "deadline-not-passed"
        self._ends(found, at, "expired", block="in_storage")
        return ACCEPTED

    def _ends(self, sale: Sale, at: int, outcome: str, *, block: str) -> None:
        sale.outcome = outcome
        found = self.blocks[sale.block]
        found.status = block
        found.awaited[-1] = (found.awaited[-1][0], at)

    def pickup(
        self, actor: int, at: int, *, sale: str, proceeds: int, provider: str, reference: str, reason: str
    ) -> str:
        """The goods are fetched; the trader gets the cost back as capital and the rest as profit."""
        first = self.before("pickup", actor, at, "admin")
        if first != ACCEPTED:
            return first
        wrong = self.refuses_reference(provider, reference)
        if poor(reason) or proceeds <= 0 or wrong == "validation-failed":
            return "validation-failed"
        found = self.sales.get(sale)
        if found is None:
            return "purchase-not-found"
        if found.outcome:
            return "already-ended"
        if wrong:
            return wrong
        lots = self._standing(self.blocks[found.block])
        cost = sum(lot.cost for lot in lots)
        for lot in lots:
            lot.sold = True
        trader = self.accounts[found.trader]
        trader.capital += min(cost, proceeds)
        trader.profit += max(0, proceeds - cost)
        self.paid_in += proceeds
        self.references.add((provider, reference))
        self._ends(found, at, "picked_up", block="picked_up")
        return ACCEPTED

    def deposit(self, actor: int, at: int, *, amount: int, provider: str, reference: str) -> str:
        """Money comes in."""
        first = self.before("deposit", actor, at, "trader")
        if first != ACCEPTED:
            return first
        if not 0 < amount <= 100_000_000:
            return "validation-failed"
        wrong = self.refuses_reference(provider, reference)
        if wrong:
            return wrong
        self.counts("deposit", actor, at)
        self.accounts[actor].capital += amount
        self.paid_in += amount
        self.references.add((provider, reference))
        return ACCEPTED

    def withdraw(self, actor: int, at: int, *, amount: int, provider: str, reference: str) -> str:
        """Profit goes out."""
        first = self.before("withdraw", actor, at, "trader")
        if first != ACCEPTED:
            return first
        if amount <= 0:
            return "validation-failed"
        wrong = self.refuses_reference(provider, reference)
        if wrong:
            return wrong
        if self.accounts[actor].profit < amount:
            return "insufficient-profit"
        self.counts("withdraw", actor, at)
        self.accounts[actor].profit -= amount
        self.paid_out += amount
        self.references.add((provider, reference))
        return ACCEPTED

    def reconcile(self, actor: int, at: int, *, provider: str, lines: int, known: bool, utid: str) -> str:
        """A statement is compared; `known` says that the very same was before."""
        first = self.before("reconcile", actor, at, "admin", "operator")
        if first != ACCEPTED:
            return first
        if provider not in ("mtn", "airtel", "bank") or lines < 0:
            return "validation-failed"
        if known:
            return "already-reconciled"
        self.comparisons[utid] = [lines, 0]
        return ACCEPTED

    def reconcile_part(self, actor: int, at: int, *, comparison: str, number: int, lines: int) -> str:
        """Some of its items are written down."""
        first = self.before("reconcile_part", actor, at, "admin", "operator")
        if first != ACCEPTED:
            return first
        if comparison not in self.comparisons:
            return "reconciliation-not-found"
        if not 0 < lines <= 100:
            return "validation-failed"
        there, filled = self.comparisons[comparison]
        if number != filled + 1 or filled + lines > there:
            return "out-of-turn"
        self.comparisons[comparison][1] += lines
        return ACCEPTED

    def payout(
        self, actor: int, at: int, *, alias: str, amount: int, provider: str, reference: str, reason: str
    ) -> str:
        """A farmer was paid."""
        first = self.before("payout", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason) or amount <= 0:
            return "validation-failed"
        wrong = self.refuses_reference(provider, reference)
        if wrong:
            return wrong
        farmer = self.accounts[self.by_alias[alias]] if alias in self.by_alias else None
        if farmer is None or farmer.role != "farmer":
            return "user-not-found"
        if farmer.earnings < amount:
            return "insufficient-earnings"
        farmer.earnings -= amount
        self.paid_out += amount
        self.references.add((provider, reference))
        return ACCEPTED
