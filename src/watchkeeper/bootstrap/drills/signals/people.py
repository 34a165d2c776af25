"""What people do, each until it is too much: roles, tries, actions, sign-ins, reversals, flips, late answers, corrections."""

from __future__ import annotations

from watchkeeper.base.clock import later
from watchkeeper.bootstrap.drills.signals.model import THREAT, Signal, told
from watchkeeper.bootstrap.drills.signals.stage import DAY, HOUR, REASON, Stage
from watchkeeper.boundary.gate import Switch
from watchkeeper.market.commands import (
    ChangeRole,
    Deposit,
    EndSessions,
    InviteUser,
    PayToLock,
    ReverseLock,
    VerifyDelivery,
)
from watchkeeper.market.signin.sign_in import limits_of
from watchkeeper.operation import journal
from watchkeeper.operation.alerts.life import RESPONSE_SECONDS
from watchkeeper.operation.catalogue.signs.habits import hour as hour_of

_MINUTE = 60
_KAMPALA_HOURS = 3
#: Hours at which nobody signs in; the second where the market was made near the first. An hour's neighbours are usual with it.
_NIGHTS, _APART_HOURS = (3, 21), 3


def _inferred(stage: Stage) -> None:
    stage.world.inject(
        (
            "INSERT INTO role_history (id, utid, user_id, role_before, role_after, assigned_by, reason, at) "
            "SELECT max(id) + 1, '20261126-120000-adm-forged', {trader}, 'trader', 'admin', {admin}, 'forged', "
            f"{stage.clock.now()} FROM role_history",
        )
    )


def _tries(stage: Stage) -> None:
    for _ in range(31):
        stage.world.tried(InviteUser(role="admin", reason=REASON), stage.world.victim)


def actions(stage: Stage, number: int = 11) -> None:
    """That many acts of the admin."""
    for _ in range(number):
        stage.world.bench.one(EndSessions(account=stage.world.alias, reason=REASON), stage.admin)


def hits(stage: Stage) -> None:
    """Fifty-one refusals for the pace: fifty within a minute, and one in the next, when the fifty are summed up."""
    trader = stage.world.bench.trader(capital_ugx=10_000)
    taken = refused = 0

    def deposits() -> str:
        nonlocal taken
        taken += 1
        return stage.world.tried(
            Deposit(amount_ugx=1_000, provider="mtn", external_ref=f"HIT-{trader}-{taken}"), trader
        )

    while refused < 50 and taken < 100:
        refused += deposits() == "rate-limit-exceeded"
    stage.passes(_MINUTE + 1)
    deposits()


def _throttled(stage: Stage) -> None:
    _, _, _, limit = limits_of("sign_in", account="tra_aaaaaa", address="10.0.0.1")[0]
    notes = stage.world.bench.executor.notes
    for _ in range(6):
        for _ in range(10):
            notes.hit(actor="tra_aaaaaa", limit=limit)
        stage.passes(60)
        stage.world.bench.executor.flush_notes()


def _second_factors(stage: Stage) -> None:
    for _ in range(6):
        stage.world.bench.executor.notes.attempt(
            account=stage.world.alias_of(stage.admin),
            address="10.0.0.1",
            kind="second_factor",
            outcome="refused",
        )


def _signs_in(stage: Stage, *, address: str, hour: int, days: int) -> None:
    for _ in range(days):
        now = stage.clock.now() // 1_000_000
        stage.passes(((hour - _KAMPALA_HOURS) * HOUR - now) % DAY or DAY)
        stage.world.bench.executor.notes.attempt(
            account=stage.world.alias_of(stage.admin), address=address, kind="sign_in", outcome="accepted"
        )
        stage.world.bench.executor.flush_notes()


def _elsewhere(stage: Stage) -> None:
    _signs_in(stage, address="10.1.2.3", hour=9, days=10)
    stage.silent("habits", "unusual address")
    _signs_in(stage, address="41.75.1.2", hour=9, days=1)


def _at_night(stage: Stage) -> None:
    # The market's own day has a sign-in as well, at the hour at which it was made; a stage begins an hour later in the day.
    made = hour_of(later(stage.clock.now(), seconds=-HOUR))
    _signs_in(stage, address="10.1.2.3", hour=9, days=18)
    stage.silent("habits", "odd hour")
    _signs_in(stage, address="10.1.2.3", hour=night(made), days=1)


def night(made: int) -> int:
    """An hour of the night that is not near this one."""
    return next(hour for hour in _NIGHTS if min((hour - made) % 24, (made - hour) % 24) >= _APART_HOURS)


def _reverses(stage: Stage, number: int) -> None:
    bench = stage.world.bench
    for _ in range(number):
        bench.keep_lease()
        lock = bench.one(PayToLock(unit_id=stage.world.free_units.pop()), stage.world.neighbour).utid
        bench.one(VerifyDelivery(lock_utid=lock, outcome="late", reason=REASON), stage.admin)
        bench.one(ReverseLock(lock_utid=lock, reason=REASON), stage.admin)


