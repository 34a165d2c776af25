"""What admins and the operator do once in a while, pressed on a cheap phone: orders that nobody fetched, goods that are lost,
roles, deletion, switches, the phase, a second factor that is gone. In the test's own process, because days have to pass.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.waiting import until
from tests.worlds.browser import browser
from tests.worlds.market_pages import REASON, Phone, phone
from tests.worlds.office import NEW, WORD, Office, Someone
from tests.worlds.server import Cluster
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    ChangeRole,
    Command,
    CreateListing,
    PayToLock,
    Purchase,
    VerifyDelivery,
)
from watchkeeper.market.signin import totp

HOURS_TO_FETCH = 48


class Town(Office):
    """The office with a farmer, traders and a buyer at work: a block that is ordered, locks that wait, a listing."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.market_address = str(self.http.base_url).rstrip("/")
        market = self.market
        self.farmer = self._enrolled(market.farmer, "Faith Farmer")
        self.tina = self._enrolled(market.tina, "Tina Trader")
        self.newcomer = self._enrolled(market.person("trader"), "Ned Newcomer")
        self.buyer = market.person("buyer")
        market.flip(Switch.PURCHASE_WINDOW, "release")
        listed = self.done(CreateListing(produce="Matooke", grams=200_000, price_ugx_per_kg=900), self.farmer)
        rows = market.books.database.query("SELECT id FROM units WHERE utid = ? ORDER BY number", (listed,))
        self.units = [int(str(row[0])) for row in rows]
        for _ in range(11):
            self.verified(self.locked(), "delivered")
        until(lambda: len(self.blocks()) == 1, seconds=30, what="the block forms by itself")
        (self.block,) = self.blocks()

    def done(self, command: Command, actor: Someone | int) -> str:
        """The UTID of something that is done beside the phone."""
        self.market.keep_lease()
        user_id = actor if isinstance(actor, int) else actor.id
        return self.intake.submit(self.market.act(command, user_id)).result(20).utid

    def locked(self) -> str:
        return self.done(PayToLock(unit_id=self.units.pop()), self.tina)

    def verified(self, lock: str, outcome: str) -> str:
        return self.done(VerifyDelivery(lock_utid=lock, outcome=outcome, reason=REASON), self.admin)

    def blocks(self) -> list[int]:
        rows = self.market.books.database.query("SELECT id FROM blocks ORDER BY id")
        return [int(str(row[0])) for row in rows]

    def one(self, sql: str, *values: int | str) -> object:
        """The only column of a row of the books."""
        row = self.market.books.database.one(sql, values)
        return None if row is None else row[0]

    def identities_of(self, person: Someone) -> int:
        return len(self.identities.query("SELECT 1 FROM identities WHERE user_id = ?", (person.id,)))


class At:
    """Where the pages are."""

    def __init__(self, market: str) -> None:
        self.market = market


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    data = tmp_path_factory.mktemp("rare acts") / "data"
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        cluster.made(data)
    found = Town(data)
    yield found
    found.close()


@contextmanager
def used_by(town: Town, chromium: Browser, person: Someone) -> Iterator[Phone]:
    """A phone without scripts in the hand of somebody who signed in."""
    with phone(chromium, At(town.market_address), scripts=False) as found:
        code = person.recovery.pop() if person.recovery else ""
        found.sign_in(person.alias, WORD, code)
        yield found


def pressed(town: Town, on: Phone, form: str, **fields: str) -> str:
    """Press the first form whose id begins like this, while the watch lives."""
    town.market.keep_lease()
    return on.done(on.first(form), **fields)


def shown_once(on: Phone) -> list[str]:
    expect(on.page.get_by_text("Shown only now.")).to_be_visible()
    on.looked()
    return on.page.locator(".codes li").all_inner_texts()


