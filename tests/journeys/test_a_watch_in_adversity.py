"""Real processes whose clocks jump, whose watch starves, loses its key or its descriptors: nothing holds without evidence."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Self

import pytest

from tests.conftest import LONG
from tests.waiting import until
from tests.worlds.clocks import PROCESSES, Clocks
from tests.worlds.server import Cluster
from tests.worlds.system import System, running
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, BootTime, SystemClock
from watchkeeper.bootstrap.demo.client import Refused
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import signing
from watchkeeper.operation.store import open_store, system_id_of
from watchkeeper.operation.verifier import verdicts

HOUR, DAY = 3600, 86_400
BY_SEALS = {"1.2", "2.3", "4.1", "5.1", "5.2", "5.3"}


class Troubled:
    """A system, and what its control room's store says of it now, whoever may sign in."""

    def __init__(self, system: System, clocks: Clocks) -> None:
        self.system = system
        self.clocks = clocks
        self._clock = SystemClock()
        self._store = open_store(system.data, may_write=False)

    def words(self) -> dict[str, str]:
        """Invariant -> the worse of both verdicts, as every reader has it now."""
        found = verdicts.current(self._store, clock=self._clock)
        return {
            view.invariant: next(
                word for word in ("BROKEN", "UNKNOWN", "HOLDS") if word in (view.continuous, view.full)
            )
            for view in found
        }

    def holds(self) -> bool:
        return set(self.words().values()) == {"HOLDS"}

    def holds_since(self, since: BootTime) -> bool:
        """By a pass that began after this point of boot time."""
        rows = self._store.query("SELECT boot_id, boot_ns FROM verdicts WHERE mode = 'continuous'")
        ages = [BootTime(str(i), int(str(ns))).seconds_since(since) for i, ns in rows]
        return self.holds() and all(age is not None and age > 0 for age in ages)

    def now(self) -> BootTime:
        return self._clock.boot()

    def watch(self) -> dict[str, object]:
        found: dict[str, object] = self.system.operator.overview()["watch"] or {}
        return found

    def all_well(self) -> bool:
        return self.holds() and self.system.ready() and bool(self.watch().get("heard"))

    def findings(self) -> list[tuple[object, ...]]:
        return self.system.store("SELECT invariant, kind, detail FROM findings")

    def stopped_by(self) -> list[tuple[object, ...]]:
        return [(r["rule"], r["cause"], r["reason"]) for r in self.system.operator.overview()["restrictions"]]

    def read_to_the_end(self, number: int) -> bool:
        (sealed,) = self.system.store("SELECT count(*) FROM seal_leaves WHERE log = 'main'")
        return int(str(sealed[0])) >= number

    def written_ahead(self, process: str) -> float:
        """By how many seconds the instant that this process wrote last is ahead of now."""
        if process == "watch":
            (row,) = self.system.store("SELECT at FROM verdicts WHERE mode = 'continuous' LIMIT 1")
            written = int(str(row[0]))
        else:
            (leaf,) = self.system.store(
                "SELECT bytes FROM seal_leaves WHERE log = 'main' ORDER BY idx DESC LIMIT 1"
            )
            written = int(str(leaves.read(bytes(leaf[0])).journal["at"]))  # type: ignore[call-overload]
        return (written - self._clock.now()) / MICROSECONDS_PER_SECOND

    def close(self) -> None:
        self._store.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def troubled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubled]:
    folder = tmp_path_factory.mktemp("adversity")
    clocks = Clocks(folder / "clocks")
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.database()
    with running(folder / "data", database_url=url, environment=clocks.environment) as system:
        with (system.data / "settings.toml").open("a") as settings:
            settings.write("[deadlines]\ncontinuous_seconds = 10\n")
        found = Troubled(system, clocks)
        yield found
        found.close()


@pytest.fixture(autouse=True)
def well(troubled: Troubled) -> Iterator[None]:
    """Each test begins well, and ends so."""
    until(troubled.all_well, seconds=120, what="all is well before")
    yield
    until(troubled.all_well, seconds=120, what="all is well afterwards")


def lock(troubled: Troubled) -> object:
    """A lock by somebody whose session may have ended with the clock that jumped."""
    trader = troubled.system.traders[0]
    with contextlib.suppress(Refused):
        return troubled.system.lock(trader)["utid"]
    trader.sign_in()
    return troubled.system.lock(trader)["utid"]


def looked_again(troubled: Troubled) -> None:
    since = troubled.now()
    until(partial(troubled.holds_since, since), seconds=60, what="a pass since then holds")


