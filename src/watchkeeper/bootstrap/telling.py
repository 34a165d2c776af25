"""What the control room itself tells, beside the detectors: that the watch is silent, a server full, money unmatched, proofs old."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from watchkeeper.base.clock import BootTime, Clock, kampala
from watchkeeper.base.database import DatabaseError, SqliteDatabase, engine_of
from watchkeeper.base.database.server import no_room
from watchkeeper.bootstrap.unwritten import Writing
from watchkeeper.boundary.lease import SILENT_AFTER_SECONDS, LeaseStore
from watchkeeper.boundary.views import Views
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.conditions import UNWRITABLE
from watchkeeper.operation.catalogue.outside_money import OutsideMoney
from watchkeeper.operation.catalogue.unbooked import Unbooked
from watchkeeper.operation.catalogue.unexplained import UNBOOKED as MONEY_UNBOOKED
from watchkeeper.operation.catalogue.unexplained import UNMATCHED as MONEY_UNMATCHED
from watchkeeper.operation.coverage import stale
from watchkeeper.operation.detectors import money, tiers

_STARTING_SECONDS = 60.0
_ROOM_SECONDS = 10.0
_MONEY_SECONDS = 60.0
_PROOFS_SECONDS = 60.0

MONITOR_SILENT, SERVER_FULL = "monitor silent", "server full"
RECORDS = "incident records"

_log = structlog.get_logger()


class Telling:
    """Raises each of these alerts while its cause lasts, once, and ends it by a fresh look. Belongs to one thread."""

    def __init__(
        self, data: Path, database: SqliteDatabase, writing: Writing, *, system_id: str, clock: Clock
    ) -> None:
        self._data = data
        self._database = database
        self._writing = writing
        self._clock = clock
        self._lease = LeaseStore(data, system_id=system_id, role="control")
        self._views = Views(data, system_id=system_id)
        self._money: Mapping[str, OutsideMoney | Unbooked] = {
            MONEY_UNMATCHED: OutsideMoney(self._views),
            MONEY_UNBOOKED: Unbooked(self._views),
        }
        self._begun = clock.boot()
        self._measured: BootTime | None = None
        self._counted: BootTime | None = None
        self._proofs: BootTime | None = None
        #: That the watch was silent, until it is written: a watch that hangs may hold the store while it does.
        self._silence = ""
        self._withheld = ""

    def close(self) -> None:
        """Give the files back."""
        self._views.close()
        self._lease.close()

    def tell(self) -> None:
        """What there is to tell each second; raises `DatabaseError` of the control room's own store."""
        self._tell_of_watch()
        self._tell_of_room()
        self._tell_of_money()
        self._tell_of_proofs()

    def listen(self) -> None:
        """Note a silence before anything is written: it was one even if the watch is back before it can be told."""
        try:
            row = self._lease.row()
            age = self._clock.boot().seconds_since(row.written)
            silent = age is None or age > SILENT_AFTER_SECONDS
            self._withheld = row.withheld
            if silent:
                self._silence = "its lease has not been written for half a minute"
        except DatabaseError as error:
            self._silence = f"its lease cannot be read: {error}"

    def tell_of_writing(self) -> None:
        """That nothing could be written for a while: on record now that it can; over with the next whole round."""
        trouble = self._writing.to_record(self._data)
        if trouble is None:
            self._end(UNWRITABLE, over="a whole round was written")
        else:
            # Also where the one before is open still: this is another time.
            with self._database.transaction("write"):
                self._raise(
                    UNWRITABLE,
                    title="The control room could not write what it saw",
                    detail=f"since {kampala(trouble.since)}: {trouble.detail}. It can again; what it should have told meanwhile follows.",
                )
        self._writing.worked()

    def tell_of_records(self, error: Exception) -> None:
        """That an incident could not be recorded; a person says when it is over."""
        _log.error("records.failed", error=type(error).__name__, detail=str(error))
        if self._open(RECORDS) is not None:
            return
        with self._database.transaction("write"):
            self._raise(RECORDS, severity="high", title="Incident records cannot be kept", detail=str(error))

    def _tell_of_watch(self) -> None:
        silence, reason = self._silence, self._silence or self._withheld
        if reason and not silence and self._age(self._begun) < _STARTING_SECONDS:
            # A watch that has just begun withholds its lease until it has looked; that is no news.
            return
        if reason and tiers.told_together(self._database):
            # It is one of several that fail, and told with them.
            return
        self._keep_told(
            MONITOR_SILENT,
            trouble=reason,
            title="The watch is silent" if silence else "The watch withholds its lease",
            meaning="Money stands still until it is back.",
            over="the watch renews its lease again",
        )
        self._silence = ""

    def _tell_of_room(self) -> None:
        """The lease fits into a full disk long after the books do not, so the disk is looked at by itself."""
        if engine_of(self._data) != "postgresql":
            return
        if self._measured is not None and self._age(self._measured) < _ROOM_SECONDS:
            return
        self._measured = self._clock.boot()
        try:
            trouble = no_room(self._lease.database())
        except DatabaseError as error:
            # A server that cannot be asked is told of as a silent watch.
            _log.warning("room.unknown", detail=str(error))
            return
        self._keep_told(
            SERVER_FULL,
            trouble=trouble,
            title="The database server's disk is full",
            meaning="The books cannot grow: commands are refused, or will be soon.",
            over="there is room on the server's disk again",
        )

    def _tell_of_money(self) -> None:
        """What came in or went out more than a day ago and stands on one side only, provider by provider."""
        if self._counted is not None and self._age(self._counted) < _MONEY_SECONDS:
            return
        begun, still = self._clock.boot(), False
        for condition, looking in self._money.items():
            try:
                found = looking.look(at=self._clock.now())
            except DatabaseError as error:
                # Books that cannot be read are told of by the watch, and nothing is matched by not being seen.
                _log.warning("money.unknown", detail=str(error))
                self._views.close()
                self._counted = begun
                return
            reading = looking.advanced and not looking.complete
            still = still or reading
            with self._database.transaction("write"):
                money.tell(
                    self._database,
                    condition,
                    found,
                    complete=looking.complete,
                    reading=reading,
                    settled=looking.settled,
                    full=looking.full,
                    at=self._clock.now(),
                )
        # Until the books are read to their end it goes on each second; from then on once a minute is enough.
        self._counted = None if still else begun

    def _tell_of_proofs(self) -> None:
        if self._proofs is None or self._age(self._proofs) >= _PROOFS_SECONDS:
            self._proofs = self._clock.boot()
            stale.tell(self._data, self._database, clock=self._clock)

    def _keep_told(
        self,
        condition: str,
        *,
        trouble: str,
        title: str,
        meaning: str,
        over: str,
    ) -> None:
        """Raise an alert while there is trouble, once; resolve it when the same look finds none any more."""
        if not trouble:
            self._end(condition, over=over)
        elif self._open(condition) is None:
            with self._database.transaction("write"):
                if self._open(condition) is None:
                    self._raise(condition, title=title, detail=f"{trouble}. {meaning}")

    def _end(self, condition: str, *, over: str) -> None:
        """Resolve the alert of this condition, where there is one."""
        if self._open(condition) is None:
            return
        with self._database.transaction("write"):
            alert = self._open(condition)
            if alert is not None:
                alerts.resolve(
                    self._database,
                    alert.id,
                    by=authority.TELL.cited,
                    reason=over,
                    causes=(),
                    at=self._clock.now(),
                )

    def _raise(self, condition: str, *, title: str, detail: str, severity: str = "critical") -> None:
        """Raise an alert, in the caller's transaction."""
        alerts.raise_alert(
            self._database,
            condition=condition,
            scope="everything",
            severity=severity,
            title=title,
            detail=detail,
            playbook="",
            finding_ids=(),
            by=authority.TELL.cited,
            at=self._clock.now(),
        )

    def _open(self, condition: str) -> alerts.Alert | None:
        return alerts.of(self._database, condition=condition, scope="everything")

    def _age(self, since: BootTime) -> float:
        return self._clock.boot().seconds_since(since) or 0.0
