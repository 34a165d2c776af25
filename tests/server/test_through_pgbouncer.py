"""Debian's pgbouncer in transaction mode in front: the barrier and everything else hold."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.unit.boundary.test_switch_rounds import switched
from tests.waiting import until
from tests.worlds.books import Market
from tests.worlds.server import Cluster, free_port
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import places
from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.play import play
from watchkeeper.market.commands import CreateListing, PayToLock


@contextlib.contextmanager
def pooled(cluster: Cluster, data: Path) -> Iterator[int]:
    """A pooler with fewer server connections than clients, and every role but the owner going through it."""
    roles = dict(places.addresses(data))
    folder = Path(tempfile.mkdtemp(prefix="watchkeeper-pool-"))
    port = free_port()
    users = folder / "users.txt"
    users.write_text(
        "".join(f'"{psycopg.conninfo.conninfo_to_dict(url)["user"]}" ""\n' for url in roles.values())
    )
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\ndefault_pool_size = 3\nmax_client_conn = 200\n"
        "unix_socket_dir =\nlogfile =\n"
    )
    if cluster.user is not None:
        for path in (folder, users, configuration):
            shutil.chown(path, cluster.user)
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    process = subprocess.Popen(
        [program, str(configuration)],
        user=cluster.user,
        group=cluster.user,
        extra_groups=[] if cluster.user else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        through: dict[places.Role, str] = {
            role: url if role == "owner" else url.replace(f":{cluster.port}/", f":{port}/")
            for role, url in roles.items()
        }

        def answers() -> bool:
            try:
                psycopg.connect(through["market"], connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        until(answers, what="pgbouncer answers")
        places.write_addresses(data, through)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        shutil.rmtree(folder)


@pytest.fixture
def data(postgresql: Cluster, folder: Path) -> Iterator[Path]:
    with pooled(postgresql, folder):
        yield folder


def test_business_goes_on_through_it(data: Path) -> None:
    market = Market(data)
    for _ in range(20):
        listing = market.one(
            CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.person("farmer")
        )
        units = listing.body["unit_ids"]
        assert isinstance(units, list)
        market.one(PayToLock(unit_id=units[0]), market.tina)
        assert market.code(PayToLock(unit_id=units[0]), market.tom) == "unit-not-available"
    assert market.books.wallet(market.tina).locked_ugx == 20_000
    market.close()


def test_the_barrier_holds_through_it(data: Path, rounds: Callable[[int], int]) -> None:
    switched(data, rounds(200))


def test_a_fault_is_seen_contained_and_cured_through_it(data: Path) -> None:
    fault = next(f for f in FAULTS if f.name == "edited amount")
    assert play(data, fault, clock=SystemClock()).unmet == ()
