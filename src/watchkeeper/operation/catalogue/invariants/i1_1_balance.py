"""1.1 Balance consistency.

Holds when: replaying each account's entries from the first gives every stored balance, in dense numbers; what each
trader has locked equals the locks that are open; and money is conserved between different tables: what came in from
outside, by the journal, equals all balances less what was booked to suspense; each pickup returned and credited what it
brought; and what was settled is what the lots cost that are in store, were picked up or written off.

Why it matters: a balance that does not follow from its entries is money from nowhere, or money lost.

Contained: the wallet of that account; where conservation fails, money for everyone, because nobody knows whose it is.

Blind to: a deposit that the provider never saw. An account whose entries differ from their seals is judged by 1.2 until
they are repaired, not by this check.

Proven by: an unsound entry that comes in with its journal row; totals that do not meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from watchkeeper.base import canonical
from watchkeeper.boundary.gate import EVERYTHING, Scope
from watchkeeper.operation.catalogue import books, closing, paging
from watchkeeper.operation.catalogue.accounts import (
    LEDGERS,
    Account,
    Accounts,
    Jump,
    Passed,
    pages,
    replayed,
    replaying,
    step,
)
from watchkeeper.operation.catalogue.books import Balances, integer
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.model import Draft, Invariant, Seen, Standing
from watchkeeper.operation.catalogue.positions import cost_picked_up, moved
from watchkeeper.operation.catalogue.referred import AsSealed

#: Commands whose journal amount comes in from outside, and those whose amount goes out.
_IN = frozenset({"deposit", "pickup"})
_OUT = frozenset({"withdraw", "payout"})


def rows(context: Context, news: News) -> list[Draft]:
    """What each pickup brought against what was booked for it."""
    return [
        draft
        for entry in news.journal
        if entry.row["command"] == "pickup" and context.acknowledged(entry) is None
        for draft in _pickup(context, entry, news.effects.get(entry.key, ()))
    ]


def running(context: Context, news: News, accounts: Accounts) -> list[Draft]:
    """Replay what is new, then see whether the totals still meet."""
    drafts: list[Draft] = []
    again: set[tuple[int, str]] = set()
    for entry in news.journal:
        if entry.row["command"] in _IN:
            accounts.add("paid_in", integer(entry.row["amount_ugx"]))
        elif entry.row["command"] in _OUT:
            accounts.add("paid_in", -integer(entry.row["amount_ugx"]))
        for found in news.effects.get(entry.key, ()):
            if found.table in LEDGERS:
                drafts.extend(_entry(context, found, accounts))
            elif found.table in ("acknowledgements", "repairs"):
                again |= _cured(context, found)
            else:
                _position(context, found, accounts, number=entry.key)
    for found in news.added:
        # A position that stands counts for the limit, whoever put it there; 6.1 reads it from here.
        _position(context, found, accounts, number=None)
    if again:
        again |= accounts.uncounted(context)
    for account_id, ledger in sorted(again):
        account, jumps = replayed(context, account_id, ledger)
        accounts.put(account)
        drafts.extend(draft for jump in jumps for draft in _blame(context, jump))
    for account in accounts.touched():
        drafts.extend(_locked(context, account))
    drafts.extend(conservation(accounts.totals))
    return drafts


def _entry(context: Context, found: Found, accounts: Accounts) -> list[Draft]:
    account_id = integer(found.row[LEDGERS[found.table]])
    account, jump = step(accounts.get(account_id, found.table), found, None)
    accounts.put(account)
    accounts.add("corrections", books.correction(found.table, found.row))
    if found.row["type"] == "settlement":
        accounts.add(f"settled_{found.table}", integer(found.row["amount_ugx"]))
    return [] if jump is None else _blame(context, jump)


def _cured(context: Context, found: Found) -> set[tuple[int, str]]:
    """The accounts that a cure touched, to be replayed from their first entries."""
    table, key = str(found.row["table_name"]), str(found.row["row_key"])
    touched: set[tuple[int, str]] = set()
    row = context.one(table, int(key)) if table in books.TABLE_CLASSES and key.isdecimal() else None
    if row is not None:
        if table in LEDGERS:
            touched.add((integer(row.row[LEDGERS[table]]), table))
        for column in ("trader_id",):
            if isinstance(row.row.get(column), int):
                touched.add((integer(row.row[column]), "wallet_ledger"))
    return touched


def _position(context: Context, found: Found, accounts: Accounts, *, number: int | None) -> None:
    """Move a trader's positions by one row; `number` is its journal number, None of a row that has none."""
    move = moved(context, found)
    row, belongs = found.row, number is not None
    if belongs and found.table == "lots":
        accounts.add("lots", move.exposure_ugx)
        accounts.add("goods", move.exposure_ugx)
    elif belongs and found.table in ("write_offs", "pickups"):
        # What the row says against what its lots cost: where they part, the goods do not add up.
        accounts.add("goods", move.exposure_ugx)
        accounts.add("ended", integer(row["cost_ugx"]))
    if move.trader_id is None or not (move.opened_ugx or move.exposure_ugx):
        return
    account = accounts.get(move.trader_id, "wallet_ledger")
    if number is not None and found.table == "locks":
        accounts.passed.append(Passed(found, number, account.exposure_ugx))
    accounts.put(
        replace(
            account,
            open_ugx=account.open_ugx + (move.opened_ugx if belongs else 0),
            exposure_ugx=account.exposure_ugx + move.exposure_ugx,
        )
    )


