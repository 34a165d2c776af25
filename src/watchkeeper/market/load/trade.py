"""Listings, units, offers and locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.market.commands import (
    Act,
    AnswerOffer,
    CancelListing,
    ExpireOffer,
    PayToLock,
    RemoveListing,
    WithdrawOffer,
)
from watchkeeper.market.rows import marks, number, text_or_none
from watchkeeper.market.state import (
    Listing,
    Lock,
    Offer,
    State,
    Unit,
)


def listings(database: Database, state: State, acts: Iterable[Act]) -> None:
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


def offers(database: Database, state: State, acts: Iterable[Act], unit_ids: Collection[int]) -> None:
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
