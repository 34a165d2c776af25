"""The books' schema as text, the same on every machine."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import open_database, server
from watchkeeper.base.database.schema import objects, reference

FOLDER = Path(__file__).parents[2] / "src" / "watchkeeper" / "migrations" / "market"


def _text(found: dict[tuple[str, str], str], names: dict[str, str]) -> str:
    lines = [f"{kind} {name}: {definition}" for (kind, name), definition in sorted(found.items())]
    text = "\n".join(lines) + "\n"
    for role, quoted in names.items():
        text = text.replace(quoted.strip('"'), f"{{{role}}}")
    return text


def of_server(data: Path) -> str:
    """What the migrations make in the database of this folder; the roles by their part."""
    database = open_database(data, "market", role="owner")
    try:
        with database.transaction("write"):
            server.upgrade_in(database, data, clock=SystemClock())
            return _text(objects(database), server.names(data))
    finally:
        database.close()


def of_sqlite() -> str:
    """What they make in a file."""
    return _text(reference(Path("nowhere")), {})
