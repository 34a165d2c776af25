"""The server's log, when more is changed at once than the watch follows: it says so, and never passes over it in silence."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.worlds.books import Market
from tests.worlds.server import Cluster
from watchkeeper.base.database import Database, open_database, places
from watchkeeper.operation.verifier.wal import WalTail

Connection = psycopg.Connection[tuple[object, ...]]
_UNDER_WAY = "the server's log was lost sight of: more was changed at once than is followed"
_ENDED = "the server's log was lost sight of: what was under way then has ended"
_CHANGED = "rows of lots were changed"


class Books:
    """A watch's connection to a market, the files of its tables, and strangers who change rows."""

    def __init__(self, market: Market, cluster: Cluster) -> None:
        self._cluster = cluster
        self._name = str(psycopg.conninfo.conninfo_to_dict(places.addresses(market.data)["owner"])["dbname"])
        self.database: Database = open_database(market.data, "market", role="watch", may_write=False)
        with self.stranger() as connection:
            for trigger in ("lots_refuses_change", "lots_refuses_truncate"):
                connection.execute(f"ALTER TABLE market.lots DISABLE TRIGGER {trigger}")
            connection.execute("ALTER TABLE market.lots DISABLE TRIGGER ALL")
            connection.execute("SET session_replication_role = replica")
            connection.execute(
                "INSERT INTO market.lots (id, utid, trader_id, unit_id, lock_utid, produce, grams, cost_ugx, at) "
                "SELECT n, 'forged-' || n, 1, n, 'forged-' || n, 'Maize', 1, 1, 1 FROM generate_series(1, 20) AS n"
            )
            row = connection.execute("SELECT pg_relation_filenode('market.lots')").fetchone()
        assert row is not None
        self.files = {int(str(row[0])): "lots"}

    def stranger(self) -> Connection:
        return psycopg.connect(self._cluster.url(self._name), autocommit=True)

    def look(self, tail: WalTail) -> list[str]:
        return tail.look(self.database, self.files)


@pytest.fixture
def books(market: Market, postgresql: Cluster) -> Iterator[Books]:
    found = Books(market, postgresql)
    yield found
    found.database.close()


def change(connection: Connection, key: int) -> None:
    connection.execute("UPDATE market.lots SET cost_ugx = cost_ugx + 1 WHERE id = %s", (key,))


def test_more_changes_than_one_look_takes_are_said_to_be_lost_sight_of(books: Books) -> None:
    tail = WalTail(changes_max=3)
    assert books.look(tail) == []
    with books.stranger() as stranger:
        for key in range(1, 5):
            change(stranger, key)
    first = books.look(tail)
    assert _UNDER_WAY in first
    assert books.look(tail) == [_ENDED]
    assert books.look(tail) == []


def test_as_many_changes_as_a_look_takes_are_followed(books: Books) -> None:
    tail = WalTail(changes_max=3)
    assert books.look(tail) == []
    with books.stranger() as stranger:
        for key in range(1, 4):
            change(stranger, key)
    assert books.look(tail) == [_CHANGED]
    assert books.look(tail) == []


def test_a_transaction_too_many_to_follow_calls_for_a_pass_again_when_it_has_ended(books: Books) -> None:
    tail = WalTail(pending_max=1)
    assert books.look(tail) == []
    with books.stranger() as one, books.stranger() as other, books.stranger() as third:
        for key, connection in enumerate((one, other), 1):
            connection.execute("BEGIN")
            change(connection, key)
        # Whoever commits has the log of all written out.
        change(third, 3)
        assert _UNDER_WAY in books.look(tail)
        assert books.look(tail) == []
        one.execute("COMMIT")
        assert _ENDED not in books.look(tail)
        other.execute("COMMIT")
        assert books.look(tail) == [_ENDED]
    assert books.look(tail) == []


def test_two_that_are_under_way_are_followed_to_their_ends(books: Books) -> None:
    tail = WalTail()
    assert books.look(tail) == []
    with books.stranger() as one, books.stranger() as other, books.stranger() as third:
        for key, connection in enumerate((one, other), 1):
            connection.execute("BEGIN")
            change(connection, key)
        # The log is written out, and no number later than theirs has ended.
        third.execute("CHECKPOINT")
        assert books.look(tail) == []
        other.execute("ROLLBACK")
        assert books.look(tail) == []
        one.execute("COMMIT")
        assert books.look(tail) == [_CHANGED]


def test_what_the_market_itself_updates_takes_no_room(books: Books, market: Market) -> None:
    tail = WalTail(changes_max=1)
    assert books.look(tail) == []
    for _ in range(5):
        market.trader(capital_ugx=5_000)
    assert books.look(tail) == []