def _pickup(context: Context, entry: Found, effects: Sequence[Found]) -> list[Draft]:
    """Whether a pickup gave back and credited what it brought: the cost first, the rest as profit."""
    proceeds = integer(entry.row["amount_ugx"])
    said = {"sale_return": 0, "profit_credit": 0}
    cost, trader, purchase = 0, None, None
    for found in effects:
        if found.table == "pickups":
            cost, trader = cost_picked_up(context, found.row), found.row["trader_id"]
            purchase = found.row["purchase_utid"]
        elif found.table == "wallet_ledger" and found.row["type"] in said:
            said[str(found.row["type"])] += integer(found.row["amount_ugx"])
    expected = _brought(proceeds, cost)
    # What somebody changed in what it is counted from says nothing against who fetched it.
    if said == expected or said == _brought(proceeds, AsSealed(context).cost_picked_up(purchase)):
        return []
    alias = context.alias(trader)
    return [
        Draft(
            invariant="1.1",
            kind="pickup",
            scope=EVERYTHING if alias is None else Scope("account", alias),
            classes=books.WALLET,
            account=alias,
            table_name="journal",
            row_key=str(entry.key),
            expected=canonical.encode(dict(expected)).decode("ascii"),
            found=canonical.encode(dict(said)).decode("ascii"),
            found_digest=entry.digest,
            detail=f"the pickup of journal number {entry.key} did not bring what was booked",
        )
    ]


def _brought(proceeds: int, cost: int) -> dict[str, int]:
    return {"sale_return": min(proceeds, cost), "profit_credit": max(0, proceeds - cost)}


def _document(number: int, balances: Balances) -> str:
    return canonical.encode(
        {
            "number": number,
            "capital": balances.capital,
            "locked": balances.locked,
            "profit": balances.profit,
            "earnings": balances.earnings,
        }
    ).decode("ascii")


def _blame(context: Context, jump: Jump) -> list[Draft]:
    alias = context.alias(jump.account_id)
    scope = EVERYTHING if alias is None else Scope("account", alias)
    found = jump.found
    return [
        Draft(
            invariant="1.1",
            kind="balance",
            scope=scope,
            classes=books.WALLET,
            account=alias,
            table_name=found.table,
            row_key=str(found.key),
            expected=_document(jump.expected_number, jump.expected),
            found=_document(integer(found.row["number"]), jump.said),
            found_digest=found.digest,
            detail=f"{found.table} {found.key} does not follow from the entry before it",
        )
    ]


