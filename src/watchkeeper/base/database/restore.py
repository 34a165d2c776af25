"""The statements that put one object of a schema back as it was made.

Tables are never among them: what a table has lost, no statement brings back.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base.database.interface import Engine

#: What can be put back, in an order in which each finds what it needs.
RESTORABLE: dict[Engine, tuple[str, ...]] = {
    "sqlite": ("trigger", "view", "index"),
    "postgresql": ("function", "view", "trigger", "index", "rule", "policy", "grant"),
}
#: The state of a trigger or rule as the catalogue keeps it -> the words that bring it about.
STATES = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}


def statements(engine: Engine, kind: str, name: str, *, have: str | None, want: str | None) -> Iterator[str]:
    """From what stands there (`have`, None for nothing) to what was made (`want`); as `schema.objects` gives both."""
    if engine == "sqlite":
        if have is not None:
            yield f"DROP {kind.upper()} {_quoted(name)}"
        if want is not None:
            yield want
    elif kind == "grant":
        yield from _grant(name, want)
    elif kind in ("trigger", "rule", "policy"):
        yield from _on_table(kind, name, have=have, want=want)
    else:
        if have is not None and (want is None or kind == "index"):
            yield f"DROP {kind.upper()} {name}"
        if want is not None:
            definition, owner = want.rsplit(" ", 1)
            if kind == "view":
                yield f"CREATE OR REPLACE VIEW {name} AS {definition}"
            else:
                yield definition
            if kind != "index":
                yield f"ALTER {kind.upper()} {name} OWNER TO {_quoted(owner)}"


def _on_table(kind: str, name: str, *, have: str | None, want: str | None) -> Iterator[str]:
    table, own = name.rsplit(".", 1)
    if have is not None:
        yield f"DROP {kind.upper()} {_quoted(own)} ON {table}"
    if want is not None:
        definition, state = want.rsplit(" ", 1)
        yield definition
        yield f"ALTER TABLE {table} {STATES[state]} {kind.upper()} {_quoted(own)}"


def _grant(name: str, want: str | None) -> Iterator[str]:
    where, role = name.split(" to ", 1)
    whom = "PUBLIC" if role == "everybody" else _quoted(role)
    parts = where.split(".")
    table, column = ".".join(parts[:2]), f" ({_quoted(parts[2])})" if len(parts) == 3 else ""
    yield f"REVOKE ALL{column} ON {table} FROM {whom}"
    if want is not None:
        powers = ", ".join(f"{power}{column}" for power in want.split(", "))
        yield f"GRANT {powers} ON {table} TO {whom}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
