"""State rows that are not where the running replay stands. The others agree with it, and need no count of all rows."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.boundary.views import JOURNAL
from watchkeeper.operation.catalogue.accounts import Accounts
from watchkeeper.operation.catalogue.context import Context, News
from watchkeeper.operation.catalogue.states import standing
from watchkeeper.operation.seals import log as logs


def from_the_replay(
    context: Context, table: str, keys: Sequence[int], accounts: Accounts, news: News | None = None
) -> Sequence[int]:
    """Those of these keys of a state table that have to be counted; the running replay is of traders, so elsewhere all are.

    A trader with entries that are not read yet is left to the pass that comes to them. `news`: what this pass has read
    beyond what is sealed.
    """
    if table != "trader_state":
        return keys
    read = news.journal[-1].key if news and news.journal else logs.size(context.database, logs.MAIN)
    unread = context.views.last(JOURNAL) > read
    states = standing(context, table, keys)
    found: list[int] = []
    for key in keys:
        account = accounts.get(key, "wallet_ledger")
        if states.get(key, (0, 0)) == (account.number, account.exposure_ugx):
            continue
        if not unread or _last_entry(context, key) == account.number:
            found.append(key)
    return found


def _last_entry(context: Context, trader_id: int) -> int:
    return context.views.number(
        "SELECT max(number) FROM watch_wallet_ledger WHERE trader_id = ?", (trader_id,)
    )
