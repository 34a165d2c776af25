"""10.2 No automatic reversal.

Holds when: a person stands behind every unlock, correction, repair, acknowledgement and release in the journal, with a
reason; and behind every restriction that was lifted, with a reason, a decision and the record of the act in the control
room. Only a pause for UNKNOWN ends by itself.

Why it matters: what set something right wrongly looks like order, and nobody looks again.

Contained: reversals, for everyone.

Blind to: a lift in the operator's name by somebody who can forge the control room's own sealed record.

Proven by: a reversal and a correction by the system, one without a reason, a restriction that the gate lost by itself and
one that was lifted without a decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Value
from watchkeeper.boundary.gate import EVERYTHING, OperationClass
from watchkeeper.boundary.gatestore import Lifted
from watchkeeper.operation import authority
from watchkeeper.operation.catalogue import closing, flipped, paging, people
from watchkeeper.operation.catalogue.authorization import said_why
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.invariants.i10_1_autonomous_acts import somebody
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen, Standing
from watchkeeper.operation.catalogue.policy import REVERSING
from watchkeeper.operation.catalogue.referred import AsSealed

_LIFT = "restrictions"
#: What a row of these does is a reversal, whatever command wrote it: column, and its values.
_REVERSALS = {
    "wallet_ledger": (
        "type",
        frozenset({"capital_unlock", "capital_correction", "locked_correction", "profit_correction"}),
    ),
    "farmer_ledger": ("type", frozenset({"correction"})),
    "lock_outcomes": ("outcome", frozenset({"reversed"})),
}


def rows(context: Context, news: News) -> list[Draft]:
    """Judge the journal rows that reverse something."""
    accounts = people.of(context, news)
    return [
        _draft(entry)
        for entry in news.journal
        if _reverses(context, entry, news.effects.get(entry.key, ()))
        and not (somebody(accounts, entry) and said_why(entry.row["reason"]))
        and context.acknowledged(entry) is None
    ]


def now(context: Context) -> list[Draft]:
    """Judge the newest lifts, which are of no row: no row waits for the gate to be read."""
    return _unaccounted(context, context.lifted(None))


def full(context: Context) -> Iterator[list[Draft]]:
    """Judge every lift that the gate remembers, a page at a time."""
    for page in paging.walked(context.lifted, lambda lift: lift.id, None):
        with context.views.snapshot():
            yield _unaccounted(context, page)


def _reverses(context: Context, entry: Found, effects: Sequence[Found]) -> bool:
    command = entry.row["command"]
    if command == "record_flip" and entry.row["decision"] == "release":
        # Written down by the system, it may still be a person's.
        flip = flipped.of(context, entry)
        return flip is None or flipped.by_the_system(flip)
    if command in REVERSING:
        return True
    for found in effects:
        column, values = _REVERSALS.get(found.table, ("utid", frozenset[str]()))
        if found.table == "repairs" or found.row[column] in values:
            return True
    return False


def _unaccounted(context: Context, lifts: Sequence[Lifted]) -> list[Draft]:
    if not lifts:
        return []
    evidence = _evidence(context, lifts)
    return [
        draft
        for lift in lifts
        if (wrong := evidence.wrong(lift)) is not None
        and not _looked_at(context, draft := _of_lift(lift, wrong))
    ]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What the control room knows of some lifts."""

    #: Decisions: restriction, rule, scope, by whom, why.
    decisions: frozenset[tuple[Value, ...]]
    #: Acts of lifting: by whom, on what, why.
    acts: frozenset[tuple[Value, ...]]
    operators: frozenset[str]

    def wrong(self, lift: Lifted) -> str | None:
        """Why nobody stands behind this lift with a reason; None when somebody does."""
        if (lift.id, lift.rule, lift.scope, lift.by, lift.reason) not in self.decisions:
            return "nobody decided it"
        if lift.by == authority.RELEASE_UNKNOWN.cited:
            return None if lift.cause == "UNKNOWN" else "it stood for a finding, which only a person lifts"
        if not said_why(lift.reason):
            return "nobody said why"
        if lift.by not in self.operators:
            return "it names nobody who may"
        recorded = any((lift.by, subject, lift.reason) in self.acts for subject in _subjects(lift))
        return None if recorded else "the control room has no record of it"


