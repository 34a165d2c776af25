"""3.3 No admin sees a real identity.

Holds when: no reading that an admin did, by the query log, returned a field that could name a person.

Why it matters: admins decide about farmers and traders; who knows a name can favour it, or sell it.

Contained: that query, for everybody but the operator.

Blind to: a reading that was not written down; the pages and routes that do not log hold no identity, and a test reads them
all.

Proven by: a row of the query log in which an admin was given names and telephone numbers.
"""

from __future__ import annotations

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import OperationClass, Scope
from watchkeeper.operation.catalogue import closing
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant

#: Fields that name nobody. Any other counts as an identity until somebody has looked at it and put it here.
_NAMELESS = frozenset({"earnings"})


def rows(context: Context, news: News) -> list[Draft]:
    """Judge the readings that were logged."""
    read = [found for found in news.side if found.table == "query_log"]
    if read and context.unsound.keeps("3.3", "users", "role_history"):
        return []
    return [
        _draft(found)
        for found in read
        if _names_people(found) and _was_admin(context, found) and context.acknowledged(found) is None
    ]


def _names_people(found: Found) -> bool:
    fields = found.row["fields"]
    return not isinstance(fields, str) or bool(set(fields.split()) - _NAMELESS)


def _was_admin(context: Context, found: Found) -> bool:
    """Whether the reader was an admin then. Of a reader whom nobody knows, it is supposed."""
    alias, at = found.row["actor"], found.row["at"]
    if not isinstance(alias, str) or not alias.isascii() or not isinstance(at, int):
        return True
    row = context.views.database.one(
        "SELECT h.role_after FROM watch_users u JOIN watch_role_history h ON h.user_id = u.id "
        "WHERE u.alias = ? AND h.at <= ? ORDER BY h.id DESC LIMIT 1",
        (alias, at),
    )
    return row is None or row[0] == "admin"


def _draft(found: Found) -> Draft:
    query = found.row["query"]
    name = query if isinstance(query, str) and query.isascii() and 0 < len(query) <= 64 else "unknown"
    return Draft(
        invariant="3.3",
        kind="identity read",
        scope=Scope("query", name),
        classes=frozenset({OperationClass.READ}),
        account=found.row["actor"] if isinstance(found.row["actor"], str) else None,
        table_name="query_log",
        row_key=str(found.key),
        expected=canonical.encode({"fields": sorted(_NAMELESS)}).decode("ascii"),
        found=found.document,
        found_digest=found.digest,
        detail=f"reading {found.key} gave an admin fields that can name people",
    )


INVARIANT = Invariant(
    "3.3",
    "no admin sees a real identity",
    "high",
    "11",
    closes={"identity read": closing.acknowledged},
    rows=rows,
)
