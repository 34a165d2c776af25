"""Moves from the store to the buyer, and with money from and to outside."""

from __future__ import annotations

from tests.properties.game.table import NOWHERE, SYSTEM, Step, Table
from tests.properties.model import ACCEPTED
from watchkeeper.base.clock import Instant
from watchkeeper.market.commands import (
    Answer,
    CancelPurchase,
    ConfirmPickup,
    Deposit,
    ExpirePurchase,
    FormBlock,
    Payout,
    Purchase,
    Reconcile,
    ReconcilePart,
    StorageFee,
    Withdraw,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.commands.reconciled import Line


class GoodsMoves(Table):
    """Lots, blocks, fees, purchases, payments."""

    def write_off(self) -> Step:
        """A lot is lost."""
        actor, lot, reason = self.by([self.admin]), self.some_id(self.plain.lots), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.write_off(actor, at, lot=lot, reason=reason)

        return Step(WriteOff(lot_id=lot + self.first_lot, reason=reason), actor, model)

    def write_off_block(self) -> Step:
        """A block is lost."""
        actor, block, reason = self.by([self.admin]), self.some_id(self.plain.blocks), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.write_off_block(actor, at, block=block, reason=reason)

        return Step(WriteOffBlock(block_id=block, reason=reason), actor, model)

    def form_block(self) -> Step:
        """The system forms one where it can, or tries where it cannot."""
        ready = [
            (trader, produce)
            for trader in self.traders
            for produce in ("Maize", "Beans")
            if len(self.plain.free_lots(trader, produce)) == 10
        ]
        some = (self.draw.choice(self.traders), "Maize")
        trader, produce = self.draw.choice(ready) if ready else some

        def model(answer: Answer | None, _: int) -> str:
            block = answer.body["block_id"] if answer else 0
            assert isinstance(block, int)
            return self.plain.form_block(trader=trader, produce=produce, block=block)

        return Step(FormBlock(trader_id=trader, produce=produce), SYSTEM, model)

    def storage_fee(self) -> Step:
        """A lot's due days, or what is not due."""
        lots = list(self.plain.lots)[-200:]
        lot = self.draw.choice(lots) if lots and not self.chance(0.02) else NOWHERE
        days = self.plain.due(lot, self.clock.now()) if lot != NOWHERE else []
        from_day = days[0] if days and not self.chance(0.05) else self.draw.randint(1, 5)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.storage_fee(at, lot=lot, from_day=from_day)

        return Step(StorageFee(lot_id=lot + self.first_lot, from_day=from_day), SYSTEM, model)

    def purchase(self) -> Step:
        """A buyer buys a block."""
        actor, block = self.by(self.buyers), self.some_id(self.plain.blocks, most=15)

        def model(answer: Answer | None, at: int) -> str:
            return self.plain.purchase(actor, at, block=block, utid=answer.utid if answer else "none")

        return Step(Purchase(block_id=block), actor, model)

    def some_sale(self) -> str:
        """One of the last; now and then one whose buyer did not come in time, if there is any."""
        over = {
            utid: sale
            for utid, sale in self.plain.sales.items()
            if sale.outcome is None and sale.deadline <= self.clock.now()
        }
        return self.some_utid(over if over and self.chance(0.3) else self.plain.sales)

    def cancel_purchase(self) -> Step:
        """The buyer gives it back."""
        sale = self.some_sale()
        found = self.plain.sales.get(sale)
        actor = self.by([found.buyer] if found else self.buyers)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.cancel_purchase(actor, at, sale=sale)

        return Step(CancelPurchase(purchase_utid=sale), actor, model)

    def purchase_expiry(self) -> Step:
        """Nobody came, says an admin."""
        actor, sale, reason = self.by([self.admin]), self.some_sale(), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.purchase_expiry(actor, at, sale=sale, reason=reason)

        return Step(ExpirePurchase(purchase_utid=sale, reason=reason), actor, model)

    def pickup(self) -> Step:
        """The goods are fetched, at a profit or a loss."""
        actor, sale, reason = self.by([self.admin]), self.some_utid(self.plain.sales), self.reason()
        provider, reference = self.payment()
        proceeds = 0 if self.chance(0.02) else self.draw.randint(1, 1_200_000)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.pickup(
                actor,
                at,
                sale=sale,
                proceeds=proceeds,
                provider=provider,
                reference=reference,
                reason=reason,
            )

        command = ConfirmPickup(
            purchase_utid=sale,
            proceeds_ugx=proceeds,
            provider=provider,
            external_ref=reference,
            reason=reason,
        )
        return Step(command, actor, model)

    def deposit(self, actor: int | None = None) -> Step:
        """Money comes in, of anybody or of this trader."""
        actor, (provider, reference) = actor or self.by(self.traders), self.payment()
        amount = (
            self.draw.choice((0, -5, 100_000_001)) if self.chance(0.03) else self.draw.randint(1, 400_000)
        )

        def model(_: Answer | None, at: int) -> str:
            return self.plain.deposit(actor, at, amount=amount, provider=provider, reference=reference)

        return Step(Deposit(amount_ugx=amount, provider=provider, external_ref=reference), actor, model)

    def reconcile(self) -> Step:
        """A statement is compared, now and then the same again."""
        actor, known = self.by([self.admin, self.operator]), bool(self.plain.comparisons) and self.chance(0.2)
        number = self.statements if known else self.statements + 1
        lines = -1 if self.chance(0.02) else self.draw.randint(1, 6)
        provider = "mtn" if known or not self.chance(0.1) else self.draw.choice(("airtel", "bank", "cash"))
        command = Reconcile(
            provider=provider,
            since=Instant(1),
            until=Instant(2),
            file_digest=f"{number:064x}",
            map_digest="0" * 64,
            journal_n=1,
            matched=lines,
            missing_in_books=0,
            missing_in_statement=0,
            different=0,
            ignored=0,
            fees_ugx=0,
        )

        def model(answer: Answer | None, at: int) -> str:
            seen = (provider, number) in self.compared
            utid = answer.utid if answer else "none"
            said = self.plain.reconcile(actor, at, provider=provider, lines=lines, known=seen, utid=utid)
            if said == ACCEPTED:
                self.compared.add((provider, number))
                self.statements = max(self.statements, number)
            return said

        return Step(command, actor, model)

    def reconcile_part(self) -> Step:
        """The next items of a comparison, or others."""
        actor, comparison = self.by([self.admin, self.operator]), self.some_utid(self.plain.comparisons)
        there, filled = self.plain.comparisons.get(comparison, [1, 0])
        number = filled + 1 if not self.chance(0.1) else self.draw.randint(1, 9)
        count = self.draw.randint(0, 3) if self.chance(0.1) else max(1, there - filled)
        lines = tuple(
            Line(reference=f"G{self.draw.randint(1, 200_000)}", direction="in", amount_ugx=5, at=Instant(1))
            for _ in range(count)
        )

        def model(_: Answer | None, at: int) -> str:
            return self.plain.reconcile_part(
                actor, at, comparison=comparison, number=number, lines=len(lines)
            )

        return Step(ReconcilePart(reconciliation=comparison, first=number, lines=lines), actor, model)

    def withdraw(self) -> Step:
        """Profit goes out, by who has some where anybody has."""
        rich = [trader for trader in self.traders if self.plain.accounts[trader].profit]
        actor, (provider, reference) = self.by(rich or self.traders), self.payment()
        amount = 0 if self.chance(0.02) else self.draw.randint(1, 60_000)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.withdraw(actor, at, amount=amount, provider=provider, reference=reference)

        return Step(Withdraw(amount_ugx=amount, provider=provider, external_ref=reference), actor, model)

    def payout(self) -> Step:
        """A farmer is paid."""
        actor, reason, (provider, reference) = self.by([self.admin]), self.reason(), self.payment()
        alias = self.plain.accounts[self.by(self.farmers)].alias
        if self.chance(0.02):
            alias = "far_000000"
        amount = 0 if self.chance(0.02) else self.draw.randint(1, 60_000)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.payout(
                actor,
                at,
                alias=alias,
                amount=amount,
                provider=provider,
                reference=reference,
                reason=reason,
            )

        command = Payout(
            account=alias, amount_ugx=amount, provider=provider, external_ref=reference, reason=reason
        )
        return Step(command, actor, model)
