"""Loads the part of the books that a batch needs, with a handful of queries whatever its size."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Instant
from watchkeeper.base.database import Database
from watchkeeper.market import pace
from watchkeeper.market.commands import (
    Acknowledge,
    Act,
    AnswerOffer,
    CancelListing,
    CancelPurchase,
    ConfirmPickup,
    Correct,
    CureReversal,
    CureVerification,
    Deposit,
    ExpireOffer,
    ExpirePurchase,
    FormBlock,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    RemoveListing,
    RestoreState,
    ReverseLock,
    SendNotice,
    StorageFee,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.state import (
    BLOCK_LOTS,
    Block,
    Earnings,
    Listing,
    Lock,
    Lot,
    Offer,
    Recorded,
    Sale,
    State,
    Unit,
    User,
    Wallet,
)
from watchkeeper.market.tables import EFFECT_COLUMNS


def number(value: Value) -> int:
    """An integer column, as an integer."""
    if not isinstance(value, int):
        msg = f"expected an integer, found {type(value).__name__}"
        raise TypeError(msg)
    return value


def text_or_none(value: Value) -> str | None:
    """A text column that may be NULL."""
    return None if value is None else str(value)


def marks(values: Collection[object]) -> str:
    """Question marks for an IN list; nothing is in an empty one."""
    return ", ".join("?" * len(values)) or "NULL"


def load(database: Database, acts: Sequence[Act], *, at: Instant) -> State:
    """The working set of these acts as of now, inside the caller's transaction; `numbers` come later."""
    state = State()
    lock_utids, unit_ids, lot_ids, aliases = set[str](), set[int](), set[int](), set[str]()
    for act in acts:
        command = act.command
        if isinstance(command, PayToLock):
            unit_ids.add(command.unit_id)
        elif isinstance(command, VerifyDelivery | ReverseLock | CureVerification | CureReversal):
            lock_utids.add(command.lock_utid)
        elif isinstance(command, WriteOff):
            lot_ids.add(command.lot_id)
        elif isinstance(command, Correct | RestoreState):
            aliases.add(command.account)
        elif isinstance(command, Acknowledge):
            account = command.account
            if account is not None:
                aliases.add(account)
        elif isinstance(command, Payout):
            aliases.add(command.account)
        elif isinstance(command, MakeOffer):
            unit_ids.add(command.unit_id)
    traders = _goods(database, state, acts, lot_ids)
    _listings(database, state, acts)
    unit_ids.update(unit_id for listing in state.listings.values() for unit_id in listing.unit_ids)
    _offers(database, state, acts, unit_ids)
    unit_ids.update(offer.unit_id for offer in state.offers.values())
    locks(database, state, lock_utids)
    unit_ids.update(lock.unit_id for lock in state.locks.values())
    units(database, state, unit_ids)
    lots(database, state, lot_ids)
    user_ids = {act.actor_id for act in acts}
    user_ids.update(unit.farmer_id for unit in state.units.values())
    user_ids.update(lock.trader_id for lock in state.locks.values())
    user_ids.update(lock.farmer_id for lock in state.locks.values())
    user_ids.update(lot.trader_id for lot in state.lots.values())
    user_ids.update(block.trader_id for block in state.blocks.values())
    user_ids.update(sale.buyer_id for sale in state.sales.values())
    user_ids.update(traders)
    user_ids.update(offer.trader_id for offer in state.offers.values())
    _parties(database, state, acts)
    user_ids.update(*state.parties.values())
    users(database, state, ids=user_ids, aliases=aliases)
    wallets(database, state, [user.id for user in state.users.values() if user.role == "trader"])
    earnings(database, state, [user.id for user in state.users.values() if user.role == "farmer"])
    _recorded(database, state, acts)
    _paces(database, state, acts, at=at)
    return state


def _goods(database: Database, state: State, acts: Sequence[Act], lot_ids: set[int]) -> set[int]:
    """Load the blocks and purchases of these acts, add their lots; the traders of what the system does by itself."""
    block_ids, sale_utids, traders = set[int](), set[str](), set[int]()
    for act in acts:
        command = act.command
        if isinstance(command, FormBlock):
            traders.add(command.trader_id)
            lot_ids.update(free_lots(database, state, command.trader_id, command.produce))
        elif isinstance(command, StorageFee):
            lot_ids.add(command.lot_id)
        elif isinstance(command, Purchase | WriteOffBlock):
            block_ids.add(command.block_id)
        elif isinstance(command, CancelPurchase | ConfirmPickup | ExpirePurchase):
            sale_utids.add(command.purchase_utid)
    sales(database, state, sale_utids)
    block_ids.update(sale.block_id for sale in state.sales.values())
    block_ids.update(blocks_of_lots(database, lot_ids))
    blocks(database, state, block_ids)
    lot_ids.update(lot_id for block in state.blocks.values() for lot_id in block.lot_ids)
    return traders


