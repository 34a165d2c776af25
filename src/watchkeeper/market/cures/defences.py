"""Putting the database's own defences back as the migrations made them."""

from __future__ import annotations

from pathlib import Path

from watchkeeper.base.database import Database
from watchkeeper.base.database.restore import RESTORABLE, statements
from watchkeeper.base.database.schema import objects, reference
from watchkeeper.market import reasons
from watchkeeper.market.commands import RestoreDefences
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.refusals import Refusal


def restore(command: RestoreDefences, database: Database, context: Context, *, data: Path) -> Decision:
    """Drop what should not be there, create what should; tables are never touched, they refuse."""
    reason = reasons.checked(command.reason)
    expected = reference(data)
    found = objects(database)
    wrong_tables = sorted(
        name
        for kind, name in expected.keys() | found.keys()
        if kind == "table" and expected.get((kind, name)) != found.get((kind, name))
    )
    if wrong_tables:
        raise Refusal(
            "resumption-refused",
            f"These tables are not as they were made: {', '.join(wrong_tables)}. Restore the database from a backup.",
        )
    changed: list[str] = []
    for kind in RESTORABLE[database.engine]:
        names = sorted({name for k, name in expected.keys() | found.keys() if k == kind})
        for name in names:
            want, have = expected.get((kind, name)), found.get((kind, name))
            if want == have:
                continue
            for statement in statements(database.engine, kind, name, have=have, want=want):
                database.execute(statement)
            changed.append(f"{kind} {name}")
    if changed and objects(database) != expected:
        raise Refusal(
            "resumption-refused",
            "Something of the defences cannot be put back from here. Restore the database from a backup.",
        )
    decision = Decision(
        utid=context.utid, reason=reason, subject="defences", decision="restored" if changed else "unchanged"
    )
    decision.answer = {"changed": changed}
    return decision
