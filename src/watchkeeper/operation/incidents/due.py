"""What the repository still has to get, as rows: files and checkpoints due, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database

_EVENT_CHARACTERS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class DueFile:
    """A record's file that has no commit yet, with its bytes as they were fixed."""

    id: int
    incident_id: str
    name: str
    message: str
    content: str
    content_digest: str
    due_at: Instant
    claim: str

    @property
    def path(self) -> str:
        """Its path within the repository."""
        return f"{self.incident_id}/{self.name}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint of a log that the repository witnesses."""

    id: int
    log: str
    size: int
    text: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the repository itself."""

    id: int
    at: Instant
    kind: str
    head: str | None
    detail: str


_DUE = "id, incident_id, name, message, content, content_digest, due_at, coalesce(claim, '')"
_ANCHOR = "id, log, size, text, at"


def _integer(value: object) -> int:
    return int(str(value))


def _path(incident_id: object, name: object) -> str:
    return f"{incident_id}/{name}"


def file_ids(database: Database, *, limit: int) -> list[int]:
    """Files without a commit, in the order in which they were written."""
    rows = database.query(
        "SELECT id FROM incident_files WHERE commit_sha IS NULL ORDER BY id LIMIT ?", (limit,)
    )
    return [_integer(row[0]) for row in rows]


def claim(database: Database, file_id: int, *, token: str) -> DueFile | None:
    """Take a file to commit it, in the caller's transaction; None when it has its commit already.

    An earlier claim is taken over: its worker is dead, or it would still be the only one at work.
    """
    row = database.one(f"SELECT {_DUE} FROM incident_files WHERE id = ? AND commit_sha IS NULL", (file_id,))
    if row is None:
        return None
    changed = database.execute(
        "UPDATE incident_files SET claim = ? WHERE id = ? AND commit_sha IS NULL AND coalesce(claim, '') = ?",
        (token, file_id, row[7]),
    )
    if changed != 1:
        return None
    return DueFile(
        _integer(row[0]),
        str(row[1]),
        str(row[2]),
        str(row[3]),
        str(row[4]),
        str(row[5]),
        Instant(_integer(row[6])),
        token,
    )


def set_committed(database: Database, file: DueFile, *, commit_sha: str) -> bool:
    """Note the commit of a claimed file; whether the claim still stood."""
    changed = database.execute(
        "UPDATE incident_files SET commit_sha = ? WHERE id = ? AND commit_sha IS NULL AND claim = ?",
        (commit_sha, file.id, file.claim),
    )
    return changed == 1


def newest_committed(database: Database) -> tuple[str, str] | None:
    """Path and content digest of the last file that got a commit."""
    row = database.one(
        "SELECT incident_id, name, content_digest FROM incident_files WHERE commit_sha IS NOT NULL "
        "ORDER BY id DESC LIMIT 1"
    )
    return None if row is None else (_path(row[0], row[1]), str(row[2]))


def committed(database: Database, *, before: int | None, limit: int) -> list[tuple[int, str, str]]:
    """Number, path and content digest of files with a commit, newest first, below number `before`."""
    rows = database.query(
        "SELECT id, incident_id, name, content_digest FROM incident_files WHERE commit_sha IS NOT NULL "
        "AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
        (before, before, limit),
    )
    return [(_integer(row[0]), _path(row[1], row[2]), str(row[3])) for row in rows]


def set_missing(database: Database, file_id: int) -> None:
    """The repository has lost this file's commit: it is due again."""
    database.execute("UPDATE incident_files SET commit_sha = NULL, claim = NULL WHERE id = ?", (file_id,))


def newest_anchor(database: Database, log: str) -> Anchor | None:
    """The largest checkpoint known of this log, committed or not."""
    row = database.one(
        f"SELECT {_ANCHOR} FROM incident_anchors WHERE log = ? ORDER BY size DESC LIMIT 1", (log,)
    )
    return None if row is None else _anchor(row)


def waiting_anchors(database: Database) -> list[Anchor]:
    """For each log the largest checkpoint, where it has no commit yet."""
    rows = database.query(
        f"SELECT {_ANCHOR} FROM incident_anchors a WHERE commit_sha IS NULL AND size = "
        "(SELECT max(size) FROM incident_anchors b WHERE b.log = a.log) ORDER BY log LIMIT 2"
    )
    return [_anchor(row) for row in rows]


def _anchor(row: tuple[object, ...]) -> Anchor:
    return Anchor(_integer(row[0]), str(row[1]), _integer(row[2]), str(row[3]), Instant(_integer(row[4])))


def insert_anchor(database: Database, *, log: str, size: int, text: str, at: Instant) -> None:
    """Store a checkpoint that is to be anchored."""
    last = database.one("SELECT coalesce(max(id), 0) FROM incident_anchors")
    database.execute(
        f"INSERT INTO incident_anchors ({_ANCHOR}) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (1 + _integer(last[0] if last else 0), log, size, text, at),
    )


def set_anchored(database: Database, anchor: Anchor, *, commit_sha: str) -> None:
    """Note the commit of a checkpoint; it stands for the smaller ones of its log too."""
    database.execute(
        "UPDATE incident_anchors SET commit_sha = ? WHERE log = ? AND size <= ? AND commit_sha IS NULL",
        (commit_sha, anchor.log, anchor.size),
    )


def newest_committed_anchors(database: Database) -> list[Anchor]:
    """For each log the largest checkpoint that got a commit."""
    rows = database.query(
        f"SELECT {_ANCHOR} FROM incident_anchors a WHERE commit_sha IS NOT NULL AND size = "
        "(SELECT max(size) FROM incident_anchors b WHERE b.log = a.log AND b.commit_sha IS NOT NULL) "
        "ORDER BY log LIMIT 2"
    )
    return [_anchor(row) for row in rows]


def set_anchor_missing(database: Database, anchor: Anchor) -> None:
    """The repository has lost this checkpoint's commit: it is due again."""
    database.execute("UPDATE incident_anchors SET commit_sha = NULL WHERE id = ?", (anchor.id,))


def note_event(
    database: Database, *, kind: str, head: str | None, detail: str, at: Instant, once: bool = False
) -> None:
    """Append what happened to the repository; with `once` not what its kind's last event says."""
    detail = detail[:_EVENT_CHARACTERS_MAX]
    before = database.one(
        "SELECT head, detail FROM incident_repository_events WHERE kind = ? ORDER BY id DESC LIMIT 1", (kind,)
    )
    if once and before == (head, detail):
        return
    last = database.one("SELECT coalesce(max(id), 0) FROM incident_repository_events")
    database.execute(
        "INSERT INTO incident_repository_events (id, at, kind, head, detail) VALUES (?, ?, ?, ?, ?)",
        (1 + _integer(last[0] if last else 0), at, kind, head, detail),
    )


def events(database: Database, *, kind: str | None = None, limit: int = 100) -> list[Event]:
    """What happened to the repository, newest first."""
    rows = database.query(
        "SELECT id, at, kind, head, detail FROM incident_repository_events WHERE (? IS NULL OR kind = ?) "
        "ORDER BY id DESC LIMIT ?",
        (kind, kind, limit),
    )
    return [
        Event(
            _integer(row[0]),
            Instant(_integer(row[1])),
            str(row[2]),
            None if row[3] is None else str(row[3]),
            str(row[4]),
        )
        for row in rows
    ]
