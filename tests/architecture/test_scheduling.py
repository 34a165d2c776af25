"""Tests that share something run in one worker, in the order in which they were put."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = """
import pytest

@pytest.fixture(scope="session", params=["one", "other"])
def market(request):
    yield request.param

@pytest.fixture
def engine():
    return "each"
"""
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(5))
def test_shares(market, number):
    pass

@pytest.mark.parametrize("number", range(20))
def test_alone(engine, number):
    pass
"""
HOOKS = (
    "pytest_collection_modifyitems", "pytest_configure_node", "pytest_collection_finish",
    "pytest_xdist_make_scheduler", "pytest_runtest_teardown",
)  # fmt: skip


def test_what_shares_a_fixture_runs_in_one_worker_and_the_rest_in_any(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "conftest.py").write_text(f"from tests.conftest import {', '.join(HOOKS)}\n{SHARED}")
    for name in ("test_first.py", "test_second.py"):
        (folder / name).write_text(TESTS)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "inside"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    passed = re.findall(r"\[(gw\d)\].* PASSED (\S+)::(\w+)\[(\w+)-?\w*\]", ran.stdout)
    assert (ran.returncode, len(passed)) == (0, 60), ran.stdout + ran.stderr
    workers: dict[str, set[str]] = {}
    for worker, _, test, parameter in passed:
        workers.setdefault(parameter if test == "test_shares" else "alone", set()).add(worker)
    assert {shared: len(found) for shared, found in workers.items()} == {"one": 1, "other": 1, "alone": 2}
