"""Nobody pays or offers for what a suspended farmer lists; what is locked already ends as it would (domain, Roles; Order of checks)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, digest
from tests.worlds.office import Office
from watchkeeper.market.commands import (
    Answer,
    AnswerOffer,
    CreateListing,
    MakeOffer,
    PayToLock,
    RemoveListing,
    ReverseLock,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
    WithdrawOffer,
)
from watchkeeper.market.refusals import Refusal


class Field(Market):
    """A farmer with a listing of some units."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        user = self.books.user(self.farmer)
        assert user is not None
        self.alias = user.alias
        self.listing = self.one(
            CreateListing(produce="Maize", grams=60_000, price_ugx_per_kg=100), self.farmer
        )
        units = self.listing.body["unit_ids"]
        assert isinstance(units, list)
        self.theirs: list[int] = units

    def suspend(self) -> None:
        self.one(SuspendUser(account=self.alias, reason=REASON), self.admin_id)

    def listed(self, **more: bool) -> list[object]:
        return [row["id"] for row in self.books.listings(**more)]


@pytest.fixture
def field(data: Path) -> Iterator[Field]:
    found = Field(data)
    yield found
    found.close()


@pytest.mark.rule("listing.of-the-active")
def test_a_unit_of_a_suspended_farmer_is_neither_locked_nor_offered_for_until_they_are_back(
    field: Field,
) -> None:
    offer = field.one(MakeOffer(unit_id=field.theirs[0], price_ugx_per_kg=90), field.tina)
    field.one(AnswerOffer(offer_utid=offer.utid, answer="accept"), field.farmer)
    field.suspend()
    before = digest(field.data)
    for command in (
        PayToLock(unit_id=field.theirs[1]),
        PayToLock(unit_id=field.theirs[0]),
        # The accepted offer, too: its farmer cannot see the six hours.
        PayToLock(unit_id=field.theirs[0], offer_utid=offer.utid),
        MakeOffer(unit_id=field.theirs[2], price_ugx_per_kg=90),
    ):
        answer = field.tried(command, field.tina)
        assert isinstance(answer, Refusal)
        assert answer.code == "unit-not-available"
        # Why is nobody else's to know.
        assert "suspend" not in answer.detail
    assert digest(field.data) == before
    field.one(UnsuspendUser(account=field.alias, reason=REASON), field.admin_id)
    assert field.code(PayToLock(unit_id=field.theirs[0], offer_utid=offer.utid), field.tina) == "accepted"
    assert field.code(PayToLock(unit_id=field.theirs[1]), field.tina) == "accepted"
    assert field.code(MakeOffer(unit_id=field.theirs[2], price_ugx_per_kg=90), field.tina) == "accepted"


@pytest.mark.rule("listing.of-the-active")
def test_who_is_suspended_in_the_same_batch_sells_nothing_after_it(field: Field) -> None:
    field.keep_lease()
    acts = [
        field.act(PayToLock(unit_id=field.theirs[0]), field.tina),
        field.act(SuspendUser(account=field.alias, reason=REASON), field.admin_id),
        field.act(PayToLock(unit_id=field.theirs[1]), field.tina),
        field.act(MakeOffer(unit_id=field.theirs[2], price_ugx_per_kg=90), field.tom),
        field.act(UnsuspendUser(account=field.alias, reason=REASON), field.admin_id),
        field.act(PayToLock(unit_id=field.theirs[1]), field.tina),
    ]
    answers = [a.code if isinstance(a, Refusal) else "accepted" for a in field.executor.run(acts)]
    assert answers == [
        "accepted",
        "accepted",
        "unit-not-available",
        "unit-not-available",
        "accepted",
        "accepted",
    ]


