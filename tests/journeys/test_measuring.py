"""The commands that measure and prove, as they are typed, on both engines: what they answer and what they say of durability."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.worlds.server import Cluster
from tests.worlds.system import ENVIRONMENT
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import Engine
from watchkeeper.bootstrap import setup
from watchkeeper.bootstrap.bench.detect import CLASSES
from watchkeeper.interfaces.cli.shared import EXIT_UNAVAILABLE
from watchkeeper.operation import store
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.coverage import proofs

#: What each engine must say of itself; the values are those that make an answered commit durable.
DURABLE: dict[Engine, str] = {
    "sqlite": r"SQLite 3\.\S+, market\.db journal_mode=wal synchronous=FULL, "
    r"gate\.db journal_mode=delete synchronous=EXTRA",
    "postgresql": r"PostgreSQL server_version=\d.*, fsync=on, synchronous_commit=on, full_page_writes=on, ",
}


class Typed:
    """The command line with the engine that a test is about."""

    def __init__(self, engine: Engine, server: str | None) -> None:
        self.engine = engine
        self._more = [] if server is None else ["--database", server]

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper.bootstrap.command", *arguments, *self._more],
            capture_output=True,
            check=False,
            text=True,
            timeout=180,
            env=ENVIRONMENT,
        )
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture
def typed(engine: Engine, request: pytest.FixtureRequest) -> Typed:
    server = None
    if engine == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        server = cluster.url("postgres")
    return Typed(engine, server)


def test_locks_are_counted_for_each_batch_size_with_what_they_survive(typed: Typed) -> None:
    found = typed.json("bench", "locks", "--number", "20")
    assert set(found) == {"bench", "engine", "durability", "figures"}
    assert (found["bench"], found["engine"]) == ("locks", typed.engine)
    assert re.match(DURABLE[typed.engine], found["durability"])
    assert set(found["figures"]) == {"batch_1", "batch_10", "batch_100"}
    for figure in found["figures"].values():
        assert figure["locks"] == 20
        assert figure["locks_per_second"] > 0


def test_each_class_of_fault_is_measured_with_what_its_commits_survive(typed: Typed) -> None:
    found = typed.json("bench", "detect", "--rounds", "1")
    assert set(found) == {"bench", "engine", "rounds", "durability", "classes"}
    assert (found["bench"], found["engine"], found["rounds"]) == ("detect", typed.engine, 1)
    assert re.match(DURABLE[typed.engine], found["durability"])
    if typed.engine == "sqlite":
        assert found["durability"].endswith(", operation.db journal_mode=wal synchronous=FULL")
    assert set(found["classes"]) == set(CLASSES)
    for figure in found["classes"].values():
        assert set(figure) == {"restriction_ms", "webhook_ms"}
        for times in figure.values():
            assert set(times) == {"p50", "p99", "max"}
            assert 0 < times["p50"] <= times["p99"] <= times["max"]


def test_what_checking_costs_is_measured_at_each_size_by_a_watch_that_finds_everything_sound(
    typed: Typed,
) -> None:
    found = typed.json("bench", "verify", "--rows", "2000", "--rows", "4000")
    assert set(found) == {"bench", "version", "machine", "engines"}
    assert (found["bench"], set(found["engines"])) == ("verify", {typed.engine})
    assert set(found["machine"]) == {"system", "processor", "cores", "memory_mib", "python"}
    figures = found["engines"][typed.engine]
    assert set(figures) == {"durability", "sizes", "flat_ratio", "full_pass", "window_query"}
    assert re.match(DURABLE[typed.engine], figures["durability"])
    small, large = figures["sizes"]
    assert 2000 <= small["ledger_entries"] < 4000 <= large["ledger_entries"]
    holds = dict.fromkeys(INVARIANTS, "HOLDS")
    costs = {"us_per_ledger_entry", "processor_us_per_ledger_entry", "us_per_step_of_nothing"}
    for size in (small, large):
        assert set(size) == {
            "ledger_entries", "sealed_rows", "rounds", "us_per_journal_row", "us_per_step", "verdicts", *costs,
        }  # fmt: skip
        assert size["sealed_rows"] > 3 * size["ledger_entries"]
        assert size["verdicts"] == holds
    assert set(figures["flat_ratio"]) == costs
    for name, ratio in figures["flat_ratio"].items():
        lowest, highest = sorted((small[name], large[name]))
        assert lowest > 0
        assert ratio == round(highest / lowest, 2)
    full = figures["full_pass"]
    assert set(full) == {
        "seconds", "processor_seconds", "sealed_rows", "sealed_rows_per_second", "peak_resident_mib", "outcome", "verdicts",
    }  # fmt: skip
    assert (full["outcome"], full["verdicts"]) == ("HOLDS, 0 new findings", holds)
    assert full["sealed_rows"] > large["sealed_rows"]
    assert 10 < full["peak_resident_mib"] < 300
    beside = figures["window_query"]
    assert set(beside) == {"seconds", "ledger_entries", "entries_that_differ"}
    assert (beside["entries_that_differ"], beside["seconds"] > 0) == (0, True)
    assert beside["ledger_entries"] > large["ledger_entries"]


def test_a_market_that_was_made_to_measure_is_kept_and_grows_on(tmp_path: Path) -> None:
    typed = Typed("sqlite", None)
    kept = tmp_path / "kept"
    first = typed.json("bench", "verify", "--rows", "1000", "--folder", str(kept))
    words = typed("bench", "verify", "--rows", "5000", "--folder", str(kept))
    assert first["engines"]["sqlite"]["sizes"][0]["ledger_entries"] < 2000
    at = re.search(
        r"^sqlite: [0-9.]+ us for each new entry, [0-9.]+ us for a look at nothing new, at ([0-9,]+) entries$",
        words,
        re.MULTILINE,
    )
    assert at is not None
    assert 5000 <= int(at[1].replace(",", "")) < 6000
    assert re.search(
        r"^sqlite: a full pass of [0-9,]+ rows takes [0-9.]+ s and [0-9.]+ MiB \(HOLDS, 0 new findings\); ",
        words,
        re.MULTILINE,
    )
    assert re.search(f"^{DURABLE['sqlite']}", words, re.MULTILINE)


def test_measuring_on_a_server_that_nobody_named_says_how_to_name_one() -> None:
    typed = Typed("sqlite", None)
    for engine in ("postgresql", "both", "mysql"):
        typed("bench", "verify", "--engine", engine, code=2)
    nobody = "postgresql://super@127.0.0.1:1/postgres"
    typed("bench", "verify", "--rows", "1000", "--database", nobody, code=EXIT_UNAVAILABLE)


def test_a_drill_proves_its_row_and_the_control_room_keeps_the_proof(typed: Typed, tmp_path: Path) -> None:
    data = tmp_path / "data"
    setup.create(data, clock=SystemClock())
    found = typed.json("drill", "7.1", "--data", str(data))
    (row,) = found["rows"]
    assert (row["kind"], row["id"], row["engine"]) == ("invariant", "7.1", typed.engine)
    assert found["proven"] is row["proven"] is True
    assert [fault["unmet"] for fault in row["faults"]] == [[]] * len(row["faults"])
    assert 0 < row["detect_ms"] <= row["contain_ms"]
    room = store.open_store(data)
    proof = proofs.recorded(room, engine=typed.engine)["invariant", "7.1"]
    room.close()
    assert (proof.proven, proof.version, proof.faults) == (True, found["version"], len(row["faults"]))
    typed("drill", "9.9", "--data", str(data), code=2)


def test_a_drill_in_which_something_fails_on_purpose_answers_as_json_alone(
    typed: Typed, tmp_path: Path
) -> None:
    # A channel that takes nothing is logged each time.
    assert typed.json("drill", "Aalert-path", "--data", str(tmp_path / "none"))["proven"] is True


def test_the_coverage_of_a_data_folder_is_by_its_own_engine(tmp_path: Path) -> None:
    data = tmp_path / "data"
    setup.create(data, clock=SystemClock())
    typed = Typed("sqlite", None)
    typed("drill", "7.1", "--data", str(data))
    found = typed.json("coverage", "--data", str(data))
    states = {(row["kind"], row["id"]): row["state"] for row in found["rows"]}
    # The rule, and the alert that nothing else raises.
    assert states.pop(("invariant", "7.1")) == states.pop(("alert", "7.1")) == "PROVEN"
    assert set(states.values()) == {"UNKNOWN"}
    assert found["counts"]["invariant"]["proven"] == 1
    assert re.search(r"^invariant 7\.1 +.* PROVEN ", typed("coverage", "--data", str(data)), re.MULTILINE)


def test_a_drill_on_a_server_that_nobody_named_says_how_to_name_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper.bootstrap.command", "drill", "7.1", "--engine", "postgresql"],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    assert done.returncode == 2
    assert "--database" in done.stderr


def test_the_words_for_people_hold_the_durability_too() -> None:
    typed = Typed("sqlite", None)
    words = typed("bench", "locks", "--number", "1")
    assert re.search(r"^batch_100 +\d+ locks/s$", words, re.MULTILINE)
    assert re.search(f"^{DURABLE['sqlite']}$", words, re.MULTILINE)
    words = typed("bench", "detect", "--rounds", "1")
    assert re.search(r"^schema changed +restriction .*webhook", words, re.MULTILINE)
    assert re.search(f"^{DURABLE['sqlite']}, operation", words, re.MULTILINE)
