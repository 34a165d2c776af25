"""What the market does by itself, each second: finish flips in the journal, obey the stop file, probe; form blocks and
deduct storage fees (`inventory/due.py`).

A flip is in force as soon as the gate says so. Its journal row follows under the same UTID; after a
crash between the two it is driven again from here.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import structlog

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Database, DatabaseBusy, DatabaseError
from watchkeeper.boundary import selftest
from watchkeeper.boundary.flips import Flip, flips, times_on
from watchkeeper.boundary.gate import STOP_FILE_NAME, Hold, Switch
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable, enabled
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.market.commands import Act, RecordFlip
from watchkeeper.market.execute import Executor
from watchkeeper.market.inventory.due import Due
from watchkeeper.market.offers.expiry import Expiry
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rounds import Rounds
from watchkeeper.market.rows import number
from watchkeeper.market.signin.erasure import erase_deleted
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.switching import Switching

_FLIPS_AT_ONCE = 100
_FLIPS_MAX = 100_000

_log = structlog.get_logger()


def record_act(flip: Flip, *, actor_id: int) -> Act:
    """The act that writes a flip into the journal; running it twice finds the first."""
    return Act(
        command=RecordFlip(
            flip_utid=flip.utid,
            switch=flip.switch.value,
            hold=flip.hold.value,
            action=flip.action,
            reason=flip.reason,
            journal_n=flip.journal_n,
        ),
        actor_id=actor_id,
        command_id=f"flip-{flip.utid}",
    )


class Housekeeping:
    """Belongs to the thread that writes the books."""

    def __init__(
        self, data: Path, *, system_id: str, books: Database, switching: Switching, clock: Clock
    ) -> None:
        self._stop_file = data / STOP_FILE_NAME
        self._gatefile = open_gate(data, system_id=system_id, role="market")
        self._lease = LeaseStore(data, system_id=system_id, role="market")
        self._books = books
        self._switching = switching
        self._clock = clock
        self._expiry = Expiry(books)
        self._recorded_to = 0
        self._due = Due(books, clock=clock)
        self._data = data
        self._system_id = system_id
        self._erased_to = 0
        self._rounds = Rounds(clock=clock)
        #: The gate's generation under which the features were last probed.
        self._probed_under = 0

    def tick(self, executor: Executor) -> None:
        """Obey the stop file, write the flips that have no journal row yet, do what is due by itself."""
        try:
            if self._stop_file.exists():
                self._obey_stop_file()
            self._record_flips(executor)
            self.keep_up(executor)
            self._erase_deleted()
        except (DatabaseError, GateUnreadable, GateBusy) as error:
            _log.error("housekeeping.failed", error=type(error).__name__, detail=str(error))

    def _erase_deleted(self) -> None:
        # From the first deletion on after each start: a crash may have come between the books and the identities.
        row = self._books.one(
            "SELECT 1 FROM user_steps WHERE step = 'deleted' AND id > ? LIMIT 1", (self._erased_to,)
        )
        if row is None:
            return
        identities = open_identities(self._data, system_id=self._system_id)
        try:
            self._erased_to = erase_deleted(identities, self._books, after=self._erased_to)
        finally:
            identities.close()

    def _obey_stop_file(self) -> None:
        with self._gatefile.shared() as database:
            _, holds, _ = self._gatefile.read(database)
        if (Switch.SHUTDOWN, Hold.OPERATOR) not in holds:
            self._switching.engage_for_stop_file()

    def keep_up(self, executor: Executor) -> None:
        """Give each of the market's own rounds its turn, and probe the features when the gate has changed."""
        with self._gatefile.shared() as database:
            generation, holds, _ = self._gatefile.read(database)
            passing = enabled(database)
            on = times_on(flips(database, limit=_FLIPS_MAX), Switch.PILOT_MODE)
        engaged = {switch for switch, _ in holds}
        if self._stop_file.exists():
            engaged.add(Switch.SHUTDOWN)
        turn = partial(self._rounds.turn, generation=generation, engaged=frozenset(engaged), enabled=passing)
        turn("offer expiry", lambda: self._expired(executor))
        turn("block forming", lambda: self._due.form_blocks(executor))
        turn(
            "storage fee",
            lambda: self._due.deduct_fees(executor, pilot_mode=on),
            rest=self._due.rest,
        )
        if generation != self._probed_under:
            self.probe_features(executor)

    def _expired(self, executor: Executor) -> None:
        self._expiry.run(executor.run, at=self._clock.now())

    def _record_flips(self, executor: Executor) -> None:
        with self._gatefile.shared() as database:
            waiting = flips(database, after=self._recorded_to, limit=_FLIPS_AT_ONCE)
        for flip in waiting:
            if self._books.one("SELECT 1 FROM journal WHERE utid = ?", (flip.utid,)) is None:
                row = self._books.one("SELECT id FROM users WHERE alias = ?", (flip.actor,))
                actor_id = SYSTEM_USER_ID if row is None else number(row[0])
                outcome = executor.run([record_act(flip, actor_id=actor_id)])[0]
                if isinstance(outcome, Refusal) and actor_id != SYSTEM_USER_ID:
                    # Whoever flipped it may have lost the account since; the flip stands and is recorded all the same.
                    outcome = executor.run([record_act(flip, actor_id=SYSTEM_USER_ID)])[0]
                if isinstance(outcome, Refusal):
                    _log.error("flip.unrecorded", utid=flip.utid, code=outcome.code)
                    return
            self._recorded_to = flip.number
        if waiting:
            self.probe(executor)

    def probe(self, executor: Executor) -> None:
        """Send a command through each switch that must refuse it, and all commands of every feature; store what happened."""
        self.probe_features(executor)
        for switch in Switch:
            try:
                result = executor.probe(switch)
                engaged, bites, detail = result.engaged, result.bites, result.refused_as or "passed"
            except (DatabaseError, GateUnreadable, GateBusy) as error:
                # Unknown is not fine, but a busy moment is no proof of a switch that does not bite: the old
                # probe stands and grows old, and the watch judges its age.
                _log.error("probe.failed", switch=switch.value, error=type(error).__name__)
                continue
            try:
                self._lease.record_probe(
                    switch=switch.value, engaged=engaged, bites=bites, detail=detail, clock=self._clock
                )
            except DatabaseError as error:
                _log.error("probe.unrecorded", switch=switch.value, detail=str(error))
        self._prove_writing(executor)

    def _prove_writing(self, executor: Executor) -> None:
        works, detail = True, ""
        try:
            executor.prove_writing()
        except DatabaseBusy as error:
            # Somebody else writes just now; the old proof stands and grows old.
            _log.warning("write_probe.busy", detail=str(error))
            return
        except DatabaseError as error:
            works, detail = False, str(error)
        try:
            self._lease.record_write(works=works, detail=detail, clock=self._clock)
        except DatabaseError as error:
            _log.error("write_probe.unrecorded", detail=str(error))

    def probe_features(self, executor: Executor) -> None:
        """Learn what every command of every feature would meet now, and store it with the turns of the market's rounds."""
        try:
            found = executor.probe_features()
            selftest.record(self._lease.database(), found, self._rounds.turns())
        except (DatabaseError, GateUnreadable, GateBusy) as error:
            # The old round stands and grows old, and the watch judges its age.
            _log.error("probe.failed", error=type(error).__name__, detail=str(error))
            return
        except Exception:
            # Whatever it was, the switches are probed all the same, and this round grows old.
            _log.exception("probe.failed")
            return
        self._probed_under = found.generation

    def close(self) -> None:
        """Give the files back."""
        self._gatefile.close()
        self._lease.close()
