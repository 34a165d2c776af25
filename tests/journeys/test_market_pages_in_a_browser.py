"""A farmer's, a trader's, a buyer's and an admin's day on a cheap phone, with scripts and without any."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.waiting import until
from tests.worlds.browser import browser
from tests.worlds.market_pages import REASON, Phone, phone
from tests.worlds.system import System
from watchkeeper.bootstrap.demo.client import Person

HOSTILE = "<script>alert(1)</script> \"Yams' & \u202eco\u202c"
#: What names of produce may have at most: two scripts, and a sign that ends a text in many a language.
PRODUCE = "Yams' \u0628\u0637\u0627\u0637\u0627"
#: Digits that stand nowhere by chance: a price, what ten units of it cost, what the pickup brought.
PRICE, PROCEEDS = 7_919, 823_457
DIGITS = ("7919", "7,919", "79190", "79,190", "791900", "791,900", "823457", "823,457", "UGX")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


class Market:
    """A system of its own, in which four traders have a block in store each, and two buyers are there."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.word = system.farmer.password
        self.buyer, self.customer = (system.invited("buyer", number, self.word) for number in (41, 44))
        listing: Any = system.farmer.post(
            "/v1/listings", {"produce": "Vanilla", "grams": 400_000, "price_ugx_per_kg": PRICE}
        )
        units = listing["unit_ids"]
        others = [system.invited("trader", number, self.word) for number in (42, 43)]
        for trader in (*system.traders, *others):
            trader.post(
                "/v1/deposits",
                {"amount_ugx": 900_000, "provider": "bank", "external_ref": secrets.token_hex(8)},
            )
            for _ in range(10):
                lock = trader.post("/v1/locks", {"unit_id": units.pop()})
                system.admin.post(
                    f"/v1/locks/{lock['utid']}/verification", {"outcome": "delivered", "reason": REASON}
                )
        until(lambda: len(self.blocks()) == 4, seconds=60, what="the blocks form by themselves")

    def blocks(self) -> list[dict[str, Any]]:
        found: Any = self.buyer.get("/v1/blocks")["blocks"]
        return list(found)

    def window(self, *, opened: bool) -> None:
        if opened:
            # Opening needs a second factor that was given a moment ago.
            self.system.admin.sign_in(recovery_code=self.system.admin_codes.pop())
        self.system.admin.post("/v1/purchase-window", {"engaged": not opened, "reason": REASON})


@pytest.fixture(scope="module")
def market(system_apart: System) -> Market:
    return Market(system_apart)


scripts_and_none = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@pytest.fixture
def on_a_phone(chromium: Browser, market: Market, scripts: bool) -> Iterator[Phone]:
    with phone(chromium, market.system, scripts=scripts) as found:
        yield found


def trader_of(market: Market, *, scripts: bool) -> Person:
    return market.system.traders[0 if scripts else 1]


