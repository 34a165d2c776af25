"""What the migrations make is what the committed snapshots say: no change of the schema goes by unread."""

from __future__ import annotations

from pathlib import Path

from tests.worlds.snapshots import FOLDER, of_server, of_sqlite

_RENEW = "scripts/renew_schema_snapshots.py writes them anew"


def test_the_schema_on_postgresql_is_that_of_its_snapshot(folder: Path) -> None:
    assert of_server(folder) == (FOLDER / "schema.postgresql.txt").read_text(encoding="utf-8"), _RENEW


def test_the_schema_on_sqlite_is_that_of_its_snapshot() -> None:
    assert of_sqlite() == (FOLDER / "schema.sqlite.txt").read_text(encoding="utf-8"), _RENEW