@pytest.mark.parametrize("seconds", [DAY, -DAY, *((HOUR, -HOUR) if LONG else ())])
@pytest.mark.parametrize("processes", [("watch",), ("market",), PROCESSES], ids="-".join)
def test_a_clock_that_jumps_carries_no_verdict_across_and_breaks_none(
    troubled: Troubled, processes: tuple[str, ...], seconds: int
) -> None:
    pids = {name: troubled.system.pid(name) for name in PROCESSES}
    for turned in (seconds, 0):
        troubled.clocks.turn(*processes, seconds=turned)
        assert lock(troubled)
        looked_again(troubled)
        # The clocks did jump: an hour is far less than any of them.
        assert abs(troubled.written_ahead("market") - turned * ("market" in processes)) < HOUR / 2
        assert abs(troubled.written_ahead("watch") - turned * ("watch" in processes)) < HOUR / 2
        until(troubled.system.ready, seconds=60, what="the market goes on")
        assert troubled.findings() == []
    assert {name: troubled.system.pid(name) for name in PROCESSES} == pids, "a process ended"
    assert troubled.stopped_by() == []
    assert troubled.system.store("SELECT condition FROM alerts WHERE state <> 'resolved'") == []


def _ran_seconds(pid: int) -> float:
    """Processor time of a process so far; the clock's number is made of the process's as the kernel's headers say."""
    return time.clock_gettime((~pid << 3) | 2)


class Starving:
    """Lets the watch have a thousandth of the time: as a machine that has none for it.

    A busy machine stops it late, so it waits the longer for its next moment. The supervisor ends one that hangs: the next is stopped
    at its birth.
    """

    _SHARE = 0.001

    def __init__(self, troubled: Troubled) -> None:
        self._troubled = troubled
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        while not self._stopping.is_set():
            over = time.monotonic() + max(2.0, self._moment() / self._SHARE)
            while time.monotonic() < over and not self._stopping.wait(0.05):
                self._signal(signal.SIGSTOP)

    def _moment(self) -> float:
        """A few thousandths of a second; how much processor time it had in them."""
        with contextlib.suppress(ProcessLookupError, OSError, ValueError):
            pid = self._troubled.system.pid("watch")
            before = _ran_seconds(pid)
            os.kill(pid, signal.SIGCONT)
            self._stopping.wait(0.004)
            os.kill(pid, signal.SIGSTOP)
            return _ran_seconds(pid) - before
        return 0.0

    def _signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(self._troubled.system.pid("watch"), which)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._signal(signal.SIGCONT)


def test_a_starved_watch_stops_money_and_goes_on_when_it_has_really_looked_again(troubled: Troubled) -> None:
    with Starving(troubled):
        until(lambda: set(troubled.words().values()) == {"UNKNOWN"}, seconds=90, what="nothing holds")
        until(lambda: not troubled.watch()["heard"], seconds=90, what="its lease is not heard")
        until(lambda: not troubled.system.ready(), seconds=90, what="the market stops")
        with pytest.raises(Refused, match="monitor-silent"):
            troubled.system.lock(troubled.system.traders[0])
        since = troubled.now()
    until(partial(troubled.holds_since, since), seconds=120, what="a pass of after it holds")
    until(troubled.system.ready, seconds=120, what="the market goes on")
    assert lock(troubled)


def silent(troubled: Troubled) -> set[str]:
    return {invariant for invariant, word in troubled.words().items() if word == "UNKNOWN"}


def test_the_key_of_the_seals_gone_or_anothers_while_the_watch_runs_and_before_it_begins(
    troubled: Troubled, tmp_path: Path
) -> None:
    signing.create_key(tmp_path, system_id=system_id_of(troubled.system.data))
    key, aside = troubled.system.data / "keys" / "log.key", tmp_path / "aside"
    for put in (lambda: None, lambda: key.write_bytes((tmp_path / "keys" / "log.key").read_bytes())):
        key.rename(aside)
        put()
        before = key.read_bytes() if key.exists() else None
        until(lambda: silent(troubled) == BY_SEALS, seconds=60, what="nothing of seals holds")
        until(lambda: "key" in str(troubled.watch()["withheld"]), seconds=60, what="it says why")
        assert "key" in troubled.system.command("status", code=2)
        watch = troubled.system.pid("watch")
        os.kill(watch, signal.SIGKILL)
        until(partial(_another, troubled, watch), seconds=60, what="the watch begins anew")
        since = troubled.now()
        until(partial(_passed_since, troubled, since), seconds=60, what="the new watch has looked")
        assert silent(troubled) >= BY_SEALS
        assert (key.read_bytes() if key.exists() else None) == before, "a key was made"
        aside.replace(key)
        until(troubled.all_well, seconds=120, what="all is well with the key back")
    assert lock(troubled)
    assert "sound" in troubled.system.command("seal", "verify", str(troubled.system.data / "seals" / "main"))


def _another(troubled: Troubled, before: int) -> bool:
    return troubled.system.pid("watch") != before


def _passed_since(troubled: Troubled, since: BootTime) -> bool:
    rows = troubled.system.store("SELECT boot_id, boot_ns FROM verdicts WHERE mode = 'continuous'")
    return all((BootTime(str(i), int(str(ns))).seconds_since(since) or 0) > 0 for i, ns in rows)


def test_a_watch_without_file_descriptors_is_not_heard_and_comes_back(troubled: Troubled) -> None:
    pid = troubled.system.pid("watch")
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    held = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (held - 1, limits[1]))
    try:
        until(lambda: not troubled.watch().get("heard"), seconds=60, what="its lease is not heard")
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    until(troubled.all_well, seconds=120, what="all is well again")
    assert lock(troubled)