@scripts_and_none
def test_a_farmers_day_from_the_listing_to_the_answered_offer(
    on_a_phone: Phone, market: Market, scripts: bool
) -> None:
    farmer, trader = market.system.farmer, trader_of(market, scripts=scripts)
    on_a_phone.sign_in(farmer.alias, market.word)
    page = on_a_phone.page
    on_a_phone.looked()
    produce = PRODUCE if scripts else f"{PRODUCE} dry"
    fields = {"produce": produce, "kilograms": "15", "price_ugx_per_kg": "1,200"}
    words = on_a_phone.refused(on_a_phone.form("list"), 422, **fields)
    assert "steps of 10" in words
    words = on_a_phone.refused(
        on_a_phone.form("list"), 422, **(fields | {"produce": HOSTILE, "kilograms": "20"})
    )
    assert "letters alone" in words
    utid = on_a_phone.done(on_a_phone.form("list"), **(fields | {"kilograms": "20"}))
    assert "-far-" in utid
    (listing,) = [
        row for row in _rows(farmer.get("/v1/listings?limit=200"), "listings") if row["utid"] == utid
    ]
    assert (listing["produce"], listing["grams"], listing["price_ugx_per_kg"]) == (produce, 20_000, 1200)
    unit, other = (row["id"] for row in listing["units"])
    trader.post("/v1/offers", {"unit_id": unit, "price_ugx_per_kg": 1000})
    trader.post("/v1/locks", {"unit_id": other})
    on_a_phone.to("/farmer")
    expect(page.get_by_role("heading", name=produce).first).to_be_visible()
    expect(page.get_by_text("5 h 59 min left").first).to_be_visible()
    on_a_phone.done(on_a_phone.first("counter-"), price_ugx_per_kg="1100")
    expect(page.get_by_text("The trader has to answer your price.")).to_be_visible()
    (offer,) = [row for row in _rows(trader.get("/v1/offers?limit=200"), "offers") if row["unit_id"] == unit]
    assert (offer["status"], offer["price_ugx_per_kg"]) == ("countered", 1100)
    trader.post(f"/v1/offers/{offer['offer']}/withdrawal", {})
    on_a_phone.to("/farmer/listings")
    expect(page.locator("article").first).to_contain_text("A unit is paid for")
    beans = farmer.post("/v1/listings", {"produce": "Beans", "grams": 30_000, "price_ugx_per_kg": 700})
    on_a_phone.to("/farmer/listings")
    on_a_phone.done(on_a_phone.form(f"take-back-{beans['listing_id']}"))
    expect(page.locator("article").first).to_contain_text("Cancelled")
    on_a_phone.to("/farmer/money")
    expect(page.get_by_text("UGX 79,190").first).to_be_visible()
    on_a_phone.to(f"/trace?utid={utid}")
    expect(page.get_by_text("Create listing").first).to_be_visible()
    _own_things(on_a_phone)
    assert "<script>alert" not in "".join(on_a_phone.said)


@scripts_and_none
def test_a_traders_day_from_the_deposit_to_the_paid_counter(
    on_a_phone: Phone, market: Market, scripts: bool
) -> None:
    farmer, trader = market.system.farmer, trader_of(market, scripts=scripts)
    on_a_phone.sign_in(trader.alias, market.word)
    page = on_a_phone.page
    on_a_phone.looked()
    on_a_phone.to("/trader/money")
    reference = secrets.token_hex(6)
    before: Any = trader.get("/v1/wallet")
    on_a_phone.done(
        on_a_phone.form("deposit"), amount_ugx="50,000", provider="airtel", external_ref=reference
    )
    after: Any = trader.get("/v1/wallet")
    assert after["capital_ugx"] == before["capital_ugx"] + 50_000
    words = on_a_phone.refused(
        on_a_phone.form("deposit"), 409, amount_ugx="60,000", provider="airtel", external_ref=reference
    )
    assert "reference" in words
    words = on_a_phone.refused(
        on_a_phone.form("withdraw"), 409, amount_ugx="999,999", provider="mtn", external_ref="W"
    )
    assert words
    assert trader.get("/v1/wallet")["capital_ugx"] == after["capital_ugx"]
    listing: Any = farmer.post(
        "/v1/listings", {"produce": PRODUCE, "grams": 30_000, "price_ugx_per_kg": 1500}
    )
    on_a_phone.to("/trader/market")
    lock, offer = f"lock-{listing['listing_id']}", f"offer-{listing['listing_id']}"
    utid = on_a_phone.done(on_a_phone.form(lock), unit_id=str(listing["unit_ids"][0]))
    on_a_phone.done(on_a_phone.form(offer), unit_id=str(listing["unit_ids"][1]), price_ugx_per_kg="1300")
    on_a_phone.done(on_a_phone.form(offer), unit_id=str(listing["unit_ids"][2]), price_ugx_per_kg="1000")
    first, second = [
        row for row in _rows(trader.get("/v1/offers?limit=200"), "offers") if row["status"] == "pending"
    ]
    farmer.post(f"/v1/offers/{first['offer']}/answer", {"answer": "counter", "price_ugx_per_kg": 1400})
    on_a_phone.to("/trader/offers")
    on_a_phone.done(on_a_phone.form(f"withdraw-{second['id']}"))
    on_a_phone.done(on_a_phone.form(f"accept-{first['id']}"))
    paid = on_a_phone.done(on_a_phone.form(f"pay-{first['id']}"))
    (agreed,) = [row for row in _rows(trader.get("/v1/locks?limit=200"), "locks") if row["utid"] == paid]
    assert agreed["amount_ugx"] == 14_000
    on_a_phone.to("/trader")
    expect(page.get_by_text("of UGX 1,000,000")).to_be_visible()
    expect(page.get_by_role("link", name=utid)).to_be_visible()
    on_a_phone.to("/trader/store")
    expect(page.get_by_text("0 days").first).to_be_visible()
    expect(page.get_by_role("heading", name="Block").first).to_be_visible()
    on_a_phone.to(f"/trace?utid={paid}")
    _own_things(on_a_phone)


