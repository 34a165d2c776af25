"""The outbox: what is to be told on which channel, claimed by one sender at a time, retried until it is taken.

At least once: a sender that dies between sending and writing the receipt sends again under the same key. A claim is
bounded by boot time, so a clock that jumps neither loses nor floods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from watchkeeper.base.clock import BootTime, Clock, later
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.base.utid import base36
from watchkeeper.operation import authority
from watchkeeper.operation.alerts import life
from watchkeeper.operation.notifications import message
from watchkeeper.operation.notifications.channels import Channel, SendFailed
from watchkeeper.operation.notifications.message import Message

#: A claim older than this belonged to a sender that is gone.
CLAIM_SECONDS = 60.0
_BACKOFF_SECONDS = (1, 2, 5, 15, 30, 60)
#: So many failures in a row, and the path itself is an alert, told on the others.
FAILURES_ALERTED = 3
_QUEUED_AT_ONCE = 200

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try."""

    outbox_id: int
    channel: str
    delivered: bool
    text: str


def enqueue(database: SqliteDatabase, channels: Sequence[str], *, clock: Clock) -> int:
    """Queue every event that wants telling for every channel; opens its own transaction. How many rows it made."""
    if not channels:
        return 0
    at = clock.now()
    made = 0
    with database.transaction("write"):
        row = database.one("SELECT event_id FROM outbox_mark WHERE id = 1")
        mark = int(str(row[0])) if row else 0
        events = database.query(
            "SELECT id, tell FROM alert_events WHERE id > ? ORDER BY id LIMIT ?", (mark, _QUEUED_AT_ONCE)
        )
        for event_id, tell in events:
            for channel in channels if tell else ():
                made += database.execute(
                    "INSERT INTO outbox (event_id, channel, state, due_at, queued_at) VALUES (?, ?, 'waiting', ?, ?) "
                    "ON CONFLICT (event_id, channel) DO NOTHING",
                    (event_id, channel, at, at),
                )
        if events:
            database.execute("UPDATE outbox_mark SET event_id = ? WHERE id = 1", (events[-1][0],))
    return made


def send_due(
    database: SqliteDatabase, channels: Mapping[str, Channel], *, clock: Clock, link: str, limit: int = 20
) -> list[Outcome]:
    """Send what is due; opens its own transactions, none of them while it sends."""
    outcomes: list[Outcome] = []
    for _ in range(limit):
        claimed = _claim(database, channels, clock=clock)
        if claimed is None:
            break
        outbox_id, channel, token, told = claimed
        told = Message(told.key, told.event, told.alert, told.finding_ids, link)
        try:
            receipt = channels[channel].send(told)
        except SendFailed as error:
            outcomes.append(_failed(database, outbox_id, channel, token, str(error), clock=clock))
        except Exception as error:
            # A channel is somebody else's code; whatever it raises is a failure to deliver, and never ends the sender.
            outcomes.append(_failed(database, outbox_id, channel, token, type(error).__name__, clock=clock))
        else:
            with database.transaction("write"):
                database.execute(
                    "UPDATE outbox SET state = 'delivered', receipt = ?, delivered_at = ?, last_error = NULL "
                    "WHERE id = ? AND claimed_by = ? AND state = 'claimed'",
                    (receipt, clock.now(), outbox_id, token),
                )
                _path_works(database, channel, clock=clock)
            outcomes.append(Outcome(outbox_id, channel, True, receipt))
    return outcomes


def _claim(
    database: SqliteDatabase, channels: Mapping[str, Channel], *, clock: Clock
) -> tuple[int, str, str, Message] | None:
    now, boot = clock.now(), clock.boot()
    token = base36(12)
    with database.transaction("write"):
        _release_dead_claims(database, boot)
        marks = ", ".join("?" * len(channels))
        row = database.one(
            # A due time far ahead can only be a clock that was turned back: no try is ever that far away.
            "SELECT id, event_id, channel FROM outbox WHERE state = 'waiting' AND (due_at <= ? OR due_at > ?) "
            f"AND channel IN ({marks}) ORDER BY due_at LIMIT 1",
            (now, later(now, seconds=2 * _BACKOFF_SECONDS[-1]), *channels),
        )
        if row is None:
            return None
        outbox_id, event_id, channel = int(str(row[0])), int(str(row[1])), str(row[2])
        changed = database.execute(
            "UPDATE outbox SET state = 'claimed', claimed_by = ?, claimed_boot = ?, claimed_ns = ?, "
            "attempts = attempts + 1 WHERE id = ? AND state = 'waiting'",
            (token, boot.boot_id, boot.nanoseconds, outbox_id),
        )
        event = message.event(database, event_id)
        alert = None if event is None else life.get(database, event.alert_id)
        if changed != 1 or event is None or alert is None:
            return None
        found = message.findings_of(database, event)
    return outbox_id, channel, token, Message(f"wk-{outbox_id}-{event_id}", event, alert, found, "")


def _release_dead_claims(database: SqliteDatabase, boot: BootTime) -> None:
    database.execute(
        "UPDATE outbox SET state = 'waiting' WHERE state = 'claimed' AND (claimed_boot <> ? OR claimed_ns < ?)",
        (boot.boot_id, boot.nanoseconds - int(CLAIM_SECONDS * 1e9)),
    )


def _failed(
    database: SqliteDatabase, outbox_id: int, channel: str, token: str, error: str, *, clock: Clock
) -> Outcome:
    _log.warning("notification.failed", channel=channel, error=error)
    at = clock.now()
    with database.transaction("write"):
        row = database.one("SELECT attempts, event_id FROM outbox WHERE id = ?", (outbox_id,))
        attempts = int(str(row[0])) if row else 1
        pause = _BACKOFF_SECONDS[min(attempts, len(_BACKOFF_SECONDS)) - 1]
        database.execute(
            "UPDATE outbox SET state = 'waiting', due_at = ?, last_error = ? WHERE id = ? AND claimed_by = ? "
            "AND state = 'claimed'",
            (later(at, seconds=pause), error[:200], outbox_id, token),
        )
        if attempts == FAILURES_ALERTED and not _is_about_path(database, int(str(row[1])) if row else 0):
            life.raise_alert(
                database,
                condition="alert path",
                scope=f"channel:{channel}",
                severity="high",
                title=f"Channel {channel} does not take alerts",
                detail=f"{attempts} tries failed; the last one: {error}",
                playbook="",
                finding_ids=(),
                by=authority.TELL.cited,
                at=at,
            )
    return Outcome(outbox_id, channel, False, error)


def _is_about_path(database: SqliteDatabase, event_id: int) -> bool:
    """Whether this event itself tells of a broken path: that one must not raise the next."""
    row = database.one(
        "SELECT a.condition FROM alert_events e JOIN alerts a ON a.id = e.alert_id WHERE e.id = ?",
        (event_id,),
    )
    return row is not None and row[0] == "alert path"


def _path_works(database: SqliteDatabase, channel: str, *, clock: Clock) -> None:
    alert = life.of(database, condition="alert path", scope=f"channel:{channel}")
    if alert is not None:
        life.resolve(
            database,
            alert.id,
            by=authority.TELL.cited,
            reason="the channel takes messages again, as its receipt shows",
            causes=(),
            at=clock.now(),
        )
