"""The disk beneath the control room's store runs full: nothing is said to hold, nobody ends, and all goes on when there is room."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.disk import fill, small_disk
from tests.worlds.server import Cluster
from tests.worlds.system import System, running
from watchkeeper.operation.catalogue.conditions import UNWRITABLE

_MIB = 1024 * 1024


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(mib=176) as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, disk: Path) -> Iterator[System]:
    url = None
    if request.param == "postgresql":
        # The server has room; the control room has none.
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.database()
    with running(disk / "data", database_url=url) as found:
        yield found


def told(system: System, event: str, condition: str = "disk nearly full") -> list[str]:
    return [
        found["data"]["detail"]
        for found in list(system.webhook.events)
        if found["type"].endswith(event) and found["data"]["condition"] == condition
    ]


def written(system: System) -> list[tuple[object, ...]]:
    return system.store(f"SELECT state FROM alerts WHERE condition = '{UNWRITABLE}'")


def heard(system: System) -> bool:
    return bool((system.operator.overview()["watch"] or {}).get("heard"))


def test_nothing_holds_on_a_store_that_cannot_write(system: System, disk: Path) -> None:
    with (system.data / "settings.toml").open("a") as settings:
        settings.write("[deadlines]\ncontinuous_seconds = 10\n[thresholds]\nstore_unwritable_seconds = 5\n")
    until(lambda: "continuous 10 s" in system.operator.overview()["deadlines"], what="the deadlines are read")
    until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=60, what="all holds")
    # Nearly full: the lease is withheld while there is still room to say so.
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "less").write_bytes(b"x" * (free - 100 * _MIB))
    until(lambda: not heard(system), seconds=60, what="the watch withholds its lease")
    until(lambda: told(system, "raised"), seconds=60, what="it is told that there is little room")

    fill(disk / "ballast")
    number = system.operator.overview()["watch"]["watermark"]
    os.kill(system.pid("watch"), signal.SIGKILL)
    until(
        lambda: {view["verdict"] for view in system.operator.overview()["verdicts"]} == {"UNKNOWN"},
        seconds=60,
        what="nothing holds any more",
    )
    assert '"worst": "UNKNOWN"' in system.command("status", "--json", code=2)
    assert not heard(system)
    # What cannot be written is not sent as other alerts are, and is told all the same.
    until(
        lambda: told(system, "raised", UNWRITABLE), seconds=120, what="it is told that nothing can be written"
    )
    assert written(system) == []
    assert system.process is not None
    assert system.process.poll() is None, "whoever keeps the others alive has ended"

    for ballast in ("ballast", "less"):
        (disk / ballast).unlink()
    until(system.ready, seconds=120, what="the market goes on")
    until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=120, what="all holds again")
    until(lambda: heard(system), seconds=60, what="the watch is heard")
    assert system.operator.overview()["watch"]["watermark"] >= number
    until(lambda: told(system, "resolved"), seconds=60, what="it is told that there is room again")
    until(
        lambda: told(system, "resolved", UNWRITABLE),
        seconds=60,
        what="it is told that all can be written again",
    )
    assert written(system) == [("resolved",)]
    assert system.lock(system.traders[0])["utid"]
    until(lambda: Path(f"/proc/{system.pid('watch')}").exists(), what="its process id stands in its file")
