from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.unit.operation.incidents.room import Room, assert_stock_git_accepts
from tests.waiting import until
from watchkeeper.operation.incidents import store

INCIDENTS_PER_ROUND = 6
ROOT = Path(__file__).parents[4]


@contextmanager
def worker(room: Room) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that commits until it is killed."""
    script = Path(__file__).with_name("commit_forever.py")
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, str(script), str(room.data)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def assert_each_record_stands_once(room: Room, tmp_path: Path) -> None:
    while room.commit_due(lock_seconds_max=0.0):
        pass
    incidents = store.listed(room.database, limit=10_000)
    files = [file for incident in incidents for file in store.files(room.database, incident.id)]
    commits = assert_stock_git_accepts(room, tmp_path)
    record_commits = [file.commit_sha for file in files]
    assert None not in record_commits
    assert len(set(record_commits)) == len(files)
    assert set(record_commits) <= set(commits)
    paths = room.git("log", "--format=", "--name-only", "--diff-filter=A").split()
    added = [path for path in paths if path.startswith("INC-")]
    assert sorted(added) == sorted(file.path for file in files)
    assert len(commits) == len(files) + 1
    assert room.git("status", "--short") == ""


def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(
    room: Room, tmp_path: Path, rounds: Callable[[int], int]
) -> None:
    chance = random.Random(20261124)
    for number in range(rounds(300)):
        for cause in range(INCIDENTS_PER_ROUND):
            incident = room.open(f"round {number} cause {cause}")
            if cause % 2:
                room.close(incident)
        with worker(room):
            # The moment of death is the point; there is no condition to wait for.
            threading.Event().wait(chance.uniform(0.0, 0.12))
    assert_each_record_stands_once(room, tmp_path)


def test_two_workers_at_once_corrupt_nothing(room: Room, tmp_path: Path) -> None:
    for cause in range(30):
        room.open(f"cause {cause}")
    with worker(room), worker(room):
        until(
            lambda: room.database.one("SELECT count(*) FROM incident_files WHERE commit_sha IS NULL") == (0,),
            seconds=60,
            what="every record is committed",
        )
    assert_each_record_stands_once(room, tmp_path)
