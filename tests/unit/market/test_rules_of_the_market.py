"""The rules of the market, each by its name; every refusal leaves the books as they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock, digest
from watchkeeper.base import canonical
from watchkeeper.base.database import open_database
from watchkeeper.market.append import count_commit
from watchkeeper.market.commands import (
    Answer,
    Command,
    CreateListing,
    Deposit,
    InviteUser,
    PayToLock,
    ReverseLock,
    VerifyDelivery,
    WriteOff,
)
from watchkeeper.market.pace import LIMITS
from watchkeeper.market.tables import EFFECT_COLUMNS, JOURNAL_COLUMNS
from watchkeeper.operation.seals import leaf as leaves


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def books_digest(market: Market) -> str:
    return digest(market.data)


def locked(market: Market, trader: int, *, price: int = 100) -> Answer:
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=price), market.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    return market.one(PayToLock(unit_id=units[0]), trader)


def unit_of(market: Market, *, price: int = 100) -> int:
    listing = market.one(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=price), market.farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    return int(units[0])


@pytest.mark.rule("listing.split")
def test_a_listing_is_split_into_units_of_ten_kilograms_numbered_from_one(market: Market) -> None:
    market.one(CreateListing(produce="Beans", grams=50_000, price_ugx_per_kg=3000), market.farmer)
    listing = market.books.listings(farmer_id=market.farmer)[-1]
    units = listing["units"]
    assert isinstance(units, list)
    assert [(u["number"], u["grams"], u["status"]) for u in units] == [
        (n, 10_000, "available") for n in range(1, 6)
    ]


@pytest.mark.rule("listing.weight")
@pytest.mark.parametrize("grams", [0, -10_000, 10_001, 5_000, 2_010_000])
def test_a_listing_weighs_a_positive_multiple_of_ten_kilograms_up_to_two_tonnes(
    market: Market, grams: int
) -> None:
    command = CreateListing(produce="Beans", grams=grams, price_ugx_per_kg=3000)
    assert market.code(command, market.farmer) == "validation-failed"


def test_the_largest_listing_still_fits_into_one_sealed_leaf(market: Market) -> None:
    market.one(
        CreateListing(produce="𐐨" * 40, grams=2_000_000, price_ugx_per_kg=10_000_000),
        market.farmer,
    )
    database = market.books.database
    row = database.one(f"SELECT {', '.join(JOURNAL_COLUMNS)} FROM journal ORDER BY n DESC LIMIT 1")
    assert row is not None
    journal = dict(zip(JOURNAL_COLUMNS, row, strict=True))
    effects: list[tuple[str, int | str, canonical.Row]] = []
    for table, columns in EFFECT_COLUMNS.items():
        for values in database.query(
            f"SELECT {', '.join(columns)} FROM {table} WHERE utid = ?", (str(journal["utid"]),)
        ):
            found = dict(zip(columns, values, strict=True))
            effects.append((table, int(str(found["id"])), found))
    assert len(effects) == 201
    leaf = leaves.journal_leaf(journal, effects)
    assert leaves.read(leaf).kind == "journal"
    assert len(leaf) <= leaves.LEAF_BYTES_MAX


@pytest.mark.rule("lock.paid", "lock.six-hours")
def test_a_lock_moves_capital_to_locked_and_gives_six_hours(market: Market) -> None:
    answer = locked(market, market.tina, price=1200)
    wallet = market.books.wallet(market.tina)
    assert (wallet.capital_ugx, wallet.locked_ugx, wallet.exposure_ugx) == (1_988_000, 12_000, 12_000)
    lock = market.books.lock(answer.utid)
    assert lock is not None
    assert int(str(lock["deadline_at"])) - int(str(lock["locked_at"])) == 6 * 3600 * 1_000_000


@pytest.mark.rule("exposure.limit")
def test_exactly_the_exposure_limit_passes_and_one_shilling_more_is_refused(market: Market) -> None:
    # 99,999 a kilogram is 999,990 a unit; another 10 shillings make exactly a million.
    locked(market, market.tina, price=99_999)
    exact = unit_of(market, price=1)
    one_more = unit_of(market, price=1)
    assert market.code(PayToLock(unit_id=exact), market.tina) == "accepted"
    assert market.books.wallet(market.tina).exposure_ugx == 1_000_000
    assert market.code(PayToLock(unit_id=one_more), market.tina) == "spend-cap-exceeded"


@pytest.mark.rule("order.lock")
def test_a_lock_is_refused_in_the_order_of_the_checks(market: Market) -> None:
    poor = market.trader(capital_ugx=1)
    taken = locked(market, market.tina).body["unit_id"]
    assert market.code(PayToLock(unit_id=999_999), poor) == "unit-not-found"
    assert market.code(PayToLock(unit_id=int(str(taken))), poor) == "unit-not-available"
    assert market.code(PayToLock(unit_id=unit_of(market, price=200_000)), poor) == "spend-cap-exceeded"
    assert market.code(PayToLock(unit_id=unit_of(market)), poor) == "insufficient-capital"


@pytest.mark.rule("delivery.delivered", "delivery.final")
def test_delivered_settles_credits_the_farmer_and_stores_the_unit(market: Market) -> None:
    lock = locked(market, market.tina, price=1000)
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), market.admin_id)
    wallet = market.books.wallet(market.tina)
    assert (wallet.locked_ugx, wallet.exposure_ugx) == (0, 10_000)
    assert market.books.earnings(market.farmer).balance_ugx == 10_000
    (lot,) = market.books.lots(market.tina)
    assert (lot["cost_ugx"], lot["grams"]) == (10_000, 10_000)
    again = VerifyDelivery(lock_utid=lock.utid, outcome="late", reason=REASON)
    assert market.code(again, market.admin_id) == "already-verified"


@pytest.mark.rule("delivery.late", "delivery.marks")
def test_late_moves_no_money_and_may_still_be_delivered(market: Market, clock: TurnableClock) -> None:
    lock = locked(market, market.tina)
    clock.instant_offset = (6 * 3600 + 90) * 1_000_000
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="late", reason=REASON), market.admin_id)
    assert market.books.wallet(market.tina).locked_ugx == 1000
    delivered = market.one(
        VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), market.admin_id
    )
    assert delivered.body["minutes_late"] == 2


@pytest.mark.rule("reversal.exact", "reversal.once")
def test_a_reversal_gives_the_exact_amount_back_once_and_frees_the_unit(market: Market) -> None:
    lock = locked(market, market.tina, price=777)
    reverse = ReverseLock(lock_utid=lock.utid, reason=REASON)
    assert market.code(reverse, market.admin_id) == "not-reversible"
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="cancelled", reason=REASON), market.admin_id)
    market.one(reverse, market.admin_id)
    wallet = market.books.wallet(market.tina)
    assert (wallet.capital_ugx, wallet.locked_ugx, wallet.exposure_ugx) == (2_000_000, 0, 0)
    assert market.code(reverse, market.admin_id) == "not-reversible"
    assert market.code(PayToLock(unit_id=int(str(lock.body["unit_id"]))), market.tom) == "accepted"


@pytest.mark.rule("exposure.write-off")
def test_a_write_off_ends_the_position_without_money(market: Market) -> None:
    lock = locked(market, market.tina, price=500)
    market.one(VerifyDelivery(lock_utid=lock.utid, outcome="delivered", reason=REASON), market.admin_id)
    (lot,) = market.books.lots(market.tina)
    command = WriteOff(lot_id=int(str(lot["id"])), reason=REASON)
    market.one(command, market.admin_id)
    wallet = market.books.wallet(market.tina)
    assert (wallet.capital_ugx, wallet.exposure_ugx) == (1_995_000, 0)
    assert market.code(command, market.admin_id) == "already-written-off"


@pytest.mark.rule("reason.says-something")
@pytest.mark.parametrize("reason", ["short", "no reason", "aaaaaaaaaaaaaaa", "as requested", "x" * 501])
def test_a_reason_says_something_in_ten_to_five_hundred_characters(market: Market, reason: str) -> None:
    command = InviteUser(role="farmer", reason=reason)
    assert market.code(command, market.admin_id) == "validation-failed"


@pytest.mark.rule("ledger.reference-once")
def test_a_payment_reference_counts_once_for_each_provider(market: Market) -> None:
    first = Deposit(amount_ugx=5000, provider="mtn", external_ref="REF-1")
    assert market.code(first, market.tina) == "accepted"
    assert market.code(first, market.tom) == "reference-already-used"
    other = Deposit(amount_ugx=5000, provider="airtel", external_ref="REF-1")
    assert market.code(other, market.tom) == "accepted"


@pytest.mark.rule("ledger.no-zero-rows")
@pytest.mark.parametrize("amount", [0, -5, 10**12 + 1, True])
def test_an_amount_is_a_positive_whole_number_within_reason(market: Market, amount: int) -> None:
    command = Deposit(amount_ugx=amount, provider="mtn", external_ref="R")
    assert market.code(command, market.tina) == "validation-failed"


@pytest.mark.rule("role.own-acts")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1), "invalid-role"),
        (InviteUser(role="farmer", reason=REASON), "not-admin"),
        (VerifyDelivery(lock_utid="x", outcome="late", reason=REASON), "not-admin"),
    ],
)
def test_a_role_may_not_do_what_belongs_to_another(market: Market, command: Command, code: str) -> None:
    assert market.code(command, market.tina) == code


def test_an_ended_session_and_an_inactive_account_are_refused(market: Market) -> None:
    command = Deposit(amount_ugx=1000, provider="mtn", external_ref="S")
    assert market.code(command, market.tina, session_generation=99) == "session-expired"
    invited = market.one(InviteUser(role="trader", reason=REASON), market.admin_id).body["user_id"]
    assert market.code(command, int(str(invited))) == "account-not-active"
    assert market.code(command, 999_999) == "unauthenticated"


@pytest.mark.rule("pace.locks")
def test_the_twenty_first_lock_within_an_hour_is_refused_and_slides(
    market: Market, clock: TurnableClock
) -> None:
    units = market.units(21)
    for unit_id in units[:20]:
        market.one(PayToLock(unit_id=unit_id), market.tina)
    assert market.code(PayToLock(unit_id=units[20]), market.tina) == "rate-limit-exceeded"
    market.executor.flush_notes()
    hits = market.books.database.query("SELECT limit_name, count FROM rate_limit_hits")
    assert hits == [("locks", 1)]
    clock.instant_offset = 3_601 * 1_000_000
    assert market.code(PayToLock(unit_id=units[20]), market.tina) == "accepted"


@pytest.mark.rule("refusal.hits-bounded")
def test_a_flood_of_hits_is_ten_rows_and_one_summary_a_minute(market: Market, clock: TurnableClock) -> None:
    units = market.units(21)
    for unit_id in units[:20]:
        market.one(PayToLock(unit_id=unit_id), market.tina)
    for _ in range(40):
        market.tried(PayToLock(unit_id=units[20]), market.tina)
        market.executor.flush_notes()
    clock.instant_offset = 61 * 1_000_000
    market.executor.flush_notes()
    rows = market.books.database.query("SELECT count FROM rate_limit_hits ORDER BY id")
    assert sum(int(str(count)) for (count,) in rows) == 40
    # A minute may turn while the test runs; then there are two groups of ten and their summaries.
    assert len(rows) <= 22


def test_a_minute_that_turns_while_hits_are_written_takes_none_with_it(
    market: Market, clock: TurnableClock
) -> None:
    clock.instant_offset = -(clock.now() % 60_000_000) + 1_000_000
    notes, database = market.executor.notes, market.books.database
    for _ in range(25):
        notes.hit(actor="tra_000000", limit=LIMITS[0])
    writer = market.executor._opened()
    with writer.transaction("write"):
        count_commit(writer)
        notes.write(writer, market.executor.keys)
        clock.instant_offset += 60_000_000
    notes.written(market.executor.keys)
    market.executor.flush_notes()
    rows = database.query("SELECT count FROM rate_limit_hits ORDER BY id")
    assert [int(str(count)) for (count,) in rows] == [1] * 10 + [15]


@pytest.mark.rule("key.first-answer", "key.other-body")
def test_the_same_key_gets_the_first_answer_and_another_body_is_refused(market: Market) -> None:
    command = Deposit(amount_ugx=1000, provider="mtn", external_ref="I")
    first = market.tried(command, market.tina, idempotency_key="k", body_digest="a")
    again = market.tried(command, market.tina, idempotency_key="k", body_digest="a")
    assert isinstance(first, Answer)
    assert isinstance(again, Answer)
    assert (again.utid, again.n, again.replayed) == (first.utid, first.n, True)
    assert market.code(command, market.tina, idempotency_key="k", body_digest="b") == "idempotency-key-reused"


@pytest.mark.rule("key.in-one-batch")
def test_the_second_of_two_in_one_batch_sees_the_first(market: Market) -> None:
    acts = [
        market.act(Deposit(amount_ugx=1000, provider="mtn", external_ref="J"), market.tina) for _ in range(2)
    ]
    for act in acts:
        object.__setattr__(act, "idempotency_key", "same")
    first, second = market.executor.run(acts)
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert second.replayed
    assert second.utid == first.utid


@pytest.mark.rule("refusal.alone", "lock.first-wins")
def test_a_refusal_in_a_batch_refuses_alone(market: Market) -> None:
    unit = unit_of(market)
    outcomes = market.executor.run(
        [
            market.act(PayToLock(unit_id=unit), market.tina),
            market.act(PayToLock(unit_id=unit), market.tom),
            market.act(Deposit(amount_ugx=1, provider="cash", external_ref="Z"), market.tom),
        ]
    )
    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, False, True]


def test_a_poisoned_account_fails_alone_and_is_reported(market: Market) -> None:
    database = market.executor._opened()
    with database.transaction("write"):
        database.execute(
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            "profit_after, provider, external_ref, at) VALUES (900, 'x', ?, 2, 'capital_deposit', 1, 1, 0, 0, 'mtn', 'P', 1)",
            (market.tina,),
        )
    outcomes = market.executor.run(
        [
            market.act(Deposit(amount_ugx=5, provider="mtn", external_ref="A"), market.tina),
            market.act(Deposit(amount_ugx=5, provider="mtn", external_ref="B"), market.tom),
        ]
    )
    codes = [getattr(outcome, "code", "accepted") for outcome in outcomes]
    assert codes == ["operation-restricted", "accepted"]
    assert market._lease_file.reports(after=0)[0][1] == "constraint"


@pytest.mark.rule("utid.on-every-row", "journal.digest")
def test_every_row_of_a_command_carries_its_utid_and_the_journal_its_digest(market: Market) -> None:
    locked(market, market.tina)
    database = market.books.database
    for utid, stored in database.query("SELECT utid, effects_digest FROM journal"):
        effects: list[tuple[str, int | str, canonical.Row]] = []
        for table, columns in EFFECT_COLUMNS.items():
            for values in database.query(
                f"SELECT {', '.join(columns)} FROM {table} WHERE utid = ?", (str(utid),)
            ):
                row = dict(zip(columns, values, strict=True))
                effects.append((table, int(str(row["id"])), row))
        assert canonical.effects_digest(effects) == stored


@pytest.mark.rule("journal.append-only")
def test_the_books_refuse_update_and_delete_on_every_append_only_table(market: Market) -> None:
    locked(market, market.tina)
    # Not even to the tables' owner, as long as the triggers are there.
    database = open_database(market.data, "market", role="owner")
    for table in (*EFFECT_COLUMNS, "journal", "rate_limit_hits", "sign_in_attempts", "query_log"):
        if database.one(f"SELECT 1 FROM {table} LIMIT 1") is None:
            continue
        column = "n" if table == "journal" else "id"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match="append-only"):
                database.execute(statement)
    database.close()


@pytest.mark.rule("journal.dense")
def test_a_batch_is_run_in_its_order_whatever_needs_a_transaction_of_its_own(market: Market) -> None:
    commands: list[tuple[Command, int]] = [
        (CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=1), market.farmer),
        (InviteUser(role="buyer", reason=REASON), market.admin_id),
        (CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=1), market.farmer),
    ]
    outcomes = market.executor.run([market.act(command, actor) for command, actor in commands])
    numbers = [outcome.n for outcome in outcomes if isinstance(outcome, Answer)]
    assert len(numbers) == 3
    assert numbers == sorted(numbers)