def numbers(database: Database, state: State) -> None:
    """Load the next journal number and the next key of each table; whoever asks appends next."""
    columns = ", ".join(f"(SELECT coalesce(max(id), 0) FROM {table})" for table in EFFECT_COLUMNS)
    row = database.one(f"SELECT (SELECT coalesce(max(n), 0) FROM journal), {columns}")
    if row is None:
        raise TypeError("a query of totals gave no row")
    state.next_n = number(row[0]) + 1
    state.next_ids = {table: number(last) + 1 for table, last in zip(EFFECT_COLUMNS, row[1:], strict=True)}


def users(database: Database, state: State, *, ids: Collection[int], aliases: Collection[str] = ()) -> None:
    """Load accounts by id and by alias."""
    if not ids and not aliases:
        return
    rows = database.query(
        "SELECT u.id, u.alias, s.role, s.status, s.session_generation FROM users u JOIN user_state s ON s.user_id = u.id "
        f"WHERE u.id IN ({marks(ids)}) OR u.alias IN ({marks(aliases)})",
        (*ids, *aliases),
    )
    for row in rows:
        user = User(number(row[0]), str(row[1]), str(row[2]), str(row[3]), number(row[4]))
        state.users[user.id] = user
        state.users_by_alias[user.alias] = user.id


def wallets(database: Database, state: State, trader_ids: Collection[int]) -> None:
    """Load balances: the row that the state row points to, never the largest number that somebody put there."""
    if not trader_ids:
        return
    rows = database.query(
        "SELECT s.trader_id, s.last_number, s.exposure_ugx, l.capital_after, l.locked_after, l.profit_after "
        "FROM trader_state s LEFT JOIN wallet_ledger l ON l.trader_id = s.trader_id AND l.number = s.last_number "
        f"WHERE s.trader_id IN ({marks(trader_ids)})",
        tuple(trader_ids),
    )
    for row in rows:
        trader_id = number(row[0])
        state.wallets[trader_id] = Wallet(
            trader_id=trader_id,
            number=number(row[1]),
            exposure_ugx=number(row[2]),
            capital_ugx=number(row[3]) if row[3] is not None else 0,
            locked_ugx=number(row[4]) if row[4] is not None else 0,
            profit_ugx=number(row[5]) if row[5] is not None else 0,
        )


def earnings(database: Database, state: State, farmer_ids: Collection[int]) -> None:
    """Load farmers' balances from their last ledger rows."""
    if not farmer_ids:
        return
    rows = database.query(
        "SELECT farmer_id, number, balance_after FROM farmer_ledger f WHERE farmer_id IN "
        f"({marks(farmer_ids)}) AND number = (SELECT max(number) FROM farmer_ledger g WHERE g.farmer_id = f.farmer_id)",
        tuple(farmer_ids),
    )
    for row in rows:
        farmer_id = number(row[0])
        state.earnings[farmer_id] = Earnings(farmer_id, number(row[1]), number(row[2]))


def units(database: Database, state: State, unit_ids: Collection[int]) -> None:
    """Load units with their listings' facts and their state."""
    if not unit_ids:
        return
    rows = database.query(
        "SELECT u.id, u.listing_id, u.number, u.grams, l.farmer_id, l.produce, l.price_ugx_per_kg, s.status, s.lock_utid "
        "FROM units u JOIN listings l ON l.id = u.listing_id JOIN unit_state s ON s.unit_id = u.id "
        f"WHERE u.id IN ({marks(unit_ids)})",
        tuple(unit_ids),
    )
    for row in rows:
        unit = Unit(
            id=number(row[0]),
            listing_id=number(row[1]),
            number=number(row[2]),
            grams=number(row[3]),
            farmer_id=number(row[4]),
            produce=str(row[5]),
            price_ugx_per_kg=number(row[6]),
            status=str(row[7]),
            lock_utid=text_or_none(row[8]),
        )
        state.units[unit.id] = unit