@scripts_and_none
def test_a_buyers_day_from_the_closed_window_to_the_cancelled_order_without_any_amount(
    on_a_phone: Phone, market: Market, scripts: bool
) -> None:
    on_a_phone.sign_in(market.buyer.alias, market.word)
    page = on_a_phone.page
    on_a_phone.looked()
    expect(page.get_by_text("The purchase window is closed")).to_be_visible()
    expect(page.get_by_role("heading", name="Vanilla, 100 kg").first).to_be_visible()
    assert page.get_by_role("button", name="Buy").count() == 0
    free = len(market.blocks())
    market.window(opened=True)
    try:
        on_a_phone.to("/buyer")
        expect(page.get_by_text("The purchase window is open")).to_be_visible()
        first = on_a_phone.done(on_a_phone.first("buy-"))
        expect(page.get_by_text("47 h 59 min left")).to_be_visible()
        on_a_phone.done(on_a_phone.first("give-back-"))
        assert len(market.blocks()) == free
        second = on_a_phone.done(on_a_phone.first("buy-"))
        market.system.admin.post(
            f"/v1/purchases/{second}/pickup",
            {
                "proceeds_ugx": PROCEEDS,
                "provider": "mtn",
                "external_ref": secrets.token_hex(6),
                "reason": REASON,
            },
        )
        on_a_phone.to("/buyer")
        expect(page.get_by_text("fetched", exact=True).first).to_be_visible()
        for utid in (first, second):
            on_a_phone.to(f"/trace?utid={utid}")
            expect(page.get_by_text("Purchase").first).to_be_visible()
        _own_things(on_a_phone)
        assert [digits for digits in DIGITS if digits in "".join(on_a_phone.said)] == []
    finally:
        market.window(opened=False)


