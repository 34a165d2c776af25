"""The cures that a person asks for at the desk; each is decided again by the operated system, inside its transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace

from watchkeeper.boundary.cures import Position, Receipt
from watchkeeper.boundary.views import STATES
from watchkeeper.operation.playbooks import order, proposals
from watchkeeper.operation.playbooks.correcting import Correcting
from watchkeeper.operation.playbooks.deskwork import DeskRefused, Operator
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.verifier import standing


@dataclass(slots=True)
class Curing(Correcting):
    """Repair, acknowledge, unwind, restore a state or the defences; and what is corrected."""

    def repair(
        self, run_id: int, finding_id: int, *, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """Put the sealed bytes of a finding's leaf back; offered where the seal agrees with the journal."""
        self._fresh(operator)
        run, finding = self._finding(run_id, finding_id)
        if not standing.of(self.look(), finding).stands:
            # One leaf holds many rows: the repair of another finding put this row back as well.
            self._settle_when_read(run, operator, None, cured=finding)
            return []
        if finding.sealed_log is None or finding.sealed_index is None:
            raise DeskRefused(
                "resumption-refused", "There is no sealed copy of this row. Acknowledge it instead."
            )
        data = logs.leaf(self.database, finding.sealed_log, finding.sealed_index)
        if data is None:
            raise DeskRefused("resumption-refused", "The sealed copy is not there.")
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(operator, "repair", run, reason, {"finding": finding.id, "incident": incident})
        receipt = self._cure(
            lambda: self.cures.repair(
                mandate, sealed_leaf=data.decode("utf-8"), sealed_head=logs.size(self.database, logs.MAIN)
            )
        )
        self._settle_when_read(run, operator, receipt.utid, cured=finding)
        return [receipt]

    def acknowledge(
        self, run_id: int, finding_id: int, *, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """Let a wrong row that truly happened stand as it is now, its deltas booked to suspense."""
        self._fresh(operator)
        run, finding = self._finding(run_id, finding_id)
        proposal = proposals.of(self.look(), finding)
        if proposal is None:
            raise DeskRefused(
                "resumption-refused", "There is no row to acknowledge; repair or restore it instead."
            )
        self._after(order.entry_before(self.look(), finding), "An entry before this one is wrong")
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(
            operator,
            "acknowledge",
            run,
            reason,
            {"finding": finding.id, "incident": incident, "row": f"{finding.table_name} {finding.row_key}"},
        )
        try:
            receipt = self._cure(
                lambda: self.cures.acknowledge(
                    mandate,
                    table_name=finding.table_name,
                    row_key=finding.row_key,
                    row_digest=proposal.row_digest,
                    account=proposal.account,
                    deltas=proposal.deltas,
                )
            )
        except DeskRefused as error:
            # Another finding about the same row was acknowledged before this one; that one counts for both.
            if error.code != "already-acknowledged":
                raise
            self._settle_when_read(run, operator, None, cured=finding)
            return []
        self._settle_when_read(run, operator, receipt.utid, cured=finding)
        return [receipt]

    def positions(self, run_id: int) -> list[Position]:
        """The open positions of the run's account."""
        scope = self._run(run_id).scope
        if not scope.startswith("account:"):
            return []
        altered = order.positions(self.look())
        return [
            replace(position, unwindable=position.unwindable and position.utid not in altered)
            for position in self.cures.positions(account=scope.partition(":")[2])
        ]

    def unwind(
        self, run_id: int, *, position_utid: str, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """End an open position: recorded as cancelled, its exact amount given back."""
        self._fresh(operator)
        run = self._run(run_id)
        finding = next(iter(self._open(run)), None)
        if finding is None:
            raise DeskRefused("validation-failed", "Nothing of this rule and scope is open.")
        self._after(
            order.positions(self.look()).get(position_utid),
            "This position, or what became of it, is not as it was sealed",
        )
        self._after(order.entry_of_owner(self.look(), position_utid), order.ENTRY_ALTERED)
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(operator, "unwind", run, reason, {"position": position_utid, "incident": incident})
        receipts = self._cure(lambda: self.cures.unwind(mandate, position_utid=position_utid))
        self._settle_when_read(run, operator, receipts[-1].utid if receipts else None)
        return receipts

    def restore_state(
        self, run_id: int, finding_id: int, *, incident: str, reason: str, operator: Operator
    ) -> list[Receipt]:
        """Set the state row that a finding names to what the append-only rows give."""
        self._fresh(operator)
        run, finding = self._finding(run_id, finding_id)
        if finding.table_name not in STATES:
            raise DeskRefused("resumption-refused", "This finding is not about a state that can be restored.")
        if not standing.of(self.look(), finding).stands:
            # A repair, or the restoring of another finding's row, put it right already.
            self._settle_when_read(run, operator, None, cured=finding)
            return []
        self._after(order.fact_of(self.look(), finding), "What this is the state of is gone")
        mandate = self._mandate(finding, incident, reason, operator)
        place = {
            "finding": finding.id,
            "incident": incident,
            "row": f"{finding.table_name} {finding.row_key}",
        }
        self._record(operator, "restore state", run, reason, place)
        receipt = self._cure(
            lambda: self.cures.restore_state(mandate, table_name=finding.table_name, row_key=finding.row_key)
        )
        self._settle_when_read(run, operator, receipt.utid, cured=finding)
        return [receipt]

    def restore_defences(
        self, run_id: int, key: str, *, incident: str, reason: str, operator: Operator
    ) -> Receipt:
        """Put triggers, views and indexes back, or confirm that they are as they were made."""
        self._fresh(operator)
        run = self._reached(run_id, key)
        finding = next(iter(self._open(run)), None)
        if finding is None:
            raise DeskRefused("validation-failed", "Nothing of this rule and scope is open.")
        mandate = self._mandate(finding, incident, reason, operator)
        self._record(operator, "restore defences", run, reason, {"incident": incident})
        receipt = self._cure(lambda: self.cures.restore_defences(mandate))
        self._complete(run, key, {"receipt": receipt.utid, "answer": receipt.answer}, operator)
        self._settle_when_read(run, operator, receipt.utid)
        return receipt
