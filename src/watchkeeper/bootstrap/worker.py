"""The control room's worker: it opens playbooks and incidents, records them, and tells what time alone brings about."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from watchkeeper.base import settings
from watchkeeper.base.clock import BootTime, Clock
from watchkeeper.base.database import DatabaseError
from watchkeeper.bootstrap.telling import Telling
from watchkeeper.bootstrap.unwritten import Writing
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.incidents import cases, checkpoints, keys, locks, push, repository
from watchkeeper.operation.playbooks import proofs, runs
from watchkeeper.operation.seals import log as logs
from watchkeeper.operation.seals import publish
from watchkeeper.operation.store import open_store

_TURN_SECONDS = 0.05
_SLOW_SECONDS = 1.0
_ANCHOR_SECONDS = 3600.0
_ALIVE_SECONDS = 60.0
_TROUBLE = (
    repository.RepositoryUnusable,
    repository.RecordRewritten,
    keys.KeyUnreadable,
    checkpoints.CheckpointWentBack,
    checkpoints.CheckpointMalformed,
)

_log = structlog.get_logger()


class Worker:
    """Turns rows of one stage into rows of the next. Belongs to one thread; sending has one of its own."""

    def __init__(self, data: Path, *, system_id: str, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._database = open_store(data, system_id=system_id)
        #: Whether its rounds are written; read by whoever tells of it when they are not.
        self.writing = Writing(clock=clock)
        self._telling = Telling(data, self._database, self.writing, system_id=system_id, clock=clock)
        self._turned: BootTime | None = None
        self._slow: BootTime | None = None
        self._anchored: BootTime | None = None
        table = settings.read(data).get("incidents", {})
        settings.known(table, frozenset({"remote"}), where="[incidents]")
        self._remote = settings.text(table, "remote", default="")

    def alive(self) -> bool:
        """Whether a turn came to an end lately."""
        age = None if self._turned is None else self._clock.boot().seconds_since(self._turned)
        return age is not None and age < _ALIVE_SECONDS

    def run(self, stopping: threading.Event) -> None:
        """Work until told to stop."""
        while not stopping.is_set():
            if not self.tried():
                stopping.wait(_SLOW_SECONDS)
            self._turned = self._clock.boot()
            stopping.wait(_TURN_SECONDS)
        self.close()

    def tried(self) -> bool:
        """One round; False when it could not be written, which is noted."""
        try:
            self.turn()
        except (DatabaseError, OSError) as error:
            _log.error("worker.failed", error=type(error).__name__, detail=str(error))
            self.writing.failed(error)
            return False
        return True

    def close(self) -> None:
        """Give the files back."""
        self._telling.close()
        self._database.close()

    def turn(self) -> None:
        """One round: playbooks, incidents, their commits; each second what time alone brings about."""
        at = self._clock.now()
        slow = self._slow is None or self._age(self._slow) >= _SLOW_SECONDS
        if slow:
            self._telling.listen()
        if self._something_new():
            with self._database.transaction("write"):
                runs.open_missing(self._database, at=at)
                cases.open_missing(self._database, at=at)
        self._commit()
        if slow:
            self._slow = self._clock.boot()
            with self._database.transaction("write"):
                # A round that has nothing to write says nothing of whether it could.
                self._database.execute(
                    "INSERT INTO worker_mark (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at",
                    (at,),
                )
                alerts.sweep(self._database, at=at)
                proofs.refresh(self._database, at=at)
            self._telling.tell()
            self._anchor()
            self._telling.tell_of_writing()

    def _commit(self) -> None:
        waiting = self._database.one("SELECT 1 FROM incident_files WHERE commit_sha IS NULL LIMIT 1")
        if waiting is None:
            return
        try:
            repository.commit_due(self._data, self._database, clock=self._clock)
        except locks.RepositoryBusy:
            return
        except _TROUBLE as error:
            self._telling.tell_of_records(error)
            return
        if self._remote:
            try:
                push.push(self._data, self._database, remote_url=self._remote, clock=self._clock)
            except push.PushFailed as error:
                self._telling.tell_of_records(error)

    def _age(self, since: BootTime) -> float:
        return self._clock.boot().seconds_since(since) or 0.0

    def _something_new(self) -> bool:
        row = self._database.one(
            "SELECT EXISTS (SELECT 1 FROM alerts a LEFT JOIN incident_alerts i ON i.alert_id = a.id "
            "WHERE i.alert_id IS NULL AND a.severity <> 'low'), EXISTS (SELECT 1 FROM alerts a "
            "LEFT JOIN playbook_runs r ON r.alert_id = a.id WHERE r.id IS NULL AND a.playbook <> '' "
            "AND a.state <> 'resolved')"
        )
        return row is not None and (row[0] == 1 or row[1] == 1)

    def _anchor(self) -> None:
        if self._anchored is not None and self._age(self._anchored) < _ANCHOR_SECONDS:
            return
        self._anchored = self._clock.boot()
        for log in logs.LOGS:
            text = publish.published(self._data, log)
            if text is not None:
                try:
                    repository.anchor_checkpoint(
                        self._data, self._database, log=log, checkpoint_text=text, clock=self._clock
                    )
                except locks.RepositoryBusy:
                    self._anchored = None
                except _TROUBLE as error:
                    self._telling.tell_of_records(error)
