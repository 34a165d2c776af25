"""From the listing to the delivery."""

from __future__ import annotations

from tests.properties.model.base import (
    ACCEPTED,
    DAY,
    LIMIT_UGX,
    PRICE_MAX,
    Core,
    Lock,
    Lot,
    Offer,
    Unit,
    poor,
)


class Trade(Core):
    """Listings, offers, locks, deliveries."""

    def list_produce(self, actor: int, at: int, *, grams: int, price: int, produce: str) -> str:
        """Offer produce in units of ten kilograms; the caller names the units by what the market answered."""
        first = self.before("create_listing", actor, at, "farmer")
        if first != ACCEPTED:
            return first
        if grams <= 0 or grams % 10_000 or grams > 2_000_000 or not 0 < price <= PRICE_MAX:
            return "validation-failed"
        if not all(word.isalpha() for word in produce.split()):
            return "validation-failed"
        self.counts("create_listing", actor, at)
        return ACCEPTED

    def listed(self, actor: int, *, listing: int, units: list[int], price: int, produce: str) -> None:
        """The market's names for what was listed."""
        self.listings[listing] = units
        for unit in units:
            self.units[unit] = Unit(actor, price, listing, produce.strip().capitalize())

    def cancel_listing(self, actor: int, at: int, *, listing: int) -> str:
        """A farmer takes an own listing back."""
        first = self.before("cancel_listing", actor, at, "farmer")
        if first != ACCEPTED:
            return first
        if listing not in self.listings or self.units[self.listings[listing][0]].farmer != actor:
            return "listing-not-found"
        return self._taken_back(listing)

    def remove_listing(self, actor: int, at: int, *, listing: int, reason: str) -> str:
        """An admin takes anybody's."""
        first = self.before("remove_listing", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason):
            return "validation-failed"
        return self._taken_back(listing) if listing in self.listings else "listing-not-found"

    def _taken_back(self, listing: int) -> str:
        units = [self.units[unit] for unit in self.listings[listing]]
        free = [unit for unit in units if unit.status == "available"]
        if not free or any(unit.status == "locked" for unit in units):
            return "listing-not-cancellable"
        for unit in free:
            unit.status = "cancelled"
            self._offer_ends(unit, "closed")
        return ACCEPTED

    def _offer_ends(self, unit: Unit, how: str) -> None:
        if unit.offer is not None:
            self.offers[unit.offer].status = how
            unit.offer = None

    def _reserved(self, unit: Unit, trader: int) -> bool:
        offer = None if unit.offer is None else self.offers[unit.offer]
        return offer is not None and offer.status == "accepted" and offer.trader != trader

    def _for_sale(self, unit: Unit, trader: int) -> bool:
        at_work = self.accounts[unit.farmer].status == "active"
        return at_work and unit.status == "available" and not self._reserved(unit, trader)

    def make_offer(self, actor: int, at: int, *, unit: int, price: int, utid: str) -> str:
        """Another price for a free unit."""
        first = self.before("make_offer", actor, at, "trader")
        if first != ACCEPTED:
            return first
        if not 0 < price <= PRICE_MAX:
            return "validation-failed"
        if unit not in self.units:
            return "unit-not-found"
        found = self.units[unit]
        if not self._for_sale(found, actor):
            return "unit-not-available"
        if found.offer is not None:
            return "offer-already-open"
        self.counts("make_offer", actor, at)
        self.offers[utid] = Offer(actor, unit, price, at + DAY)
        found.offer = utid
        return ACCEPTED

    def answer_offer(self, actor: int, at: int, *, offer: str, answer: str, price: int | None) -> str:
        """The farmer answers an offer, the trader a counter."""
        first = self.before("answer_offer", actor, at, "farmer", "trader")
        if first != ACCEPTED:
            return first
        if answer not in ("accept", "reject", "counter"):
            return "validation-failed"
        if (answer == "counter") != (price is not None) or (price is not None and not 0 < price <= PRICE_MAX):
            return "validation-failed"
        found = self.offers.get(offer)
        if found is None or actor not in (found.trader, self.units[found.unit].farmer):
            return "offer-not-found"
        turn = self.units[found.unit].farmer if found.status == "pending" else found.trader
        over = not found.is_open or at >= found.expires or found.status == "accepted"
        if over or actor != turn or (answer == "counter" and found.status == "countered"):
            return "offer-not-open"
        found.expires = at + DAY
        found.status = {"accept": "accepted", "reject": "rejected", "counter": "countered"}[answer]
        if price is not None:
            found.price = price
        if answer == "reject":
            self.units[found.unit].offer = None
        return ACCEPTED

    def withdraw_offer(self, actor: int, at: int, *, offer: str) -> str:
        """The trader takes it back."""
        first = self.before("withdraw_offer", actor, at, "trader")
        if first != ACCEPTED:
            return first
        found = self.offers.get(offer)
        if found is None or found.trader != actor:
            return "offer-not-found"
        if not found.is_open or at >= found.expires:
            return "offer-not-open"
        self._offer_ends(self.units[found.unit], "withdrawn")
        return ACCEPTED

    def expire_offer(self, at: int, *, offer: str) -> str:
        """A day went by without a word."""
        if self.shut_down:
            return "system-shut-down"
        found = self.offers.get(offer)
        if found is None:
            return "offer-not-found"
        if not found.is_open or at < found.expires:
            return "offer-not-open"
        self._offer_ends(self.units[found.unit], "expired")
        return ACCEPTED

    def pay_to_lock(self, actor: int, at: int, *, unit: int, offer: str | None, utid: str) -> str:
        """Pay for a unit at its asking price, or at the price of an accepted offer."""
        first = self.before("pay_to_lock", actor, at, "trader")
        if first != ACCEPTED:
            return first
        if unit not in self.units:
            return "unit-not-found"
        found = self.units[unit]
        if not self._for_sale(found, actor):
            return "unit-not-available"
        price = found.price
        if offer is not None:
            said = self.offers.get(offer)
            if said is None or said.trader != actor or said.unit != unit:
                return "offer-not-found"
            if said.status != "accepted" or at >= said.expires:
                return "offer-not-accepted"
            price = said.price
        amount = price * 10
        account = self.accounts[actor]
        if self.exposure(actor) + amount > LIMIT_UGX:
            return "spend-cap-exceeded"
        if account.capital < amount:
            return "insufficient-capital"
        self.counts("pay_to_lock", actor, at)
        account.capital -= amount
        account.locked += amount
        found.status = "locked"
        self._offer_ends(found, "closed" if offer is None else "paid")
        self.locks[utid] = Lock(actor, unit, found.farmer, amount)
        return ACCEPTED

    def verify(self, actor: int, at: int, *, lock: str, outcome: str, reason: str) -> str:
        """What became of a delivery."""
        first = self.before("verify_delivery", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason) or outcome not in ("delivered", "late", "cancelled"):
            return "validation-failed"
        if lock not in self.locks:
            return "lock-not-found"
        found = self.locks[lock]
        if not found.is_open or (found.outcomes and outcome != "delivered"):
            return "already-verified"
        found.outcomes.append(outcome)
        if outcome == "delivered":
            unit = self.units[found.unit]
            unit.status = "delivered"
            self.accounts[found.trader].locked -= found.amount
            self.accounts[unit.farmer].earnings += found.amount
            self.lots[self.next_lot] = Lot(found.trader, unit.produce, found.amount, at)
            self.next_lot += 1
        return ACCEPTED

    def reverse(self, actor: int, at: int, *, lock: str, reason: str) -> str:
        """The exact amount goes back."""
        first = self.before("reverse_lock", actor, at, "admin")
        if first != ACCEPTED:
            return first
        if poor(reason):
            return "validation-failed"
        if lock not in self.locks:
            return "lock-not-found"
        found = self.locks[lock]
        if not found.outcomes or found.outcomes[-1] not in ("late", "cancelled"):
            return "not-reversible"
        found.outcomes.append("reversed")
        account = self.accounts[found.trader]
        account.locked -= found.amount
        account.capital += found.amount
        self.units[found.unit].status = "available"
        return ACCEPTED
