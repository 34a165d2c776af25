"""2.2 Admins are who they say.

Holds when: the actor of every admin action was at that number an active admin, or the operator where the policy lets the
operator do it; of the journal's row and of the row in the admins' own log.

Why it matters: nearly everything that moves other people's money is an admin's act.

Contained: all that admins do, for everyone, until it is known who it was.

Blind to: an admin whose credential is in other hands (threat 1.3); an act that left neither row (8.1).

Proven by: acts of an admin's by a farmer and by an admin who was suspended, with journal rows whose digests are right.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.base.canonical import Value
from watchkeeper.boundary.gate import EVERYTHING
from watchkeeper.operation.catalogue import books, closing, people
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant
from watchkeeper.operation.catalogue.people import People
from watchkeeper.operation.catalogue.policy import ADMIN_OR_OPERATOR, POLICIES, SYSTEM


def rows(context: Context, news: News) -> list[Draft]:
    """Judge every journal row of an admin action, and every row of the admins' log under another command."""
    accounts = people.of(context, news)
    drafts: list[Draft] = []
    for entry in news.journal:
        logged = [found for found in news.effects.get(entry.key, ()) if found.table == "admin_actions"]
        drafts.extend(
            _draft(found, entry)
            for found in _wrong(accounts, entry, logged)
            if context.acknowledged(found) is None
        )
    return drafts


def _wrong(accounts: People, entry: Found, logged: Sequence[Found]) -> list[Found]:
    """The journal's row when it is wrong, which speaks for its own in the log; else those of the log that are."""
    command = str(entry.row["command"])
    policy = POLICIES.get(command)
    counts = policy is not None and policy.admin_action and entry.row["role"] != SYSTEM
    if counts and not _allowed(accounts, entry.row["actor_id"], command, entry.key):
        return [entry]
    return [
        found
        for found in logged
        if not _allowed(accounts, found.row["actor_id"], str(found.row["action"]), entry.key)
    ]


def _allowed(accounts: People, actor_id: Value, command: str, number: int) -> bool:
    policy = POLICIES.get(command)
    roles = ADMIN_OR_OPERATOR if policy is None else policy.roles & ADMIN_OR_OPERATOR
    return accounts.at(actor_id, number).active(*roles) or accounts.acknowledged(actor_id, number).active(
        *roles
    )


def _draft(found: Found, entry: Found) -> Draft:
    return Draft(
        invariant="2.2",
        kind="no admin",
        scope=EVERYTHING,
        classes=books.ADMIN,
        table_name=found.table,
        row_key=str(found.key),
        found=found.document,
        found_digest=found.digest,
        detail=f"journal number {entry.key} is an admin's act, and its actor was none then",
    )


INVARIANT = Invariant(
    "2.2",
    "admin role verification",
    "critical",
    "11",
    closes={"no admin": closing.acknowledged},
    rows=rows,
)