def locks(database: Database, state: State, utids: Collection[str]) -> None:
    """Load locks with their outcomes in order."""
    if not utids:
        return
    rows = database.query(
        "SELECT id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, locked_at, deadline_at "
        f"FROM locks WHERE utid IN ({marks(utids)})",
        tuple(utids),
    )
    for row in rows:
        lock = Lock(
            id=number(row[0]),
            utid=str(row[1]),
            unit_id=number(row[2]),
            trader_id=number(row[3]),
            farmer_id=number(row[4]),
            price_ugx_per_kg=number(row[5]),
            amount_ugx=number(row[6]),
            locked_at=Instant(number(row[7])),
            deadline_at=Instant(number(row[8])),
        )
        state.locks[lock.utid] = lock
    outcomes = database.query(
        f"SELECT lock_utid, outcome FROM lock_outcomes WHERE lock_utid IN ({marks(utids)}) ORDER BY id",
        tuple(utids),
    )
    for utid, outcome in outcomes:
        lock = state.locks[str(utid)]
        state.locks[lock.utid] = replace(lock, outcomes=(*lock.outcomes, str(outcome)))


def lots(database: Database, state: State, lot_ids: Collection[int]) -> None:
    """Load lots and whether they are written off."""
    if not lot_ids:
        return
    days: dict[int, list[tuple[int, int]]] = {}
    for lot_id, day, grams in database.query(
        f"SELECT lot_id, day, grams FROM storage_fee_deductions WHERE lot_id IN ({marks(lot_ids)})",
        tuple(lot_ids),
    ):
        days.setdefault(number(lot_id), []).append((number(day), number(grams)))
    rows = database.query(
        "SELECT l.id, l.utid, l.trader_id, l.cost_ugx, EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id), "
        "l.grams, l.at, (SELECT b.block_id FROM block_lots b WHERE b.lot_id = l.id) "
        f"FROM lots l WHERE l.id IN ({marks(lot_ids)})",
        tuple(lot_ids),
    )
    for row in rows:
        deducted = days.get(number(row[0]), [])
        lot = Lot(
            number(row[0]),
            str(row[1]),
            number(row[2]),
            number(row[3]),
            bool(row[4]),
            grams=number(row[5]),
            started_at=Instant(number(row[6])),
            fee_days=frozenset(day for day, _ in deducted),
            grams_deducted=sum(grams for _, grams in deducted),
            block_id=None if row[7] is None else number(row[7]),
        )
        state.lots[lot.id] = lot


def free_lots(database: Database, state: State, trader_id: int, produce: str) -> list[int]:
    """The oldest lots of this trader and produce in no block and not written off, as many as a block takes."""
    rows = database.query(
        "SELECT l.id FROM lots l WHERE l.trader_id = ? AND l.produce = ? "
        "AND NOT EXISTS (SELECT 1 FROM block_lots b WHERE b.lot_id = l.id) "
        "AND NOT EXISTS (SELECT 1 FROM write_offs w WHERE w.lot_id = l.id) ORDER BY l.id LIMIT ?",
        (trader_id, produce, BLOCK_LOTS),
    )
    found = [number(row[0]) for row in rows]
    state.free_lots[trader_id, produce] = found
    return found


def blocks_of_lots(database: Database, lot_ids: Collection[int]) -> set[int]:
    """The blocks that these lots are in."""
    if not lot_ids:
        return set()
    rows = database.query(
        f"SELECT block_id FROM block_lots WHERE lot_id IN ({marks(lot_ids)})", tuple(lot_ids)
    )
    return {number(row[0]) for row in rows}