def test_an_order_that_nobody_fetched_expires_and_its_block_is_written_off(
    town: Town, chromium: Browser
) -> None:
    town.done(Purchase(block_id=town.block), town.buyer)
    buyer = town.one("SELECT alias FROM users WHERE id = ?", town.buyer)
    with used_by(town, chromium, town.admin) as on:
        on.to("/admin/pickups")
        card = on.page.locator("article").first
        expect(card).to_contain_text(str(buyer))
        expect(card).to_contain_text(town.tina.alias)
        assert on.page.get_by_text("Nobody came").count() == 0
    town.later(HOURS_TO_FETCH * 60)
    assert town.sign_in(town.admin).status_code == 201
    with used_by(town, chromium, town.admin) as on:
        # Of the lots those of the ordered block cannot be written off, the one that is in none can.
        on.to("/admin/store")
        assert on.page.locator("form[id^='write-off-block-']").count() == 0
        assert on.page.locator("form[id^='write-off-lot-']").count() == 1
        pressed(town, on, "write-off-lot-", reason=REASON)
        on.to("/admin/pickups")
        expect(on.page.get_by_text("late")).to_be_visible()
        (flagged,) = town.get(town.admin, "/v1/purchases").json()["purchases"]
        assert (flagged["buyer"], flagged["trader"]) == (buyer, town.tina.alias)
        pressed(town, on, "expire-", reason=REASON)
        expect(on.page.get_by_text("No order waits")).to_be_visible()
        on.to(f"/admin/store?trader={town.newcomer.alias}")
        expect(on.page.get_by_text("No block is in store.")).to_be_visible()
        on.to(f"/admin/store?trader={town.tina.alias}")
        pressed(town, on, f"write-off-block-{town.block}", reason=REASON)
        assert f"trader={town.tina.alias}" in on.page.url
        expect(on.page.get_by_text("No block is in store.")).to_be_visible()
    state = "SELECT status FROM block_state WHERE block_id = ?"
    assert town.one(state, town.block) == "written_off"
    with used_by(town, chromium, town.tina) as on:
        expect(on.page.get_by_text("was not fetched in time")).to_be_visible()
        on.looked()


def test_late_is_corrected_to_delivered_and_cancelled_is_given_back(town: Town, chromium: Browser) -> None:
    late, cancelled = town.locked(), town.locked()
    town.verified(late, "late")
    town.verified(cancelled, "cancelled")
    with used_by(town, chromium, town.tina) as on:
        failed = on.page.locator("section[aria-labelledby=failed]")
        expect(failed.get_by_role("link", name=late)).to_be_visible()
        expect(failed.get_by_role("link", name=cancelled)).to_be_visible()
        on.looked()
    with used_by(town, chromium, town.admin) as on:
        on.looked()
        for lock, form in ((late, "correct-"), (cancelled, "reverse-")):
            key = town.one("SELECT id FROM locks WHERE utid = ?", lock)
            pressed(town, on, f"{form}{key}", reason=REASON)
        assert on.page.get_by_role("heading", name="Late or cancelled").count() == 0
    outcomes = town.market.books.database.query(
        "SELECT lock_utid, outcome FROM lock_outcomes WHERE lock_utid IN (?, ?) ORDER BY id",
        (late, cancelled),
    )
    assert [*outcomes] == [
        (late, "late"),
        (cancelled, "cancelled"),
        (late, "delivered"),
        (cancelled, "reversed"),
    ]


def test_a_listing_goes_off_the_market_by_its_own_button(town: Town, chromium: Browser) -> None:
    town.done(CreateListing(produce="Cassava", grams=30_000, price_ugx_per_kg=500), town.farmer)
    with used_by(town, chromium, town.admin) as on:
        on.to("/admin/listings")
        card = on.page.locator("article", has_text="Cassava")
        form = card.locator("form").get_attribute("id")
        assert form is not None
        pressed(town, on, form, reason=REASON)
        assert on.page.get_by_text("Cassava").count() == 0


def test_a_role_is_changed_sessions_end_and_an_account_is_erased(town: Town, chromium: Browser) -> None:
    person, account = town.newcomer, f"/account?alias={town.newcomer.alias}"
    with used_by(town, chromium, person) as theirs, used_by(town, chromium, town.admin) as on:
        theirs.to("/me")
        on.to(account)
        pressed(town, on, "end-sessions", reason=REASON)
        theirs.page.reload()
        assert theirs.page.url.endswith("/sign-in?ended=yes")
        pressed(town, on, "role", role="buyer", reason=REASON)
        expect(on.page.locator("dd", has_text="buyer")).to_be_visible()
        # Who becomes an admin has no second factor yet.
        on.pressed(on.first("role"), role="admin", reason=REASON)
        (link,) = shown_once(on)
        assert link.startswith(f"{town.market_address}/enrol/")
        assert town.identities_of(person) == 1
        on.to(account)
        pressed(town, on, "delete", reason=REASON)
        expect(on.page.locator("dd", has_text="deleted")).to_be_visible()
        assert on.page.locator("main form").count() == 0
    assert town.identities_of(person) == 0


