"""What the operator moves against suspense, explains, and gives up: each predicted, recorded, and decided again by the operated system."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.words import harmless
from watchkeeper.boundary.cures import Receipt, Transfer
from watchkeeper.boundary.gate import Scope
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue import unexplained, unrecovered
from watchkeeper.operation.catalogue.signs import corrections
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.containment.imposing import Stop
from watchkeeper.operation.detectors import money, telling
from watchkeeper.operation.playbooks import order
from watchkeeper.operation.playbooks.deskwork import DeskRefused, Deskwork, Operator, checked_reason
from watchkeeper.operation.verifier import findings


@dataclass(frozen=True, slots=True)
class Difference:
    """What an explanation moves: which balance of the payment's own account, by how much, to what it must come; in UGX."""

    bucket: str
    amount_ugx: int
    predicted: int


@dataclass(slots=True)
class Correcting(Deskwork):
    """Correct a balance, explain a payment, waive what a correction could not take."""

    def correct(
        self,
        run_id: int,
        *,
        account: str,
        bucket: str,
        amount_ugx: int,
        predicted: int,
        incident: str,
        reason: str,
        operator: Operator,
    ) -> Receipt:
        """Move a balance against suspense; refused when the result would not be the one that was predicted."""
        self._fresh(operator)
        run = self._run(run_id)
        open_ones = self._open(run) or [
            f
            for f in findings.latest(self.database, limit=500)
            if f.invariant == run.rule and f.scope == run.scope
        ]
        if not open_ones:
            raise DeskRefused(
                "validation-failed", "There is no finding that this correction could belong to."
            )
        self._after(order.entry_of(self.look(), account), order.ENTRY_ALTERED)
        prediction = self._cure(
            lambda: self.cures.predict(account=account, bucket=bucket, amount_ugx=amount_ugx)
        )
        if prediction["after"][bucket] != predicted:
            raise DeskRefused(
                "resumption-refused",
                "The balance has moved since it was predicted. Look at the prediction again.",
            )
        mandate = self._mandate(open_ones[0], incident, reason, operator)
        self._record(
            operator,
            "correct",
            run,
            reason,
            {
                "account": account,
                "bucket": bucket,
                "amount_ugx": amount_ugx,
                "predicted": predicted,
                "incident": incident,
            },
        )
        receipt = self._cure(
            lambda: self.cures.correct(mandate, account=account, bucket=bucket, amount_ugx=amount_ugx)
        )
        self._as_predicted(receipt, account, bucket, predicted)
        self._settle_when_read(run, operator, receipt.utid)
        return receipt

    def _as_predicted(self, receipt: Receipt, account: str, bucket: str, predicted: int) -> None:
        """Threat 5.2: an account whose balance is not the predicted one stays as it is, and somebody must look."""
        found = receipt.answer.get(f"{bucket}_ugx")
        if found != predicted:
            self._stop_for_a_wrong_correction(account, f"predicted {predicted:,}, found {found}")

    def _stop_for_a_wrong_correction(self, account: str, words: str) -> None:
        stop = Stop(corrections.WRONG, Scope("account", account), corrections.STOPS, words)
        imposing.impose(self.gatefile, stop, clock=self.clock)
        with self.database.transaction("write"):
            telling.tell(self.database, Sign(corrections.WRONG, str(stop.scope), words), at=self.clock.now())

    def predict(self, *, account: str, bucket: str, amount_ugx: int) -> dict[str, dict[str, int]]:
        """The balances before and after such a correction, and what of it would be unrecovered."""
        return self._cure(lambda: self.cures.predict(account=account, bucket=bucket, amount_ugx=amount_ugx))

    def transfers(self, *, provider: str, reference: str) -> list[Transfer]:
        """What both sides say of a payment; several where statements say several things."""
        return self.cures.transfers(provider=provider, reference=reference)

    def explain(
        self,
        *,
        provider: str,
        reference: str,
        said_ugx: int | None = None,
        difference: Difference | None = None,
        incident: str,
        reason: str,
        operator: Operator,
    ) -> Receipt | None:
        """Say why a payment stands otherwise on the two sides, or on one alone; None when it was explained before.

        `said_ugx` is which of several things that statements say of it is meant, below zero for what went out. With a difference
        its account is corrected by it in the same act; refused when the result would not be the predicted one.
        """
        self._fresh(operator)
        transfer = self._transfer(provider, reference, said_ugx)
        said = checked_reason(reason)
        # Asked again because the answer was lost, the balance has moved by the first time, and its alert may be over.
        if transfer.explained_by is not None:
            if difference is None:
                return None
            raise DeskRefused(
                "already-explained", f"This payment was explained already ({transfer.explained_by})."
            )
        if not incident:
            raise DeskRefused(
                "validation-failed",
                "No alert about this provider's money is open. Name the incident that this belongs to.",
            )
        if difference is not None and transfer.account is not None:
            self._after(order.entry_of(self.look(), transfer.account), order.ENTRY_ALTERED)
        self._predicted(transfer, difference)
        mandate = self._mandate_for(f"{provider} {reference}", incident, said, operator)
        detail: dict[str, object] = {"incident": incident, "utid": transfer.utid}
        if difference is not None:
            detail |= {
                "account": transfer.account,
                "bucket": difference.bucket,
                "amount_ugx": difference.amount_ugx,
                "predicted": difference.predicted,
            }
        self._note(operator, "explain payment", f"{provider} {reference}", said, detail)
        bucket, amount_ugx = (None, 0) if difference is None else (difference.bucket, difference.amount_ugx)
        try:
            receipt = self._cure(
                lambda: self.cures.explain(mandate, transfer, bucket=bucket, amount_ugx=amount_ugx)
            )
        except DeskRefused as error:
            if error.code != "already-explained" or difference is not None:
                raise
            return None
        self._answered(provider, operator)
        if difference is not None and transfer.account is not None:
            self._as_predicted(receipt, transfer.account, difference.bucket, difference.predicted)
        return receipt

    def waive(self, correction_utid: str, *, reason: str, operator: Operator) -> Receipt:
        """Give up what a correction could not take; it is shown no more, and stays in the journal."""
        self._fresh(operator)
        found = unrecovered.of(self.look().views, correction_utid)
        if found is None:
            raise DeskRefused("not-found", "Nothing of this act is unrecovered.")
        said = checked_reason(reason)
        mandate = self._mandate_for(found.finding, found.incident, said, operator)
        detail: dict[str, object] = {"incident": found.incident, "amount_ugx": found.amount_ugx}
        self._note(operator, "waive unrecovered", correction_utid, said, detail)
        return self._cure(lambda: self.cures.waive(mandate, correction_utid=correction_utid))

    def _transfer(self, provider: str, reference: str, said_ugx: int | None) -> Transfer:
        known = self.transfers(provider=provider, reference=reference)
        meant = [one for one in known if said_ugx in (None, _signed(one))]
        if not meant:
            raise DeskRefused("not-found", "No such payment stands in the books or in a statement.")
        # What awaits a word is meant before what matches, or has had one; of a payment that is booked the newest.
        meant = [one for one in meant if one.open] or meant[:1]
        if len(meant) > 1 and meant[0].utid is None:
            raise DeskRefused(
                "validation-failed",
                "Statements say several things of this payment. Name the amount that you mean.",
            )
        return meant[0]

    def _predicted(self, transfer: Transfer, difference: Difference | None) -> None:
        if difference is None:
            return
        if transfer.account is None:
            raise DeskRefused(
                "validation-failed", "No book has this payment, so there is no account to correct for it."
            )
        found = self.predict(
            account=transfer.account, bucket=difference.bucket, amount_ugx=difference.amount_ugx
        )
        if found["after"][difference.bucket] != difference.predicted:
            raise DeskRefused(
                "resumption-refused",
                "The balance has moved since it was predicted. Look at the prediction again.",
            )

    def _note(
        self, operator: Operator, action: str, subject: str, reason: str, detail: dict[str, object]
    ) -> None:
        with self.database.transaction("write"):
            journal.record(
                self.database,
                actor=operator.alias,
                action=action,
                subject=harmless(subject, 200),
                reason=reason,
                detail=detail,
                at=self.clock.now(),
            )

    def _answered(self, provider: str, operator: Operator) -> None:
        """Whoever explains a payment has answered the alerts about its provider's money."""
        with self.database.transaction("write"):
            for condition in (unexplained.UNMATCHED, unexplained.UNBOOKED):
                alert = alerts.of(self.database, condition=condition, scope=money.scope_of(provider))
                if alert is not None:
                    alerts.mark_response(self.database, alert.id, by=operator.alias, at=self.clock.now())


def _signed(transfer: Transfer) -> int | None:
    """What a statement says of it, in UGX; below zero for what went out."""
    amount_ugx = transfer.their_amount_ugx
    return amount_ugx if amount_ugx is None or transfer.their_way == "in" else -amount_ugx