def blocks(database: Database, state: State, block_ids: Collection[int]) -> None:
    """Load blocks with their lots, their state and the times in which they awaited a pickup."""
    if not block_ids:
        return
    keys = tuple(block_ids)
    lots_of: dict[int, list[int]] = {}
    for block_id, lot_id in database.query(
        f"SELECT block_id, lot_id FROM block_lots WHERE block_id IN ({marks(keys)}) ORDER BY lot_id", keys
    ):
        lots_of.setdefault(number(block_id), []).append(number(lot_id))
    awaiting: dict[int, list[tuple[Instant, Instant | None]]] = {}
    for block_id, begin, end in database.query(
        "SELECT p.block_id, p.at, o.at FROM purchases p LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid "
        f"WHERE p.block_id IN ({marks(keys)}) ORDER BY p.id",
        keys,
    ):
        until = None if end is None else Instant(number(end))
        awaiting.setdefault(number(block_id), []).append((Instant(number(begin)), until))
    for row in database.query(
        "SELECT b.id, b.utid, b.trader_id, b.produce, s.status, s.purchase_utid FROM blocks b "
        f"JOIN block_state s ON s.block_id = b.id WHERE b.id IN ({marks(keys)})",
        keys,
    ):
        block_id = number(row[0])
        state.blocks[block_id] = Block(
            block_id,
            str(row[1]),
            number(row[2]),
            str(row[3]),
            tuple(lots_of.get(block_id, ())),
            status=str(row[4]),
            purchase_utid=text_or_none(row[5]),
            awaiting=tuple(awaiting.get(block_id, ())),
        )


def sales(database: Database, state: State, utids: Collection[str]) -> None:
    """Load purchases with their outcomes."""
    if not utids:
        return
    for row in database.query(
        "SELECT p.utid, p.block_id, p.buyer_id, p.trader_id, p.grams, p.at, p.deadline_at, o.outcome FROM purchases p "
        f"LEFT JOIN purchase_outcomes o ON o.purchase_utid = p.utid WHERE p.utid IN ({marks(utids)})",
        tuple(utids),
    ):
        state.sales[str(row[0])] = Sale(
            str(row[0]),
            number(row[1]),
            number(row[2]),
            number(row[3]),
            number(row[4]),
            Instant(number(row[5])),
            Instant(number(row[6])),
            text_or_none(row[7]),
        )


def references(database: Database, state: State, acts: Iterable[Act]) -> None:
    """Load which of these acts' references are in the books, wherever; asked by whoever appends next, because no key
    spans the tables.
    """
    wanted = {
        (act.command.provider, act.command.external_ref.strip()): None
        for act in acts
        if isinstance(act.command, Deposit | Withdraw | Payout | ConfirmPickup)
    }
    if not wanted:
        return
    providers, names = {provider for provider, _ in wanted}, {name for _, name in wanted}
    where = f"WHERE provider IN ({marks(providers)}) AND external_ref IN ({marks(names)})"
    rows = database.query(
        f"SELECT provider, external_ref FROM wallet_ledger {where} UNION ALL "
        f"SELECT provider, external_ref FROM payouts {where} UNION ALL "
        f"SELECT provider, external_ref FROM pickups {where}",
        (*providers, *names) * 3,
    )
    state.references = {(str(provider), str(reference)) for provider, reference in rows}


def _offers(database: Database, state: State, acts: Iterable[Act], unit_ids: Collection[int]) -> None:
    utids = {
        act.command.offer_utid
        for act in acts
        if isinstance(act.command, AnswerOffer | WithdrawOffer | ExpireOffer | PayToLock)
        and act.command.offer_utid is not None
    }
    if not utids and not unit_ids:
        return
    # Two questions, one index each: an OR over both tables would read every offer that ever was.
    columns = (
        "SELECT o.id, o.utid, o.unit_id, o.trader_id, o.farmer_id, s.status, s.price_ugx_per_kg, s.expires_at "
        "FROM offers o JOIN offer_state s ON s.offer_id = o.id WHERE"
    )
    found = [*database.query(f"{columns} o.utid IN ({marks(utids)})", tuple(utids))] if utids else []
    # Whatever is open at the unit of an offer that is named counts too; it is that offer or none that is named.
    if unit_ids:
        found += database.query(
            f"{columns} s.unit_id IN ({marks(unit_ids)}) AND s.status IN ('pending', 'countered', 'accepted')",
            tuple(unit_ids),
        )
    for row in found:
        offer = Offer(
            id=number(row[0]),
            utid=str(row[1]),
            unit_id=number(row[2]),
            trader_id=number(row[3]),
            farmer_id=number(row[4]),
            status=str(row[5]),
            price_ugx_per_kg=number(row[6]),
            expires_at=Instant(number(row[7])),
        )
        state.offers[offer.utid] = offer
        if offer.is_open:
            state.open_offers[offer.unit_id] = offer.utid


