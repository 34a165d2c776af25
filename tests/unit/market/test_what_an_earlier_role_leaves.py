"""Who was given another role reads what that role may and no more: a buyer with a past no price, cost or fee, an admin with a
future nobody's balances (domain, Roles).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds import contents
from tests.worlds.asking import by_cookie, names, pages
from tests.worlds.books import REASON, Market
from tests.worlds.documented import operations
from tests.worlds.office import Office, Someone
from tests.worlds.unguarded import everywhere
from watchkeeper.base import disclosure
from watchkeeper.boundary.gate import Switch
from watchkeeper.market import boards
from watchkeeper.market.commands import (
    ActivateUser,
    Answer,
    AnswerOffer,
    ChangeRole,
    Command,
    ConfirmPickup,
    CreateListing,
    Deposit,
    InviteUser,
    MakeOffer,
    Payout,
    PayToLock,
    Purchase,
    SendNotice,
    VerifyDelivery,
    Withdraw,
    WithdrawOffer,
    WriteOff,
)
from watchkeeper.market.trace import trace

ASKED, OFFERED, COUNTERED, PROCEEDS = 7_919, 7_243, 8_237, 823_457
UNITS = 12
#: Nothing of it looks like an amount, and it is one.
RIDDLE = "Seventy nine thousand came in."


class Past(Office):
    """A farmer, a trader and an admin who did their business and hold nothing any more."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.farmer = self._enrolled(self.market.farmer, "Okot Lukwiya")
        self.buyer = self.done_by(self.market.market.admin.id, "buyer")
        self._business()
        assert self.sign_in(self.admin).status_code == 201

    def done(self, command: Command, actor: int) -> Answer:
        self.market.keep_lease()
        return self.intake.submit(self.market.act(command, actor)).result(30)

    def done_by(self, admin: int, role: str) -> int:
        user = int(str(self.done(InviteUser(role=role, reason=REASON), admin).body["user_id"]))
        self.done(ActivateUser(), user)
        return user

    def _business(self) -> None:
        farmer, trader, admin = self.farmer.id, self.trader.id, self.admin.id
        listing = self.done(
            CreateListing(produce="Vanilla", grams=UNITS * 10_000, price_ugx_per_kg=ASKED), farmer
        )
        units = listing.body["unit_ids"]
        assert isinstance(units, list)
        paid_in = UNITS * ASKED * 10
        self.done(Deposit(amount_ugx=paid_in, provider="bank", external_ref="IN"), trader)
        offer = self.done(MakeOffer(unit_id=units[-1], price_ugx_per_kg=OFFERED), trader)
        self.done(AnswerOffer(offer_utid=offer.utid, answer="counter", price_ugx_per_kg=COUNTERED), farmer)
        self.done(WithdrawOffer(offer_utid=offer.utid), trader)
        locks = [self._delivered(unit) for unit in units[:10]]
        books = self.market.books.database
        until(lambda: books.query("SELECT id FROM blocks"), seconds=30, what="the block forms")
        ((block,),) = books.query("SELECT id FROM blocks")
        self.market.flip(Switch.PURCHASE_WINDOW, "release")
        self.bought = self.done(Purchase(block_id=int(str(block))), self.buyer)
        self.picked_up = self.done(
            ConfirmPickup(purchase_utid=self.bought.utid, proceeds_ugx=PROCEEDS, provider="mtn", external_ref="UP", reason=REASON),
            admin,
        )  # fmt: skip
        self.done(Withdraw(amount_ugx=PROCEEDS - 10 * ASKED * 10, provider="mtn", external_ref="OUT"), trader)
        # Capital never goes out: what came back is put into goods that are lost.
        again = self.done(CreateListing(produce="Rice", grams=100_000, price_ugx_per_kg=ASKED), farmer)
        more = again.body["unit_ids"]
        assert isinstance(more, list)
        locks += [self._delivered(unit) for unit in [*units[10:], *more]]
        for (lot,) in books.query(
            "SELECT id FROM lots WHERE NOT EXISTS (SELECT 1 FROM block_lots b WHERE b.lot_id = lots.id)"
        ):
            self.done(WriteOff(lot_id=int(str(lot)), reason=REASON), admin)
        earned = self.market.books.earnings(farmer).balance_ugx
        self.payout = self.done(
            Payout(account=self.farmer.alias, amount_ugx=earned, provider="airtel", external_ref="PAID", reason=REASON), admin
        )  # fmt: skip
        self.lock, self.listing = locks[0], listing
        for text in ("Your lock cost 79,190 shillings.", RIDDLE):
            self.done(
                SendNotice(kind="utid_specific", about_utid=self.lock.utid, text=text, reason=REASON), admin
            )

    def _delivered(self, unit: int) -> Answer:
        lock = self.done(PayToLock(unit_id=unit), self.trader.id)
        self.done(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), self.admin.id)
        # Twenty locks an hour.
        self.later(4)
        return lock

    def becomes(self, person: Someone, role: str) -> None:
        self.done(ChangeRole(account=person.alias, role=role, reason=REASON), self.other_admin.id)
        code = person.recovery.pop() if role == "admin" else ""
        assert self.enter(person, code=code).status_code == 201

    def read(self, person: Someone) -> Iterator[tuple[str, str]]:
        """Every page, list and trace that somebody gets, by its address."""
        bearer = {"authorization": f"Bearer {person.token}"}
        books = self.market.books
        acts = [str(row[0]) for row in books.database.query("SELECT utid FROM journal ORDER BY n")]
        shown = [page.path for page in pages() if page.method == "GET"]
        lists = [op.path for op in operations(str(self.http.base_url)) if op.method == "get"]
        some = acts[::11]
        for path in [*(p for p in lists if not names(p)), *(f"/v1/trace/{utid}" for utid in some)]:
            yield path, self._asked(path, bearer)
        for path in [*(p for p in shown if not names(p)), *(f"/trace?utid={utid}" for utid in some)]:
            yield path, self._asked(path, by_cookie(bearer))
        # Routes and pages read every trace from here.
        viewer = books.user(person.id)
        assert viewer is not None
        for utid in acts:
            found = trace(books.database, utid, viewer=viewer)
            yield f"trace {utid}", "" if found is None else repr(found)

    def _asked(self, path: str, headers: dict[str, str]) -> str:
        self.http.cookies.clear()
        answer = self.http.get(path, headers=headers)
        assert answer.status_code < 500, path
        return answer.text if answer.status_code == 200 else ""


