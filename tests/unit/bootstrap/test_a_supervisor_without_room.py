"""Whoever keeps the processes alive goes on where there is no room for a file, and no process to be had."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.books import TurnableClock
from watchkeeper.base.clock import BootTime, SystemClock
from watchkeeper.bootstrap.supervise import Child, Supervisor


class StandingStopwatch(TurnableClock):
    """Boot time moves when the test says so, so that no stall of the machine is taken for the supervisor's."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = super().boot()

    def boot(self) -> BootTime:
        return BootTime(
            self._begun.boot_id, self._begun.nanoseconds + int(self.boot_offset_seconds * 1_000_000_000)
        )


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child("full-pass", ("full-pass", "--data", str(tmp_path)))


def test_a_process_is_started_without_its_files_and_they_follow(tmp_path: Path, child: Child) -> None:
    supervisor = Supervisor(tmp_path, [child], clock=SystemClock())
    supervisor.step()
    assert child.process is not None
    assert not child.noted
    # As when there is room again.
    (tmp_path / "run").mkdir()

    def noted() -> bool:
        supervisor.step()
        return child.noted and (tmp_path / "run" / "full-pass.pid").exists()

    until(noted, seconds=60, what="its process id stands in its file")
    supervisor.stop()
    supervisor.run()
    assert child.process is None


def test_a_process_that_cannot_be_started_is_tried_again(
    tmp_path: Path, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    supervisor = Supervisor(tmp_path, [child], clock=SystemClock())
    with monkeypatch.context() as lacking:
        lacking.setattr("sys.executable", str(tmp_path / "nothing"))
        supervisor.step()
        assert child.process is None

    def started() -> bool:
        supervisor.step()
        return child.process is not None

    until(started, seconds=60, what="it is started")
    supervisor.stop()
    supervisor.run()


def test_nobody_hangs_because_the_supervisor_stood_still(
    tmp_path: Path, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 1000\n")
    silent.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(silent))
    clock = StandingStopwatch()
    supervisor = Supervisor(tmp_path, [child], clock=clock)
    supervisor.step()
    assert child.process is not None
    process = child.process
    clock.boot_offset_seconds += 3600
    supervisor.step()
    supervisor.step()
    assert process.poll() is None
    # One that is silent while it is listened to is ended as ever.
    for _ in range(31):
        clock.boot_offset_seconds += 4
        supervisor.step()
    assert process.wait(30) == -signal.SIGKILL
    supervisor.stop()
    supervisor.run()