def _listings(database: Database, state: State, acts: Iterable[Act]) -> None:
    wanted = {
        act.command.listing_id for act in acts if isinstance(act.command, CancelListing | RemoveListing)
    }
    if not wanted:
        return
    rows = database.query(
        "SELECT l.id, l.utid, l.farmer_id, u.id FROM listings l JOIN units u ON u.listing_id = l.id "
        f"WHERE l.id IN ({marks(wanted)}) ORDER BY l.id, u.number",
        tuple(wanted),
    )
    for row in rows:
        known = state.listings.get(number(row[0]))
        before = () if known is None else known.unit_ids
        listing = Listing(number(row[0]), str(row[1]), number(row[2]), (*before, number(row[3])))
        state.listings[listing.id] = listing


#: Tables whose rows name people, and the columns that do.
_PEOPLE = (
    ("journal", "actor_id"),
    ("locks", "trader_id"),
    ("locks", "farmer_id"),
    ("offers", "trader_id"),
    ("offers", "farmer_id"),
    ("wallet_ledger", "trader_id"),
    ("farmer_ledger", "farmer_id"),
    ("listings", "farmer_id"),
    ("lots", "trader_id"),
    ("blocks", "trader_id"),
    ("purchases", "buyer_id"),
    ("purchases", "trader_id"),
    ("pickups", "trader_id"),
    ("user_steps", "user_id"),
)


def _parties(database: Database, state: State, acts: Iterable[Act]) -> None:
    for act in acts:
        command = act.command
        if isinstance(command, SendNotice) and command.about_utid is not None:
            utid = command.about_utid
            sql = " UNION ".join(f"SELECT {column} FROM {table} WHERE utid = ?" for table, column in _PEOPLE)
            rows = database.query(sql, (utid,) * len(_PEOPLE))
            state.parties[utid] = frozenset(number(row[0]) for row in rows)


def _recorded(database: Database, state: State, acts: Sequence[Act]) -> None:
    keyed = [act for act in acts if act.idempotency_key is not None]
    if keyed:
        keys = {str(act.idempotency_key) for act in keyed}
        actors = {act.actor_id for act in keyed}
        commands = {act.command.name for act in keyed}
        rows = database.query(
            "SELECT actor_id, command, idempotency_key, n, utid, body_digest, answer FROM journal "
            f"WHERE idempotency_key IN ({marks(keys)}) AND actor_id IN ({marks(actors)}) "
            f"AND command IN ({marks(commands)})",
            (*keys, *actors, *commands),
        )
        for row in rows:
            state.recorded[(number(row[0]), str(row[1]), str(row[2]))] = Recorded(
                number(row[3]), str(row[4]), text_or_none(row[5]), str(row[6])
            )


def recorded_by_id(database: Database, command_ids: Collection[str]) -> dict[str, Recorded]:
    """What stands in the journal under these internal ids: asked after a COMMIT of unknown outcome."""
    rows = database.query(
        f"SELECT command_id, n, utid, body_digest, answer FROM journal WHERE command_id IN ({marks(command_ids)})",
        tuple(command_ids),
    )
    return {
        str(row[0]): Recorded(number(row[1]), str(row[2]), text_or_none(row[3]), str(row[4])) for row in rows
    }


def _paces(database: Database, state: State, acts: Iterable[Act], *, at: Instant) -> None:
    for act in acts:
        limit = pace.BY_COMMAND.get(act.command.name)
        key = (act.actor_id, limit.name) if limit else None
        if limit is None or key is None or key in state.paces:
            continue
        rows = database.query(
            f"SELECT at FROM journal WHERE actor_id = ? AND command IN ({marks(limit.commands)}) AND at > ? "
            "ORDER BY at DESC LIMIT ?",
            (
                act.actor_id,
                *limit.commands,
                at - limit.window_seconds * MICROSECONDS_PER_SECOND,
                limit.accepted_max,
            ),
        )
        state.paces[key] = deque(Instant(number(row[0])) for row in reversed(rows))


def taken_utids(database: Database, utids: Collection[str]) -> set[str]:
    """Which of these UTIDs stand in the journal already."""
    rows = database.query(f"SELECT utid FROM journal WHERE utid IN ({marks(utids)})", tuple(utids))
    return {str(row[0]) for row in rows}


def taken_aliases(database: Database, aliases: Collection[str]) -> set[str]:
    """Which of these aliases belong to an account already."""
    rows = database.query(f"SELECT alias FROM users WHERE alias IN ({marks(aliases)})", tuple(aliases))
    return {str(row[0]) for row in rows}
