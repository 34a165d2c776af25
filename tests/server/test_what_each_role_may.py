"""What each role may do: every statement by every role, against a table that says which ones pass."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from tests.worlds.books import BESIDE_THE_GATE, Market
from watchkeeper.base.database import places
from watchkeeper.base.database.places import ROLES
from watchkeeper.boundary.views import VIEWS
from watchkeeper.market.commands import CreateListing, PayToLock
from watchkeeper.market.tables import EFFECT_COLUMNS

#: Statement -> the roles that may. Nobody may change what is appended, not even the owner while the triggers stand.
MAY: dict[str, set[str]] = {
    "SELECT count(*) FROM market.wallet_ledger": {"owner", "market"},
    "SELECT count(*) FROM boundary.watch_wallet_ledger": {"owner", "watch"},
    "SELECT count(*) FROM boundary.watch_journal": {"owner", "market", "watch", "control"},
    "SELECT count(*) FROM identity.identities": {"owner", "market"},
    "INSERT INTO market.refusal_counts VALUES ('a', 'b', 1, 1)": {"owner", "market"},
    "INSERT INTO market.write_offs (id, utid, lot_id, cost_ugx, at) SELECT 9, 'x', id, 1, 1 FROM market.lots": {
        "owner",
        "market",
    },
    "INSERT INTO boundary.watch_users (id, utid, alias, role_at_creation, at) VALUES (99, 'x', 'x', 'x', 1)": {
        "owner"
    },
    "UPDATE market.wallet_ledger SET amount_ugx = amount_ugx": set(),
    "DELETE FROM market.journal": set(),
    "TRUNCATE market.rate_limit_hits": set(),
    "ALTER TABLE market.journal DISABLE TRIGGER USER": {"owner"},
    "DROP TRIGGER journal_refuses_change ON market.journal": {"owner"},
    "CREATE TABLE market.mine (a BIGINT)": {"owner"},
    "CREATE TABLE boundary.mine (a BIGINT)": {"owner"},
    "CREATE TABLE public.mine (a BIGINT)": set(),
    "UPDATE market.user_state SET status = status": {"owner", "market"},
    "DELETE FROM market.user_state": {"owner"},
    "UPDATE boundary.lease SET counter = counter": {"owner", "watch"},
    "INSERT INTO boundary.probes VALUES ('x', 0, 0, '', '', 1, 1)": {"owner", "market"},
    "UPDATE boundary.restrictions SET lifted_at = 1": {"owner", "control"},
    "DELETE FROM boundary.restrictions": {"owner"},
    "DELETE FROM boundary.holds": {"owner", "market", "control"},
    "UPDATE boundary.gate SET generation = generation": {"owner", "market", "control"},
    "UPDATE boundary.gate SET cluster = cluster": {"owner", "control"},
    "DELETE FROM boundary.gate": {"owner"},
    "UPDATE boundary.features SET enabled = enabled": {"owner", "control"},
    "DELETE FROM boundary.features": {"owner"},
    "INSERT INTO boundary.feature_turns VALUES (9, 'purchase', 1, '', '', 1, 1)": {"owner", "control"},
    "DELETE FROM boundary.job_turns": {"owner", "market"},
    "SELECT count(*) FROM boundary.feature_probes": {"owner", "market", "watch", "control"},
    "UPDATE boundary.flips SET reason = ''": set(),
    "SET session_replication_role = replica": set(),
    "CREATE ROLE another": set(),
    "COPY market.users TO PROGRAM 'cat'": set(),
    "SELECT pg_read_file('postgresql.conf')": set(),
}
DENIED = (
    errors.InsufficientPrivilege,
    errors.RaiseException,
    # A view over nothing else than a table would take a row; nobody but the owner gets that far.
)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_the_table_says_and_nothing_else(market: Market, role: str) -> None:
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    market.one(PayToLock(unit_id=units[0]), market.tina)
    url = places.addresses(market.data)[role]  # type: ignore[index]
    wrong: list[str] = []
    for statement, may in MAY.items():
        with psycopg.connect(url) as connection:
            try:
                connection.execute(statement)
                passed = True
            except DENIED:
                passed = False
            connection.rollback()
        if passed != (role in may):
            wrong.append(f"{role} {'may' if passed else 'may not'}: {statement}")
    assert wrong == []


def test_no_role_owns_anything_but_the_owner_and_none_is_more_than_it_should_be(market: Market) -> None:
    from watchkeeper.base.database import server

    assert server.missing(market.data) == []
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:
        owned = connection.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace "
            "WHERE s.nspname IN ('market', 'boundary', 'identity')"
        ).fetchall()
        # Every table that is appended to has both of its guards, and they are always on.
        guards = connection.execute(
            "SELECT t.relname, count(*) FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid "
            "WHERE NOT g.tgisinternal AND g.tgenabled = 'A' GROUP BY 1"
        ).fetchall()
    assert [name.endswith("_owner") for (name,) in owned] == [True]
    tables = {
        *EFFECT_COLUMNS,
        "journal",
        "rate_limit_hits",
        "sign_in_attempts",
        "query_log",
        "flips",
        "feature_turns",
    }
    assert dict(guards) == dict.fromkeys(tables, 2)


def test_what_is_appended_may_be_read_and_appended_by_the_market_and_by_nobody_else(market: Market) -> None:
    """By the server's own word, so that a guard that refuses does not hide a privilege that should not be there."""
    addresses = {str(role): url for role, url in places.addresses(market.data).items()}
    wanted = {"market": {"SELECT", "INSERT"}, "watch": set[str](), "control": set[str]()}
    found: dict[tuple[str, str], set[str]] = {}
    with psycopg.connect(addresses["owner"]) as connection:
        for role, expected in wanted.items():
            name = conninfo_to_dict(addresses[role])["user"]
            for table in sorted({*EFFECT_COLUMNS, "journal", "rate_limit_hits", "sign_in_attempts"}):
                held = {
                    privilege
                    for privilege in (
                        "SELECT",
                        "INSERT",
                        "UPDATE",
                        "DELETE",
                        "TRUNCATE",
                        "REFERENCES",
                        "TRIGGER",
                    )
                    if connection.execute(
                        "SELECT has_table_privilege(%s, %s, %s)", (name, f"market.{table}", privilege)
                    ).fetchone()
                    == (True,)
                    or (
                        privilege in ("SELECT", "INSERT", "UPDATE", "REFERENCES")
                        and connection.execute(
                            "SELECT has_any_column_privilege(%s, %s, %s)",
                            (name, f"market.{table}", privilege),
                        ).fetchone()
                        == (True,)
                    )
                }
                if held != expected:
                    found[role, table] = held
    assert found == {}