def test_an_invitation_gets_another_link_and_is_taken_back(town: Town, chromium: Browser) -> None:
    with used_by(town, chromium, town.admin) as on:
        on.to("/people")
        on.pressed(on.form("invite"), role="farmer", reason=REASON)
        (first,) = shown_once(on)
        alias = town.one("SELECT alias FROM users ORDER BY id DESC LIMIT 1")
        on.to(f"/account?alias={alias}")
        assert on.page.get_by_text("Suspend").count() == 0
        on.pressed(on.first("reset"), reason=REASON)
        (second,) = shown_once(on)
        assert first != second
        on.page.get_by_role("link", name="Back").click()
        pressed(town, on, "delete", reason=REASON)
        expect(on.page.locator("dd", has_text="deleted")).to_be_visible()
    for link in (first, second):
        assert town.http.get(link).status_code == 404


def test_recovery_codes_are_made_anew(town: Town, chromium: Browser) -> None:
    with used_by(town, chromium, town.admin) as on:
        on.to("/me")
        on.pressed(on.form("codes"))
        found = shown_once(on)
    assert len(set(found)) == 10
    town.admin.recovery = found
    assert town.sign_in(town.admin).status_code == 201


def test_a_provider_s_statement_is_read_beside_the_books(town: Town, chromium: Browser) -> None:
    assert town.sign_in(town.admin).status_code == 201
    answer = town.post(
        town.admin,
        "/v1/reconciliations",
        statement="Id,Date,Status,Amount,Currency,Fee\nSTRANGER<b>,2026-11-20 10:00:00,Successful,77,UGX,10\n",
        map="mtn",
        first_day="2026-11-20",
        last_day="2026-11-20",
    )
    assert answer.status_code == 201, answer.text
    for person in (town.admin, town.operator):
        with used_by(town, chromium, person) as on:
            on.to("/reconciliations")
            on.page.get_by_role("link", name="Each payment").click()
            on.looked()
            expect(on.page.get_by_role("heading", name="STRANGER<b>")).to_be_visible()
            on.page.get_by_role("link", name="Missing in the statement").click()
            expect(on.page.get_by_text("None.")).to_be_visible()
            on.page.get_by_role("link", name="Missing in the books").click()
            expect(on.page.get_by_text("UGX 77")).to_be_visible()


def test_the_operator_sets_the_phase_flips_switches_suspends_and_tells_everyone(
    town: Town, chromium: Browser
) -> None:
    with used_by(town, chromium, town.operator) as on:
        on.looked()
        for phase in ("pilot", "production"):
            pressed(town, on, "phase", phase=phase, reason=REASON)
            expect(on.page.locator(".figure")).to_have_text(phase.capitalize())
        for switch, back, words in (
            ("pilot-on", "pilot-off", "On, held on by operator"),
            ("window-close", "window-open", "Closed, held closed by operator"),
        ):
            pressed(town, on, switch, reason=REASON)
            expect(on.page.get_by_text(words)).to_be_visible()
            pressed(town, on, back, reason=REASON)
            assert on.page.get_by_text(words).count() == 0
        on.to(f"/account?alias={town.tina.alias}")
        assert on.page.locator("form#delete, form#role, form#second-factor").count() == 0
        pressed(town, on, "suspend", reason=REASON)
        pressed(town, on, "unsuspend", reason=REASON)
        on.to("/notices")
        pressed(town, on, "send", text="The market rests on Sunday.", reason=REASON)
        expect(on.page.locator("article").first).to_contain_text("The market rests on Sunday.")
        on.to("/operator/payouts")
        expect(on.page.get_by_text("Faith Farmer")).to_be_visible()
    kind = town.one("SELECT kind FROM notices ORDER BY id DESC LIMIT 1")
    assert kind == "system"


