"""What every act in the control room needs: the files of the data folder, who may enter, and the record of the act."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, DatabaseError, SqliteDatabase
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.market.cures.service import MarketCures
from watchkeeper.market.execute import Executor
from watchkeeper.market.pace import PaceExceeded
from watchkeeper.market.reading import Books
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.signin.sign_in import Gatekeeper
from watchkeeper.market.signin.store import open_identities
from watchkeeper.operation import journal
from watchkeeper.operation.catalogue.context import Context
from watchkeeper.operation.console.measures import Measures
from watchkeeper.operation.console.overview import Overlook
from watchkeeper.operation.playbooks.desk import Desk
from watchkeeper.operation.playbooks.deskwork import Operator
from watchkeeper.operation.store import open_store, system_id_of
from watchkeeper.operation.verifier.continuous import Continuous

#: A cure waits this long for a gap between the market's own batches.
_CURE_BUSY_SECONDS = 10.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Actor:
    """The operator who acts, by a session."""

    session: Session
    operator: Operator


class Room:
    """The files, opened. Belongs to one thread at a time."""

    def __init__(self, data: Path, *, clock: Clock) -> None:
        self.data = data
        self.clock = clock
        self.system_id = system_id_of(data)
        self.database: SqliteDatabase = open_store(data, system_id=self.system_id)
        self.books = Books(data, system_id=self.system_id)
        self._identities: Database | None = None
        self.gatefile = open_gate(data, system_id=self.system_id, role="control")
        self._lease = LeaseReader(LeaseStore(data, system_id=self.system_id, role="control"), clock=clock)
        self._executor = Executor(
            data,
            system_id=self.system_id,
            clock=clock,
            lease=self._lease,
            busy_seconds_max=_CURE_BUSY_SECONDS,
        )
        self._continuous = Continuous(data, system_id=self.system_id, database=self.database, clock=clock)
        self.desk = Desk(
            self.database,
            self.gatefile,
            MarketCures(self._executor, self.books, self._lease),
            clock,
            self._look,
        )
        self._overlook = Overlook(data, system_id=self.system_id, database=self.database, clock=clock)
        self.measures = Measures(data, system_id=self.system_id, database=self.database, clock=clock)

    @property
    def identities(self) -> Database:
        """Who may enter; opened when first asked, so that the control room opens with the books' server down."""
        if self._identities is None:
            self._identities = open_identities(self.data, system_id=self.system_id)
        return self._identities

    @property
    def gatekeeper(self) -> Gatekeeper:
        """Signs the operator in."""
        return Gatekeeper(self.identities, self.books, self._note_attempt, self._note_denied, self.clock)

    def close(self) -> None:
        """Give the files back."""
        self._executor.close()
        self._continuous.close()
        self._overlook.close()
        self.measures.close()
        self.gatefile.close()
        self.books.close()
        if self._identities is not None:
            self._identities.close()
        self.database.close()

    def _look(self) -> Context:
        return self._continuous.context()

    def _note_attempt(self, *, account: str, address: str, kind: str, outcome: str) -> Future[None]:
        noted: Future[None] = Future()
        self._executor.notes.attempt(account=account, address=address, kind=kind, outcome=outcome)
        self._executor.flush_notes()
        noted.set_result(None)
        return noted

    def _note_denied(self, *, actor: str, refusal: PaceExceeded) -> None:
        refusal.counted = True
        notes = self._executor.notes
        notes.refused(actor=actor, code=refusal.code)
        # What is summed up costs no sync; it is written with the next that is not.
        if notes.hit(actor=actor, limit=refusal.limit):
            try:
                self._executor.flush_notes()
            except DatabaseError as error:
                # It is a refusal all the same; what is noted stays noted and is written with the next.
                _log.warning("control.notes_unwritten", detail=str(error)[:200])

    def _record(
        self,
        actor: Actor,
        action: str,
        subject: str,
        reason: str,
        detail: dict[str, object] | None = None,
    ) -> None:
        journal.record(
            self.database,
            actor=actor.operator.alias,
            action=action,
            subject=subject,
            reason=reason,
            detail=detail or {},
            at=self.clock.now(),
        )
