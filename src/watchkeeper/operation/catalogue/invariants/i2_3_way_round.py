"""2.3 No way round the server.

Holds when: the effect rows of each journal row are exactly those whose digest it carries; every row of a journalled
table belongs to one journal row; and every sealed row that no other invariant names has its bytes.

Why it matters: what did not come through the entrance was checked by nobody.

Contained: the account or the unit that the row names, else the commands that write its table.

Blind to: a journal row forged together with its effects and digest (2.1 sees what the policy forbids, 7.1 what pilot mode
stops, 6.1 what is over the limit); rows added and removed between two looks; a row added at the end of a log that belongs to no
journal row (rate-limit hits, sign-ins, readings).

Proven by: a row added past the journal, also under an old UTID with right numbers; an instant of a lock edited.
"""

from __future__ import annotations

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import books, closing
from watchkeeper.operation.catalogue.blame import reach
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen, Standing


def rows(context: Context, news: News) -> list[Draft]:
    """Judge what is new: digests of journal rows, and rows that no journal row owns."""
    drafts: list[Draft] = []
    for entry in news.journal:
        owned = [(found.table, found.key, found.row) for found in news.effects.get(entry.key, ())]
        drafts.extend(effects(context, entry, canonical.effects_digest(owned)))
    drafts.extend(added(context, found) for found in news.added)
    return drafts


def effects(context: Context, entry: Found, digest: str) -> list[Draft]:
    """The finding for a journal row whose effect rows have this digest and not the one that it carries."""
    if digest == entry.row["effects_digest"] or context.acknowledged(entry) is not None:
        return []
    scope, classes, account = reach(context, "journal", entry.row)
    return [
        Draft(
            invariant="2.3",
            kind="effects",
            scope=scope,
            classes=classes,
            account=account,
            table_name="journal",
            row_key=str(entry.key),
            expected=canonical.encode({"effects_digest": str(entry.row["effects_digest"])}).decode("utf-8"),
            found=canonical.encode({"effects_digest": digest}).decode("ascii"),
            found_digest=entry.digest,
            detail=f"the rows of journal number {entry.key} are not those that it says",
        )
    ]


def added(context: Context, found: Found) -> Draft:
    """The finding for a row that no journal row owns."""
    scope, classes, account = reach(context, found.table, found.row)
    return Draft(
        invariant="2.3",
        kind="added",
        scope=scope,
        classes=classes,
        account=account,
        table_name=found.table,
        row_key=str(found.key),
        found=found.document,
        found_digest=found.digest,
        detail=f"no command wrote {found.table} {found.key}",
    )


def missing(number: int) -> Draft:
    """The finding for a journal number that was jumped over."""
    return Draft(
        invariant="2.3",
        kind="missing",
        scope=EVERYTHING,
        classes=books.MONEY,
        table_name="journal",
        row_key=str(number),
        expected=canonical.encode({"n": number}).decode("ascii"),
        detail=f"journal number {number} was never there",
    )


def _gone_for_good(_: Context, __: Seen) -> Standing:
    # A journal number that was never there cannot come back; that it is missing is sealed.
    return Standing("cured", "that it is missing stands in the log")


INVARIANT = Invariant(
    "2.3",
    "no way round the server",
    "critical",
    "11",
    closes=closing.SEALED
    | {"added": closing.acknowledged, "effects": closing.acknowledged, "missing": _gone_for_good},
    rows=rows,
)