@pytest.mark.rule("listing.of-the-active")
def test_the_farmer_comes_with_the_unit_in_the_order_of_the_checks(field: Field) -> None:
    poor = field.trader(capital_ugx=500)
    costly = field.one(
        CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=100_001), field.farmer
    ).body["unit_ids"]
    assert isinstance(costly, list)
    field.suspend()
    # Unit exists -> available -> offer -> exposure -> funds.
    assert field.code(PayToLock(unit_id=10**9), poor) == "unit-not-found"
    assert field.code(PayToLock(unit_id=costly[0], offer_utid="nothing"), poor) == "unit-not-available"
    assert field.code(PayToLock(unit_id=costly[0]), field.tina) == "unit-not-available"
    assert field.code(PayToLock(unit_id=field.theirs[0]), poor) == "unit-not-available"
    assert field.code(MakeOffer(unit_id=costly[0], price_ugx_per_kg=0), poor) == "validation-failed"
    field.one(UnsuspendUser(account=field.alias, reason=REASON), field.admin_id)
    assert field.code(PayToLock(unit_id=costly[0], offer_utid="nothing"), poor) == "offer-not-found"
    assert field.code(PayToLock(unit_id=costly[0]), field.tina) == "spend-cap-exceeded"
    assert field.code(PayToLock(unit_id=field.theirs[0]), poor) == "insufficient-capital"


@pytest.mark.rule("listing.of-the-active")
def test_what_is_begun_with_a_suspended_farmer_is_ended_by_others(field: Field) -> None:
    first, second = (field.one(PayToLock(unit_id=unit), field.tina) for unit in field.theirs[:2])
    offer = field.one(MakeOffer(unit_id=field.theirs[2], price_ugx_per_kg=90), field.tina)
    field.suspend()

    def verified(lock: Answer, outcome: str) -> str:
        return field.code(VerifyDelivery(lock_utid=lock.utid, outcome=outcome, reason=REASON), field.admin_id)

    assert verified(first, "delivered") == "accepted"
    assert field.books.earnings(field.farmer).balance_ugx == 1000
    assert verified(second, "cancelled") == "accepted"
    assert field.code(ReverseLock(lock_utid=second.utid, reason=REASON), field.admin_id) == "accepted"
    assert field.code(WithdrawOffer(offer_utid=offer.utid), field.tina) == "accepted"
    # The unit that came back is free, and nobody's to pay for.
    assert field.code(PayToLock(unit_id=field.theirs[1]), field.tom) == "unit-not-available"
    listing = int(str(field.listing.body["listing_id"]))
    assert field.code(RemoveListing(listing_id=listing, reason=REASON), field.admin_id) == "accepted"


@pytest.mark.rule("listing.of-the-active")
def test_a_suspended_farmers_listings_leave_the_market_and_come_back_with_them(field: Field) -> None:
    other = field.person("farmer")
    beside = field.one(CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=100), other)
    own, others = field.listing.body["listing_id"], beside.body["listing_id"]
    assert field.listed() == [own, others]
    field.suspend()
    assert field.listed() == [others]
    # An admin has to find what is to be taken off the market.
    assert field.listed(also_of_suspended=True) == [own, others]
    assert [row["id"] for row in field.books.listings(farmer_id=field.farmer)] == [own]
    field.one(UnsuspendUser(account=field.alias, reason=REASON), field.admin_id)
    assert field.listed() == [own, others]


@pytest.mark.rule("listing.of-the-active")
def test_a_trader_is_not_shown_what_an_admin_is(data: Path) -> None:
    office = Office(data)
    for person in (office.admin, office.trader):
        assert office.sign_in(person).status_code == 201
    farmer = office.market.books.user(office.market.farmer)
    assert farmer is not None
    office.market.lease.poll()
    listed = office.intake.submit(
        office.market.act(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), farmer.id)
    ).result(30)
    assert isinstance(listed, Answer)
    seen = office.get(office.trader, "/v1/listings").json()["listings"]
    assert [row["farmer"] for row in seen] == [farmer.alias]
    assert office.on(farmer.alias, "suspension", by=office.admin).status_code == 200
    assert office.get(office.trader, "/v1/listings").json()["listings"] == []
    unit = seen[0]["units"][0]["id"]
    refused = office.post(office.trader, "/v1/locks", unit_id=unit)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "unit-not-available")
    again = office.get(office.admin, "/v1/listings").json()["listings"]
    assert [row["farmer"] for row in again] == [farmer.alias]
    office.close()