def changes_roles(stage: Stage, number: int = 6) -> None:
    """That many changes of one account's role."""
    for turn in range(number):
        stage.world.bench.one(
            ChangeRole(
                account=str(stage.world.names["changed_alias"]),
                role=("buyer", "farmer")[turn % 2],
                reason=REASON,
            ),
            stage.admin,
        )


def _grants(stage: Stage) -> None:
    stage.world.bench.person("admin")


def _flips(stage: Stage) -> None:
    for turn in range(12):
        stage.world.flip(Switch.PURCHASE_WINDOW, ("engage", "release")[turn % 2])


def _late(stage: Stage) -> None:
    actions(stage)
    stage.look("admin actions")
    stage.passes(RESPONSE_SECONDS["high"] + 1)


def _wrong_correction(stage: Stage) -> None:
    world = stage.world
    row = world.bench.books.database.one(
        "SELECT capital_after FROM wallet_ledger WHERE id = (SELECT max(id) FROM wallet_ledger WHERE trader_id = ?)",
        (world.victim,),
    )
    before = 0 if row is None else int(str(row[0]))
    with world.database.transaction("write"):
        journal.record(
            world.database,
            actor=world.operator.alias,
            action="correct",
            subject="1.1",
            reason=REASON,
            detail={
                "account": world.alias,
                "bucket": "capital",
                "amount_ugx": -500,
                "predicted": before - 501,
            },
            at=stage.clock.now(),
        )
    world.inject(
        (
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            "profit_after, incident, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), '20261126-120000-opr-forged', "
            "trader_id, number + 1, 'capital_correction', -500, capital_after - 500, locked_after, profit_after, 'INC', "
            f"{stage.clock.now()} FROM wallet_ledger WHERE id = "
            "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader})",
        )
    )


SIGNALS: tuple[Signal, ...] = (
    told(
        THREAT,
        "1.1",
        "a role that nobody assigned",
        _inferred,
        by="assigned roles",
        condition="T1.1",
        severity="high",
        contains=True,
    ),
    told(
        THREAT,
        "1.2",
        "an account tries what it may not, 31 times",
        _tries,
        by="refused authorizations",
        condition="refused authorizations",
        severity="high",
    ),
    told(
        THREAT,
        "1.3",
        "eleven admin actions",
        actions,
        by="admin actions",
        condition="admin action spike",
        severity="high",
    ),
    told(
        THREAT,
        "1.3",
        "51 refusals for the pace",
        hits,
        by="rate-limit hits",
        condition="rate-limit spike",
        severity="medium",
    ),
    told(
        THREAT,
        "1.3",
        "sixty throttled sign-ins",
        _throttled,
        by="hits at the doors",
        condition="guessing at the doors",
        severity="medium",
    ),
    told(
        THREAT,
        "1.3",
        "six wrong second factors of an admin",
        _second_factors,
        by="failed second factors",
        condition="failed second factors",
        severity="high",
    ),
    told(
        THREAT,
        "1.3",
        "a sign-in from another network",
        _elsewhere,
        by="habits",
        condition="unusual address",
        severity="high",
    ),
    told(
        THREAT,
        "1.3",
        "a sign-in at night",
        _at_night,
        by="habits",
        condition="odd hour",
        severity="high",
    ),
    told(
        THREAT,
        "4.1",
        "eleven reversals",
        lambda stage: _reverses(stage, 11),
        by="reversals",
        condition="reversal spike",
        severity="high",
    ),
    told(
        THREAT,
        "4.1",
        "a reversal at once",
        lambda stage: _reverses(stage, 1),
        by="reversals in haste",
        condition="reversal in haste",
        severity="high",
    ),
    told(
        THREAT,
        "4.2",
        "six changes of role",
        changes_roles,
        by="role changes",
        condition="role change spike",
        severity="high",
    ),
    told(
        THREAT,
        "4.2",
        "a new admin",
        _grants,
        by="admin grants",
        condition="admin granted",
        severity="high",
    ),
    told(
        THREAT,
        "4.3",
        "twelve flips",
        _flips,
        by="switch flips",
        condition="switch flip spike",
        severity="medium",
    ),
    told(
        THREAT,
        "4.3",
        "pilot mode while no alert is open",
        lambda stage: stage.world.pilot_mode("engage"),
        by="switches without an alert",
        condition="switch without an alert",
        severity="medium",
    ),
    told(
        THREAT,
        "5.1",
        "nobody answers an alert",
        _late,
        by="unanswered alerts",
        condition="operator late",
        severity="high",
    ),
    told(
        THREAT,
        "5.2",
        "a correction that is a shilling off",
        _wrong_correction,
        by="corrections",
        condition="wrong correction",
        severity="critical",
        contains=True,
    ),
)
