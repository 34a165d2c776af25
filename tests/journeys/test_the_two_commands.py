"""`./run` and what it sources, as a newcomer meets them: real shells, real pip, real ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.waiting import until
from tests.worlds.system import ENVIRONMENT, System
from watchkeeper.bootstrap import addresses

ROOT = Path(__file__).parents[2]


def _bootstrap(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "watchkeeper.bootstrap", *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=60,
        check=False,
    )


def _shell(here: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`script` in a POSIX shell after the part that makes .venv was read, as ./run does it."""
    return subprocess.run(
        [
            "/bin/sh",
            "-euc",
            f'here=$1; lock="$here/requirements.lock"; . "$here/scripts/venv.sh"; {script}',
            "sh",
            here,
        ],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
        timeout=300,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a folder name that shells stumble over, and nothing to install."""
    here = tmp_path / "it's a $place with spaces"
    (here / "scripts").mkdir(parents=True)
    (here / "src").mkdir()
    shutil.copy(ROOT / "scripts" / "venv.sh", here / "scripts")
    (here / "requirements.lock").write_text("# nothing\n")
    return here


def test_a_second_run_on_the_same_data_says_where_the_first_is_and_ends(system: System) -> None:
    second = _bootstrap("run", "--data", str(system.data))
    assert second.returncode == 0, second.stderr
    assert "Already running" in second.stdout
    assert system.market in second.stdout
    assert system.control in second.stdout
    assert "/enrol/" not in second.stdout


def test_a_taken_port_is_an_error_only_when_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server((addresses.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        refused = _bootstrap("run", "--data", str(tmp_path / "data"), "--port", str(port))
        assert refused.returncode == 2
        assert str(port) in refused.stderr
        with addresses.listen(port, exactly=False) as other:
            assert other.getsockname()[1] > port


def test_links_come_again_until_both_have_enrolled_and_ctrl_c_stops_all(tmp_path: Path) -> None:
    system = System(tmp_path / "data")
    system.start()
    first = list(system.links)
    assert len(first) == 2
    pids = [system.pid(name) for name in ("market", "watch", "control")]
    assert system.process is not None
    system.process.send_signal(signal.SIGINT)
    assert system.process.wait(timeout=30) == 0
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), what="everything has ended")
    assert "X-Forwarded-For" not in "".join(system.lines)
    # Whoever comes by a public address comes by a proxy, and it has to say for whom it asks.
    (system.data / "settings.toml").write_text('[market]\npublic_address = "https://market.example.org"\n')
    system.links.clear()
    system.start()
    try:
        assert len(system.links) == 2
        assert "X-Forwarded-For" in "".join(system.lines)
        assert not set(first) & set(system.links)
        assert httpx.get(system.market + first[0], trust_env=False).status_code == 404
        assert httpx.get(system.market + system.links[0], trust_env=False).status_code == 200
    finally:
        system.stop()


def test_an_environment_is_made_once_and_again_when_half_made_or_the_lock_changed(project: Path) -> None:
    made = _shell(project, "make_venv", PYTHON=sys.executable)
    assert made.returncode == 0, made.stderr
    assert "Installed." in made.stdout
    assert (project / ".venv" / "bin" / "watchkeeper").stat().st_mode & 0o100
    assert _shell(project, "make_venv", PYTHON=sys.executable).stdout == ""
    (project / ".venv" / ".made-from").unlink()
    assert "Installed." in _shell(project, "make_venv", PYTHON=sys.executable).stdout
    (project / "requirements.lock").write_text("# something else\n")
    assert "Installed." in _shell(project, "make_venv", PYTHON=sys.executable).stdout
    (project / ".venv" / "bin" / "python").unlink()
    assert "Installed." in _shell(project, "make_venv", PYTHON=sys.executable).stdout


def test_what_cannot_be_installed_leaves_no_environment_that_passes_for_whole(project: Path) -> None:
    (project / "requirements.lock").write_text("no-such-package-anywhere==1 --hash=sha256:" + "0" * 64 + "\n")
    refused = _shell(project, "make_venv", PYTHON=sys.executable, PIP_NO_INDEX="1")
    assert refused.returncode == 3
    assert not (project / ".venv" / ".made-from").exists()


def test_a_python_that_will_not_do_is_named_with_the_line_that_installs_one(
    project: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    refused = _shell(project, "make_venv", PYTHON=str(old))
    assert (refused.returncode, "apt-get install" in refused.stderr) == (3, True)
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\ncase $2 in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    bare.chmod(0o755)
    refused = _shell(project, "make_venv", PYTHON=str(bare))
    assert (refused.returncode, "python3-venv" in refused.stderr) == (3, True)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    refused = _shell(project, "PATH=$2; make_venv".replace("$2", f"'{nothing}'"))
    assert (refused.returncode, "apt-get install" in refused.stderr) == (3, True)
