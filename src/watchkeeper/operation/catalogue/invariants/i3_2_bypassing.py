"""3.2 The exposure limit cannot be bypassed.

Holds when: every lock, in journal order, was within a million shillings when it was taken: what its trader had at stake at
that number, locks neither delivered nor reversed and lots in store at what they cost, and its own amount.

Why it matters: a lock over the limit that was ended since is gone from every sum, and yet somebody went past the limit.

Contained: the locks of that trader.

Blind to: a lock that no command wrote; 2.3 sees it, and 6.1 what stands. A full pass leaves out traders with rows that
differ from their seals, and those with a position that was acknowledged; the running replay has judged their locks.

Proven by: a lock over the limit that comes in with its journal row, with exposures that say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Scope
from watchkeeper.operation.catalogue import closing, positions
from watchkeeper.operation.catalogue.accounts import Accounts, Passed
from watchkeeper.operation.catalogue.books import EXPOSURE_UGX_MAX, integer
from watchkeeper.operation.catalogue.context import Context, News
from watchkeeper.operation.catalogue.model import Draft, Invariant


def running(context: Context, _: News, accounts: Accounts) -> list[Draft]:
    """Judge the locks that the running replay came by."""
    return [draft for passed in accounts.passed for draft in judged(context, passed)]


def judged(context: Context, passed: Passed) -> list[Draft]:
    """One lock against the limit, at its number."""
    amount = integer(passed.found.row["amount_ugx"])
    after = amount
    for before in positions.befores(context, passed):
        after = before + amount
        if after <= EXPOSURE_UGX_MAX:
            return []
    if context.acknowledged(passed.found) is not None:
        return []
    alias = context.alias(passed.found.row["trader_id"])
    return [
        Draft(
            invariant="3.2",
            kind="bypassed",
            scope=EVERYTHING if alias is None else Scope("account", alias),
            classes=frozenset({OperationClass.LOCK}),
            account=alias,
            table_name="locks",
            row_key=str(passed.found.key),
            expected=canonical.encode({"exposure_ugx_max": EXPOSURE_UGX_MAX}).decode("ascii"),
            found=canonical.encode({"exposure_ugx": after, "number": passed.number}).decode("ascii"),
            found_digest=passed.found.digest,
            detail=f"with lock {passed.found.key} its trader was exposed by {after:,} shillings",
        )
    ]


def full(context: Context) -> Iterator[list[Draft]]:
    """Judge every lock once more, in journal order; a page at a time."""
    for page in positions.in_order(context):
        yield [draft for passed in page for draft in judged(context, passed)]


INVARIANT = Invariant(
    "3.2",
    "exposure limit cannot be bypassed",
    "critical",
    "6",
    closes={"bypassed": closing.acknowledged},
    running=running,
    full=full,
    reads=("1.1",),
)
