"""What the watch's checks cost by the size of the books: each new row, and a full pass over everything.

One market grows from size to size, with all its business decided by the real rules and sealed by the real watch. For books on
a server it is copied there at each size, as a move does it. Beside the full pass stands the engine's own query that adds up
every balance.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Engine, server
from watchkeeper.bootstrap import moving
from watchkeeper.bootstrap.bench import filling, window
from watchkeeper.bootstrap.bench.engines import Ground
from watchkeeper.bootstrap.bench.filling import GROUPS_MAX, Filling
from watchkeeper.bootstrap.bench.watching import Watching
from watchkeeper.market.reading import system_id_of
from watchkeeper.operation.coverage.version import version

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
#: So many entries come of an hour's business of one group.
_ENTRIES_A_GROUP = 330
_ROUNDS = 9
#: What ought to stay the same however long the books are.
_COSTS = ("us_per_ledger_entry", "processor_us_per_ledger_entry", "us_per_step_of_nothing")
_SAY_HOURS = 20


def measure(
    *,
    clock: Clock,
    say: Callable[[str], None],
    sizes: Sequence[int] = SIZES,
    engines: Sequence[Engine] = ("sqlite",),
    database_url: str | None = None,
    folder: Path | None = None,
) -> dict[str, object]:
    """Figures for each engine and size, in ledger entries; at the largest the full pass and the engine's own query.

    `database_url`: a superuser's address in a cluster, needed for postgresql. `folder`: keep the market there, or go on with
    the one that is there. Raises `BenchFailed` when the watch does not find the market sound.
    """
    found: dict[Engine, list[dict[str, object]]] = {engine: [] for engine in engines}
    whole: dict[Engine, dict[str, object]] = {}
    with _folder(folder) as data:
        for size in sorted(set(sizes)):
            with _market(data, clock=clock) as (business, watching):
                _grow(business, watching, size, say)
                if "sqlite" in engines:
                    found["sqlite"].append(_at(business, watching, "sqlite", say))
            if "sqlite" in engines and size == max(sizes):
                whole["sqlite"] = _whole(data, clock=clock, database_url=None, say=say)
            if "postgresql" in engines and database_url is not None:
                with _on_server(data, database_url, clock=clock, say=say) as copied:
                    with _market(copied.data, clock=clock) as (business, watching):
                        found["postgresql"].append(_at(business, watching, "postgresql", say))
                    if size == max(sizes):
                        whole["postgresql"] = _whole(
                            copied.data, clock=clock, database_url=copied.database_url, say=say
                        )
    return {
        "bench": "verify",
        "version": version(),
        "machine": _machine(),
        "engines": {
            engine: {**whole[engine], "sizes": found[engine], "flat_ratio": _flat(found[engine])}
            for engine in engines
        },
    }


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield folder / "data"
        return
    with tempfile.TemporaryDirectory(prefix="watchkeeper-") as made:
        yield Path(made) / "data"


@contextmanager
def _market(data: Path, *, clock: Clock) -> Iterator[tuple[Filling, Watching]]:
    """The market in this folder and the watch beside it, by a calendar of their own."""
    turned = filling.clock_of(clock)
    with ExitStack() as stack:
        business = filling.opened(data, clock=turned)
        stack.callback(business.bench.close)
        watching = Watching(data, system_id=business.bench.market.system_id, clock=turned)
        stack.callback(watching.close)
        watching.catch_up()
        yield business, watching


def _grow(business: Filling, watching: Watching, size: int, say: Callable[[str], None]) -> None:
    hours = 0
    while (left := size - business.entries()) > 0:
        if hours % _SAY_HOURS == 0:
            say(f"{business.entries():,} of {size:,} ledger entries ...")
        business.hour(max(1, min(GROUPS_MAX, left // _ENTRIES_A_GROUP)))
        watching.catch_up()
        hours += 1


@contextmanager
def _on_server(data: Path, url: str, *, clock: Clock, say: Callable[[str], None]) -> Iterator[Ground]:
    """A copy of the market with its books in a database of its own, gone at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="copied-", dir=data.parent) as folder,
        server.scratch(url) as scratch,
    ):
        copied = Path(folder)
        say("Copying the books to the server ...")
        moving.copy(data, copied, scratch, system_id=system_id_of(data), clock=clock, say=_silent)
        yield Ground(copied, scratch)


def _silent(_: str) -> None:
    """The copy's own progress says nothing here."""


def _at(
    business: Filling, watching: Watching, engine: Engine, say: Callable[[str], None]
) -> dict[str, object]:
    found: dict[str, object] = {
        "ledger_entries": business.entries(),
        "sealed_rows": watching.sealed_rows(),
        **watching.continuous(business, rounds=_ROUNDS),
    }
    say(f"{engine}: {found['us_per_ledger_entry']} us for each new entry at {found['ledger_entries']:,}")
    return found


def _whole(
    data: Path, *, clock: Clock, database_url: str | None, say: Callable[[str], None]
) -> dict[str, object]:
    with closing(Watching(data, system_id=system_id_of(data), clock=clock)) as watching:
        full = watching.full_pass(clock=clock, say=say)
    beside = window.measure(data, clock=clock)
    say(
        f"full pass: {full['seconds']} s, {full['peak_resident_mib']} MiB; window query: {beside['seconds']} s"
    )
    return {
        "durability": Ground(data, database_url).durability(),
        "full_pass": full,
        "window_query": beside,
    }


def _flat(found: Sequence[dict[str, object]]) -> dict[str, float]:
    """For each cost its highest figure by its lowest, over all sizes."""
    ratios: dict[str, float] = {}
    for name in _COSTS:
        figures = [float(str(figure[name])) for figure in found]
        ratios[name] = round(max(figures) / min(figures), 2)
    return ratios


def table(found: Mapping[str, Any]) -> str:
    """The figures for people."""
    lines: list[str] = []
    for engine, figures in found["engines"].items():
        full, beside = figures["full_pass"], figures["window_query"]
        lines += [
            f"{engine}: {size['us_per_ledger_entry']} us for each new entry, {size['us_per_step_of_nothing']} us for a look "
            f"at nothing new, at {size['ledger_entries']:,} entries"
            for size in figures["sizes"]
        ]
        lines.append(
            f"{engine}: a full pass of {full['sealed_rows']:,} rows takes {full['seconds']} s and "
            f"{full['peak_resident_mib']} MiB ({full['outcome']}); adding up {beside['ledger_entries']:,} balances by the "
            f"engine's own query takes {beside['seconds']} s"
        )
        lines.append(figures["durability"])
    return "\n".join(lines)


def _machine() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mib": memory // 2**20,
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return f"{platform.machine()} {names[0]}" if names else platform.machine()
