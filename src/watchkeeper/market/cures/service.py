"""The market's side of the port of cures: commands of the operator through the one executor."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.utid import base36
from watchkeeper.boundary.cures import CureRefused, Deltas, Mandate, Position, Receipt, Transfer
from watchkeeper.boundary.gate import Switch
from watchkeeper.boundary.lease import LeaseReader
from watchkeeper.market.commands import (
    Acknowledge,
    Act,
    Answer,
    Command,
    Correct,
    CureReversal,
    CureVerification,
    ExplainPayment,
    Repair,
    RestoreDefences,
    RestoreState,
    WaiveUnrecovered,
)
from watchkeeper.market.execute import Executor
from watchkeeper.market.ledgers.buckets import balances
from watchkeeper.market.reading import Books
from watchkeeper.market.reconciliation import reading
from watchkeeper.market.rows import number
from watchkeeper.market.state import Explained

#: A busy moment passes; more tries than this mean that something is wrong, and the operator is told.
_TRIES = 3
_POSITIONS_MAX = 500


@dataclass(slots=True)
class MarketCures:
    """Belongs to one thread at a time; it writes as a rare second writer beside the market's own."""

    executor: Executor
    books: Books
    lease: LeaseReader

    def repair(self, mandate: Mandate, *, sealed_leaf: str, sealed_head: int) -> Receipt:
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            Repair(
                finding=mandate.finding,
                incident=mandate.incident,
                reason=mandate.reason,
                sealed_leaf=sealed_leaf,
                sealed_head=sealed_head,
            ),
        )

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
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            Acknowledge(
                finding=mandate.finding,
                incident=mandate.incident,
                reason=mandate.reason,
                table_name=table_name,
                row_key=row_key,
                row_digest=row_digest,
                account=account,
                capital_delta_ugx=deltas.capital_ugx,
                locked_delta_ugx=deltas.locked_ugx,
                profit_delta_ugx=deltas.profit_ugx,
                earnings_delta_ugx=deltas.earnings_ugx,
            ),
        )

    def correct(self, mandate: Mandate, *, account: str, bucket: str, amount_ugx: int) -> Receipt:
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            Correct(
                finding=mandate.finding,
                incident=mandate.incident,
                reason=mandate.reason,
                account=account,
                bucket=bucket,
                amount_ugx=amount_ugx,
            ),
        )

    def predict(self, *, account: str, bucket: str, amount_ugx: int) -> dict[str, dict[str, int]]:
        """See `boundary.cures.Cures`."""
        owner = self.books.user_by_alias(account)
        if owner is None:
            raise CureRefused("user-not-found", "There is no such account.")
        before = balances(owner.role, self.books.wallet(owner.id), self.books.earnings(owner.id))
        if bucket not in before:
            has = ", ".join(before) or "no balance"
            raise CureRefused("validation-failed", f"This account has {has}.")
        # A correction takes at most what is there.
        moved = max(amount_ugx, -before[bucket])
        return {
            "before": before,
            "after": before | {bucket: before[bucket] + moved},
            "unrecovered": {bucket: moved - amount_ugx},
        }

    def waive(self, mandate: Mandate, *, correction_utid: str) -> Receipt:
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            WaiveUnrecovered(
                finding=mandate.finding,
                incident=mandate.incident,
                reason=mandate.reason,
                correction_utid=correction_utid,
            ),
        )

    def transfers(self, *, provider: str, reference: str) -> list[Transfer]:
        """See `boundary.cures.Cures`."""
        database = self.books.database
        ours = reading.payments(database, provider, [reference]).get((provider, reference))
        said: list[tuple[str, int] | None] = [*reading.said(database, provider, reference)]
        if ours is not None and not said:
            said = [None]
        known = reading.explained(database, provider, reference)
        owner = None if ours is None else self.books.user(ours.owner_id)
        utid = None if ours is None else ours.utid
        return [
            Transfer(
                provider,
                reference,
                utid,
                None if ours is None else ours.direction,
                None if ours is None else ours.amount_ugx,
                None if owner is None else owner.alias,
                None if theirs is None else theirs[0],
                None if theirs is None else theirs[1],
                explained_by=known.get(Explained(provider, reference, utid, theirs)),
            )
            for theirs in said
        ]

    def explain(
        self, mandate: Mandate, transfer: Transfer, *, bucket: str | None, amount_ugx: int
    ) -> Receipt:
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            ExplainPayment(
                finding=mandate.finding,
                incident=mandate.incident,
                reason=mandate.reason,
                provider=transfer.provider,
                external_ref=transfer.reference,
                our_utid=transfer.utid,
                their_direction=transfer.their_way,
                their_amount_ugx=transfer.their_amount_ugx,
                account=transfer.account if bucket is not None else None,
                bucket=bucket,
                amount_ugx=amount_ugx,
            ),
        )

    def restore_defences(self, mandate: Mandate) -> Receipt:
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            RestoreDefences(finding=mandate.finding, incident=mandate.incident, reason=mandate.reason),
        )

    def restore_state(self, mandate: Mandate, *, table_name: str, row_key: str) -> Receipt:
        """See `boundary.cures.Cures`."""
        return self._run(
            mandate,
            RestoreState(
                finding=mandate.finding,
                incident=mandate.incident,
                reason=mandate.reason,
                table_name=table_name,
                row_key=row_key,
            ),
        )

    def unwind(self, mandate: Mandate, *, position_utid: str) -> list[Receipt]:
        """See `boundary.cures.Cures`. Asked again after a crash between its two halves it does the second."""
        lock = self.books.lock(position_utid)
        if lock is None:
            raise CureRefused("lock-not-found", "There is no such lock.")
        receipts: list[Receipt] = []
        if lock["outcome"] is None:
            receipts.append(
                self._run(
                    mandate,
                    CureVerification(
                        finding=mandate.finding,
                        incident=mandate.incident,
                        reason=mandate.reason,
                        lock_utid=position_utid,
                        outcome="cancelled",
                    ),
                )
            )
        receipts.append(
            self._run(
                mandate,
                CureReversal(
                    finding=mandate.finding,
                    incident=mandate.incident,
                    reason=mandate.reason,
                    lock_utid=position_utid,
                ),
            )
        )
        return receipts

    def positions(self, *, account: str) -> list[Position]:
        """See `boundary.cures.Cures`."""
        owner = self.books.user_by_alias(account)
        if owner is None:
            return []
        rows = self.books.database.query(
            "SELECT l.utid, 'lock', l.amount_ugx, coalesce((SELECT o.outcome FROM lock_outcomes o "
            "WHERE o.lock_utid = l.utid ORDER BY o.id DESC LIMIT 1), 'open'), 1 FROM locks l WHERE l.trader_id = ? "
            "AND NOT EXISTS (SELECT 1 FROM lock_outcomes o WHERE o.lock_utid = l.utid "
            "AND o.outcome IN ('delivered', 'reversed')) "
            "UNION ALL SELECT t.utid, 'lot', t.cost_ugx, 'in storage', 0 FROM lots t WHERE t.trader_id = ? "
            "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = t.id) "
            "AND NOT EXISTS (SELECT 1 FROM block_lots b JOIN purchases p ON p.block_id = b.block_id "
            "JOIN pickups k ON k.purchase_utid = p.utid WHERE b.lot_id = t.id) ORDER BY 1 DESC LIMIT ?",
            (owner.id, owner.id, _POSITIONS_MAX),
        )
        return [Position(str(r[0]), str(r[1]), number(r[2]), str(r[3]), bool(r[4])) for r in rows]

    def probe(self) -> dict[str, bool]:
        """See `boundary.cures.Cures`."""
        return {switch.value: self.executor.probe(switch).bites for switch in Switch}

    def _run(self, mandate: Mandate, command: Command) -> Receipt:
        # How far the watch has read says whether the books end where they should.
        self.lease.poll()
        for table, key in mandate.sealed_keys.items():
            self.executor.keys.know(table, key)
        act = Act(command=command, actor_id=mandate.operator_id, command_id=f"cure-{base36(16)}")
        for left in reversed(range(_TRIES)):
            outcome = self.executor.run([act])[0]
            if isinstance(outcome, Answer):
                return Receipt(outcome.utid, outcome.n, outcome.body)
            if outcome.code != "busy" or left == 0:
                raise CureRefused(outcome.code, outcome.detail) from outcome
        raise AssertionError("a loop of at least one round has answered")