@pytest.fixture
def past(data: Path) -> Iterator[Past]:
    found = Past(data)
    yield found
    found.close()


@pytest.mark.rule("role.past-ends", "buyer.no-money")
def test_whoever_is_given_another_role_reads_no_amount_of_before_and_no_balance_of_others(past: Past) -> None:
    amounts, _ = contents.apart(past.data)
    looked_for = [a for a in amounts if a >= contents.AMOUNT_MIN and a not in contents.ALSO_GRAMS]
    assert {ASKED, OFFERED, COUNTERED, ASKED * 10, PROCEEDS} <= set(looked_for)
    pattern = re.compile("|".join(contents.written(amount) for amount in looked_for))
    assert past.sign_in(past.trader).status_code == 201
    assert past.sign_in(past.farmer).status_code == 201
    for person in (past.trader, past.farmer, past.admin):
        assert any(pattern.search(said) for _, said in past.read(person)), "in their role they see amounts"
    wrong: dict[str, str] = {}
    read = 0
    for person, roles in (
        (past.trader, ("buyer",)),
        (past.farmer, ("buyer",)),
        (past.admin, ("trader", "farmer", "buyer")),
    ):
        for role in roles:
            past.becomes(person, role)
            for path, said in past.read(person):
                read += bool(said)
                found = pattern.search(said)
                if found:
                    wrong[f"{person.name} as {role}: {path}"] = said[
                        max(0, found.start() - 80) : found.end() + 40
                    ]
                if role == "buyer" and RIDDLE in said:
                    wrong[f"{person.name} as {role}: {path}, riddle"] = RIDDLE
    assert wrong == {}
    assert read > 40


@pytest.mark.rule("role.past-ends")
def test_a_trace_shows_who_has_a_past_their_own_rows_alone(past: Past) -> None:
    books = past.market.books

    def tables(utid: str, person: Someone) -> set[str] | None:
        viewer = books.user(person.id)
        assert viewer is not None
        found = trace(books.database, utid, viewer=viewer)
        if found is None:
            return None
        act = found["act"]
        assert isinstance(act, dict)
        return {str(row["table"]) for row in act["rows"]}

    assert tables(past.picked_up.utid, past.admin) == {
        "purchase_outcomes",
        "pickups",
        "wallet_ledger",
        "admin_actions",
    }
    assert tables(past.lock.utid, past.farmer) == {"locks"}
    for role in ("trader", "farmer", "buyer"):
        past.becomes(past.admin, role)
        assert tables(past.picked_up.utid, past.admin) is None
        assert tables(past.payout.utid, past.admin) is None
    # A trader who became a farmer still reads what was theirs, and not what the same act gave another.
    past.becomes(past.trader, "farmer")
    assert tables(past.lock.utid, past.trader) == {"locks", "wallet_ledger"}
    past.becomes(past.farmer, "trader")
    assert tables(past.listing.utid, past.farmer) == {"listings"}
    assert tables(past.payout.utid, past.farmer) == {"farmer_ledger", "payouts"}
    past.becomes(past.trader, "buyer")
    assert tables(past.lock.utid, past.trader) is None
    past.becomes(past.farmer, "buyer")
    assert tables(past.payout.utid, past.farmer) is None