def _locked(context: Context, account: Account) -> list[Draft]:
    if account.ledger != "wallet_ledger" or account.disputed != books.ZERO:
        return []
    expected = account.open_ugx + account.adjusted_ugx
    if account.balances.locked == expected:
        return []
    alias = context.alias(account.id)
    return [
        Draft(
            invariant="1.1",
            kind="locked",
            scope=EVERYTHING if alias is None else Scope("account", alias),
            classes=books.WALLET,
            account=alias,
            table_name="wallet_ledger",
            row_key=f"account {account.id}",
            expected=canonical.encode({"locked": expected}).decode("ascii"),
            found=canonical.encode({"locked": account.balances.locked}).decode("ascii"),
            detail="what is locked is not what the open locks add up to",
        )
    ]


def conservation(totals: dict[str, int]) -> list[Draft]:
    """Whether different tables tell of the same money; `totals` in UGX by name."""
    # A total that nothing has moved yet is nought.
    known = Counter(totals)
    paid_in = known["paid_in"]
    standing = known["balances"] - known["disputed"]
    suspense = -(known["corrections"] + known["acknowledged"])
    pairs = [
        ("money", paid_in, standing + suspense, "what came in is not what stands, with suspense"),
        (
            "settlements",
            known["settled_wallet_ledger"],
            known["settled_farmer_ledger"],
            "what traders settled is not what farmers were credited",
        ),
        (
            "lots",
            known["settled_wallet_ledger"],
            known["lots"],
            "what traders settled is not what their lots cost",
        ),
        (
            "goods",
            known["lots"],
            known["goods"] + known["ended"],
            "what lots cost is not what is in store, was picked up and was written off",
        ),
    ]
    return [
        Draft(
            invariant="1.1",
            kind="conservation",
            scope=EVERYTHING,
            classes=books.MONEY,
            table_name="totals",
            row_key=name,
            expected=canonical.encode({"ugx": expected}).decode("ascii"),
            found=canonical.encode({"ugx": found}).decode("ascii"),
            detail=detail,
        )
        for name, expected, found, detail in pairs
        if expected != found
    ]


def full(context: Context) -> Iterator[list[Draft]]:
    """Replay every account from its first entry and compare with the running state; a bounded number of entries at a time,
    however many accounts they are of.

    Accounts whose entries differ from their seals are left out: 1.2 speaks for them.
    """
    yield from paging.joined(_all(context), paging.JOINED)


def _all(context: Context) -> Iterator[list[Draft]]:
    for stored in pages(context.database):
        for account in stored:
            if context.unsound.of_account(account.id, context.alias(account.id)):
                context.unsound.unsaid.add("1.1")
            else:
                yield from _judging(context, account)


def judged(context: Context, account: Account) -> list[Draft]:
    """One account, replayed up to where its running state stands, and compared with it."""
    return [draft for piece in _judging(context, account) for draft in piece]


def _judging(context: Context, account: Account) -> Iterator[list[Draft]]:
    """The same slice by slice; a piece may be empty."""
    again, sound = Account(account.id, account.ledger), True
    for standing, jumps in replaying(context, account.id, account.ledger, upto=account.number):
        again = standing
        drafts = [draft for jump in jumps for draft in _blame(context, jump)]
        sound = sound and not drafts
        yield drafts
    drafts = goods(context, account.id) if account.ledger == "wallet_ledger" else []
    if sound and not drafts and (again.number, again.balances) != (account.number, account.balances):
        alias = context.alias(account.id)
        drafts.append(
            Draft(
                invariant="1.1",
                kind="state",
                scope=EVERYTHING if alias is None else Scope("account", alias),
                classes=books.WALLET,
                account=alias,
                table_name=account.ledger,
                row_key=f"account {account.id}",
                expected=_document(again.number, again.balances),
                found=_document(account.number, account.balances),
                detail="the running replay is not what a replay from the first entry gives",
            )
        )
    yield drafts