def _subjects(lift: Lifted) -> tuple[str, str]:
    """What an act of lifting is said to be on: by a playbook, and by hand."""
    return f"{lift.rule} {lift.scope}", lift.scope


def _evidence(context: Context, lifts: Sequence[Lifted]) -> _Evidence:
    database = context.database
    numbers = [lift.id for lift in lifts]
    subjects = sorted({subject for lift in lifts for subject in _subjects(lift)})
    decisions = database.query(
        "SELECT restriction_id, rule, scope, decided_by, reason FROM lifts "
        f"WHERE restriction_id IN ({', '.join('?' * len(numbers))})",
        numbers,
    )
    acts = database.query(
        "SELECT DISTINCT actor, subject, reason FROM operator_actions WHERE action IN ('lift', 'override') "
        f"AND subject IN ({', '.join('?' * len(subjects))})",
        subjects,
    )
    return _Evidence(frozenset(decisions), frozenset(acts), _operators(context, {lift.by for lift in lifts}))


def _operators(context: Context, named: set[str]) -> frozenset[str]:
    """Which of these names are operators': by the books, and where those say nothing by what was sealed."""
    names = sorted(name for name in named if name.isascii() and name != authority.RELEASE_UNKNOWN.cited)
    if not names:
        return frozenset()
    rows = context.views.database.query(
        "SELECT alias FROM watch_users WHERE role_at_creation = 'operator' "
        f"AND alias IN ({', '.join('?' * len(names))})",
        names,
    )
    found = frozenset(str(alias) for (alias,) in rows)
    if found.issuperset(names):
        return found
    numbers = context.database.query(
        "SELECT DISTINCT user_id FROM people_steps WHERE table_name = 'role_history' AND value = 'operator' LIMIT 100"
    )
    sealed = (AsSealed(context).by_key("users", number) for (number,) in numbers)
    return found | {
        str(row["alias"]) for row in sealed if row is not None and row["role_at_creation"] == "operator"
    }


def _of_lift(lift: Lifted, wrong: str) -> Draft:
    document = canonical.encode(
        {"rule": lift.rule, "scope": lift.scope, "cause": lift.cause, "by": lift.by, "reason": lift.reason}
    )
    return Draft(
        invariant="10.2",
        kind="lifted",
        scope=EVERYTHING,
        classes=frozenset({OperationClass.REVERSAL}),
        table_name=_LIFT,
        row_key=str(lift.id),
        found=document.decode("utf-8"),
        found_digest=canonical.digest(document + str(lift.at).encode("ascii")),
        detail=f"restriction {lift.id} on {lift.scope} is lifted, and {wrong}",
    )


def _looked_at(context: Context, draft: Draft) -> bool:
    """Whether the operator has settled this very lift; what was lifted cannot be made not to have been."""
    row = context.database.one(
        "SELECT 1 FROM findings WHERE invariant = ? AND table_name = ? AND row_key = ? AND found_digest = ? "
        "AND state = 'cured' LIMIT 1",
        (draft.invariant, draft.table_name, draft.row_key, draft.found_digest),
    )
    return row is not None


def _concluded(context: Context, seen: Seen) -> Standing:
    """A lift that nobody decided closes when the operator has written down what came of it."""
    row = context.database.one(
        "SELECT 1 FROM playbook_steps s JOIN playbook_runs r ON r.id = s.run_id WHERE r.rule = '10.2' "
        "AND r.scope = ? AND s.key = 'investigate' AND s.state <> 'waiting' AND s.at >= ? LIMIT 1",
        (seen.scope, seen.seen_at),
    )
    return closing.state(
        row is not None, "the operator looked into it and says what came of it", "nobody has looked"
    )


def _draft(entry: Found) -> Draft:
    return Draft(
        invariant="10.2",
        kind="reversed",
        scope=EVERYTHING,
        classes=frozenset({OperationClass.REVERSAL}),
        table_name="journal",
        row_key=str(entry.key),
        found=entry.document,
        found_digest=entry.digest,
        detail=f"journal number {entry.key} sets something back, and nobody stands behind it with a reason",
    )


INVARIANT = Invariant(
    "10.2",
    "no automatic reversal",
    "critical",
    "14",
    closes={"reversed": closing.acknowledged, "lifted": _concluded},
    rows=rows,
    now=now,
    full=full,
)
