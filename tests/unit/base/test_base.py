"""The ground: instants, money, weight, UTIDs, canonical bytes, the database layer."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.base import canonical, utid
from watchkeeper.base.clock import (
    BootTime,
    Instant,
    SystemClock,
    as_datetime,
    as_instant,
    iso,
    kampala,
    later,
)
from watchkeeper.base.database import (
    ConstraintViolated,
    DatabaseBusy,
    DatabaseMissing,
    DatabaseUnreadable,
    TextUnreadable,
    create_sqlite,
    open_sqlite,
)
from watchkeeper.base.database.migrations import MigrationChanged, migrate, statements
from watchkeeper.base.database.schema import objects, reference
from watchkeeper.base.money import NotAnAmount, amount_ugx, ugx
from watchkeeper.base.weight import kilograms

VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(), st.floats(), st.binary())


def test_an_instant_reads_the_same_both_ways_and_in_kampala() -> None:
    at = as_instant(datetime(2026, 11, 23, 22, 30, 0, 5, tzinfo=UTC))
    assert as_datetime(at) == datetime(2026, 11, 23, 22, 30, 0, 5, tzinfo=UTC)
    assert kampala(at) == "2026-11-24 01:30:00"
    assert iso(later(at, seconds=-1)) == "2026-11-23T22:29:59.000005Z"
    with pytest.raises(ValueError, match="naive"):
        as_instant(datetime(2026, 11, 23))  # noqa: DTZ001 - that it is naive is the point


def test_boot_time_of_another_boot_is_no_age() -> None:
    assert BootTime("a", 5 * 10**9).seconds_since(BootTime("a", 3 * 10**9)) == 2.0
    assert BootTime("a", 5).seconds_since(BootTime("b", 3)) is None
    clock = SystemClock()
    assert (clock.boot().seconds_since(clock.boot()) or 0) <= 0


@pytest.mark.parametrize("value", [0, -1, 1.0, "5", True, None, 10**12 + 1])
def test_only_whole_positive_shillings_are_an_amount(value: object) -> None:
    with pytest.raises(NotAnAmount):
        amount_ugx(value)


def test_money_and_weight_read_as_people_write_them() -> None:
    assert ugx(1_250_000) == "UGX 1,250,000"
    assert [kilograms(g) for g in (12_500, 10_000, -500, 1)] == ["12.5 kg", "10 kg", "-0.5 kg", "0.001 kg"]


@pytest.mark.rule("utid.form")
def test_a_utid_has_its_form_and_is_drawn_again_when_taken() -> None:
    seen: set[str] = set()
    at = as_instant(datetime(2026, 11, 24, 11, 5, 9, tzinfo=UTC))
    for _ in range(200):
        found = utid.draw(role="trader", at=at, taken=seen.__contains__)
        assert re.match(utid.UTID_FORM, found)
        assert found.startswith("20261124-140509-tra-")
        assert found not in seen
        seen.add(found)
    with pytest.raises(utid.RandomSourceBroken):
        utid.draw(role="admin", at=Instant(0), taken=lambda _: True)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.dictionaries(st.text(), VALUES)),
        unique_by=lambda r: r[:2],
    )
)
def test_a_digest_does_not_depend_on_the_order_of_rows(
    rows: list[tuple[str, int, dict[str, canonical.Value]]],
) -> None:
    assert canonical.effects_digest(rows) == canonical.effects_digest(reversed(rows))


@given(st.dictionaries(st.text(), VALUES))
def test_a_column_added_as_null_leaves_the_bytes_as_they_were(row: dict[str, canonical.Value]) -> None:
    before = canonical.row_bytes("t", row)
    assert canonical.row_bytes("t", row | {"a column of later": None}) == before


def test_the_bytes_of_format_one_are_fixed_for_ever() -> None:
    row: dict[str, canonical.Value] = {"b": "ü\n", "a": 5, "c": None, "d": 1.5, "e": b"\x00", "f": "\ud800"}
    assert canonical.row_bytes("t", row) == (
        b'["t",{"a":5,"b":"\xc3\xbc\\n","d":{"real":"0x1.8000000000000p+0"},"e":{"blob":"00"},"f":{"text":"eda080"}}]'
    )


def test_a_database_is_its_owners_alone_and_syncs_fully(tmp_path: Path) -> None:
    database = create_sqlite(tmp_path / "t.db")
    assert (tmp_path / "t.db").stat().st_mode & 0o777 == 0o600
    assert database.one("PRAGMA synchronous") == (2,)
    assert database.one("PRAGMA journal_mode") == ("wal",)
    database.close()
    gate = create_sqlite(tmp_path / "g.db", journal="delete", synchronous="EXTRA")
    assert gate.one("PRAGMA synchronous") == (3,)
    assert gate.one("PRAGMA journal_mode") == ("delete",)
    gate.close()
    with pytest.raises(FileExistsError):
        create_sqlite(tmp_path / "t.db")


def test_what_is_missing_or_no_database_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissing):
        open_sqlite(tmp_path / "nowhere.db")
    (tmp_path / "noise.db").write_bytes(b"noise" * 1000)
    with pytest.raises(DatabaseUnreadable):
        open_sqlite(tmp_path / "noise.db")


def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    database = create_sqlite(tmp_path / "t.db")
    assert database.same_place()
    create_sqlite(tmp_path / "u.db").close()
    os.replace(tmp_path / "u.db", tmp_path / "t.db")
    assert not database.same_place()
    database.close()


def test_a_second_writer_waits_for_its_time_and_no_longer(tmp_path: Path) -> None:
    first = create_sqlite(tmp_path / "t.db")
    second = open_sqlite(tmp_path / "t.db", busy_seconds_max=0.05)
    with first.transaction("write"), pytest.raises(DatabaseBusy), second.transaction("write"):
        raise AssertionError("two writers at once")
    first.close()
    second.close()


def test_a_constraint_and_unreadable_text_have_errors_of_their_own(tmp_path: Path) -> None:
    database = create_sqlite(tmp_path / "t.db")
    database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT")
    with pytest.raises(ConstraintViolated) as caught:
        database.execute("INSERT INTO t (n, text) VALUES (1, NULL)")
    assert caught.value.source is database
    database.execute("INSERT INTO t (n, text) VALUES (1, CAST(x'ff' AS TEXT))")
    with pytest.raises(TextUnreadable):
        database.query("SELECT text FROM t")
    database.close()


def test_triggers_are_off_for_one_connection_alone(tmp_path: Path) -> None:
    database = create_sqlite(tmp_path / "t.db")
    database.execute("CREATE TABLE t (n INTEGER) STRICT")
    database.execute("CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'append-only'); END")
    database.execute("INSERT INTO t VALUES (1), (2)")
    other = open_sqlite(tmp_path / "t.db")
    with other.without_triggers(["t"]):
        assert other.execute("DELETE FROM t WHERE n = 1") == 1
    for connection in (database, other):
        with pytest.raises(ConstraintViolated):
            connection.execute("DELETE FROM t")
    database.close()
    other.close()


def test_replacing_a_row_does_not_walk_past_its_triggers(tmp_path: Path) -> None:
    database = create_sqlite(tmp_path / "t.db")
    database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT) STRICT")
    database.execute("CREATE TRIGGER no BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'append-only'); END")
    database.execute("INSERT INTO t VALUES (1, 'a')")
    with pytest.raises(ConstraintViolated):
        database.execute("INSERT OR REPLACE INTO t VALUES (1, 'b')")
    database.close()


def test_migrations_run_once_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    clock = SystemClock()
    database = create_sqlite(tmp_path / "m.db")
    first = migrate(database, store="market", clock=clock)
    assert first == sorted(first)
    assert first
    assert migrate(database, store="market", clock=clock) == []
    assert objects(database) == reference(tmp_path)
    database.execute("UPDATE schema_migrations SET digest = 'x'")
    with pytest.raises(MigrationChanged):
        migrate(database, store="market", clock=clock)
    database.close()


def test_a_trigger_in_a_migration_is_one_statement() -> None:
    sql = "CREATE TABLE t (n INTEGER); -- one\nCREATE TRIGGER x BEFORE DELETE ON t\nBEGIN\n  SELECT 1;\nEND;\nSELECT 2;"
    assert [s.split()[0:2] for s in statements(sql)] == [
        ["CREATE", "TABLE"],
        ["CREATE", "TRIGGER"],
        ["SELECT", "2;"],
    ]
