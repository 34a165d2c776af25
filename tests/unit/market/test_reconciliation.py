"""Comparisons with a provider's statement, each kind by its name, on both engines; and who may make them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, TurnableClock, digest
from watchkeeper.base.clock import Instant, as_datetime, later
from watchkeeper.boundary.gate import OperationClass, Switch, account
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.restrict import impose
from watchkeeper.boundary.views import EFFECTS, JOURNAL, Views
from watchkeeper.market.commands import Answer, Command, Deposit, Reconcile, ReconcilePart
from watchkeeper.market.commands.reconciled import ITEMS_MAX, Line
from watchkeeper.market.reconciliation import reading, rules, running
from watchkeeper.market.reconciliation.maps import BUILT_IN
from watchkeeper.market.reconciliation.statements import Statement, parse
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching
from watchkeeper.operation.seals.leaf import LEAF_BYTES_MAX, journal_leaf

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock()


@pytest.fixture
def market(data: Path, clock: TurnableClock) -> Iterator[Market]:
    found = Market(data, clock=clock)
    yield found
    found.close()


def deposit(
    market: Market, reference: str, amount: int, *, provider: str = "mtn", trader: int | None = None
) -> None:
    market.one(
        Deposit(amount_ugx=amount, provider=provider, external_ref=reference),
        market.tina if trader is None else trader,
    )


def said(
    *rows: tuple[str, int], provider: str = "mtn", since: int, until: int, at: int | None = None
) -> Statement:
    """A statement of these references and signed amounts."""
    when = as_datetime(Instant(at or since + 1_000_000)).strftime("%Y-%m-%d %H:%M:%S")
    if provider == "mtn":
        text = "Id,Date,Amount\n" + "".join(f"{ref},{when},{amount}\n" for ref, amount in rows)
    else:
        text = "Transaction ID,Date,Credit,Debit\n" + "".join(
            f"{ref},{when},{max(amount, 0)},{max(-amount, 0)}\n" for ref, amount in rows
        )
    column_map = replace(BUILT_IN[provider], utc_offset_minutes=0)
    return parse(text.encode(), column_map, first=Instant(since), end=Instant(until))


def sender(market: Market, actor: int | None = None) -> running.Send:
    def send(commands: list[Command]) -> list[Answer]:
        market.keep_lease()
        acts = [market.act(command, market.admin_id if actor is None else actor) for command in commands]
        answers: list[Answer] = []
        for outcome in market.executor.run(acts):
            if isinstance(outcome, Refusal):
                raise outcome
            answers.append(outcome)
        return answers

    return send


def compared(market: Market, statement: Statement, *, actor: int | None = None) -> dict[str, object]:
    utid = running.reconcile(market.books.database, statement, sender(market, actor))
    run = reading.run(market.books.database, utid)
    assert run is not None
    assert run["complete"] is True
    return run


def kinds(market: Market, run: dict[str, object]) -> dict[str, str]:
    items = list(reading.every_item(market.books.database, int(str(run["id"])), rules.KINDS))
    assert len(items) == run["lines"]
    return {str(item["external_ref"]): str(item["kind"]) for item in items}


def around(clock: TurnableClock, *rows: tuple[str, int], provider: str = "airtel") -> Statement:
    """A statement of a time with now in its midst."""
    now = clock.now()
    return said(
        *rows, provider=provider, since=later(now, seconds=-2 * HOUR), until=later(now, seconds=2 * HOUR)
    )


@pytest.mark.rule("reconcile.compared")
def test_each_payment_is_matched_different_or_missing_on_one_side(
    market: Market, clock: TurnableClock
) -> None:
    for reference, amount in (("SAME", 1000), ("LESS", 1000), ("BACK", 1000), ("DECLARED", 5000)):
        deposit(market, reference, amount)
    deposit(market, "ELSEWHERE", 7000, provider="airtel")
    deposit(market, "BY-HAND", 7000, provider="cash")
    statement = around(
        clock, ("SAME", 1000), ("LESS", 900), ("BACK", -1000), ("UNBOOKED", 300), provider="mtn"
    )
    run = compared(market, statement)
    found = kinds(market, run)
    made = {
        reference: kind
        for reference, kind in found.items()
        if not reference.startswith("B") or reference == "BACK"
    }
    assert made == {
        "SAME": "matched",
        "LESS": "different",
        "BACK": "different",
        "UNBOOKED": "missing_in_books",
        "DECLARED": "missing_in_statement",
    }
    # The traders' own capital came in by mtn as well, and stands in no statement.
    assert set(found) - set(made) == {r for r in found if r.startswith("B") and r[1:].isdigit()}
    assert (run["matched"], run["different"], run["missing_in_books"]) == (1, 2, 1)
    assert run["lines"] == len(found)


def test_two_providers_are_compared_each_for_itself(market: Market, clock: TurnableClock) -> None:
    deposit(market, "R1", 1000, provider="airtel")
    deposit(market, "R1", 2000, provider="mtn")
    run = compared(market, around(clock, ("R1", 1000)))
    assert kinds(market, run) == {"R1": "matched"}
    other = compared(market, around(clock, ("R1", 1000), provider="mtn"))
    assert kinds(market, other)["R1"] == "different"


def test_what_is_booked_near_the_ends_of_a_statement_or_outside_is_not_missed(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "NEAR", 1000, provider="airtel")
    now = clock.now()
    for since, until, missed in (
        (-HOUR // 2, 10 * HOUR, False),
        (-10 * HOUR, HOUR // 2, False),
        (2 * HOUR, 3 * HOUR, False),
        (-10 * HOUR, 10 * HOUR, True),
    ):
        statement = said(provider="airtel", since=later(now, seconds=since), until=later(now, seconds=until))
        found = running.compare(market.books.database, statement).counts
        assert found[rules.MISSING_IN_STATEMENT] == int(missed), (since, until)
    # A payment that the statement has is matched whenever it was booked.
    early = said(
        ("NEAR", 1000),
        provider="airtel",
        since=later(now, seconds=-9 * DAY),
        until=later(now, seconds=-8 * DAY),
    )
    assert running.compare(market.books.database, early).counts[rules.MATCHED] == 1


def test_the_same_statement_is_answered_by_its_first_comparison(market: Market, clock: TurnableClock) -> None:
    deposit(market, "R1", 1000, provider="airtel")
    statement = around(clock, ("R1", 1000), ("R2", 5))
    first = compared(market, statement)
    deposit(market, "R2", 5, provider="airtel")
    before = digest(market.data)
    assert compared(market, statement, actor=market.market.operator.id) == first
    assert digest(market.data) == before
    wider = around(clock, ("R1", 1000), ("R2", 5), ("R3", 5))
    assert kinds(market, compared(market, wider)) == {
        "R1": "matched",
        "R2": "matched",
        "R3": "missing_in_books",
    }


def test_a_comparison_that_broke_off_goes_on_where_it_was_as_the_books_stood_then(
    market: Market, clock: TurnableClock
) -> None:
    deposit(market, "R1", 1000, provider="airtel")
    rows = [("R1", 1000), *((f"X{n:04}", 10) for n in range(7 * ITEMS_MAX))]
    statement = around(clock, *rows)
    send, sent = sender(market), 0

    def broken(commands: list[Command]) -> list[Answer]:
        nonlocal sent
        sent += 1
        if sent > 2:
            raise Refusal("busy", "The market is busy.")
        return send(commands)

    with pytest.raises(Refusal):
        running.reconcile(market.books.database, statement, broken)
    (begun,) = reading.runs(market.books.database, before=None, limit=10)
    assert begun["complete"] is False
    # Booked meanwhile: the comparison is of the moment at which it began.
    deposit(market, f"X{7 * ITEMS_MAX - 1:04}", 10, provider="airtel")
    run = compared(market, statement, actor=market.market.operator.id)
    assert run["utid"] == begun["utid"]
    found = kinds(market, run)
    assert (found.pop("R1"), set(found.values())) == ("matched", {"missing_in_books"})
    items = reading.items(market.books.database, int(str(run["id"])), kind=None, after=0, limit=200)
    assert [item["external_ref"] for item in items] == [reference for reference, _ in rows[:200]]


@pytest.mark.parametrize("call", [1, 2])
def test_two_who_compare_the_same_statement_at_once_make_one_comparison(
    market: Market, clock: TurnableClock, call: int
) -> None:
    statement = around(clock, *((f"X{n:04}", 10) for n in range(6 * ITEMS_MAX)))
    send, calls = sender(market), 0

    def overtaken(commands: list[Command]) -> list[Answer]:
        nonlocal calls
        calls += 1
        if calls == call:
            compared(market, statement, actor=market.market.operator.id)
        return send(commands)

    utid = running.reconcile(market.books.database, statement, overtaken)
    (run,) = reading.runs(market.books.database, before=None, limit=10)
    assert (run["utid"], run["complete"]) == (utid, True)
    assert len(kinds(market, run)) == 6 * ITEMS_MAX


def test_a_full_part_of_the_longest_items_is_one_sealed_leaf(market: Market, clock: TurnableClock) -> None:
    now = clock.now()
    references = [f'"{n:03}' + '\\"' * 30 for n in range(ITEMS_MAX)]
    with market.books.database.transaction("read"):
        journal_n = reading.last_n(market.books.database)
    opened = market.one(
        Reconcile(
            provider="airtel",
            since=now,
            until=later(now, seconds=DAY),
            file_digest="f" * 64,
            map_digest="m" * 64,
            journal_n=journal_n,
            matched=0,
            missing_in_books=ITEMS_MAX,
            missing_in_statement=0,
            different=0,
            ignored=100_000,
            fees_ugx=10**12,
        ),
        market.admin_id,
    )
    lines = tuple(Line(reference=ref, direction="out", amount_ugx=10**12, at=now) for ref in references)
    part = market.one(ReconcilePart(reconciliation=opened.utid, first=1, lines=lines), market.admin_id)
    views = Views(market.data, system_id=market.market.system_id)
    try:
        (journal,) = views.rows(JOURNAL, "utid = ? ORDER BY n", (part.utid,), limit=1)
        (view,) = [view for view in EFFECTS if view.table == "reconciliation_items"]
        rows = views.rows(view, "utid = ? ORDER BY id", (part.utid,), limit=1000)
    finally:
        views.close()
    assert len(rows) == ITEMS_MAX
    # As long as a row can be: each key and number of nineteen digits, both sides, the longest kind.
    longest = [
        dict(row)
        | {
            "id": 2**62 + n,
            "reconciliation_id": 2**62,
            "number": 10**6,
            "provider": "airtel",
            "kind": "missing_in_statement",
            "our_utid": part.utid,
            "our_direction": "out",
            "our_amount_ugx": 10**12,
        }
        for n, row in enumerate(rows)
    ]
    leaf = journal_leaf(journal, [(view.table, int(str(row["id"])), row) for row in longest])
    assert b'"kind":"long"' not in leaf
    assert LEAF_BYTES_MAX // 2 < len(leaf) <= LEAF_BYTES_MAX


def test_only_an_admin_and_the_operator_compare_and_nothing_is_written_for_others(
    market: Market, clock: TurnableClock
) -> None:
    statement = around(clock, ("R1", 1000))
    buyer = market.person("buyer")
    before = digest(market.data)
    for actor in (market.tina, market.farmer, buyer):
        with pytest.raises(Refusal) as refusal:
            running.reconcile(market.books.database, statement, sender(market, actor))
        assert refusal.value.code == "invalid-role"
    assert digest(market.data) == before
    compared(market, statement, actor=market.market.operator.id)


def opening(market: Market, clock: TurnableClock) -> Reconcile:
    return Reconcile(
        provider="mtn",
        since=clock.now(),
        until=later(clock.now(), seconds=1),
        file_digest="f",
        map_digest="m",
        journal_n=1,
        matched=0,
        missing_in_books=1,
        missing_in_statement=0,
        different=0,
        ignored=0,
        fees_ugx=0,
    )


def test_acts_that_no_statement_can_have_made_are_refused_and_write_nothing(
    market: Market, clock: TurnableClock
) -> None:
    good = opening(market, clock)
    run = market.one(good, market.admin_id).utid
    line = Line(reference="R", direction="in", amount_ugx=5, at=clock.now())
    part = ReconcilePart(reconciliation=run, first=1, lines=(line,))
    before = digest(market.data)
    for command, code in (
        (good, "already-reconciled"),
        (replace(good, provider="cash", file_digest="g"), "validation-failed"),
        (replace(good, until=good.since, file_digest="g"), "validation-failed"),
        (replace(good, matched=-1, file_digest="g"), "validation-failed"),
        (replace(good, matched=10**6, file_digest="g"), "validation-failed"),
        (replace(good, journal_n=10**9, file_digest="g"), "validation-failed"),
        (replace(part, reconciliation="nowhere"), "reconciliation-not-found"),
        (replace(part, first=2), "out-of-turn"),
        (replace(part, lines=(line, line)), "out-of-turn"),
        (replace(part, lines=()), "validation-failed"),
        (replace(part, lines=(line,) * (ITEMS_MAX + 1)), "validation-failed"),
        (replace(part, lines=(Line(reference="R"),)), "validation-failed"),
        (replace(part, lines=(replace(line, amount_ugx=0),)), "validation-failed"),
        (replace(part, lines=(replace(line, amount_ugx=-5),)), "validation-failed"),
        (replace(part, lines=(replace(line, direction="up"),)), "validation-failed"),
        (replace(part, lines=(replace(line, at=None),)), "validation-failed"),
        (replace(part, lines=(replace(line, reference="x" * 65),)), "validation-failed"),
    ):
        assert market.code(command, market.admin_id) == code, command
        assert digest(market.data) == before
    assert market.code(part, market.admin_id) == "accepted"
    assert market.code(part, market.admin_id) == "out-of-turn"


def test_pilot_mode_lets_it_pass_and_a_restriction_and_shutdown_do_not(
    market: Market, clock: TurnableClock
) -> None:
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=clock
    )
    admin, operator = market.books.user(market.admin_id), market.books.user(market.market.operator.id)
    assert admin is not None
    assert operator is not None
    gatefile = open_gate(market.data, system_id=market.market.system_id, role="control")
    try:
        switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=admin, reason=REASON)
        compared(market, around(clock, ("R1", 1)))
        impose(
            gatefile,
            rule="by hand",
            scope=account(admin.alias),
            classes=frozenset({OperationClass.RECONCILIATION}),
            cause="OPERATOR",
            reason=REASON,
            imposed_by="opr",
            clock=clock,
        )
        statement = around(clock, ("R2", 1))
        with pytest.raises(Refusal, match="paused"):
            compared(market, statement)
        compared(market, statement, actor=operator.id)
        switching.flip(switch=Switch.SHUTDOWN, action="engage", actor=operator, reason=REASON)
        with pytest.raises(Refusal, match="shut down"):
            compared(market, around(clock, ("R3", 1)), actor=operator.id)
    finally:
        gatefile.close()
        switching.close()
