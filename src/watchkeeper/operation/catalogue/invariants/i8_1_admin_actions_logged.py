"""8.1 Every admin action is logged.

Holds when: each act of an admin or the operator that the policy counts as one has exactly one row in the admin log, with its
actor, its name, what it was aimed at and a reason; and each row of the admin log belongs to such an act and has its effect.

Why it matters: power that leaves no trace is not accountable to anybody.

Contained: that command.

Blind to: whether the reason is true; an act that went past the journal as well (2.3).

Proven by: a reversal without its row in the log; a row in the log for an act that was none; a reason left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.base import canonical
from watchkeeper.operation.catalogue import blame, books, closing
from watchkeeper.operation.catalogue.authorization import said_why
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant
from watchkeeper.operation.catalogue.policy import POLICIES, SYSTEM

_TABLE = "admin_actions"


def rows(context: Context, news: News) -> list[Draft]:
    """Each act against its rows in the log, both ways."""
    return [
        _draft(entry, trouble)
        for entry in news.journal
        for trouble in [_trouble(entry, news.effects.get(entry.key, ()))]
        if trouble and context.acknowledged(entry) is None
    ]


def _trouble(entry: Found, effects: Sequence[Found]) -> str:
    logged = [found.row for found in effects if found.table == _TABLE]
    command = entry.row["command"]
    policy = POLICIES.get(str(command))
    if policy is None or not policy.admin_action or entry.row["role"] == SYSTEM:
        return "is no admin action and has a row in the admin log" if logged else ""
    if len(logged) != 1:
        return "is not in the admin log" if not logged else f"has {len(logged)} rows in the admin log"
    row = logged[0]
    if row["actor_id"] != entry.row["actor_id"] or row["action"] != command:
        return "is in the admin log as another's, or as something else"
    if row["target_utid"] != entry.row["target_utid"] or not row["subject"]:
        return "is in the admin log as aimed at something else"
    if not said_why(row["reason"]):
        return "is in the admin log without a reason"
    if policy.writes - {found.table for found in effects}:
        return "is in the admin log without having done it"
    return ""


def _draft(entry: Found, trouble: str) -> Draft:
    return Draft(
        invariant="8.1",
        kind="admin log",
        scope=blame.command_scope(entry.row["command"]),
        classes=books.STOPPABLE,
        table_name="journal",
        row_key=str(entry.key),
        expected=canonical.encode({"admin_actions": 1}).decode("ascii"),
        found=entry.document,
        found_digest=entry.digest,
        detail=f"journal number {entry.key} {trouble}",
    )


INVARIANT = Invariant(
    "8.1",
    "every admin action logged",
    "critical",
    "11",
    closes={"admin log": closing.acknowledged},
    rows=rows,
)
