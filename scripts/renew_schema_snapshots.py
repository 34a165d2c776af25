"""Writes what the migrations make, object by object, for each engine: a change of the schema then shows in a review.

Run after a migration was added:  .venv/bin/python scripts/renew_schema_snapshots.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.worlds.server import cluster  # noqa: E402
from tests.worlds.snapshots import FOLDER, of_server, of_sqlite  # noqa: E402


def main() -> None:
    """Both snapshots."""
    with cluster() as server, tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        server.prepare(data)
        (FOLDER / "schema.postgresql.txt").write_text(of_server(data), encoding="utf-8")
    (FOLDER / "schema.sqlite.txt").write_text(of_sqlite(), encoding="utf-8")


main()
