"""Moves from the listing to the delivery."""

from __future__ import annotations

from tests.properties.game.table import SYSTEM, Step, Table
from watchkeeper.market.commands import (
    Answer,
    AnswerOffer,
    CancelListing,
    CreateListing,
    ExpireOffer,
    MakeOffer,
    PayToLock,
    RemoveListing,
    ReverseLock,
    VerifyDelivery,
    WithdrawOffer,
)


class TradeMoves(Table):
    """Listings, offers, locks, deliveries."""

    def list_produce(self) -> Step:
        """List some."""
        actor, draw, price = self.by(self.farmers), self.draw, self.price()
        grams = draw.choice((10_000, 20_000, 50_000, 5_000, 0, 2_010_000)) if self.chance(0.1) else 30_000
        produce = "Beans" if self.chance(0.1) else self.draw.choice(("Maize", "maize", " MAIZE "))
        if self.chance(0.02):
            produce = "Maize 0772123456"

        def model(answer: Answer | None, at: int) -> str:
            said = self.plain.list_produce(actor, at, grams=grams, price=price, produce=produce)
            if answer is not None:
                units, listing = answer.body["unit_ids"], answer.body["listing_id"]
                assert isinstance(units, list)
                assert isinstance(listing, int)
                self.plain.listed(actor, listing=listing, units=units, price=price, produce=produce)
            return said

        return Step(CreateListing(produce=produce, grams=grams, price_ugx_per_kg=price), actor, model)

    def take_back(self) -> Step:
        """A farmer takes a listing back, mostly an own one."""
        listing = self.some_id(self.plain.listings)
        units = self.plain.listings.get(listing)
        actor = self.by([self.plain.units[units[0]].farmer] if units else self.farmers)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.cancel_listing(actor, at, listing=listing)

        return Step(CancelListing(listing_id=listing), actor, model)

    def remove(self) -> Step:
        """An admin takes one off the market."""
        actor, listing, reason = (
            self.by([self.admin]),
            self.some_id(self.plain.listings, most=10),
            self.reason(),
        )

        def model(_: Answer | None, at: int) -> str:
            return self.plain.remove_listing(actor, at, listing=listing, reason=reason)

        return Step(RemoveListing(listing_id=listing, reason=reason), actor, model)

    def offer(self) -> Step:
        """Another price."""
        actor, unit, price = self.by(self.traders), self.some_id(self.plain.units, most=60), self.price()

        def model(answer: Answer | None, at: int) -> str:
            return self.plain.make_offer(
                actor, at, unit=unit, price=price, utid=answer.utid if answer else "none"
            )

        return Step(MakeOffer(unit_id=unit, price_ugx_per_kg=price), actor, model)

    def answer(self) -> Step:
        """Whoever's turn it is answers, mostly."""
        offer = self.some_utid(self.plain.offers)
        found = self.plain.offers.get(offer)
        people = self.farmers
        if found is not None:
            farmer = self.plain.units[found.unit].farmer
            people = [farmer if found.status == "pending" else found.trader]
            if self.chance(0.05):
                people = [farmer, found.trader, self.traders[0]]
        actor = self.by(people)
        answer = self.draw.choice(("accept", "accept", "reject", "counter", "think"))
        price = self.price() if (answer == "counter") != self.chance(0.02) else None

        def model(_: Answer | None, at: int) -> str:
            return self.plain.answer_offer(actor, at, offer=offer, answer=answer, price=price)

        return Step(AnswerOffer(offer_utid=offer, answer=answer, price_ugx_per_kg=price), actor, model)

    def withdraw_offer(self) -> Step:
        """Its trader takes an offer back."""
        offer = self.some_utid(self.plain.offers)
        found = self.plain.offers.get(offer)
        actor = self.by([found.trader] if found else self.traders)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.withdraw_offer(actor, at, offer=offer)

        return Step(WithdrawOffer(offer_utid=offer), actor, model)

    def expire_offer(self) -> Step:
        """The system ends one, due or not."""
        due = [
            key
            for key, offer in self.plain.offers.items()
            if offer.is_open and offer.expires <= self.clock.now()
        ]
        offer = self.draw.choice(due) if due and self.chance(0.7) else self.some_utid(self.plain.offers)

        def model(_: Answer | None, at: int) -> str:
            return self.plain.expire_offer(at, offer=offer)

        return Step(ExpireOffer(offer_utid=offer), SYSTEM, model)

    def lock(self) -> Step:
        """Pay for a unit; for a part of them by an accepted offer."""
        actor, unit, offer = self.by(self.traders), self.some_id(self.plain.units, most=60), None
        accepted = [key for key, found in self.plain.offers.items() if found.status == "accepted"]
        if accepted and self.chance(0.3):
            offer = self.draw.choice(accepted)
            found = self.plain.offers[offer]
            if not self.chance(0.05):
                actor, unit = found.trader, found.unit
        elif self.chance(0.02):
            offer = self.some_utid(self.plain.offers)

        def model(answer: Answer | None, at: int) -> str:
            utid = answer.utid if answer else "none"
            return self.plain.pay_to_lock(actor, at, unit=unit, offer=offer, utid=utid)

        return Step(PayToLock(unit_id=unit, offer_utid=offer), actor, model)

    def verify(self) -> Step:
        """An admin says what became of a delivery."""
        actor, lock, reason = self.by([self.admin]), self.some_utid(self.plain.locks), self.reason()
        outcome = self.draw.choice(("delivered", "delivered", "delivered", "late", "cancelled", "eaten"))

        def model(_: Answer | None, at: int) -> str:
            return self.plain.verify(actor, at, lock=lock, outcome=outcome, reason=reason)

        return Step(VerifyDelivery(lock_utid=lock, outcome=outcome, reason=reason), actor, model)

    def reverse(self) -> Step:
        """Money goes back."""
        actor, lock, reason = self.by([self.admin]), self.some_utid(self.plain.locks), self.reason()

        def model(_: Answer | None, at: int) -> str:
            return self.plain.reverse(actor, at, lock=lock, reason=reason)

        return Step(ReverseLock(lock_utid=lock, reason=reason), actor, model)
