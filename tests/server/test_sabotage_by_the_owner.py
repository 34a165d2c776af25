"""What the database's owner or a superuser can do to the books, and that it is seen all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.waiting import until
from tests.worlds.server import Cluster
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import DatabaseError, places
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.operation.playbooks import runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.verifier import findings


@pytest.fixture
def world(folder: Path) -> Iterator[World]:
    found = World(folder, clock=SystemClock())
    yield found
    found.close()


def superuser(world: World, postgresql: Cluster) -> psycopg.Connection[tuple[object, ...]]:
    name = psycopg.conninfo.conninfo_to_dict(places.addresses(world.data)["owner"])["dbname"]
    return psycopg.connect(postgresql.url(str(name)), autocommit=True)


def seen(world: World, *kinds: str) -> set[str]:
    """The kinds of the open findings, once all of these are among them: counts come when the session rests."""

    def found() -> set[str] | None:
        world.turn()
        open_kinds = {finding.kind for finding in findings.open_findings(world.database)}
        return open_kinds if set(kinds) <= open_kinds else None

    return until(found, seconds=30, what=f"findings of {', '.join(kinds)}") or set()


def test_a_table_emptied_by_its_owner(world: World) -> None:
    world.inject(("@without lock_outcomes_refuses_update", "TRUNCATE lock_outcomes CASCADE"))
    assert "deleted" in seen(world, "defences", "deleted", "counted change")
    assert world.can_deposit(world.neighbour) == "operation-restricted"


def test_a_superuser_who_plays_the_replica_does_not_get_past_the_guards(
    world: World, postgresql: Cluster
) -> None:
    with superuser(world, postgresql) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in (
            "UPDATE market.wallet_ledger SET amount_ugx = amount_ugx + 1",
            "DELETE FROM market.journal",
            "TRUNCATE market.lots CASCADE",
        ):
            with pytest.raises(errors.RaiseException, match="append-only"):
                connection.execute(statement)
        # What the replica's role does switch off are foreign keys: a row that nobody's account stands behind.
        connection.execute(
            "INSERT INTO market.farmer_ledger (id, utid, farmer_id, number, type, amount_ugx, balance_after, at) "
            "VALUES (99, 'forged', 424242, 1, 'settlement', 5000, 5000, 1)"
        )
    assert "added" in seen(world, "added")


def test_a_superuser_who_takes_the_guards_away_and_puts_them_back(world: World, postgresql: Cluster) -> None:
    with superuser(world, postgresql) as connection, connection.transaction():
        connection.execute("ALTER TABLE market.wallet_ledger DISABLE TRIGGER ALL")
        connection.execute("UPDATE market.wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = 1")
        for guard in ("wallet_ledger_refuses_change", "wallet_ledger_refuses_truncate"):
            connection.execute(f"ALTER TABLE market.wallet_ledger ENABLE ALWAYS TRIGGER {guard}")
        connection.execute("ALTER TABLE market.wallet_ledger ENABLE TRIGGER ALL")
        for guard in ("wallet_ledger_refuses_change", "wallet_ledger_refuses_truncate"):
            connection.execute(f"ALTER TABLE market.wallet_ledger ENABLE ALWAYS TRIGGER {guard}")
    # The schema is as it was; the server counted the change.
    assert seen(world, "changed", "counted change") == {"changed", "counted change"}


def test_a_superuser_who_switches_the_counting_off_still_stands_in_the_log(
    world: World, postgresql: Cluster
) -> None:
    with superuser(world, postgresql) as connection, connection.transaction():
        connection.execute("SET LOCAL track_counts = off")
        connection.execute("ALTER TABLE market.wallet_ledger DISABLE TRIGGER USER")
        connection.execute("UPDATE market.wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = 1")
        for guard in ("wallet_ledger_refuses_change", "wallet_ledger_refuses_truncate"):
            connection.execute(f"ALTER TABLE market.wallet_ledger ENABLE ALWAYS TRIGGER {guard}")
    assert seen(world, "changed") == {"changed"}


def test_a_change_in_a_transaction_that_stays_open_is_seen_when_it_commits(
    world: World, postgresql: Cluster
) -> None:
    with superuser(world, postgresql) as connection:
        connection.execute("BEGIN")
        connection.execute("SET LOCAL track_counts = off")
        connection.execute("SAVEPOINT s")
        connection.execute("ALTER TABLE market.wallet_ledger DISABLE TRIGGER USER")
        connection.execute("UPDATE market.wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = 1")
        connection.execute("RELEASE SAVEPOINT s")
        for guard in ("wallet_ledger_refuses_change", "wallet_ledger_refuses_truncate"):
            connection.execute(f"ALTER TABLE market.wallet_ledger ENABLE ALWAYS TRIGGER {guard}")
        # Have what it wrote so far reach the log before it commits.
        with superuser(world, postgresql) as other:
            other.execute("CHECKPOINT")
        for _ in range(3):
            world.turn()
        assert not findings.open_findings(world.database)
        connection.execute("COMMIT")
    assert seen(world, "changed") == {"changed"}


def test_a_change_that_was_undone_is_counted_all_the_same(world: World, postgresql: Cluster) -> None:
    world.inject(
        (
            "@without wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = 1",
            "UPDATE wallet_ledger SET amount_ugx = amount_ugx - 1 WHERE id = 1",
            "ALTER TABLE wallet_ledger ENABLE ALWAYS TRIGGER wallet_ledger_refuses_change",
            "ALTER TABLE wallet_ledger ENABLE ALWAYS TRIGGER wallet_ledger_refuses_truncate",
        )
    )
    assert seen(world, "counted change") == {"counted change"}


@pytest.mark.parametrize(
    ("statement", "restorable"),
    [
        ("GRANT UPDATE ON market.wallet_ledger TO PUBLIC", True),
        ("GRANT UPDATE (amount_ugx) ON market.wallet_ledger TO PUBLIC", True),
        ("REVOKE SELECT ON boundary.watch_lots FROM PUBLIC; GRANT INSERT ON market.journal TO PUBLIC", True),
        (
            "CREATE OR REPLACE FUNCTION market.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            True,
        ),
        ("CREATE RULE quiet AS ON INSERT TO market.repairs DO ALSO NOTHING", True),
        ("DROP INDEX market.wallet_ledger_by_utid", True),
        ("ALTER TABLE market.wallet_ledger DISABLE TRIGGER USER", True),
        ("ALTER TABLE market.wallet_ledger ENABLE TRIGGER wallet_ledger_refuses_change", True),
        ("DROP TRIGGER journal_refuses_truncate ON market.journal", True),
        (
            "CREATE OR REPLACE VIEW boundary.watch_lots AS SELECT id, utid, trader_id, unit_id, lock_utid, produce, grams, "
            "cost_ugx, at FROM market.lots WHERE id > 0",
            True,
        ),
        ("ALTER TABLE market.locks DROP CONSTRAINT locks_exposure_after_ugx_check", False),
        ("ALTER TABLE market.wallet_ledger DISABLE TRIGGER ALL", False),
    ],
)
def test_every_weakening_of_the_schema_is_seen_and_put_back_where_a_statement_can(
    world: World, postgresql: Cluster, statement: str, restorable: bool
) -> None:
    with superuser(world, postgresql) as connection:
        connection.execute(statement)
    assert "defences" in seen(world, "defences")
    (run,) = runs.listed(world.database, limit=10)
    world.desk.conclude(run.id, "investigate", text="a weakening that the test made", operator=world.operator)

    def restore() -> None:
        world.desk.restore_defences(
            run.id, "defences", incident="INC-1", reason="put back as it was made", operator=world.operator
        )

    if not restorable:
        with pytest.raises(DeskRefused, match="backup"):
            restore()
        return
    restore()
    world.turn()
    world.desk.verify(run.id, "verify", operator=world.operator)
    assert not findings.open_findings(world.database)
    world.desk.lift(run.id, "lift", reason="put back as it was made", operator=world.operator)
    assert world.can_deposit(world.neighbour) == "accepted"


def test_without_a_published_view_nothing_is_said_to_hold(world: World, postgresql: Cluster) -> None:
    with superuser(world, postgresql) as connection:
        connection.execute("DROP VIEW boundary.watch_lots")
    with pytest.raises(DatabaseError, match="watch_lots"):
        world.turn()


def test_where_the_log_cannot_be_read_the_counts_say_it(world: World, postgresql: Cluster) -> None:
    with superuser(world, postgresql) as connection:
        connection.execute("DROP EXTENSION pg_walinspect")
    world.turn()
    world.inject(
        (
            "@without wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1 WHERE id = 1",
        )
    )
    assert {"changed", "counted change"} <= seen(world, "changed", "counted change")
