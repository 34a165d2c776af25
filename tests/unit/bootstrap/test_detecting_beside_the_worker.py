"""The detectors' thread goes on whatever happens in it, and what is told as one is not told once more by the worker."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from tests.waiting import until
from tests.worlds.detecting import Post
from tests.worlds.watched import Room
from watchkeeper.base.database import Database
from watchkeeper.bootstrap import addresses
from watchkeeper.bootstrap.addresses import Addresses
from watchkeeper.bootstrap.detecting import Detecting, published
from watchkeeper.bootstrap.worker import Worker
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.detectors import looks, telling
from watchkeeper.operation.detectors.model import Gone, Look, Plain
from watchkeeper.operation.detectors.model import Post as Watching
from watchkeeper.operation.incidents import repository


class Clumsy(Plain):
    """A detector that cannot write what it has to remember."""

    name = "clumsy"
    every_seconds = 0.0

    def __init__(self) -> None:
        self.looked = 0

    def look(self, _: Watching, __: Mapping[str, int]) -> Look:
        self.looked += 1
        return Look()

    def keep(self, database: Database) -> None:
        database.execute("INSERT INTO detector_marks (detector, name, value) VALUES ('clumsy', 'half', 1)")
        raise KeyError("the test's")


def test_what_goes_wrong_in_a_turn_is_undone_and_the_thread_goes_on(data: Path) -> None:
    post = Post(data)
    clumsy = Clumsy()
    detecting = Detecting(data, system_id=post.system_id, clock=post.clock, detectors=[clumsy])
    assert not detecting.alive()
    stopping = threading.Event()
    thread = threading.Thread(target=detecting.run, args=(stopping,), daemon=True)
    thread.start()
    until(lambda: clumsy.looked >= 2, what="a second look after the first went wrong")
    assert detecting.alive()
    assert thread.is_alive()
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    assert looks.seen(post.database, "clumsy", clock=post.clock) is None
    assert looks.marks(post.database, "clumsy") == {}
    # A thread that hangs is not alive, and the supervisor is not told that it is.
    post.passes(seconds=61)
    assert not detecting.alive()
    post.close()


def test_a_silent_watch_that_is_told_with_other_tiers_is_not_told_by_itself_until_that_is_over(
    room: Room,
) -> None:
    repository.create(room.data, system_id=room.system_id, clock=room.clock)
    worker = Worker(room.data, system_id=room.system_id, clock=room.clock)

    def silent() -> list[str]:
        room.clock.boot_offset_seconds += 31
        worker.turn()
        return [a.condition for a in alerts.listed(room.database)]

    together = Sign("several tiers failed", "everything", "the test's")
    with room.database.transaction("write"):
        telling.tell(room.database, together, at=room.clock.now())
    assert silent() == ["several tiers failed"]
    with room.database.transaction("write"):
        telling.end(room.database, [Gone(together.condition, together.scope, "over")], at=room.clock.now())
    assert silent() == ["monitor silent"]
    worker.close()


def test_the_published_addresses_are_where_people_are_sent(tmp_path: Path) -> None:
    assert published(tmp_path) == {}
    addresses.write(tmp_path, Addresses("http://127.0.0.1:1", "http://127.0.0.1:2"))
    assert published(tmp_path) == {"market": "http://127.0.0.1:1/", "control": "http://127.0.0.1:2/"}
    (tmp_path / "settings.toml").write_text('[market]\npublic_address = "https://market.example.org"\n')
    assert published(tmp_path)["public"] == "https://market.example.org/"
    (tmp_path / "settings.toml").write_text("nothing that can be read")
    assert set(published(tmp_path)) == {"market", "control"}
