"""The server killed, its backends ended, its disk full: refused, told, recovered; nothing answered is lost."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.waiting import until
from tests.worlds.books import REASON, Market
from tests.worlds.server import Cluster
from tests.worlds.system import running
from watchkeeper.base.database import places
from watchkeeper.market.commands import Act, Answer, InviteUser
from watchkeeper.market.refusals import Refusal


@contextlib.contextmanager
def own_cluster(parent: Path | None = None) -> Iterator[Cluster]:
    """A server that this test may kill."""
    folder = Path(tempfile.mkdtemp(prefix="watchkeeper-pg-", dir=parent))
    folder.chmod(0o755)
    cluster = Cluster(folder)
    cluster.make()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Writer:
    """Invitations, one after the other, from a thread; keeps what was answered under which key."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.answered: dict[str, str] = {}
        self.refused: set[str] = set()
        self.attempts = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._leased = 0.0

    def _work(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            self.one(f"key-{number}")

    def one(self, key: str) -> Answer | Refusal:
        if time.monotonic() - self._leased > 1:
            with contextlib.suppress(Exception):
                # The lease lies on the same server.
                self._market.keep_lease()
            self._leased = time.monotonic()
        act = Act(
            command=InviteUser(role="farmer", reason=REASON),
            actor_id=self._market.admin_id,
            command_id=f"{key}-{time.monotonic_ns()}",
            idempotency_key=key,
            body_digest="b",
        )
        outcome = self._market.executor.run([act])[0]
        self.attempts += 1
        if isinstance(outcome, Answer):
            self.answered[key] = outcome.utid
        else:
            self.refused.add(outcome.code)
        return outcome

    def start(self) -> None:
        self._thread.start()

    def goes_on(self, when: str) -> None:
        """Wait until some more were answered."""
        before = len(self.answered)
        until(lambda: len(self.answered) > before + 3, seconds=60, what=f"answers at {when}")

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)


def complete(market: Market, writer: Writer) -> None:
    """Every answer stands, once; the journal is dense."""
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:
        stands: dict[str, str] = dict(
            connection.execute(
                "SELECT idempotency_key, utid FROM journal WHERE idempotency_key IS NOT NULL"
            ).fetchall()
        )
        count, last = connection.execute("SELECT count(*), max(n) FROM journal").fetchone() or (0, 0)
    assert count == last
    assert {key: stands.get(key) for key in writer.answered} == writer.answered


def test_kill_nine_of_the_server_while_clients_write(tmp_path: Path, rounds: Callable[[int], int]) -> None:
    draw = random.Random(3)
    with own_cluster() as cluster:
        data = tmp_path / "data"
        cluster.prepare(data)
        market = Market(data)
        writer = Writer(market)
        writer.start()
        for number in range(rounds(100)):
            writer.goes_on(f"round {number}")
            threading.Event().wait(draw.random() * 0.05)
            _kill(cluster)
            cluster.start()
        writer.goes_on("the last start")
        writer.stop()
        complete(market, writer)
        assert writer.refused <= {"busy", "capability-blocked", "monitor-silent"}
        market.close()


def _kill(cluster: Cluster) -> None:
    process = cluster.process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.kill()
    process.wait(30)
    # Backends see that the postmaster is gone and end; a new one refuses to start before they have.
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    until(
        lambda: not any(Path(f"/proc/{child}").exists() for child in children), what="every backend is gone"
    )


@pytest.mark.parametrize("how", ["pg_terminate_backend", "kill -9 of a backend"])
def test_backends_that_are_ended_while_clients_write(
    folder: Path, tmp_path: Path, how: str, rounds: Callable[[int], int]
) -> None:
    del tmp_path
    market = Market(folder)
    writer = Writer(market)
    writer.start()
    url = places.addresses(folder)["owner"]
    role = "(SELECT current_database() || '_market')"
    ended = 0
    for number in range(rounds(100)):
        writer.goes_on(f"round {number}")
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(url, autocommit=True) as connection,
        ):
            ids = connection.execute(
                f"SELECT pid FROM pg_stat_activity WHERE usename = {role} AND datname = current_database()"
            ).fetchall()
            ended += bool(ids)
            for (pid,) in ids:
                if how.startswith("kill"):
                    # The server takes the death of a backend for a crash and starts itself anew.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                    break
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
    writer.goes_on("the end")
    writer.stop()
    # A round may find the backend of the round before still on its way back, and nobody to end.
    assert ended > rounds(100) // 2
    complete(market, writer)
    assert writer.refused <= {"busy", "capability-blocked", "monitor-silent"}
    market.close()


def test_a_full_disk_refuses_and_what_was_answered_stands(tmp_path: Path) -> None:
    disk = Path(tempfile.mkdtemp(prefix="watchkeeper-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs", str(disk)], check=True)
    try:
        with own_cluster(disk) as cluster:
            data = tmp_path / "data"
            cluster.prepare(data)
            market = Market(data)
            writer = Writer(market)
            for number in range(20):
                assert isinstance(writer.one(f"before-{number}"), Answer)
            ballast = disk / "ballast"
            _fill(ballast)
            refused = 0
            for number in range(5000):
                if isinstance(writer.one(f"full-{number}"), Refusal):
                    refused += 1
                    if refused > 3:
                        break
            assert refused > 3, "the disk was never full"
            assert writer.refused <= {"busy", "capability-blocked"}
            ballast.unlink()
            # The server may have stopped itself for want of space; it is started as an operator would.
            assert cluster.process is not None
            if cluster.process.poll() is not None or not cluster.accepts():
                cluster.stop()
                cluster.start()
            until(
                lambda: isinstance(writer.one(f"after-{time.monotonic_ns()}"), Answer),
                seconds=60,
                what="answers again",
            )
            complete(market, writer)
            market.close()
    finally:
        subprocess.run(["umount", str(disk)], check=False)
        disk.rmdir()


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 65536)


def test_the_operator_is_told_that_the_server_is_gone_and_all_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with (
        own_cluster() as cluster,
        running(tmp_path / "data", database_url=cluster.database()) as system,
    ):
        assert system.lock(system.traders[0])["utid"]
        _kill(cluster)
        until(
            lambda: any(e["data"]["condition"] == "monitor silent" for e in system.webhook.events),
            seconds=90,
            what="the operator is told",
        )
        assert "UNKNOWN" in system.command("status", code=2)
        assert "UNKNOWN" in system.command("check", code=2)
        cluster.start()
        until(system.ready, seconds=90, what="the market is ready again")
        until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=90, what="all holds again")
        assert system.lock(system.traders[0])["utid"]
