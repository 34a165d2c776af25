"""The power goes out at any moment: nothing that was answered is lost, and without syncs it would be."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.faults.powercut import PowerCut, PowerIsOut
from tests.worlds.books import REASON, Market
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import DatabaseError, create_sqlite, open_sqlite, sqlite
from watchkeeper.base.utid import base36
from watchkeeper.boundary import switches
from watchkeeper.boundary.gate import Hold, Switch
from watchkeeper.boundary.gatefile import GateFile
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.boundary.lease import LeaseReader
from watchkeeper.market.commands import Answer, Deposit
from watchkeeper.market.execute import Executor

_numbers = itertools.count(1)


@pytest.fixture
def machine() -> Iterator[PowerCut]:
    found = PowerCut(f"powercut-{next(_numbers)}")
    yield found
    found.unregister()


def after_the_cut(folder: Path, machine: PowerCut, seed: int) -> None:
    machine.lose(seed)
    machine.out = False
    machine.cut_after = None
    machine.operations = 0
    for index in folder.glob("*-shm"):
        # The index of the WAL is memory: another boot begins without it.
        index.unlink()


def test_an_unsynced_write_is_gone_and_a_synced_one_stays(tmp_path: Path, machine: PowerCut) -> None:
    path = tmp_path / "file.db"
    flags = [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_READWRITE, 0]
    file = machine.xOpen(str(path), flags)
    file.xWrite(b"a" * 512, 0)
    file.xSync(0)
    file.xWrite(b"b" * 512, 512)
    assert file.xRead(1024, 0) == b"a" * 512 + b"b" * 512
    file.xClose()
    machine.out = True
    machine.files.clear()
    assert path.read_bytes() == b"a" * 512


def committed(path: Path, machine: PowerCut, *, journal: str, synchronous: str, cut: int) -> int:
    """Commit rows one by one until the power goes out; how many were answered."""
    machine.cut_after = cut
    answered = 0
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=machine.name)
    try:
        connection.execute(f"PRAGMA journal_mode={journal}").fetchall()
        connection.execute(f"PRAGMA synchronous={synchronous}").fetchall()
        for number in range(1, 50):
            connection.execute("INSERT INTO t (n, text) VALUES (?, ?)", (number, "x" * 2000)).fetchall()
            answered = number
    except apsw.Error:
        pass
    finally:
        with contextlib.suppress(apsw.Error):
            connection.close()
    return answered


def standing(path: Path) -> int:
    database = open_sqlite(path)
    try:
        assert database.query("PRAGMA integrity_check") == [("ok",)]
        row = database.one("SELECT count(*) FROM t")
        return int(str(row[0])) if row else 0
    finally:
        database.close()


def fresh(folder: Path, journal: str) -> Path:
    folder.mkdir()
    path = folder / "t.db"
    database = create_sqlite(path, journal="wal" if journal == "wal" else "delete")
    database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT) STRICT")
    database.close()
    return path


@pytest.mark.parametrize(("journal", "synchronous"), [("wal", "FULL"), ("delete", "EXTRA")])
def test_what_was_committed_stands_whenever_the_power_goes(
    tmp_path: Path, machine: PowerCut, rounds: Callable[[int], int], journal: str, synchronous: str
) -> None:
    for seed in range(rounds(300)):
        path = fresh(tmp_path / str(seed), journal)
        cut = 3 + seed * 7 % 150
        answered = committed(path, machine, journal=journal, synchronous=synchronous, cut=cut)
        after_the_cut(path.parent, machine, seed)
        assert standing(path) >= answered, f"seed {seed}"


def test_without_syncs_an_answered_commit_is_lost(
    tmp_path: Path, machine: PowerCut, rounds: Callable[[int], int]
) -> None:
    lost = 0
    for seed in range(rounds(300)):
        path = fresh(tmp_path / str(seed), "wal")
        answered = committed(path, machine, journal="wal", synchronous="OFF", cut=3 + seed * 7 % 150)
        after_the_cut(path.parent, machine, seed)
        try:
            lost += standing(path) < answered
        except (DatabaseError, AssertionError):
            lost += 1
    assert lost > 0


def test_every_answered_command_stands_whole_after_the_cut(
    tmp_path: Path, machine: PowerCut, rounds: Callable[[int], int]
) -> None:
    market = Market(tmp_path / "data")
    data, system_id = market.data, market.market.system_id
    lease: LeaseReader = market.lease
    market.executor.close()
    market.books.close()
    answers: dict[str, int] = {}
    for seed in range(rounds(300)):
        executor = Executor(
            data,
            system_id=system_id,
            clock=SystemClock(),
            lease=lease,
            vfs=machine.name,
            gate_vfs=machine.name,
        )
        market.executor = executor
        machine.cut_after = 5 + seed * 11 % 120
        for _ in range(30):
            trader = market.tina if seed % 2 else market.tom
            reference = base36(12)
            market.keep_lease()
            act = market.act(Deposit(amount_ugx=100, provider="cash", external_ref=reference), trader)
            object.__setattr__(act, "command_id", f"cut-{base36(12)}")
            outcome = executor.run([act])[0]
            if isinstance(outcome, Answer):
                answers[reference] = outcome.n
            elif machine.out:
                break
        with contextlib.suppress(apsw.Error, DatabaseError):
            executor.close()
        after_the_cut(data, machine, seed)
        check = open_sqlite(data / "market.db")
        assert check.query("PRAGMA integrity_check") == [("ok",)]
        for reference, n in answers.items():
            row = check.one(
                "SELECT j.n FROM wallet_ledger w JOIN journal j ON j.utid = w.utid WHERE w.external_ref = ?",
                (reference,),
            )
            assert row == (n,), f"seed {seed}"
        orphans = check.one(
            "SELECT count(*) FROM wallet_ledger w LEFT JOIN journal j ON j.utid = w.utid WHERE j.n IS NULL"
        )
        assert orphans == (0,)
        check.close()
    assert answers
    market.books.close()


def test_a_switch_that_was_answered_stands_after_the_cut(
    tmp_path: Path, machine: PowerCut, rounds: Callable[[int], int]
) -> None:
    market = Market(tmp_path / "data")
    clock = SystemClock()
    market.executor.close()
    answered: list[str] = []
    for seed in range(rounds(300)):
        gate = GateFile(market.data, system_id=market.market.system_id, vfs=machine.name)
        machine.cut_after = 10 + seed * 7 % 150
        action = "engage"
        try:
            for _ in range(6):
                utid = f"20261124-000000-opr-{base36(6)}"
                switches.flip(
                    gate,
                    switch=Switch.SHUTDOWN,
                    hold=Hold.OPERATOR,
                    action=action,
                    actor="t",
                    role="operator",
                    reason=REASON,
                    utid=utid,
                    check=lambda _: None,
                    journal_tail=lambda: 1,
                    clock=clock,
                )
                answered.append(utid)
                action = "release" if action == "engage" else "engage"
        except (GateUnreadable, GateBusy, DatabaseError, PowerIsOut):
            assert machine.out
        with contextlib.suppress(apsw.Error, DatabaseError):
            gate.close()
        after_the_cut(market.data, machine, seed)
        again = GateFile(market.data, system_id=market.market.system_id)
        with again.shared() as database:
            rows = database.query(
                "SELECT utid, engaged_after FROM flips WHERE switch = 'shutdown' ORDER BY number"
            )
            held = database.one("SELECT count(*) FROM holds WHERE switch = 'shutdown'")
        again.close()
        assert set(answered) <= {str(utid) for utid, _ in rows}, f"seed {seed}"
        assert not rows or held == (rows[-1][1],), f"seed {seed}"
    assert answered
    market.books.close()


@pytest.mark.parametrize(
    "same",
    [
        test_every_answered_command_stands_whole_after_the_cut,
        test_a_switch_that_was_answered_stands_after_the_cut,
    ],
)
def test_without_syncs_the_market_and_its_gate_fail_the_same_tests(
    tmp_path: Path,
    machine: PowerCut,
    monkeypatch: pytest.MonkeyPatch,
    same: Callable[[Path, PowerCut, Callable[[int], int]], None],
) -> None:
    prepared = sqlite._prepare

    def without_syncs(connection: apsw.Connection, **how: Any) -> None:
        prepared(connection, **how | {"synchronous": "OFF"})

    monkeypatch.setattr(sqlite, "_prepare", without_syncs)
    with pytest.raises((AssertionError, DatabaseError, GateUnreadable)):
        same(tmp_path, machine, lambda full: full)
