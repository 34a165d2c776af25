"""PostgreSQL's own write-ahead log, read as it grows: who updates or deletes rows of an append-only table is in it, at once
and whatever is switched off in a session.

Read through `pg_walinspect`, which comes with the server; where it is not installed, or the watch may not use it, the
server's counts have to do, which come some seconds later. What is seen here only calls for a full pass: the pass says
which rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from watchkeeper.base.database import Database, DatabaseBusy, DatabaseError

#: Read at most so much at a look; what is left waits for the next, a moment later.
_BYTES_MAX = 16 * 1024 * 1024
_PENDING_MAX = 1000
_RECORDS_MAX = 10_000
_CHANGES = (
    "SELECT DISTINCT xid::text, block_ref FROM {records} WHERE resource_manager = 'Heap' "
    "AND record_type ~ '^(UPDATE|HOT_UPDATE|DELETE|INPLACE)' LIMIT ?"
)
_RECORDS = "walinspect.pg_get_wal_records_info(?::pg_lsn, ?::pg_lsn)"

_log = structlog.get_logger()


@dataclass(slots=True)
class WalTail:
    """Follows the log from where it stood at the first look."""

    usable: bool = True
    _read_to: str = ""
    #: Transactions that changed such rows and may not have ended: 32-bit id -> the table.
    _pending: dict[int, str] = field(default_factory=dict)

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
            return [f"the server's log was lost sight of: {text[:100]}"]

    def _look(self, database: Database, files: Mapping[int, str]) -> list[str]:
        row = database.one(
            "SELECT pg_current_wal_flush_lsn()::text, "
            "least(pg_current_wal_flush_lsn(), ?::pg_lsn + ?::numeric)::text, "
            "(SELECT oid::bigint FROM pg_database WHERE datname = current_database()), "
            "pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
            (self._read_to or "0/0", _BYTES_MAX),
        )
        if row is None:
            return []
        end, bounded, base, next_xid = str(row[0]), str(row[1]), int(str(row[2])), int(str(row[3]))
        if not self._read_to:
            self._read_to = end
            return []
        if bounded != self._read_to:
            span = (self._read_to, bounded)
            last = database.one(f"SELECT max(end_lsn)::text FROM {_RECORDS}", span)
            for xid, block in database.query(_CHANGES.replace("{records}", _RECORDS), (*span, _RECORDS_MAX)):
                table = files.get(_file_of(str(block), base))
                if table is not None and len(self._pending) < _PENDING_MAX:
                    self._pending[int(str(xid))] = table
            if last is not None and last[0] is not None:
                self._read_to = str(last[0])
        return self._ended(database, next_xid)

    def _ended(self, database: Database, next_xid: int) -> list[str]:
        found: list[str] = []
        for xid, table in list(self._pending.items()):
            epoch = next_xid >> 32
            whole = (epoch << 32 | xid) if xid <= next_xid % 2**32 else ((epoch - 1) << 32 | xid)
            status = database.one("SELECT pg_xact_status(?::text::xid8)", (str(whole),))
            if status == ("in progress",):
                continue
            del self._pending[xid]
            if status != ("aborted",):
                found.append(f"rows of {table} were changed")
        return sorted(set(found))


def _file_of(block_reference: str, base: int) -> int:
    """The file number in a block reference of this database, -1 for others: `blkref #0: rel 1663/16384/16400 fork ...`."""
    _, _, rest = block_reference.partition(" rel ")
    parts = rest.partition(" ")[0].split("/")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts) or int(parts[1]) != base:
        return -1
    return int(parts[2])
