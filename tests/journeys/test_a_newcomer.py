"""A fresh clone and the README alone: what it says to type is typed, what is printed is pasted, and it is as promised."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.waiting import until
from tests.worlds.system import Operator

ROOT = Path(__file__).parents[2]
#: What a newcomer's shell has: nothing of the tests' own interpreter.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "WATCHKEEPER", "VIRTUAL"))}
_TOOK = r"(\d+ ms|\d+\.\d s)"
_TRADERS = 4


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("somebody's folder with spaces") / "water keeper"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(here)], check=True)
    return here


class Terminal:
    """One line typed into a terminal of its own; Ctrl-C reaches all that was started by it, as a terminal's does."""

    def __init__(self, line: str, *, here: Path) -> None:
        self.text = ""
        self._process = subprocess.Popen(
            # Whoever runs the tests in the background has Ctrl-C ignored from birth; a terminal has not.
            ["env", "--default-signal=INT", "/bin/sh", "-c", f"exec {line}"],
            cwd=here,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self.text += line

    def said(self, pattern: str, *, seconds: float = 120.0) -> re.Match[str]:
        """The first place where this is written, once it is."""

        def found() -> re.Match[str] | None:
            assert self._process.poll() is None, self.text
            return re.search(pattern, self.text, re.MULTILINE)

        return until(found, seconds=seconds, what=f"{pattern!r} is printed")

    def finding(self, what: str) -> str | None:
        """The number of the finding that says so, once it is printed."""
        found = re.search(rf"^  finding (\d+): wallet_ledger .*{what}", self.text, re.MULTILINE)
        return found[1] if found else None

    def ctrl_c(self) -> int:
        """The exit code."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        code = self._process.wait(60)
        self._reader.join(10)
        return code


@contextmanager
def typed(line: str, *, here: Path) -> Iterator[Terminal]:
    """A terminal that is left at the end."""
    terminal = Terminal(line, here=here)
    try:
        yield terminal
    finally:
        terminal.ctrl_c()


def pasted(line: str, *, here: Path, then: str = "") -> str:
    """What a line says, pasted into a shell in the clone; `then` is typed into the program that it starts."""
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=here,
        input=then,
        capture_output=True,
        text=True,
        env=_ENVIRONMENT,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{line}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def alive(mark: str) -> list[str]:
    """The command lines of running processes in which this is named."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if mark in line:
            found.append(line)
    return found


def test_the_demonstration_from_a_fresh_clone_by_the_readme_alone(clone: Path) -> None:
    readme = (clone / "README.md").read_text()
    start = re.search(r"`(\./run --demo)`", readme)
    follow = re.search(r"`(\.venv/bin/watchkeeper status --follow[^`]*)`", readme)
    assert start is not None
    assert follow is not None
    with typed(start[1], here=clone) as market:
        market.said(r"^The market day is on", seconds=300)
        lines = [market.said(rf"^{number}\. .*\n(.+;)$")[1] for number in (1, 2, 3)]
        sqlite = market.said(r"First: (sqlite3 .+?)   then   (\.timeout \d+)   then")
        digits = market.said(r"^ +six digits +(.+)$")[1]
        enrolled_with = pasted(digits, here=clone)
        # The third sabotage takes a lock's entry away, so its trader must have one.
        until(
            lambda: (
                pasted(
                    sqlite[1],
                    here=clone,
                    then="SELECT count(DISTINCT trader_id) FROM wallet_ledger WHERE type = 'capital_lock';\n",
                )
                == str(_TRADERS)
            ),
            seconds=120,
            what="every trader has locked something",
        )
        with typed(follow[1], here=clone) as followed:
            followed.said(r"^HOLDS ")
            victim = re.search(r"alias='(\w+)'", lines[0])
            assert victim is not None
            seen: list[str] = []
            for line, scope, what in (
                (lines[0], f"2.3, account:{victim[1]}", "no command wrote"),
                (lines[1], "1.2, everything", "is not as it was sealed"),
                (lines[2], "1.2, everything", "is gone"),
            ):
                pasted(sqlite[1], here=clone, then=f"{sqlite[2]}\n{line}\n")
                number = until(partial(followed.finding, what), seconds=120, what=f"a row {what}")
                followed.said(
                    rf"^  finding {number} \({scope}, open\): seen {_TOOK}, contained {_TOOK}, told {_TOOK}$",
                    seconds=120,
                )
                seen.append(number)
            followed.said(r"^BROKEN ")
            followed.said(r"^stop     everything by 1\.2 \(BROKEN\): .*lock")
            followed.said(rf"^stop     account:{victim[1]} by 2\.3 \(BROKEN\): .*lock")
            assert followed.ctrl_c() == 0, followed.text[-2000:]
        market.said(r"^ *phone  alert")
        # A code is good once, and enrolling took one; the next comes within half a minute.
        until(lambda: pasted(digits, here=clone) != enrolled_with, seconds=40, what="the next code")
        operator = Operator(
            market.said(r"^  page +(http\S+)$")[1],
            alias=market.said(r"^  alias +(\S+)$")[1],
            password=market.said(r"^  password +(\S+)$")[1],
            secret="",
            code=pasted(digits, here=clone),
        )
        page = re.sub(r"\s+", " ", operator.page("/"))
        for number in seen:
            assert re.search(
                rf'href="/findings/{number}">.{{0,200}}seen {_TOOK} · contained {_TOOK} · told {_TOOK}', page
            ), page
        data = str(clone / "data-demo")
        assert len(alive(data)) >= len(("the supervisor", "market", "watch", "control"))
        assert market.ctrl_c() == 0, market.text[-2000:]
        assert market.text.rstrip().endswith("Stopped.")
        until(lambda: not alive(data), seconds=30, what=f"nothing of it runs any more: {alive(data)}")
        with pytest.raises(httpx.ConnectError):
            operator.http.get("/")


def test_the_tests_say_which_program_is_missing_before_they_install_anything(
    clone: Path, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            if program.name != "chromium" and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    assert shutil.which("git", path=str(programs))
    before = sorted(path.name for path in clone.iterdir())
    refused = subprocess.run(
        ["./test"],
        cwd=clone,
        capture_output=True,
        text=True,
        env=_ENVIRONMENT | {"PATH": str(programs)},
        timeout=120,
        check=False,
    )
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.rstrip().endswith(": apt-get install chromium")
    assert sorted(path.name for path in clone.iterdir()) == before