@scripts_and_none
def test_an_admins_day_from_the_delivery_board_to_the_open_window(
    on_a_phone: Phone, market: Market, scripts: bool
) -> None:
    system = market.system
    on_a_phone.sign_in(system.admin.alias, market.word, system.admin_codes.pop())
    page = on_a_phone.page
    on_a_phone.looked()
    words = on_a_phone.refused(on_a_phone.first("verify-"), 422, outcome="late", reason="aaaaaaaaaaaa")
    assert "own words" in words
    delivered = on_a_phone.done(
        on_a_phone.first("verify-"), outcome="delivered", reason=f"{REASON} {HOSTILE}"
    )
    late = on_a_phone.done(on_a_phone.first("verify-"), outcome="late", reason=REASON)
    on_a_phone.done(on_a_phone.first("reverse-"), reason=REASON)
    on_a_phone.to(f"/trace?utid={late}")
    on_a_phone.to("/admin/market")
    on_a_phone.done(on_a_phone.form("window-open"), reason=REASON)
    order = market.customer.post("/v1/purchases", {"block_id": market.blocks()[0]["id"]})
    on_a_phone.to("/admin/pickups")
    on_a_phone.done(
        on_a_phone.first("pickup-"),
        proceeds_ugx=f"{PROCEEDS:,}",
        provider="mtn",
        external_ref=secrets.token_hex(6),
        reason=REASON,
    )
    (bought,) = [
        row
        for row in _rows(market.customer.get("/v1/purchases?limit=200"), "purchases")
        if row["utid"] == order["utid"]
    ]
    assert bought["status"] == "picked_up"
    on_a_phone.to("/admin/market")
    on_a_phone.done(on_a_phone.form("window-close"), reason=REASON)
    on_a_phone.done(on_a_phone.form("pilot-on"), reason=REASON)
    expect(page.get_by_text("On, held on by admin")).to_be_visible()
    on_a_phone.done(on_a_phone.form("pilot-off"), reason=REASON)
    lots = [row for trader in system.traders for row in _rows(trader.get("/v1/lots?limit=200"), "lots")]
    (lot,) = (row["id"] for row in lots if row["utid"] == delivered)
    on_a_phone.to(f"/admin/store?lots={lot - 1}")
    on_a_phone.done(on_a_phone.form(f"write-off-lot-{lot}"), reason=REASON)
    on_a_phone.to("/admin/payouts")
    on_a_phone.done(
        on_a_phone.form(f"pay-{system.farmer.alias}"),
        amount_ugx="1,000",
        provider="cash",
        external_ref=secrets.token_hex(6),
        reason=REASON,
    )
    assert "Person 3" not in page.content()
    on_a_phone.to("/log")
    expect(page.locator("article").first).to_contain_text("Payout")
    page.get_by_role("link", name="Older acts").click()
    assert "before=" in page.url
    on_a_phone.looked()
    _people(on_a_phone, market)
    on_a_phone.to("/notices")
    on_a_phone.done(
        on_a_phone.form("send"),
        kind="admin_broadcast",
        text=f"The store closes early. {HOSTILE}",
        reason=REASON,
    )
    expect(page.locator("article").first).to_contain_text("<script>alert(1)</script>")
    _own_things(on_a_phone)


def _people(on_a_phone: Phone, market: Market) -> None:
    """Invite somebody, suspend and release a trader, hand over a code."""
    page, other = on_a_phone.page, market.system.traders[1]
    on_a_phone.to("/people")
    on_a_phone.pressed(on_a_phone.form("invite"), role="buyer", reason=REASON)
    expect(page.get_by_text("Shown only now.")).to_be_visible()
    assert f"{market.system.market}/enrol/" in page.locator(".codes").inner_text()
    account = f"/account?alias={other.alias}"
    on_a_phone.to(account)
    on_a_phone.done(on_a_phone.form("suspend"), reason=REASON)
    expect(page.get_by_text("suspended", exact=True)).to_be_visible()
    on_a_phone.done(on_a_phone.form("unsuspend"), reason=REASON)
    on_a_phone.pressed(on_a_phone.form("reset"), reason=REASON)
    expect(page.locator(".codes li")).to_have_count(1)
    other.sign_in()


def _own_things(on_a_phone: Phone) -> None:
    """Notices, own details, sign-out."""
    page = on_a_phone.page
    on_a_phone.to("/notices")
    if page.locator("form[id^='read-']").count():
        on_a_phone.done(on_a_phone.first("read-"))
    on_a_phone.to("/me")
    on_a_phone.done(on_a_phone.form("details"), email=f"{secrets.token_hex(5)}@example.org")
    on_a_phone.refused(on_a_phone.form("details"), 422, email="nobody")
    on_a_phone.form("sign-out").get_by_role("button").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    page.goto(f"{on_a_phone.system.market}/notices")
    assert page.url.endswith("/sign-in")


def _rows(answer: dict[str, object], name: str) -> list[dict[str, Any]]:
    found = answer[name]
    assert isinstance(found, list)
    return found
