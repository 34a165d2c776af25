"""3.1 Nobody changes their own role.

Holds when: each role was given by another account, which was an active admin then and was who did it, with a reason, and
is one that admins give. What set-up gives is the documented exception, in the journal's first row and nowhere else.

Why it matters: who can give themselves a role has every role.

Contained: accounts. No role, invitation or deletion until it is known how this one came about.

Blind to: two admins who do each other the favour; a role column that moved without any row (1.3), and a row of the history
without any command (2.3).

Proven by: a role that its holder gave themselves, one that a farmer gave, one given without a reason, one made operator.
"""

from __future__ import annotations

from watchkeeper.boundary.gate import EVERYTHING, OperationClass
from watchkeeper.operation.catalogue import closing, people
from watchkeeper.operation.catalogue.authorization import said_why
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant
from watchkeeper.operation.catalogue.people import People
from watchkeeper.operation.catalogue.policy import GIVEN


def rows(context: Context, news: News) -> list[Draft]:
    """Judge every row of the history of roles that a command wrote."""
    accounts = people.of(context, news)
    drafts: list[Draft] = []
    for entry in news.journal:
        if entry.key == 1 and entry.row["command"] == "set_up":
            continue
        for found in news.effects.get(entry.key, ()):
            if found.table != "role_history":
                continue
            wrong = _wrong(accounts, found, entry)
            if wrong is not None and context.acknowledged(found) is None:
                drafts.append(_draft(found, wrong))
    return drafts


def _wrong(accounts: People, found: Found, entry: Found) -> str | None:
    row, number = found.row, entry.key
    by = row["assigned_by"]
    if by == row["user_id"]:
        return "its holder gave it"
    if by != entry.row["actor_id"]:
        return "it says that somebody else gave it than who did"
    if not accounts.at(by, number).active("admin") and not accounts.acknowledged(by, number).active("admin"):
        return "who gave it was no active admin"
    if row["role_after"] not in GIVEN:
        return "no admin gives this role"
    return None if said_why(row["reason"]) else "nobody said why"


def _draft(found: Found, wrong: str) -> Draft:
    return Draft(
        invariant="3.1",
        kind="role",
        scope=EVERYTHING,
        classes=frozenset({OperationClass.ACCOUNTS}),
        table_name=found.table,
        row_key=str(found.key),
        found=found.document,
        found_digest=found.digest,
        detail=f"role {found.key} was not given as roles are: {wrong}",
    )


INVARIANT = Invariant(
    "3.1",
    "nobody changes their own role",
    "critical",
    "11",
    closes={"role": closing.acknowledged},
    rows=rows,
)
