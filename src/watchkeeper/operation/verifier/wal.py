"""PostgreSQL's own write-ahead log, read as it grows: who updates or deletes rows of an append-only table is in it, at once
and whatever is switched off in a session.

Read through `pg_walinspect`, which comes with the server; where it is not installed, or the watch may not use it, the
server's counts have to do, which come some seconds later. What is seen here only calls for a full pass: the pass says
which rows. What cannot be followed calls for one as well, and for another when all that was under way then has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from watchkeeper.base.database import Database, DatabaseBusy, DatabaseError

#: Read at most so much at a look; what is left waits for the next, a moment later.
_BYTES_MAX = 16 * 1024 * 1024
#: Transactions that are followed at once, and changes (a transaction and a table) that are taken from one look.
_PENDING_MAX = 1000
_CHANGES_MAX = 10_000
#: Which transaction changed rows of which file, among the files named in the pattern; the market updates others all day.
_CHANGES = (
    "SELECT DISTINCT xid::text, substring(block_ref FROM ' rel [0-9/]+') FROM {records} "
    "WHERE resource_manager = 'Heap' AND record_type ~ '^(UPDATE|HOT_UPDATE|DELETE|INPLACE)' "
    "AND block_ref ~ ? LIMIT ?"
)
_RECORDS = "walinspect.pg_get_wal_records_info(?::pg_lsn, ?::pg_lsn)"

_log = structlog.get_logger()


@dataclass(slots=True)
class WalTail:
    """Follows the log from where it stood at the first look."""

    usable: bool = True
    pending_max: int = _PENDING_MAX
    changes_max: int = _CHANGES_MAX
    _read_to: str = ""
    #: Transactions that changed such rows and may not have ended: 32-bit id -> the table.
    _pending: dict[int, str] = field(default_factory=dict)
    #: Something was missed, and its transaction may commit as long as one older than this is under way; 0 for nothing.
    _missed: bool = False
    _missed_before: int = 0

    def look(self, database: Database, files: Mapping[int, str]) -> list[str]:
        """What committed since the last look changed rows of these tables, given as file number -> name. Outside a snapshot."""
        if not self.usable:
            return []
        try:
            return self._look(database, files)
        except DatabaseBusy:
            return []
        except DatabaseError as error:
            text = str(error)
            if "could not find a valid record" in text or "could not read WAL" in text:
                # Nothing whole to read yet.
                return []
            if "does not exist" in text or "permission denied" in text:
                self.usable = False
                _log.warning("wal.not_readable", detail=text[:200])
                return []
            # Its beginning is gone, for one: what was missed is looked for row by row.
            self._read_to = ""
            self._missed = True
            return [f"the server's log was lost sight of: {text[:100]}"]

    def _look(self, database: Database, files: Mapping[int, str]) -> list[str]:
        row = database.one(
            "SELECT pg_current_wal_flush_lsn()::text, "
            "least(pg_current_wal_flush_lsn(), ?::pg_lsn + ?::numeric)::text, "
            "(SELECT oid::bigint FROM pg_database WHERE datname = current_database()), "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint, "
            "pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            (self._read_to or "0/0", _BYTES_MAX),
        )
        if row is None:
            return []
        end, bounded, base, next_xid = str(row[0]), str(row[1]), int(str(row[2])), int(str(row[3]))
        reasons: list[str] = []
        if not self._read_to:
            self._read_to = end
        elif bounded != self._read_to and files:
            reasons = self._read(database, files, base, bounded)
        reasons += self._ended(database, next_xid)
        return reasons + self._ended_unseen(database, oldest_xid=int(str(row[4])))

    def _read(self, database: Database, files: Mapping[int, str], base: int, bounded: str) -> list[str]:
        span = (self._read_to, bounded)
        last = database.one(f"SELECT max(end_lsn)::text FROM {_RECORDS}", span)
        pattern = f" rel [0-9]+/{base}/({'|'.join(map(str, files))}) "
        changes = database.query(
            _CHANGES.replace("{records}", _RECORDS), (*span, pattern, self.changes_max + 1)
        )
        whole = len(changes) <= self.changes_max
        for xid, block in changes:
            table = files.get(_file_of(str(block), base))
            if table is None:
                continue
            if len(self._pending) < self.pending_max:
                self._pending[int(str(xid))] = table
            elif int(str(xid)) not in self._pending:
                whole = False
        if last is not None and last[0] is not None:
            self._read_to = str(last[0])
        if whole:
            return []
        self._missed, self._missed_before = True, 0
        return ["the server's log was lost sight of: more was changed at once than is followed"]

    def _ended_unseen(self, database: Database, *, oldest_xid: int) -> list[str]:
        # Once all that was under way when something was missed has ended, a pass can see it.
        if not self._missed:
            return []
        if not self._missed_before:
            # A number of our own is the only one that is above all that were given out before.
            row = database.one("SELECT pg_current_xact_id()::text::bigint")
            self._missed_before = 0 if row is None else int(str(row[0]))
            return []
        if oldest_xid < self._missed_before:
            return []
        self._missed, self._missed_before = False, 0
        return ["the server's log was lost sight of: what was under way then has ended"]

    def _ended(self, database: Database, next_xid: int) -> list[str]:
        found: list[str] = []
        for xid, table in list(self._pending.items()):
            status = database.one("SELECT pg_xact_status(?::text::xid8)", (str(_whole(xid, next_xid)),))
            if status == ("in progress",):
                continue
            del self._pending[xid]
            if status != ("aborted",):
                found.append(f"rows of {table} were changed")
        return sorted(set(found))


def _whole(xid: int, near: int) -> int:
    """All 64 bits of a transaction's number, of which the log has 32: the one that lies nearest."""
    ahead = (xid - near) % 2**32
    return near + (ahead if ahead < 2**31 else ahead - 2**32)


def _file_of(block_reference: str, base: int) -> int:
    """The file number in a block reference of this database, -1 for others: `blkref #0: rel 1663/16384/16400 fork ...`."""
    _, _, rest = block_reference.partition(" rel ")
    parts = rest.partition(" ")[0].split("/")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts) or int(parts[1]) != base:
        return -1
    return int(parts[2])
