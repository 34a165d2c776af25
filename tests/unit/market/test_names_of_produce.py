"""What produce is called: a word or few and nothing else, written in one way, so that lots join into blocks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.market.test_from_the_store_to_the_buyer import Store
from tests.worlds.books import REASON, Market, digest
from tests.worlds.giveaways import SAYS_MORE
from tests.worlds.unguarded import everywhere
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import CreateListing, FormBlock, PayToLock, Purchase, VerifyDelivery
from watchkeeper.market.inventory import reading
from watchkeeper.market.listings import naming
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.trace import trace

NAMES = {
    "maize": "Maize",
    "  MAIZE  ": "Maize",
    "\uff2daize": "Maize",
    "irish\u00a0  Potatoes": "Irish potatoes",
    "cafe\u0301": "Caf\u00e9",
    "Ng\u2019ombe-milk": "Ng'ombe-milk",
    "\u0628\u0637\u0627\u0637\u0633": "\u0628\u0637\u0627\u0637\u0633",
    "\u092e\u0915\u094d\u0915\u093e": "\u092e\u0915\u094d\u0915\u093e",
    "b" * 40: "B" + "b" * 39,
    "dry red nambale beans": "Dry red nambale beans",
}


def listing(produce: str) -> CreateListing:
    return CreateListing(produce=produce, grams=10_000, price_ugx_per_kg=100)


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data)
    yield found
    found.close()


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    found = Store(data)
    yield found
    found.housekeeping.close()
    found.switching.close()
    found.books.close()
    found.world.close()


@pytest.mark.rule("listing.named", "buyer.no-money")
def test_a_name_of_produce_that_says_more_is_refused_with_its_field_and_writes_nothing(
    market: Market,
) -> None:
    before = digest(market.data)
    for text in SAYS_MORE:
        answer = market.tried(listing(text), market.farmer)
        assert isinstance(answer, Refusal), text
        assert (answer.code, answer.field) == ("validation-failed", "produce"), text
        assert text.strip() not in answer.detail or not text.strip(), text
    assert digest(market.data) == before


@pytest.mark.rule("listing.named", "listing.named-one-way")
def test_a_name_of_produce_is_kept_in_one_way_of_writing_it(market: Market) -> None:
    rows = []
    for text in NAMES:
        market.farmer = market.person("farmer")
        rows.append(market.one(listing(text), market.farmer).body["listing_id"])
    found = market.books.database.query("SELECT id, produce FROM listings")
    kept = {int(str(key)): str(produce) for key, produce in found}
    assert [kept[int(str(row))] for row in rows] == [*NAMES.values()]


@given(st.text(max_size=50))
def test_the_one_way_of_writing_is_its_own_and_that_of_every_other_form(text: str) -> None:
    name = naming.canonical(text)
    assert naming.canonical(name) == name
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert naming.canonical(unicodedata.normalize(form, text)) == name
    assert naming.canonical(f"  {text.replace(' ', '   ')} ") == name


@given(st.text(alphabet=st.characters(categories=("L", "M", "Nd", "Pd", "Po", "Sc", "Zs")), max_size=40))
def test_a_name_that_is_taken_holds_no_digit_and_no_sign_and_is_taken_again_as_it_is(text: str) -> None:
    try:
        name = naming.checked(text)
    except Refusal:
        return
    assert {unicodedata.category(c)[0] for c in name} <= {"L", "M", "Z", "P"}
    assert {c for c in name if unicodedata.category(c)[0] in "ZP"} <= set(" -'")
    assert naming.checked(name) == name
    assert naming.for_a_buyer(name) == name


def delivered(store: Store, *names: str) -> None:
    farmer = store.bench.person("farmer")
    for name in names:
        unit = store.bench.one(listing(name), farmer).body["unit_ids"]
        assert isinstance(unit, list)
        lock = store.bench.one(PayToLock(unit_id=unit[0]), store.trader)
        store.bench.one(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), store.admin)


@pytest.mark.rule("listing.named-one-way", "store.blocks")
def test_lots_join_into_one_block_however_their_names_were_entered(store: Store) -> None:
    delivered(store, *["Maize", "maize", "MAIZE", " maize ", "\uff2daize"] * 2)
    store.tick()
    assert store.query("SELECT produce, grams FROM blocks") == [("Maize", 100_000)]
    store.turn()


def as_before(text: str) -> str:
    """How names were taken before they were checked: trimmed."""
    return " ".join(text.split())


@pytest.mark.rule("listing.named-one-way", "store.blocks")
def test_lots_from_before_names_were_checked_join_the_block_of_their_name_and_stay_as_they_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["maize", "Maize", "MAIZE", "Beans", "mai\u0301ze"]
    with monkeypatch.context() as patch:
        everywhere(patch, naming.checked, as_before)
        delivered(store, *names, "maize", "MAIZE")
    delivered(store, "maize", "Maize", "Maize", "Maize")
    store.tick()
    assert store.query("SELECT count(*) FROM blocks") == [(0,)]
    code = store.code(FormBlock(trader_id=store.trader, produce="maize"), SYSTEM_USER_ID)
    assert code == "nothing-due"
    delivered(store, "Maize")
    store.tick()
    ((block, produce),) = store.query("SELECT id, produce FROM blocks")
    assert produce == "Maize"
    inside = store.query(
        f"SELECT l.produce FROM lots l JOIN block_lots b ON b.lot_id = l.id WHERE b.block_id = {block} ORDER BY l.id"
    )
    assert [row[0] for row in inside] == ["maize", "Maize", "MAIZE", "maize", "MAIZE"] + ["Maize"] * 5
    store.turn()


@pytest.mark.rule("buyer.no-money")
def test_no_buyer_reads_a_name_from_before_names_were_checked_that_says_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = SAYS_MORE[0]
    with monkeypatch.context() as patch:
        everywhere(patch, naming.checked, as_before)
        delivered(store, *[said] * 10)
    store.tick()
    store.flip(Switch.PURCHASE_WINDOW, "release")
    database = store.bench.books.database
    ((block_id, formed),) = store.query("SELECT id, utid FROM blocks")
    (seen,) = reading.blocks(database, trader_id=None)
    bought = store.bench.one(Purchase(block_id=int(str(block_id))), store.buyer)
    (order,) = reading.purchases(database, buyer_id=store.buyer, at=store.clock.now())
    buyer = store.bench.books.user(store.buyer)
    assert buyer is not None
    traces = [trace(database, str(utid), viewer=buyer) for utid in (bought.utid, formed)]
    assert seen["produce"] == order["produce"] == bought.body["produce"] == naming.UNNAMED
    assert all(traces)
    for read in (seen, order, bought.body, *traces):
        assert not {
            word for word in ("UGX", "ugx", "Okello", "okello", "1,500", "0772") if word in repr(read)
        }
    # Whose goods they are reads what they are called.
    (own,) = reading.blocks(database, trader_id=store.trader)
    assert own["produce"] == naming.canonical(said)
    store.turn()