def test_the_watch_reads_the_published_views_and_writes_nothing_but_its_lease(market: Market) -> None:
    """Of every table and view that there is, by the server's own word."""
    addresses = {str(role): url for role, url in places.addresses(market.data).items()}
    role = conninfo_to_dict(addresses["watch"])["user"]
    with psycopg.connect(addresses["owner"]) as connection:
        may = connection.execute(
            "SELECT s.nspname, c.relname, c.relkind = 'v', p.name FROM pg_class c "
            "JOIN pg_namespace s ON s.oid = c.relnamespace CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', "
            "'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (name) WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') "
            "AND s.nspname IN ('market', 'boundary', 'identity', 'public') AND has_table_privilege(%s, c.oid, p.name)",
            (role,),
        ).fetchall()
    reads = {f"{schema}.{name}" for schema, name, view, how in may if view and how == "SELECT"}
    assert {name.partition("watch_")[0] for name in reads} == {"boundary."}
    assert {f"boundary.{view.name}" for view in VIEWS.values()} <= reads
    assert {how for _, _, view, how in may if view} == {"SELECT"}
    assert {(f"{schema}.{name}", how) for schema, name, view, how in may if not view and how != "SELECT"} == {
        ("boundary.lease", "UPDATE")
    }
    # Of what is no view, only what the market finds out about itself for the watch to read.
    assert {f"{schema}.{name}" for schema, name, view, how in may if not view} == {
        f"boundary.{name}" for name in BESIDE_THE_GATE
    }
