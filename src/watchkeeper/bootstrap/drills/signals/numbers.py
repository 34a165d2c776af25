"""The metrics, one number of the manual after the other: what it counts happens, and it moves by exactly that."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.bootstrap.drills.faults import FAULTS
from watchkeeper.bootstrap.drills.signals import people
from watchkeeper.bootstrap.drills.signals.model import Signal, moved
from watchkeeper.bootstrap.drills.signals.stage import REASON, Stage
from watchkeeper.boundary.gate import STOP_FILE_NAME, Switch
from watchkeeper.market.commands import CreateListing, PayToLock, SuspendUser


def _fault(invariant: str) -> Callable[[Stage], None]:
    """The first fault that proves an invariant."""
    fault = next(one for one in FAULTS if one.proves == invariant)

    def act(stage: Stage) -> None:
        if fault.before is not None:
            fault.before(stage.world)
            stage.world.turn()
        if fault.pilot_mode:
            stage.world.pilot_mode("engage")
            stage.world.turn()
        stage.world.inject(fault.steps)

    return act


def _deposit(stage: Stage) -> None:
    stage.world.can_deposit(stage.world.neighbour)


def _flips(switch: Switch) -> Callable[[Stage], None]:
    return lambda stage: stage.world.flip(switch, "engage")


def _stop_file(stage: Stage) -> None:
    (stage.world.data / STOP_FILE_NAME).touch()


def _lock(stage: Stage) -> None:
    stage.world.can_lock(stage.world.neighbour)


def _lock_too_many(stage: Stage) -> None:
    """Three locks of 300,000 shillings are within the limit of an account; a fourth is not."""
    bench = stage.world.bench
    trader, farmer = bench.trader(capital_ugx=2_000_000), bench.person("farmer")
    listed = bench.one(CreateListing(produce="Vanilla", grams=40_000, price_ugx_per_kg=30_000), farmer)
    units = listed.body["unit_ids"]
    if not isinstance(units, list):
        raise TypeError("a listing without units")
    for unit in units:
        stage.world.tried(PayToLock(unit_id=int(str(unit))), trader)


def _stops(stage: Stage) -> None:
    stage.pages["market"].stop()


def _suspend(stage: Stage) -> None:
    stage.world.bench.one(
        SuspendUser(account=str(stage.world.names["changed_alias"]), reason=REASON), stage.admin
    )


def _views_gone(stage: Stage) -> None:
    """What the watch reads of the books is taken away, and it connects anew."""
    stage.world.inject(("DROP VIEW watch_system",))
    stage.sampler.close()
    stage.sampler = stage.new_sampler()


SIGNALS: tuple[Signal, ...] = (
    moved("1.1", "a balance becomes wrong", _fault("1.1"), "balances_inconsistent", to=1),
    moved("1.2", "a deposit", _deposit, "ledger_entries", "wallet_ledger", by=1),
    moved("1.2", "a ledger entry is changed", _fault("1.2"), "ledger_entries_altered", to=1),
    moved("1.3", "a balance is overwritten", _fault("1.3"), "balance_overwrites", to=1),
    moved("2.1", "an admin action", _suspend, "admin_actions_last_hour", by=1),
    # A person who deposits comes with an invitation and a role, and neither is a hit.
    moved("2.2", "51 refusals for the pace", people.hits, "rate_limit_hits_last_hour", by=51),
    moved("2.3", "six changes of role", people.changes_roles, "role_changes_last_hour", by=6),
    moved("3.1", "a lock", _lock, "exposure_total_ugx", by=1_000),
    moved("3.2", "a lock over the limit", _lock_too_many, "locks_refused_for_exposure_last_hour", by=1),
    moved("4.1", "pilot mode is engaged", _flips(Switch.PILOT_MODE), "pilot_mode_engaged", to=1),
    moved("4.2", "the window is closed", _flips(Switch.PURCHASE_WINDOW), "purchase_window_open", to=0),
    moved("4.3", "money moves in pilot mode", _fault("7.1"), "stopped_commands_passed", "pilot_mode", to=2),
    moved(
        "4.3",
        "a purchase outside the window",
        _fault("7.2"),
        "stopped_commands_passed",
        "purchase_window",
        to=1,
    ),
    moved("4.4", "the stop file is laid down", _stop_file, "shutdown_engaged", to=1),
    moved("5.1", "an address stops answering", _stops, "tier_up", "market", to=0),
    moved("5.2", "the published views are gone", _views_gone, "database_up", to=0),
    moved("6.1", "a deposit", _deposit, "utids_total", by=1),
    moved("6.1", "a deposit", _deposit, "utids_last_hour", by=1),
    moved("6.2", "a UTID leads nowhere", _fault("8.2"), "orphaned_utids", to=1),
)
