"""6.2 Exposure is atomic.

Holds when: the exposure before and after that each lock recorded is what a replay of its trader's positions gives at its
journal number.

Why it matters: a lock that saw another exposure than there was had decided on something else than the books, as two at
once do that do not wait for each other. What let one through lets others.

Contained: the locks of everybody.

Blind to: what 3.2 is blind to.

Proven by: a lock through the entrance after its trader's exposure was lowered; a lock with its journal row that recorded
too little.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING, OperationClass
from watchkeeper.operation.catalogue import closing, positions
from watchkeeper.operation.catalogue.accounts import Accounts, Passed
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, News
from watchkeeper.operation.catalogue.model import Draft, Invariant


def running(context: Context, _: News, accounts: Accounts) -> list[Draft]:
    """Judge the locks that the running replay came by."""
    return [draft for passed in accounts.passed for draft in judged(context, passed)]


def judged(context: Context, passed: Passed) -> list[Draft]:
    """What one lock recorded against the replay at its number."""
    row = passed.found.row
    amount = integer(row["amount_ugx"])
    recorded = (row["exposure_before_ugx"], row["exposure_after_ugx"])
    before = passed.before_ugx
    for before in positions.befores(context, passed):
        if recorded == (before, before + amount):
            return []
    if context.acknowledged(passed.found) is not None:
        return []
    return [
        Draft(
            invariant="6.2",
            kind="not atomic",
            scope=EVERYTHING,
            classes=frozenset({OperationClass.LOCK}),
            account=context.alias(row["trader_id"]),
            table_name="locks",
            row_key=str(passed.found.key),
            expected=canonical.encode({"before_ugx": before, "after_ugx": before + amount}).decode("ascii"),
            found=canonical.encode(
                {"before_ugx": integer(recorded[0]), "after_ugx": integer(recorded[1])}
            ).decode("ascii"),
            found_digest=passed.found.digest,
            detail=f"lock {passed.found.key} recorded an exposure that the replay does not give",
        )
    ]


def full(context: Context) -> Iterator[list[Draft]]:
    """Judge every lock once more, in journal order; a page at a time."""
    for page in positions.in_order(context):
        yield [draft for passed in page for draft in judged(context, passed)]


INVARIANT = Invariant(
    "6.2",
    "exposure atomic",
    "critical",
    "6",
    closes={"not atomic": closing.acknowledged},
    running=running,
    full=full,
    reads=("1.1",),
)
