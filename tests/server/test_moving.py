"""An embedded market moved into PostgreSQL: the same rows, the same seals, and business goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.waiting import until
from tests.worlds.server import Cluster
from tests.worlds.system import REASON, System
from watchkeeper.base.database import engine_of
from watchkeeper.bootstrap import addresses


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    found = System(tmp_path / "data")
    try:
        found.start()
        found.channels()
        found.people()
        found.business()
        yield found
    finally:
        found.stop()


def test_a_market_is_moved_and_goes_on_under_the_same_seals(system: System, postgresql: Cluster) -> None:
    url = postgresql.database()
    system.command("database", "move", url, code=3)
    before = system.traders[0].get("/v1/wallet")
    utid = str(system.lock(system.traders[0])["utid"])
    assert system.process is not None
    system.process.terminate()
    system.process.wait(60)
    system.command("database", "check", code=3)
    moved = json.loads(system.command("database", "move", url, "--json"))
    assert moved["rows"] > 100
    assert engine_of(system.data) == "postgresql"
    assert list(system.data.glob("market.db*.moved-*"))
    assert not (system.data / "market.db").exists()
    with psycopg.connect(url) as connection:
        # The check that followed the copy was not planned blindly.
        counted = connection.execute(
            "SELECT reltuples FROM pg_class WHERE oid = 'market.journal'::regclass"
        ).fetchone()
    assert counted is not None
    assert counted[0] > 10
    assert system.command("database", "check") == "Nothing is missing.\n"
    assert system.command("database", "upgrade") == "Everything has run.\n"
    system.command("database", "move", url, code=3)
    system.engine = "postgresql"
    with ExitStack() as others:
        with suppress(addresses.PortTaken):
            others.enter_context(addresses.listen(httpx.URL(system.market).port or 0, exactly=True))
        system.start()
    # Whoever was signed in still is.
    after = system.traders[0].get("/v1/wallet")
    assert after["capital_ugx"] == before["capital_ugx"] - 9000  # type: ignore[operator]
    assert system.lock(system.traders[0])["utid"]
    assert system.admin.get(f"/v1/trace/{utid}")["utid"] == utid
    found = json.loads(system.command("check", "--full", "--json"))
    assert {row["full"] for row in found["invariants"]} == {"HOLDS"}
    proven = json.loads(system.command("seal", "verify", str(system.data / "seals" / "main"), "--json"))
    assert proven["sound"]


def _files(data: Path) -> set[str]:
    return {path.name for path in data.iterdir() if not path.name.endswith(("-wal", "-shm"))}


def test_a_changed_row_is_refused_before_anything_moves(system: System, postgresql: Cluster) -> None:
    assert system.process is not None
    system.process.terminate()
    system.process.wait(60)
    system.sabotage(
        "DROP TRIGGER wallet_ledger_refuses_update; UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = 1;"
    )
    before = _files(system.data)
    said = system.command("database", "move", postgresql.database(), code=3, errors=True)
    assert "1.2" in said
    assert engine_of(system.data) == "sqlite"
    assert _files(system.data) == before


def test_a_move_that_fails_midway_or_is_killed_leaves_the_market_where_it_was(
    system: System, postgresql: Cluster
) -> None:
    assert system.process is not None
    system.process.terminate()
    system.process.wait(60)
    url = postgresql.database()
    before = _files(system.data)
    findings = system.store("SELECT count(*) FROM findings")
    # The server refuses when it is half made.
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION public.no() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF tg_tag = 'CREATE INDEX' "
            "THEN RAISE EXCEPTION 'the disk says no'; END IF; END $$"
        )
        connection.execute("CREATE EVENT TRIGGER no ON ddl_command_end EXECUTE FUNCTION public.no()")
    system.command("database", "move", url, code=3)
    assert (engine_of(system.data), _files(system.data)) == ("sqlite", before)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP EVENT TRIGGER no")
        connection.execute("DROP FUNCTION public.no()")
    # Killed while it copies: the lock keeps it there for as long as the test looks.
    killed = postgresql.database()
    with psycopg.connect(killed, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION public.wait() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN "
            "PERFORM pg_advisory_lock(4711); PERFORM pg_advisory_unlock(4711); END $$"
        )
        connection.execute(
            "CREATE EVENT TRIGGER wait ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION public.wait()"
        )
        connection.execute("SELECT pg_advisory_lock(4711)")
        mover = system.begun("database", "move", killed)
        until(
            lambda: connection.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone(),
            seconds=60,
            what="the move is in the middle of its work",
        )
        mover.kill()
        mover.wait(30)
    assert (engine_of(system.data), _files(system.data)) == ("sqlite", before)
    assert system.store("SELECT count(*) FROM findings") == findings
    # The same folder still moves, to the server that refused it before.
    assert json.loads(system.command("database", "move", url, "--json"))["rows"] > 100
    assert engine_of(system.data) == "postgresql"
    assert not list(system.data.parent.glob(f".{system.data.name}-moving-*"))


def test_a_server_that_was_promoted_is_believed_by_the_operators_word(
    system: System, postgresql: Cluster
) -> None:
    assert system.process is not None
    system.process.terminate()
    system.process.wait(60)
    system.command("database", "move", postgresql.database())
    system.engine = "postgresql"
    system.start()
    system.command(
        "login", "--alias", system.operator.alias, "--code", system.operator_codes.pop(), secret=True
    )
    assert "nothing to confirm" in system.command("database", "confirm", "--reason", REASON)
    system.sabotage("UPDATE gate SET cluster = '1/00000001';")
    with pytest.raises(Exception, match="capability-blocked"):
        system.admin.post("/v1/users", {"role": "farmer", "reason": REASON})
    assert "promoted or restored" in system.command("status", code=2)
    assert "believed" in system.command("database", "confirm", "--reason", REASON)
    assert system.admin.post("/v1/users", {"role": "farmer", "reason": REASON})["utid"]


def test_a_market_that_was_set_up_on_a_server_is_started_without_naming_it_again(
    tmp_path: Path, postgresql: Cluster
) -> None:
    found = System(tmp_path / "data")
    try:
        url = postgresql.database()
        assert "Set up in" in found.command("database", "init", url)
        found.command("database", "init", url, code=3)
        found.engine = "postgresql"
        found.start()
        assert len(found.links) == 2
        assert found.command("database", "check") == "Nothing is missing.\n"
        # The superuser's address is kept nowhere.
        assert "super@" not in (found.data / "database.toml").read_text()
    finally:
        found.stop()
    # The same database is nobody else's.
    other = System(tmp_path / "other")
    passwords = "SELECT rolname, rolpassword FROM pg_authid ORDER BY rolname"
    with psycopg.connect(url, autocommit=True) as connection:
        before = connection.execute(passwords).fetchall()
        other.command("database", "init", url, code=4)
        assert connection.execute(passwords).fetchall() == before
    other.stop()
