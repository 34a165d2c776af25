"""6.1 Exposure within UGX 1,000,000.

Holds when: for every trader the amounts of locks neither delivered nor reversed, plus the cost of lots still in store,
are at most a million shillings, counted from the rows that stand, however they came there.

Why it matters: it bounds what one person can lose, or make others lose.

Contained: the locks of that trader. Deliveries already paid for go on.

Blind to: a lock whose amount was edited before it was first read; its seal is then the edited one, and 1.1 sees that it
does not fit its entry.

Proven by: a forged lock over the limit.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Scope
from watchkeeper.operation.catalogue import closing
from watchkeeper.operation.catalogue.accounts import Account, Accounts, pages, replayed
from watchkeeper.operation.catalogue.books import EXPOSURE_UGX_MAX
from watchkeeper.operation.catalogue.context import Context, News
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen, Standing


def running(context: Context, _: News, accounts: Accounts) -> list[Draft]:
    """Judge the accounts that this pass moved."""
    return [draft for account in accounts.touched() for draft in judged(context, account)]


def judged(context: Context, account: Account) -> list[Draft]:
    """One account's exposure against the limit."""
    if account.exposure_ugx <= EXPOSURE_UGX_MAX:
        return []
    alias = context.alias(account.id)
    return [
        Draft(
            invariant="6.1",
            kind="over the limit",
            scope=EVERYTHING if alias is None else Scope("account", alias),
            classes=frozenset({OperationClass.LOCK}),
            account=alias,
            table_name="locks",
            row_key=f"account {account.id}",
            expected=canonical.encode({"exposure_ugx_max": EXPOSURE_UGX_MAX}).decode("ascii"),
            found=canonical.encode({"exposure_ugx": account.exposure_ugx}).decode("ascii"),
            detail=f"exposed by {account.exposure_ugx:,} shillings",
        )
    ]


def counted(context: Context, account_id: int) -> tuple[list[Draft], str]:
    """Count one account's positions from the rows as they are now; what breaks the rule, and the count in words."""
    again, _ = replayed(context, account_id, "wallet_ledger", upto=0)
    return judged(context, again), f"exposed by {again.exposure_ugx:,} shillings"


def full(context: Context) -> Iterator[list[Draft]]:
    """Count every account's positions again; a page at a time."""
    for stored in pages(context.database):
        with context.views.snapshot():
            drafts = [
                draft
                for account in stored
                if account.ledger == "wallet_ledger"
                for draft in counted(context, account.id)[0]
            ]
        yield drafts


def _again(context: Context, seen: Seen) -> Standing:
    identifier = closing.account_id(context, seen)
    if identifier is None:
        return Standing("stands", "the account cannot be found")
    drafts, exposed = counted(context, identifier)
    return closing.state(not drafts, f"{exposed}, within the limit", f"still {exposed}")


INVARIANT = Invariant(
    "6.1",
    "exposure within the limit",
    "critical",
    "6",
    closes={"over the limit": _again},
    running=running,
    full=full,
    reads=("1.1",),
)
