"""The server's disk full beneath a running system: refused, told by webhook, and all goes on when there is room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.server.test_the_server_dies import own_cluster
from tests.waiting import until
from tests.worlds.disk import fill, small_disk
from tests.worlds.server import Cluster
from tests.worlds.system import REASON, System, running
from watchkeeper.base.database import open_database, server
from watchkeeper.bootstrap.demo.client import Refused


@pytest.fixture
def disk() -> Iterator[Path]:
    """A disk of its own that a server can fill."""
    with small_disk(mib=200) as found:
        yield found


def told(system: System, event: str) -> list[dict[str, Any]]:
    return [
        found["data"]
        for found in list(system.webhook.events)
        if found["data"]["condition"] == "server full" and found["type"].endswith(event)
    ]


def test_the_operator_is_told_that_the_servers_disk_is_full(tmp_path: Path, disk: Path) -> None:
    with (
        own_cluster(disk) as cluster,
        running(tmp_path / "data", database_url=cluster.database()) as system,
    ):
        assert not told(system, "raised")
        # A segment of the log with room in it, so that the server lives on with a full disk.
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CHECKPOINT")
        ballast = disk / "ballast"
        fill(ballast)
        until(lambda: told(system, "raised"), seconds=60, what="the operator is told")
        assert system.operator.overview()["verdicts"]
        until(
            lambda: _refused(system) in ("busy", "capability-blocked"), seconds=120, what="the books refuse"
        )
        ballast.unlink()
        _alive(cluster)
        until(system.ready, seconds=90, what="the market is ready again")
        until(lambda: _refused(system) is None, seconds=60, what="answers again")
        until(lambda: told(system, "resolved"), seconds=60, what="the operator is told that it is over")
        until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=90, what="all holds")
        assert system.lock(system.traders[0])["utid"]


def test_room_is_measured_by_any_role_and_leaves_nothing(folder: Path, postgresql: Cluster) -> None:
    for role in ("market", "watch", "control"):
        database = open_database(folder, "lease", role=role)
        assert server.no_room(database) == ""
        assert not database.in_transaction
        database.close()


def _refused(system: System) -> str | None:
    """The code with which a notice, which nothing paces or caps, is refused, or None."""
    said: dict[str, object] = {
        "kind": "role_based",
        "role": "farmer",
        "text": "The store is open.",
        "reason": REASON,
    }
    try:
        system.admin.post("/v1/notices", said)
    except Refused as refused:
        return str(refused)
    return None


def _alive(cluster: Cluster) -> None:
    """The server may have stopped itself for want of space; it is started as an operator would."""
    assert cluster.process is not None
    if cluster.process.poll() is not None or not cluster.accepts():
        cluster.stop()
        cluster.start()
