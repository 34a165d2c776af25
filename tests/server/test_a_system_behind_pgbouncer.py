"""Through pgbouncer: a whole system, a COMMIT whose answer is lost, the pooled connections ended beneath it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.server.test_the_server_dies import Writer, complete
from tests.server.test_the_wire_is_cut import acted, rows
from tests.server.test_through_pgbouncer import pooled
from tests.waiting import until
from tests.worlds.books import Market
from tests.worlds.proxy import proxy
from tests.worlds.server import Cluster
from tests.worlds.system import System
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import places
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.demo import sabotage
from watchkeeper.bootstrap.demo.client import Refused
from watchkeeper.market.commands import Deposit
from watchkeeper.market.refusals import Refusal


def _end_backends(data: Path) -> int:
    """End every connection that the pool keeps to this database's market, watch and control; how many there were."""
    with psycopg.connect(places.addresses(data)["owner"], autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename <> current_user"
        ).fetchall()
    return sum(row == (True,) for row in ended)


def test_a_running_system_lives_through_a_pool_that_loses_its_connections(
    tmp_path: Path, postgresql: Cluster
) -> None:
    data = tmp_path / "data"
    with contextlib.ExitStack() as stack:
        setup.create(data, clock=SystemClock(), database_url=postgresql.database())
        stack.enter_context(pooled(postgresql, data))
        system = System(data)
        stack.callback(system.stop)
        system.engine = "postgresql"
        system.start()
        system.channels()
        system.people()
        system.business()
        assert _end_backends(data) > 2
        until(system.ready, seconds=60, what="the market is ready again")
        assert system.lock(system.traders[0])["utid"]
        until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=60, what="all holds")
        assert system.command("database", "check") == "Nothing is missing.\n"
        found = json.loads(system.command("check", "--full", "--json"))
        assert {row["full"] for row in found["invariants"]} == {"HOLDS"}

        victim, neighbour = system.traders
        system.sabotage(sabotage.added(victim.alias))
        until(
            lambda: any(event["data"]["condition"] == "2.3" for event in list(system.webhook.events)),
            seconds=60,
            what="the operator is told of the forged row",
        )
        assert "BROKEN" in system.command("status", code=1)
        with pytest.raises(Refused, match="operation-restricted"):
            system.lock(victim)
        assert system.lock(neighbour)["utid"]


@pytest.mark.parametrize("after", [False, True], ids=["before the COMMIT", "after the COMMIT"])
def test_a_commit_whose_answer_is_lost_on_the_way_to_the_pool_counts_once(
    postgresql: Cluster, folder: Path, after: bool
) -> None:
    with pooled(postgresql, folder) as port, proxy(port) as wire:
        roles = dict(places.addresses(folder))
        roles["market"] = roles["market"].replace(f":{port}/", f":{wire.port}/")
        places.write_addresses(folder, roles)
        market = Market(folder)
        trader = market.trader(capital_ugx=1000)
        wire.arm(10**9, after=False)
        first = acted(market, trader, Deposit(amount_ugx=1, provider="mtn", external_ref="0"), "first")
        assert not isinstance(first, Refusal)
        # The COMMIT is the last that is said.
        wire.arm(wire.queries, after=after)
        outcome = acted(market, trader, Deposit(amount_ugx=1, provider="mtn", external_ref="1"), "second")
        assert wire.cuts == 1
        again = acted(market, trader, Deposit(amount_ugx=1, provider="mtn", external_ref="1"), "second")
        assert not isinstance(again, Refusal)
        assert isinstance(outcome, Refusal) or outcome.utid == again.utid
        assert rows(market, "second") == [(again.utid,)]
        assert market.books.wallet(trader).capital_ugx == 1002
        market.close()


def test_pooled_connections_that_are_ended_while_clients_write(
    postgresql: Cluster, folder: Path, rounds: Callable[[int], int]
) -> None:
    with pooled(postgresql, folder):
        market = Market(folder)
        writer = Writer(market)
        writer.start()
        ended = 0
        for number in range(rounds(100)):
            writer.goes_on(f"round {number}")
            ended += _end_backends(folder)
        writer.goes_on("the end")
        writer.stop()
        assert ended >= rounds(100)
        complete(market, writer)
        assert writer.refused <= {"busy", "capability-blocked", "monitor-silent"}
        market.close()
