"""1.3 No balance overwrites.

Holds when: every state row (an account's role, status and sessions; a trader's last number and exposure; a unit's, an
offer's and a block's status) is what its append-only rows give when they are replayed, no row missing and none too many.

Why it matters: the market decides by state rows. Who lowers an exposure, frees a paid unit or wakes a suspended account has
changed what happens next, and no history tells of it.

Contained: the wallet of the account that the row belongs to: the trader's or the account's own, of a unit the farmer's, of
an offer or a block the trader's.

How soon: what a commit touched, with that commit. A row that somebody overwrites leaves no new row behind: on SQLite the
commit that nobody owns up to calls for a full pass; on PostgreSQL the rolling re-scan comes by within one round.

Blind to: whether the rows that a state follows from are right: the rules about them say that. A row that differs from its
seal speaks for what hangs on it until it is repaired. While a stranger's row stands, a state may count it or not: it
is 2.3's. Counts of refusals and commits are nobody's balance. Sessions themselves are outside the watch's sight.

Proven by: an exposure lowered, a paid unit set free, a suspended account set active, an offer revived, a state row deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING, Scope
from watchkeeper.boundary.views import JOURNAL, STATES
from watchkeeper.operation.catalogue import books, closing, paging, reached
from watchkeeper.operation.catalogue.accounts import Accounts
from watchkeeper.operation.catalogue.context import Context, News
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen
from watchkeeper.operation.catalogue.states import REPLAYED, Values, all_rows, standing, without_strangers
from watchkeeper.operation.seals import log as logs

#: State table -> whose it is.
_OWNER = {
    "user_state": "SELECT id FROM watch_users WHERE id = ?",
    "trader_state": "SELECT id FROM watch_users WHERE id = ?",
    "unit_state": "SELECT l.farmer_id FROM watch_units u JOIN watch_listings l ON l.id = u.listing_id WHERE u.id = ?",
    "offer_state": "SELECT trader_id FROM watch_offers WHERE id = ?",
    "block_state": "SELECT trader_id FROM watch_blocks WHERE id = ?",
}


def running(context: Context, news: News, accounts: Accounts) -> list[Draft]:
    """Judge the state rows that hang on what is new, as they are at the end of the pass's snapshot."""
    touched: dict[str, set[int]] = {}
    for rows in ([*news.journal, *news.added], *news.effects.values()):
        for found in rows:
            for table, key in reached.by(context, found.table, found.row):
                touched.setdefault(table, set()).add(key)
    return [
        draft
        for table, keys in sorted(touched.items())
        for piece in paging.pieces(sorted(keys))
        for draft in judged(context, table, apart_from_the_replay(context, table, piece, accounts, news))
    ]


def apart_from_the_replay(
    context: Context, table: str, keys: Sequence[int], accounts: Accounts, news: News | None = None
) -> Sequence[int]:
    """Those of these keys of a state table that are not where the running replay stands and have to be counted; the replay is
    of traders, so elsewhere all are.

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


def judged(context: Context, table: str, keys: Sequence[int], *, excusing: bool = True) -> list[Draft]:
    """These state rows against their replay. `excusing`: what hangs on a changed row is left to the rule about that row."""
    state = REPLAYED[table]
    found = standing(context, table, keys)
    expected = state.replay(context, keys, all_rows)
    wrong = [key for key in keys if not _agree(table, found.get(key), [expected.get(key)])]
    if not wrong:
        return []
    owned = state.replay(context, wrong, without_strangers(context))
    excused = reached.changed(context) if excusing else frozenset()
    return [
        _draft(context, table, key, expected.get(key), found.get(key))
        for key in wrong
        if not _agree(table, found.get(key), [expected.get(key), owned.get(key)])
        and (table, key) not in excused
    ]


def _agree(table: str, found: Values, accepted: list[Values]) -> bool:
    if table != "trader_state":
        return found in accepted
    ways = [way for way in accepted if way is not None]
    # Who never moved money has no row, or one of zeros. A stranger's entry moves the one value, a stranger's lock the other.
    return all(any(value == way[place] for way in ways) for place, value in enumerate(found or (0, 0)))


def _draft(context: Context, table: str, key: int, expected: Values, found: Values) -> Draft:
    owner = context.views.database.one(_OWNER[table], (key,))
    alias = None if owner is None else context.alias(owner[0])
    text = _document(table, found)
    return Draft(
        invariant="1.3",
        kind="overwritten",
        scope=EVERYTHING if alias is None else Scope("account", alias),
        classes=books.WALLET,
        account=alias,
        table_name=table,
        row_key=str(key),
        expected=_document(table, expected),
        found=text,
        found_digest=canonical.digest(text.encode("utf-8", "surrogatepass")),
        detail=f"{table} {key} is not what its rows give",
    )


def _document(table: str, values: Values) -> str:
    if values is None:
        return ""
    row = dict(zip(STATES[table].columns[1:], values, strict=True))
    return canonical.encode(canonical.row_document(row)).decode("utf-8", "surrogatepass")


def full(context: Context) -> Iterator[list[Draft]]:
    """Every state row and everything that ought to have one, a page at a time."""
    for table, keys in _pages(context):
        with context.views.snapshot():
            drafts = judged(context, table, keys)
        yield drafts


def rolling(context: Context) -> Iterator[list[Draft]]:
    """The same between commits: traders first beside the running replay, so that a page never counts all that somebody did."""
    for table, keys in _pages(context):
        with context.views.snapshot():
            left = apart_from_the_replay(context, table, keys, Accounts(context.database))
            drafts = judged(context, table, left)
        yield drafts


def _pages(context: Context) -> Iterator[tuple[str, Sequence[int]]]:
    for table, state in REPLAYED.items():
        columns = ((f"watch_{state.facts}", "id"), (STATES[table].name, STATES[table].key))
        for keys in paging.keys(context.views.database, columns):
            yield table, keys


def _again(context: Context, seen: Seen) -> Iterable[Draft]:
    return judged(context, seen.table_name, [int(seen.row_key)], excusing=False)


INVARIANT = Invariant(
    "1.3",
    "no balance overwrites",
    "critical",
    "15",
    closes={"overwritten": closing.again(_again, "the state row is what its rows give")},
    running=running,
    full=full,
    rolling=rolling,
    reads=("1.1",),
)
