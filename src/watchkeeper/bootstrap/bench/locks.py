"""How many locks a second the executor commits: one by one, and in batches of 10 and 100."""

from __future__ import annotations

from watchkeeper.base.clock import Clock
from watchkeeper.bootstrap.bench.books import LOCKS_PER_TRADER, Bench, BenchFailed, bench
from watchkeeper.bootstrap.bench.engines import ground
from watchkeeper.market.commands import Act, PayToLock
from watchkeeper.market.refusals import Refusal

BATCHES = (1, 10, 100)


def measure(*, clock: Clock, locks: int = 1000, database_url: str | None = None) -> dict[str, object]:
    """Locks per second for each batch size, every one durable when it is answered; what durability means here."""
    with ground(database_url) as place:
        place.prepare()
        with bench(place.data, clock=clock) as market:
            figures = _measure(market, locks, clock)
        return {
            "bench": "locks",
            "engine": place.engine,
            "durability": place.durability(),
            "figures": figures,
        }


def _measure(market: Bench, locks: int, clock: Clock) -> dict[str, object]:
    figures: dict[str, object] = {}
    for size in BATCHES:
        acts = _acts(market, locks)
        market.keep_lease()
        begun = clock.boot()
        for start in range(0, len(acts), size):
            for outcome in market.executor.run(acts[start : start + size]):
                if isinstance(outcome, Refusal):
                    raise BenchFailed(outcome.code)
            if start % 2000 == 0:
                market.keep_lease()
        seconds = clock.boot().seconds_since(begun) or 0.0
        figures[f"batch_{size}"] = {"locks": len(acts), "locks_per_second": round(len(acts) / seconds)}
    return figures


def _acts(market: Bench, locks: int) -> list[Act]:
    units = iter(market.units(locks))
    acts: list[Act] = []
    while len(acts) < locks:
        trader = market.trader(capital_ugx=LOCKS_PER_TRADER * 1000)
        acts.extend(
            market.act(PayToLock(unit_id=unit_id), trader)
            for _, unit_id in zip(range(min(LOCKS_PER_TRADER, locks - len(acts))), units, strict=False)
        )
    return acts
