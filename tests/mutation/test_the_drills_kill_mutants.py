"""Most mutants of the checks do not get past the drills: all of them are played under `./test --long`, a sample else."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LONG
from tests.mutation import playing
from tests.mutation.mutants import mutants

ROOT = Path(__file__).resolve().parents[2]
#: What is held by now. The aim is nine of ten: raise it as faults are added, never lower it.
SHARE = 0.85
ONE_IN = 1 if LONG else 25
#: A sample of checks that are as good as they must be falls short of the bound once in so many.
ONCE_IN = 1000


def least(total: int) -> int:
    """How many of a sample have to be killed: fewer come about by bad luck alone less than once in a thousand."""
    fewer, worst = 0.0, 0
    for killed in range(total + 1):
        fewer += math.comb(total, killed) * SHARE**killed * (1 - SHARE) ** (total - killed)
        if fewer > 1 / ONCE_IN:
            worst = killed
            break
    return worst


@pytest.mark.timeout(4 * 3600 if LONG else 600)
def test_the_mutants_of_the_checks_are_killed_by_the_drills(tmp_path: Path) -> None:
    became = tmp_path / "mutants.json"
    # A process of its own, without threads: it forks one for each mutant.
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "--one-in", str(ONE_IN), "--json", str(became)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        stdout=None if LONG else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    told: dict[str, list[Any]]
    told = json.loads(became.read_text()) if became.exists() else {"unsound": [done.stdout], "mutants": []}
    assert told["unsound"] == []
    assert done.returncode == 0
    fates = Counter(row["state"] for row in told["mutants"])
    total, killed = fates.total(), fates["killed"] + fates["hung"]
    survived = [row["mutant"] for row in told["mutants"] if row["state"] == "survived"]
    assert killed >= (SHARE * total if LONG else least(total)), "\n".join(survived)


def test_every_check_has_mutants_and_drills_that_play_against_them() -> None:
    assert len(playing.files()) == 25
    for path in playing.files():
        assert mutants(path), path.name
        assert playing.faults_for(path), path.name


def test_a_sample_is_judged_by_what_chance_leaves_of_the_share() -> None:
    assert [least(number) for number in (0, 10, 60, 1000)] == [0, 4, 42, 814]
