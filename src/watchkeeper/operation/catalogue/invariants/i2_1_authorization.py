"""2.1 Server-side authorization.

Holds when: every journal row's decision is accepted again by the policy, evaluated anew: the role that it says was the
actor's by the history of roles, that role may do this, the account was in the state for it, it says why where it must,
and its rows are the actor's own where they have to be. What the operator corrects, explains and waives is what was asked for,
of money that is booked so, and what is left unrecovered is what was not there.

Why it matters: whoever decides in the browser, or in a database console, is nobody's server.

Contained: that command, for everyone, as far as it can be stopped: where it was decided wrongly once it may be again.

Blind to: an act that its actor was allowed and did not do; whatever the policy itself says wrongly, for nothing here asks
the market. What stands in no row: an address, a session, a second factor. A correction that moved nothing and left all, though
there was something to take.

Proven by: a deposit of a suspended account, an act in a role that the actor did not have, an answer to another's offer,
goods paid for at a price that nobody agreed, a correction that took too little, an explanation of another amount, a waiver of
nothing, all with journal rows whose digests are right.
"""

from __future__ import annotations

from watchkeeper.operation.catalogue import authorization, blame, books, closing, people
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant


def rows(context: Context, news: News) -> list[Draft]:
    """Ask the policy about each journal row."""
    accounts = people.of(context, news)
    standing = authorization.referred(context, news)
    drafts: list[Draft] = []
    for entry in news.journal:
        case = authorization.Case(context, accounts, standing, entry, news.effects.get(entry.key, ()))
        refused = authorization.refused(case)
        if refused is not None and context.acknowledged(entry) is None:
            drafts.append(_draft(entry, refused))
    return drafts


def _draft(entry: Found, refused: str) -> Draft:
    return Draft(
        invariant="2.1",
        kind="not allowed",
        scope=blame.command_scope(entry.row["command"]),
        classes=books.STOPPABLE,
        table_name="journal",
        row_key=str(entry.key),
        found=entry.document,
        found_digest=entry.digest,
        detail=f"journal number {entry.key} is none that the policy accepts: {refused}",
    )


INVARIANT = Invariant(
    "2.1",
    "server-side authorization",
    "critical",
    "11",
    closes={"not allowed": closing.acknowledged},
    rows=rows,
)
