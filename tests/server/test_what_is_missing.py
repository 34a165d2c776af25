"""`database check`: each thing taken away is named, and named no longer when it is back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.worlds.books import Market
from tests.worlds.server import Cluster
from watchkeeper.base.database import places, server

#: What is taken away, what gives it back, and what is said in between. {p} is the roles' prefix.
TAKEN = [
    (
        "REVOKE INSERT ON market.wallet_ledger FROM {p}_market",
        "GRANT INSERT ON market.wallet_ledger TO {p}_market",
        "grant market.wallet_ledger to {p}_market is not as",
    ),
    (
        "REVOKE SELECT ON boundary.watch_journal FROM {p}_watch",
        "GRANT SELECT ON boundary.watch_journal TO {p}_watch",
        "grant boundary.watch_journal to {p}_watch is missing",
    ),
    (
        "GRANT DELETE ON market.journal TO {p}_control",
        "REVOKE DELETE ON market.journal FROM {p}_control",
        "grant market.journal to {p}_control was not made",
    ),
    (
        "REVOKE USAGE ON SCHEMA identity FROM {p}_market",
        "GRANT USAGE ON SCHEMA identity TO {p}_market",
        "market may not use the schema identity",
    ),
    (
        "ALTER TABLE market.journal DISABLE TRIGGER journal_refuses_change",
        "ALTER TABLE market.journal ENABLE ALWAYS TRIGGER journal_refuses_change",
        "trigger market.journal.journal_refuses_change is not as",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION walinspect.pg_get_wal_records_info FROM {p}_watch",
        "GRANT EXECUTE ON FUNCTION walinspect.pg_get_wal_records_info TO {p}_watch",
        "watch cannot read the write-ahead log",
    ),
    (
        "ALTER EXTENSION pg_walinspect SET SCHEMA public",
        "ALTER EXTENSION pg_walinspect SET SCHEMA walinspect",
        "watch cannot read the write-ahead log",
    ),
    (
        "REVOKE pg_signal_backend FROM {p}_control",
        "GRANT pg_signal_backend TO {p}_control",
        "control may not end who keeps it waiting",
    ),
    ("ALTER ROLE {p}_watch NOLOGIN", "ALTER ROLE {p}_watch LOGIN", "watch: the server does not let us in"),
    (
        "ALTER ROLE {p}_market CREATEROLE",
        "ALTER ROLE {p}_market NOCREATEROLE",
        "market may do more than it should",
    ),
    (
        "UPDATE boundary.gate_migrations SET name = name || '?'",
        "UPDATE boundary.gate_migrations SET name = rtrim(name, '?')",
        "did not run; watchkeeper database upgrade",
    ),
]


@pytest.fixture
def made(folder: Path) -> Path:
    Market(folder).close()
    return folder


def test_each_thing_that_is_taken_away_is_named(made: Path, postgresql: Cluster) -> None:
    assert server.missing(made) == []
    where = psycopg.conninfo.conninfo_to_dict(places.addresses(made)["owner"])
    prefix = str(where["user"]).removesuffix("_owner")
    with psycopg.connect(postgresql.url(str(where["dbname"])), autocommit=True) as connection:
        for take, give_back, said in TAKEN:
            connection.execute(take.format(p=prefix))
            problems = server.missing(made)
            assert any(said.format(p=prefix) in problem for problem in problems), (take, problems)
            connection.execute(give_back.format(p=prefix))
            assert server.missing(made) == [], give_back


def test_a_role_without_an_address_is_named(made: Path) -> None:
    roles = dict(places.addresses(made))
    del roles["watch"]
    places.write_addresses(made, roles)
    assert server.missing(made) == ["there is no address for the role watch"]
