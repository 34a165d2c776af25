"""A trader nears the exposure limit, level by level, and comes down again."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.bootstrap.drills.signals.model import ALERT, Signal
from watchkeeper.bootstrap.drills.signals.stage import REASON, Stage
from watchkeeper.market.commands import CreateListing, PayToLock, ReverseLock, VerifyDelivery

_BY = "accounts near the limit"
#: Condition, how grave it is, and from how much of a million shillings on, spelled out a second time.
_LEVELS = (
    ("exposure warning", "low", 80),
    ("exposure high", "low", 90),
    ("exposure nearly full", "medium", 95),
)


def _nears(condition: str, severity: str, percent: int) -> Callable[[Stage], None]:
    """A shilling and more below the level nothing is told; at the level it is, once, and five points below it is over."""

    def speaks(stage: Stage) -> None:
        bench = stage.world.bench
        farmer, trader = bench.person("farmer"), bench.trader(capital_ugx=1_000_000)

        def locks(price_ugx_per_kg: int) -> str:
            command = CreateListing(produce="Vanilla", grams=10_000, price_ugx_per_kg=price_ugx_per_kg)
            units = bench.one(command, farmer).body["unit_ids"]
            if not isinstance(units, list):
                raise TypeError("a listing without units")
            return bench.one(PayToLock(unit_id=int(str(units[0]))), trader).utid

        locks((percent - 5) * 1_000 - 1)
        before = locks(5_000)
        stage.silent(_BY, condition)
        last = locks(1)
        stage.acted()
        for _ in range(2):
            stage.look(_BY)
            stage.speaks_of(condition, severity)
        for lock in (last, before):
            stage.speaks_of(condition, severity)
            bench.one(VerifyDelivery(lock_utid=lock, outcome="cancelled", reason=REASON), stage.admin)
            bench.one(ReverseLock(lock_utid=lock, reason=REASON), stage.admin)
            stage.look(_BY)
        if stage.alerts_of(condition):
            stage.unmet.append(f"{condition} is still told after the exposure has fallen")

    return speaks


SIGNALS: tuple[Signal, ...] = tuple(
    Signal(
        ALERT,
        condition,
        f"a trader has {percent} % of the limit at stake",
        _nears(condition, severity, percent),
        (condition,),
    )
    for condition, severity, percent in _LEVELS
)
