"""What goes wrong in a season, and has to leave everything right: one function for each mishap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.worlds import season_people as people
from tests.worlds import season_store as store
from tests.worlds import season_trade as trade
from tests.worlds.season import HOUR, MINUTE, REASON, SECOND, Season
from watchkeeper.boundary.gate import STOP_FILE_NAME, OperationClass, Restriction, Switch, account
from watchkeeper.boundary.restrict import impose
from watchkeeper.market.commands import (
    Act,
    ActivateUser,
    Answer,
    CreateListing,
    Deposit,
    InviteUser,
    IssueReset,
    PayToLock,
    Purchase,
    ReverseLock,
    SetPhase,
    StorageFee,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
)
from watchkeeper.market.probes import SYSTEM_USER_ID
from watchkeeper.market.users.rules import PILOT_CAPS
from watchkeeper.operation import journal
from watchkeeper.operation.containment import lifting

Mishap = Callable[[Season], None]


def deposit(season: Season, *, amount_ugx: int = 1_000, reference: str = "") -> Deposit:
    """Some money, by a reference of its own."""
    return Deposit(amount_ugx=amount_ugx, provider="mtn", external_ref=reference or season.reference())


def keyed(season: Season, act: Act, *, body: str = "the body") -> Act:
    """The same act with an idempotency key."""
    return replace(act, idempotency_key=f"key-{season.bench.counted()}", body_digest=body)


def killed(season: Season) -> None:
    """The process dies between two batches; who got no answer sends everything again, and each counts once."""
    traders = season.draw.sample(season.people.traders, 3)
    acts = [keyed(season, season.bench.act(deposit(season), trader)) for trader in traders]
    first = season.send(acts[:2])
    season.restarted()
    again = season.send(acts)
    for before, after in zip(first, again[:2], strict=True):
        season.check(
            isinstance(before, Answer)
            and isinstance(after, Answer)
            and after.replayed
            and (after.utid, after.n, after.body) == (before.utid, before.n, before.body),
            f"{before} became {after}",
        )
    season.check(isinstance(again[2], Answer) and not again[2].replayed, f"{again[2]}")


def sent_twice(season: Season) -> None:
    """One key, sent twice in one batch and once more after it; with another body it is refused."""
    trader = season.draw.choice(season.people.traders)
    act = keyed(season, season.bench.act(deposit(season), trader))
    twin = replace(act, command_id=f"{act.command_id}-again")
    first, second = season.send([act, twin])
    season.later(HOUR)
    (third,) = season.send([replace(act, command_id=f"{act.command_id}-late")])
    utids = {answer.utid for answer in (first, second, third) if isinstance(answer, Answer)}
    season.check(len(utids) == 1, f"{first}, {second}, {third}")
    (other,) = season.send([replace(act, command_id=f"{act.command_id}-other", body_digest="another body")])
    season.check(getattr(other, "code", "") == "idempotency-key-reused", f"{other}")


def restricted(season: Season) -> None:
    """An account in the middle of its business is restricted: nothing moves there, all goes on elsewhere, and is caught up."""
    farmer, trader, neighbour = _met(season)
    lock = _locked(season, farmer, trader)
    imposed = impose(
        season.world.gatefile,
        rule="by hand",
        scope=account(season.alias(trader)),
        classes=frozenset(OperationClass),
        cause="OPERATOR",
        reason=REASON,
        imposed_by=season.alias(season.operator),
        clock=season.clock,
    )
    season.held_up = frozenset({trader})
    verify = VerifyDelivery(lock_utid=lock, outcome="delivered", reason=REASON)
    season.refused(deposit(season), trader, "operation-restricted")
    season.refused(verify, season.admin, "operation-restricted")
    season.do(deposit(season), neighbour)
    season.keep_up()
    season.later(26 * HOUR)
    season.keep_up()
    _lifted(season, imposed)
    season.held_up = frozenset()
    # What was refused rests for a minute.
    season.later(2 * MINUTE)
    season.once(verify, season.admin)
    season.keep_up()


def _lifted(season: Season, restriction: Restriction) -> None:
    """Lift as the control room does: decided, recorded, done."""
    room, operator = season.world.database, season.alias(season.operator)
    with room.transaction("write"):
        lifting.decide(room, restriction, by=operator, reason=REASON, override=False, at=season.clock.now())
        journal.record(
            room,
            actor=operator,
            action="lift",
            subject=str(restriction.scope),
            reason=REASON,
            detail={"restriction": restriction.id},
            at=season.clock.now(),
        )
    lifting.drive(room, season.world.gatefile, clock=season.clock)


def shut_down(season: Season) -> None:
    """Shutdown for an hour: nothing but what is never stopped passes, and everything goes on afterwards."""
    season.flip(Switch.SHUTDOWN, "engage", season.operator)
    season.tick()
    season.refused(deposit(season), season.people.traders[0], "system-shut-down")
    season.once(
        IssueReset(account=season.alias(season.people.buyers[0]), reason=REASON), season.people.admins[0]
    )
    season.keep_up()
    season.later(HOUR)
    season.flip(Switch.SHUTDOWN, "release", season.operator)
    season.do(deposit(season), season.people.traders[0])
    season.keep_up()


def stop_file(season: Season) -> None:
    """Somebody puts the stop file down. Taken away it leaves shutdown engaged until the operator releases it."""
    file = season.world.data / STOP_FILE_NAME
    file.touch()
    season.refused(deposit(season), season.people.traders[0], "system-shut-down")
    season.tick()
    season.noted(Switch.SHUTDOWN, engaged=True)
    file.unlink()
    season.later(20 * MINUTE)
    season.refused(deposit(season), season.people.traders[0], "system-shut-down")
    season.flip(Switch.SHUTDOWN, "release", season.operator)
    season.keep_up()


def clock_back(season: Season) -> None:
    """The clock is set back by a few minutes in the middle of business."""
    trade.money_in(season)
    season.flush()
    season.later(-3 * MINUTE - season.draw.randint(0, 40 * SECOND))
    season.do(deposit(season), season.people.traders[0])
    trade.locks(season)
    trade.deliveries(season)
    season.flush()
    season.tick()
    season.later(5 * MINUTE)
    season.keep_up()


def silent(season: Season) -> None:
    """The watch falls silent: money stands still until it is back."""
    season.clock.boot_offset_seconds += 120
    act = season.bench.act(deposit(season), season.people.traders[0])
    (outcome,) = season.bench.executor.run([act])
    code = getattr(outcome, "code", "accepted")
    season.codes[code] += 1
    season.check(code == "monitor-silent", f"{outcome}")
    season.once(deposit(season), season.people.traders[0])


def pilot_hours(season: Season) -> None:
    """Pilot mode for some hours: nothing new begins, what was begun ends, and no lot loses a gram for that day."""
    farmer, trader, _ = _met(season)
    lock = _locked(season, farmer, trader)
    season.flip(Switch.PILOT_MODE, "engage")
    for command, actor in (
        (deposit(season), trader),
        (CreateListing(produce="Beans", grams=10_000, price_ugx_per_kg=100), farmer),
        (Purchase(block_id=1), season.people.buyers[0]),
        (StorageFee(lot_id=1, from_day=1), SYSTEM_USER_ID),
    ):
        season.refused(command, actor, "pilot-mode-active")
    season.keep_up()
    season.later(season.draw.randint(1, 6) * HOUR)
    season.once(VerifyDelivery(lock_utid=lock, outcome="cancelled", reason=REASON), season.admin)
    season.once(ReverseLock(lock_utid=lock, reason=REASON), season.admin)
    season.flip(Switch.PILOT_MODE, "release")
    season.keep_up()


def back_in_the_pilot(season: Season) -> None:
    """The phase goes back to the pilot for a while: nobody loses an account, and nobody comes in above a cap."""
    while len(season.people.farmers) < PILOT_CAPS["farmer"]:
        people.joins(season, "farmer")
    waiting = people.invited(season, "farmer")
    still = season.people.farmers[-1]
    season.once(SuspendUser(account=season.alias(still), reason=REASON), season.admin)
    season.once(SetPhase(phase="pilot", reason=REASON), season.operator)
    season.refused(SetPhase(phase="pilot", reason=REASON), season.operator, "account-state")
    activate = ActivateUser()
    if season.bench.books.active()["farmer"] >= PILOT_CAPS["farmer"]:
        season.refused(activate, waiting, "phase-cap-reached")
    season.refused(InviteUser(role="farmer", reason=REASON), season.admin, "phase-cap-reached")
    unsuspend = UnsuspendUser(account=season.alias(still), reason=REASON)
    season.refused(unsuspend, season.admin, "phase-cap-reached")
    season.once(SetPhase(phase="production", reason=REASON), season.operator)
    season.once(unsuspend, season.admin)
    season.once(activate, waiting)
    season.people.farmers.append(waiting)


def closed_window(season: Season) -> None:
    """The purchase window closes for an hour."""
    season.flip(Switch.PURCHASE_WINDOW, "engage")
    for block_id in store.in_store(season)[:1]:
        season.refused(Purchase(block_id=block_id), season.people.buyers[0], "purchase-window-closed")
    season.later(HOUR)
    season.flip(Switch.PURCHASE_WINDOW, "release", season.admin)
    season.keep_up()


def _met(season: Season) -> tuple[int, int, int]:
    farmer = season.draw.choice(season.people.farmers)
    trader, neighbour = season.draw.sample(season.people.traders, 2)
    return farmer, trader, neighbour


def _locked(season: Season, farmer: int, trader: int) -> str:
    """A fresh unit of a new farmer's, paid for."""
    farmer = people.joins(season, "farmer") if season.day % 2 else farmer
    wallet = season.bench.books.wallet(trader)
    if wallet.exposure_ugx + 1_000 > 1_000_000:
        raise season.fail(f"trader {trader} has no room")
    season.once(deposit(season), trader)
    listing = season.once(CreateListing(produce="Maize", grams=10_000, price_ugx_per_kg=100), farmer)
    units = listing.body["unit_ids"]
    assert isinstance(units, list)
    return season.once(PayToLock(unit_id=units[0]), trader).utid
