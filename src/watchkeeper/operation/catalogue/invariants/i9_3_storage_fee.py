"""9.3 Storage-fee automation is not half-working.

Holds when: the deduction passes or is off as the operator last turned it; nothing but switches, the lease and restrictions
refuses it; its rule answers; what it reads and writes is published; its round turns, and comes to its end; and every lot-day that
was due when the market last went round every lot has its row.

Why it matters: weight that is not deducted is sold to a buyer and is not there.

Contained: the storage fee, for everyone, until somebody knows why. Days held up by that are caught up afterwards.

Blind to: how much was deducted (5.2); days due since the market last went round, a minute or so, more while it catches up; a
lot that was sold before its day was deducted; what would be due by a better clock than the market's.

Proven by: the command's row of the gate switched off past the operator; a due lot-day whose deduction is gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.features import BY_NAME, STORAGE_FEE
from watchkeeper.boundary.gate import OperationClass
from watchkeeper.boundary.selftest import WORKS, Settled
from watchkeeper.operation.catalogue import features, storage_days
from watchkeeper.operation.catalogue.context import Context, SelfTest
from watchkeeper.operation.catalogue.model import CannotTell, Draft, Invariant, Seen

_JOB = "storage fee"
_STOPS = frozenset({OperationClass.STORAGE_FEE})
#: A round ends at the latest after this, and a second more for each so many lots: it looks at 100 a second and deducts 50.
_ROUND_SECONDS_MAX = 300.0
_LOTS_A_SECOND = 25


def now(context: Context) -> list[Draft]:
    """The feature as the market's last probes and the gate show it, and the days of the next lots in turn."""
    drafts = features.judged(context, STORAGE_FEE, invariant="9.3", stops=_STOPS)
    tested = features.evidence(context)
    drafts.extend(_round_without_end(context, tested))
    settled = _settled(tested)
    if settled is not None and context.first_this_second("9.3"):
        drafts.extend(storage_days.in_turn(context, settled, invariant="9.3"))
    return drafts


def full(context: Context) -> Iterator[list[Draft]]:
    """Every lot, by the last round of which the market has said anything, however long ago: what was due then is due."""
    try:
        settled = _settled(context.tested())
    except DatabaseError as error:
        raise CannotTell(f"the market's rounds cannot be read: {error}") from error
    if settled is not None:
        yield from storage_days.every(context, settled, invariant="9.3")


def _settled(tested: SelfTest) -> Settled | None:
    """When the market last left nothing undone on any lot; None while it has not said so."""
    turn = tested.jobs.get(_JOB)
    return None if turn is None else turn.settled


def _round_without_end(context: Context, tested: SelfTest) -> list[Draft]:
    """Whether the round, at work all the time, has not come to a good end for longer than it may take."""
    turn, found = tested.jobs.get(_JOB), tested.probes
    if turn is None or found is None or turn.state != WORKS:
        return []
    ages = [found.probed.seconds_since(turn.working_since)]
    if turn.settled is not None:
        ages.append(found.probed.seconds_since(turn.settled.boot))
    age = min((age for age in ages if age is not None), default=None)
    lots = context.views.number("SELECT max(id) FROM watch_lots")
    if age is None or age <= _ROUND_SECONDS_MAX + lots // _LOTS_A_SECOND:
        return []
    return [
        features.draft(
            STORAGE_FEE,
            f"round {_JOB}",
            "no round over all lots has left nothing undone for too long",
            invariant="9.3",
            stops=_STOPS,
        )
    ]


def _again(context: Context, _: Seen) -> list[Draft]:
    return now(context)


def _lot_again(context: Context, seen: Seen) -> list[Draft]:
    settled = _settled(features.evidence(context))
    if settled is None:
        raise CannotTell("the market has not said yet when it last went round every lot")
    lot = int(seen.row_key.removeprefix("lot "))
    return storage_days.missed(context, settled, after=lot - 1, upto=lot, invariant="9.3")


INVARIANT = Invariant(
    "9.3",
    "storage-fee automation not half-working",
    "high",
    "13",
    closes={
        "half working": features.whole_again(STORAGE_FEE, _again),
        "day not deducted": features.whole_again(STORAGE_FEE, _lot_again),
    },
    now=now,
    full=full,
    reads=BY_NAME[STORAGE_FEE].checks,
)
