"""10.1 No autonomous decision.

Holds when: a person did what every journal row says, save what the documented authority names: those acts are the
system's, within the limits that their entries set. Every row makes a UTID at least, which nobody can take back; so none is
left out.

Why it matters: what a machine decides nobody answers for.

Contained: that command, for everyone.

Blind to: a person who presses whatever a machine tells them to; a day in store that was due and not deducted (9.3), and
what one weighed (5.2); a day deducted although pilot mode was on in it for less than a minute.

Proven by: a deposit, a reversal and the end of a fresh offer by the system, a switch that released itself, all with journal
rows whose digests are right.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.operation.catalogue import blame, books, closing, flipped, limits, people
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant
from watchkeeper.operation.catalogue.people import People
from watchkeeper.operation.catalogue.policy import POLICIES, SYSTEM
from watchkeeper.operation.catalogue.referred import AsTheyStand


def rows(context: Context, news: News) -> list[Draft]:
    """Judge every journal row that no person stands behind."""
    accounts = people.of(context, news)
    standing = limits.referred(context, news)
    drafts: list[Draft] = []
    for entry in news.journal:
        if somebody(accounts, entry):
            continue
        wrong = _wrong(context, standing, entry, news.effects.get(entry.key, ()))
        if wrong is not None and context.acknowledged(entry) is None:
            drafts.append(_draft(entry, wrong))
    return drafts


def somebody(accounts: People, entry: Found) -> bool:
    """Whether a person did it: an account that is somebody's, and the row does not say otherwise."""
    if entry.row["role"] == SYSTEM:
        return False
    role = accounts.at(entry.row["actor_id"], entry.key).role
    if role is None:
        role = accounts.acknowledged(entry.row["actor_id"], entry.key).role
    return role not in (None, SYSTEM)


def _wrong(context: Context, standing: AsTheyStand, entry: Found, effects: Sequence[Found]) -> str | None:
    command = str(entry.row["command"])
    policy = POLICIES.get(command)
    if policy is None or not policy.by_itself:
        return "the documented authority has no entry for it"
    if entry.row["role"] != SYSTEM:
        return "no account that is anybody's did it"
    if command == "set_up":
        return None if entry.key == 1 else "a market is set up once, first of all"
    if command == "record_flip":
        flip = flipped.of(context, entry)
        if flip is None or (flipped.by_the_system(flip) and not flipped.stops_by_itself(flip)):
            return "the system engages where its entry says so, and releases nothing"
        return None
    cited = entry.row["reason"]
    if cited is not None and cited not in {one.cited for one in policy.by_itself}:
        return "it cites another entry than its own"
    return limits.exceeded(context, standing, entry, effects)


def _draft(entry: Found, wrong: str) -> Draft:
    return Draft(
        invariant="10.1",
        kind="nobody decided",
        scope=blame.command_scope(entry.row["command"]),
        classes=books.STOPPABLE,
        table_name="journal",
        row_key=str(entry.key),
        found=entry.document,
        found_digest=entry.digest,
        detail=f"nobody decided journal number {entry.key}, and {wrong}",
    )


INVARIANT = Invariant(
    "10.1",
    "no autonomous decision",
    "critical",
    "14",
    closes={"nobody decided": closing.acknowledged},
    rows=rows,
)