def _goods(context: Context, account: Account) -> list[Draft]:
    """A trader's goods, counted again: every lot is in store, or ended once, at what it cost."""
    cost = context.views.number("SELECT sum(cost_ugx) FROM watch_lots WHERE trader_id = ?", (account.id,))
    ended = context.views.number(
        "SELECT (SELECT coalesce(sum(cost_ugx), 0) FROM watch_pickups WHERE trader_id = ?) + (SELECT coalesce(sum(w.cost_ugx), 0) "
        "FROM watch_write_offs w JOIN watch_lots l ON l.id = w.lot_id WHERE l.trader_id = ?)",
        (account.id, account.id),
    )
    stored = context.views.number(
        "SELECT sum(t.cost_ugx) FROM watch_lots t WHERE t.trader_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM watch_write_offs w WHERE w.lot_id = t.id) AND NOT EXISTS (SELECT 1 FROM watch_block_lots b "
        "JOIN watch_purchases p ON p.block_id = b.block_id JOIN watch_pickups k ON k.purchase_utid = p.utid "
        "WHERE b.lot_id = t.id)",
        (account.id,),
    )
    if cost == stored + ended:
        return []
    alias = context.alias(account.id)
    return [
        Draft(
            invariant="1.1",
            kind="goods",
            scope=EVERYTHING if alias is None else Scope("account", alias),
            classes=books.WALLET,
            account=alias,
            table_name="lots",
            row_key=f"account {account.id}",
            expected=canonical.encode({"ugx": cost}).decode("ascii"),
            found=canonical.encode({"ugx": stored + ended}).decode("ascii"),
            detail="what the lots cost is not what is in store, was picked up and was written off",
        )
    ]


def goods(context: Context, account_id: int) -> list[Draft]:
    """The same of the books as they stand at one moment."""
    with context.views.snapshot():
        return _goods(context, Account(account_id, "wallet_ledger"))


def _account_again(context: Context, seen: Seen) -> Standing:
    identifier = closing.account_id(context, seen)
    if identifier is None:
        return Standing("stands", "the account cannot be found")
    account = Accounts(context.database).get(identifier, seen.table_name)
    drafts = judged(context, account)
    if (
        not drafts
        and account.balances.locked != account.open_ugx + account.adjusted_ugx
        and seen.table_name == "wallet_ledger"
    ):
        return Standing("stands", "what is locked is not what the open locks add up to")
    if drafts:
        # A jump that a correction has since balanced is still a jump; it is the operator who says that it is made good.
        again, _ = replayed(context, identifier, seen.table_name)
        return Standing("stands", f"{drafts[0].detail}; disputed: {again.disputed.total:,} shillings")
    return Standing("cured", "every entry follows from the one before it")


def _goods_again(context: Context, seen: Seen) -> Standing:
    identifier = closing.account_id(context, seen)
    met = identifier is not None and not goods(context, identifier)
    return closing.state(met, "the goods add up again", "the goods still do not add up")


def _totals_again(context: Context, seen: Seen) -> Standing:
    drafts = conservation(Accounts(context.database).totals)
    unmet = any(draft.row_key == seen.row_key for draft in drafts)
    return closing.state(not unmet, "the totals meet again", "the totals still do not meet")


INVARIANT = Invariant(
    "1.1",
    "balance consistency",
    "critical",
    "1",
    closes={
        "balance": _account_again,
        "state": _account_again,
        "locked": _account_again,
        "goods": _goods_again,
        "conservation": _totals_again,
        "pickup": closing.acknowledged,
    },
    rows=rows,
    running=running,
    full=full,
)