@pytest.mark.rule("role.past-ends")
def test_a_farmer_does_not_read_the_exposure_of_who_locked_a_unit(past: Past) -> None:
    books = past.market.books

    def lock_row(person: Someone) -> dict[str, object]:
        viewer = books.user(person.id)
        assert viewer is not None
        found = trace(books.database, past.lock.utid, viewer=viewer)
        assert found is not None
        act = found["act"]
        assert isinstance(act, dict)
        (row,) = [row for row in act["rows"] if row["table"] == "locks"]
        return dict(row)

    assert lock_row(past.trader)["exposure_after_ugx"] == ASKED * 10
    assert lock_row(past.farmer)["amount_ugx"] == ASKED * 10
    assert not [name for name in lock_row(past.farmer) if "exposure" in name]


def _notice(kind: str, text: str, **more: str) -> SendNotice:
    return SendNotice(kind=kind, text=text, reason=REASON, **more)


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data)
    yield found
    found.close()


@pytest.mark.rule("buyer.no-money", "notice.no-identity")
def test_a_buyer_reads_no_notice_with_an_amount_that_was_sent_before_it_would_be_refused(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = market.books.user(market.person("buyer"))
    trader = market.books.user(market.tina)
    assert buyer is not None
    assert trader is not None
    sent = ["Beans are 1500/kg today.", "Beans are 25k per bag today.", "The store opens at 9."]
    with monkeypatch.context() as patch:
        everywhere(patch, disclosure.speaks_of_money, lambda _: False)
        # `send` asks the module, which is not among its names.
        patch.setattr(disclosure, "speaks_of_money", lambda _: False)
        for text in sent:
            market.one(_notice("admin_broadcast", text), market.admin_id)
    for text in sent[:2]:
        assert market.code(_notice("admin_broadcast", text), market.admin_id) == "validation-failed"
    shown = [row["text"] for row in boards.notices(market.books.database, buyer, before=None, limit=10)]
    assert shown == [sent[2], boards.FOR_ANOTHER_ROLE, boards.FOR_ANOTHER_ROLE]
    read = [row["text"] for row in boards.notices(market.books.database, trader, before=None, limit=10)]
    assert read == sent[::-1]


@pytest.mark.rule("role.past-ends", "buyer.no-money")
def test_who_became_a_buyer_reads_nothing_that_was_said_to_them_in_their_earlier_role(market: Market) -> None:
    offer = market.one(MakeOffer(unit_id=market.units(1)[0], price_ugx_per_kg=90), market.tom)
    market.one(WithdrawOffer(offer_utid=offer.utid), market.tom)
    newcomer = market.person("trader")
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), market.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    said = market.one(MakeOffer(unit_id=units[0], price_ugx_per_kg=90), newcomer)
    market.one(WithdrawOffer(offer_utid=said.utid), newcomer)

    def about(text: str) -> SendNotice:
        return _notice("utid_specific", text, about_utid=said.utid)

    market.one(about(RIDDLE), market.admin_id)
    market.one(_notice("admin_broadcast", "The store opens at 9."), market.admin_id)
    user = market.books.user(newcomer)
    assert user is not None
    market.one(ChangeRole(account=user.alias, role="buyer", reason=REASON), market.admin_id)
    market.one(about("It is settled."), market.admin_id)
    user = market.books.user(newcomer)
    assert user is not None
    rows = boards.notices(market.books.database, user, before=None, limit=10)
    assert [row["text"] for row in rows] == [
        "It is settled.",
        "The store opens at 9.",
        boards.FOR_ANOTHER_ROLE,
    ]
    # As with everybody who is a buyer by then.
    refused = about("Your offer of 1500/kg is over.")
    assert market.code(refused, market.admin_id) == "validation-failed"