def test_an_admin_who_lost_phone_and_codes_enrols_anew_by_the_operator_s_link(
    town: Town, chromium: Browser
) -> None:
    lost = town.other_admin
    with used_by(town, chromium, lost) as theirs, used_by(town, chromium, town.operator) as on:
        on.to(f"/account?alias={lost.alias}")
        on.pressed(on.first("second-factor"), reason=REASON)
        (link,) = shown_once(on)
        # A session that was open with the lost phone is over.
        theirs.page.reload()
        assert "/sign-in" in theirs.page.url
        theirs.page.goto(link)
        theirs.looked()
        codes = _enrolled(town, theirs.page, lost)
        theirs.looked()
        theirs.page.get_by_role("link", name="Sign in").click()
        theirs.sign_in(lost.alias, NEW, codes[0])
        assert theirs.page.url.endswith("/admin")


def _enrolled(town: Town, page: Page, person: Someone) -> list[str]:
    step = town.clock.now() // MICROSECONDS_PER_SECOND // totp.STEP_SECONDS
    code_of_the_app = totp.code_at(page.locator(".secret").inner_text(), step)
    for label, text in (
        ("Your name", person.name),
        ("Phone", f"+256 755 {secrets.randbelow(900_000) + 100_000}"),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_label("Password").fill(NEW)
    page.get_by_label("The six digits").fill(code_of_the_app)
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_role("heading", name="You are enrolled")).to_be_visible()
    return page.locator(".codes li").all_inner_texts()


def test_units_that_others_speak_of_leave_the_next_ones_to_offer_for(town: Town, chromium: Browser) -> None:
    listed = town.done(CreateListing(produce="Coffee", grams=120_000, price_ugx_per_kg=700), town.farmer)
    rows = town.market.books.database.query("SELECT id FROM units WHERE utid = ? ORDER BY number", (listed,))
    units = [str(row[0]) for row in rows]
    listing = town.one("SELECT id FROM listings WHERE utid = ?", listed)
    other = town._enrolled(town.market.person("trader"), "Olga Other")
    assert town.sign_in(other).status_code == 201
    for unit in units[:10]:
        made = town.post(other, "/v1/offers", unit_id=int(unit), price_ugx_per_kg=600)
        assert made.status_code == 201, made.text
    with used_by(town, chromium, town.tina) as on:
        on.to("/trader/market")
        offered = on.first(f"offer-{listing}").locator("option")
        assert [one.get_attribute("value") for one in offered.all()] == units[10:]
        pressed(town, on, f"offer-{listing}", unit_id=units[11], price_ugx_per_kg="650")
        # What is spoken for can be paid at the price that is asked.
        pressed(town, on, f"lock-{listing}", unit_id=units[0])
        town.post(other, "/v1/offers", unit_id=int(units[10]), price_ugx_per_kg=600)
        on.to("/trader/market")
        assert on.page.locator(f"form#offer-{listing}").count() == 0
        expect(on.page.get_by_text("Each free unit has an open offer already")).to_be_visible()


def test_somebody_of_another_role_prints_the_ledger_of_before(town: Town, chromium: Browser) -> None:
    with used_by(town, chromium, town.tina) as on:
        on.to("/trader/money")
        on.page.get_by_role("link", name="Statement").click()
        on.looked()
        expect(on.page.get_by_text("to the day of issue")).to_be_visible()
        on.page.get_by_label("First day").fill("2026-01-01")
        on.page.get_by_label("Last day").fill("2026-01-31")
        on.page.get_by_role("button", name="Show").click()
        expect(on.page.get_by_text("from 2026-01-01 to 2026-01-31")).to_be_visible()
        with on.page.expect_download() as kept:
            on.page.get_by_role("link", name="As a table").click()
        assert kept.value.suggested_filename == f"statement-{town.tina.alias}.csv"
        on.page.emulate_media(media="print")
        assert not on.page.get_by_role("button", name="Show").is_visible()
        on.page.emulate_media(media="screen")
    visitor = town._enrolled(town.market.person("trader"), "Vera Visitor")
    town.done(ChangeRole(account=visitor.alias, role="buyer", reason=REASON), town.admin)
    with used_by(town, chromium, visitor) as on:
        on.to("/me")
        assert on.page.get_by_role("link", name="Statement").count() == 0
