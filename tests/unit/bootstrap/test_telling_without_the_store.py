"""That the control room cannot write is told on the channels themselves, and stands on record when it can again."""

from __future__ import annotations

import base64
import os
import resource
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.books import TurnableClock
from tests.worlds.receivers import WebhookReceiver
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.base.database import DatabaseError, SqliteDatabase
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.direct_telling import AGAIN_SECONDS, DirectTelling
from watchkeeper.bootstrap.sending import Sender
from watchkeeper.bootstrap.worker import Worker
from watchkeeper.operation.catalogue.conditions import UNWRITABLE
from watchkeeper.operation.store import open_store, system_id_of


@dataclass(slots=True)
class Room:
    """A control room's worker whose store somebody else can hold, and the operator's webhook."""

    data: Path
    clock: TurnableClock
    worker: Worker
    another: SqliteDatabase
    telling: DirectTelling
    webhook: WebhookReceiver

    def held(self, seconds: float) -> None:
        """Somebody else writes for so long; the worker has tried."""
        self.passes(2)
        self.another.begin("write")
        assert not self.worker.tried()
        self.passes(seconds)

    def passes(self, seconds: float) -> None:
        self.clock.instant_offset += int(seconds * MICROSECONDS_PER_SECOND)
        self.clock.boot_offset_seconds += seconds

    def told(self) -> list[tuple[str, str]]:
        return [(event["type"], event["data"]["condition"]) for event in self.webhook.events]

    def written(self) -> list[tuple[object, ...]]:
        rows = self.another.query("SELECT severity, state FROM alerts WHERE condition = ?", (UNWRITABLE,))
        return [tuple(row) for row in rows]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    clock = TurnableClock()
    data = tmp_path / "data"
    setup.create(data, clock=clock)
    secret = secrets.token_bytes(24)
    webhook = WebhookReceiver(secret)
    webhook.start()
    (data / "keys" / "webhook.secret").write_text("whsec_" + base64.b64encode(secret).decode())
    (data / "keys" / "webhook.secret").chmod(0o600)
    (data / "settings.toml").write_text(
        # The first takes nothing: nobody listens there.
        "".join(
            f'[[notifications.channel]]\nkind = "webhook"\nname = "{name}"\nurl = "{url}"\nsecret_file = "keys/webhook.secret"\n'
            for name, url in (("gone", "http://127.0.0.1:1/"), ("pager", webhook.url))
        )
    )
    worker = Worker(data, system_id=system_id_of(data), clock=clock)
    assert worker.tried()
    another = open_store(data)
    telling = DirectTelling(data, worker.writing, clock=clock)
    yield Room(data, clock, worker, another, telling, webhook)
    another.close()
    worker.close()
    webhook.stop()


def test_it_is_told_once_and_again_after_ten_minutes_and_is_on_record_when_it_is_over(room: Room) -> None:
    room.held(61)
    room.telling.turn()
    room.telling.turn()
    assert room.told() == [("alert.raised", UNWRITABLE)]
    event = room.webhook.events[0]["data"]
    assert (event["severity"], event["scope"]) == ("critical", "everything")
    assert "locked" in event["detail"] or "busy" in event["detail"]
    room.passes(AGAIN_SECONDS + 1)
    room.telling.turn()
    assert room.told() == 2 * [("alert.raised", UNWRITABLE)]
    assert len(set(room.webhook.ids)) == 2, "a receiver that drops repeats would drop the second"

    room.another.rollback()
    assert room.worker.tried()
    assert room.written() == [("critical", "open")]
    room.telling.turn()
    assert len(room.told()) == 2
    room.passes(2)
    assert room.worker.tried()
    assert room.written() == [("critical", "resolved")]


def test_a_full_disk_is_noticed_by_a_round_that_has_nothing_to_say(room: Room) -> None:
    """It refuses nothing to who writes nothing: all that there is to tell was told before it was full."""
    room.passes(31)
    assert room.worker.tried()
    assert room.another.query("SELECT condition FROM alerts") == [("monitor silent",)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    room.passes(2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        # Not `tried`: it logs, into a file as well.
        with pytest.raises(DatabaseError) as refused:
            room.worker.turn()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    room.worker.writing.failed(refused.value)
    room.passes(61)
    room.telling.turn()
    assert room.told() == [("alert.raised", UNWRITABLE)]
    assert room.webhook.events[0]["data"]["alert"] is None, "there is no alert yet"


def test_what_was_told_comes_on_record_whatever_the_settings_say_by_then(room: Room) -> None:
    settings = room.data / "settings.toml"
    right = settings.read_text()
    settings.write_text(right + "[thresholds]\nstore_unwritable_seconds = 5\n")
    room.held(6)
    room.telling.turn()
    assert len(room.told()) == 1
    settings.write_text(right)
    room.another.rollback()
    assert room.worker.tried()
    assert room.written() == [("critical", "open")]


def test_a_sender_whose_channels_cannot_be_read_while_nothing_can_be_written_sends_again_later(
    room: Room,
) -> None:
    """It ended with the first of both, and nothing was sent any more until a restart."""
    secret = room.data / "keys" / "webhook.secret"
    kept = secret.read_bytes()
    secret.write_bytes(b"whsec_\xc3\xa9")
    sender = Sender(room.data, system_id=system_id_of(room.data), clock=room.clock)
    stopping = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stopping,), daemon=True)
    room.another.begin("write")
    thread.start()
    try:
        until(lambda: not room.worker.tried(), seconds=60, what="nothing can be written")
        room.another.rollback()
        until(
            lambda: room.another.query("SELECT 1 FROM alerts WHERE condition = 'settings wrong'"),
            seconds=60,
            what="the settings are told of",
        )
        secret.write_bytes(kept)
        os.utime(room.data / "settings.toml", (1, 1))
        until(lambda: ("alert.raised", "settings wrong") in room.told(), seconds=60, what="it sends again")
        assert thread.is_alive()
    finally:
        stopping.set()
        thread.join(60)


def test_a_busy_moment_is_nothing_to_tell(room: Room) -> None:
    room.held(59)
    room.telling.turn()
    room.another.rollback()
    assert room.worker.tried()
    room.passes(2)
    room.telling.turn()
    assert room.told() == []
    assert room.written() == []


def test_each_time_is_told_anew(room: Room) -> None:
    for _ in range(2):
        room.held(61)
        room.telling.turn()
        room.another.rollback()
        assert room.worker.tried()
        room.telling.turn()
        room.passes(2)
        assert room.worker.tried()
    assert len(room.told()) == 2


def test_the_settings_say_after_how_long_and_wrong_ones_change_nothing(room: Room) -> None:
    settings = room.data / "settings.toml"
    right = settings.read_text()
    room.held(6)
    room.telling.turn()
    assert room.told() == []
    settings.write_text(right + "[thresholds]\nstore_unwritable_seconds = 1\n")
    room.telling.turn()
    assert room.told() == [], "less than it may be is not taken"
    settings.write_text(right + "[thresholds]\nstore_unwritable_seconds = 5\n")
    room.telling.turn()
    assert len(room.told()) == 1
    room.another.rollback()


def test_channels_that_cannot_be_read_end_nothing(room: Room) -> None:
    room.held(61)
    (room.data / "keys" / "webhook.secret").unlink()
    room.telling.turn()
    assert room.told() == []
    room.another.rollback()
    assert room.worker.tried()
    assert room.written() == [("critical", "open")]
