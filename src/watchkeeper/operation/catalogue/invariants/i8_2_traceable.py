"""8.2 UTIDs are traceable.

Holds when: every act that must leave a row has left one, and every UTID that a row cites is an act's.

Why it matters: a chain that breaks off is where money or goods went without anybody being able to say whose they were.

Contained: that command. A citation that leads nowhere stops the command that wrote it.

Blind to: a row of an act that left others as well (4.2); a citation that leads to the wrong act.

Proven by: a journal row without rows, whose digest agrees; an outcome that cites a lock which was never there.
"""

from __future__ import annotations

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import blame, books, closing, references
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen, Standing


def rows(context: Context, news: News) -> list[Draft]:
    """Acts without a row, and citations without an act, both ways."""
    drafts = [
        _orphan(entry)
        for entry in news.journal
        if not news.effects.get(entry.key) and blame.must_write(entry) and context.acknowledged(entry) is None
    ]
    citing: list[tuple[Found | None, Found]] = [
        (entry, found) for entry in news.journal for found in (entry, *news.effects.get(entry.key, ()))
    ]
    citing += [(None, found) for found in news.added]
    nowhere = references.missing(context, (utid for _, found in citing for utid in references.cited(found)))
    # Of an act that is gone its seal speaks.
    nowhere -= context.unsound.utids
    if nowhere:
        drafts.extend(
            _broken(entry, found, utid)
            for entry, found in citing
            for utid in references.cited(found)
            if utid in nowhere and context.acknowledged(found) is None
        )
    return drafts


def _orphan(entry: Found) -> Draft:
    return Draft(
        invariant="8.2",
        kind="orphan",
        scope=blame.command_scope(entry.row["command"]),
        classes=books.STOPPABLE,
        table_name="journal",
        row_key=str(entry.key),
        found=entry.document,
        found_digest=entry.digest,
        detail=f"journal number {entry.key} has left no row",
    )


def _broken(entry: Found | None, found: Found, utid: str) -> Draft:
    return Draft(
        invariant="8.2",
        kind="citation",
        scope=EVERYTHING if entry is None else blame.command_scope(entry.row["command"]),
        classes=books.TABLE_CLASSES[found.table] if entry is None else books.STOPPABLE,
        table_name=found.table,
        row_key=str(found.key),
        expected=canonical.encode({"cited": utid[:80]}).decode("utf-8"),
        found=found.document,
        found_digest=found.digest,
        detail=f"{found.table} {found.key} cites an act that is in no journal",
    )


def _cited_again(context: Context, seen: Seen) -> Standing:
    found = context.one(seen.table_name, int(seen.row_key))
    if found is not None and not references.missing(context, references.cited(found)):
        return Standing("cured", "what it cites is there again")
    return closing.acknowledged(context, seen)


INVARIANT = Invariant(
    "8.2",
    "UTIDs traceable",
    "high",
    "10",
    closes={"orphan": closing.acknowledged, "citation": _cited_again},
    rows=rows,
)
