"""A synchronous standby, promoted while clients write: nothing answered is lost, and nothing passes until it is confirmed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import LONG
from tests.server.test_the_server_dies import Writer, complete, own_cluster
from tests.waiting import until
from tests.worlds.books import Market
from tests.worlds.server import Cluster
from watchkeeper.base.database import places
from watchkeeper.base.database.places import Role
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateUnreadable
from watchkeeper.boundary.views import Views
from watchkeeper.market.refusals import Refusal


class Pair:
    """A primary and its standby; after a promotion a new standby is made from what was promoted."""

    def __init__(self, primary: Cluster) -> None:
        self.primary = primary
        self._name = primary.folder.name
        self.ports = (primary.port, 0)
        self.standby = self._cluster("standby-0")
        self.ports = (primary.port, self.standby.port)
        self._made = 0

    def _cluster(self, name: str, port: int | None = None) -> Cluster:
        folder = self.primary.folder.parent / f"{self._name}-{name}"
        folder.mkdir(mode=0o755)
        if self.primary.user is not None:
            shutil.chown(folder, self.primary.user)
        return Cluster(folder, port=port)

    def follow(self) -> None:
        """Make the standby from the primary, and have every commit wait for it."""
        self.standby.run(
            "pg_basebackup", "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", "super", "-D",
            str(self.standby.data), "-R", "-X", "stream", "-c", "fast",
        )  # fmt: skip
        self.standby.start()
        with self._super(self.primary) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            until(
                lambda: (
                    connection.execute("SELECT sync_state FROM pg_stat_replication").fetchone() == ("sync",)
                ),
                what="the standby follows",
            )

    def fail_over(self, *, killed: Callable[[], None]) -> None:
        """Kill the primary, tell that it is `killed`, promote the standby; it is the primary now, and has no standby."""
        process = self.primary.process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for pid in (process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(30)
        killed()
        self.standby.run("pg_ctl", "promote", "-D", str(self.standby.data), "-w")
        with self._super(self.standby) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
            connection.execute("SELECT pg_reload_conf()")
        old, self.primary = self.primary, self.standby
        shutil.rmtree(old.data)
        self._made += 1
        self.standby = self._cluster(f"standby-{self._made}", port=old.port)

    @staticmethod
    def _super(cluster: Cluster) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(cluster.url("postgres"), autocommit=True)

    def close(self) -> None:
        for cluster in (self.primary, self.standby):
            cluster.stop()
            shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.mark.timeout(7200)
def test_a_promoted_standby_has_everything_and_is_refused_until_it_is_confirmed(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with own_cluster() as first:
        pair = Pair(first)
        try:
            first.prepare(data)
            hosts = f"127.0.0.1:{pair.ports[0]},127.0.0.1:{pair.ports[1]}"
            places.write_addresses(
                data,
                {
                    role: url.replace(f"127.0.0.1:{pair.ports[0]}", hosts)
                    + "?target_session_attrs=read-write"
                    for role, url in places.addresses(data).items()
                },
            )
            market = Market(data)
            gate = open_gate(data, system_id=market.market.system_id, role="control")
            writer = Writer(market)
            writer.start()
            answered_when_killed: list[int] = []
            for number in range(300 if LONG else 20):
                pair.follow()
                writer.goes_on(f"round {number}")
                pair.fail_over(killed=lambda: answered_when_killed.append(len(writer.answered)))
                answered = answered_when_killed[-1]
                writer.refused.clear()
                until(
                    lambda: "capability-blocked" in writer.refused,
                    seconds=30,
                    what=f"the gate refuses ({number})",
                )
                # One answer may have been on its way when the server was killed; nothing else passes unconfirmed.
                assert len(writer.answered) <= answered + 1, (
                    "something passed before the server was confirmed"
                )
                with pytest.raises(GateUnreadable, match="promoted"), gate.shared():
                    pass
                complete(market, writer)
                assert gate.confirm()
                writer.goes_on(f"the confirmation of round {number}")
            writer.stop()
            complete(market, writer)
            gate.close()
            market.close()
        finally:
            pair.close()


def test_a_standby_that_is_not_promoted_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with own_cluster() as first:
        pair = Pair(first)
        try:
            first.prepare(data)
            market = Market(data)
            pair.follow()
            market.executor.close()
            places.write_addresses(
                data,
                {
                    role: url.replace(f":{first.port}/", f":{pair.standby.port}/")
                    for role, url in places.addresses(data).items()
                },
            )
            outcome = Writer(market).one("on a standby")
            assert isinstance(outcome, Refusal)
            assert outcome.code == "capability-blocked"
            market.close()
        finally:
            pair.close()


def test_the_page_says_what_a_failover_may_lose(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with own_cluster() as first:
        pair = Pair(first)
        try:
            first.prepare(data)
            market = Market(data)
            system_id = market.market.system_id
            assert "may lose" in _said(data, system_id)
            pair.follow()
            until(lambda: "loses nothing" in _said(data, system_id), what="the setting is in force")
            # A role has settings of its own: it is the market's that commits, whatever the watch's says.
            _set(first, data, "watch", "off")
            assert "loses nothing" in _said(data, system_id)
            for value in ("off", "local"):
                _set(first, data, "market", value)
                assert "may lose" in _said(data, system_id)
            _set(first, data, "market", "on")
            assert "loses nothing" in _said(data, system_id)
            market.close()
        finally:
            pair.close()


def _said(data: Path, system_id: str) -> str:
    """What is said by whoever asks for the first time."""
    views = Views(data, system_id=system_id)
    try:
        return views.at_a_failover()
    finally:
        views.close()


def _set(cluster: Cluster, data: Path, role: Role, value: str) -> None:
    """Give a role its own synchronous_commit in this market's database."""
    user, database = (
        psycopg.conninfo.conninfo_to_dict(places.addresses(data)[role])[name] for name in ("user", "dbname")
    )
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {user} IN DATABASE {database} SET synchronous_commit = {value}")
