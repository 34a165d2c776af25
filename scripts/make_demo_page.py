"""Makes docs/demo.md and its pictures from a real run of ./run --demo: what is shown there is what was printed.

Run after ./test has made the environment:  .venv/bin/python scripts/make_demo_page.py
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from playwright.sync_api import Page  # noqa: E402

from tests.waiting import until  # noqa: E402
from tests.worlds.browser import DESK, PHONE, browser, tab  # noqa: E402
from tests.worlds.clicking import cure, sign_in  # noqa: E402

PICTURES = ROOT / "docs" / "images"
_SECONDS_MAX = 120
#: The day is let run for so many commands before anybody pastes anything.
_COMMANDS_MIN = 40

#: What pip has to say about this machine is no part of the demonstration.
_PIP_SAYS = ("WARNING: ", "Making .venv", "Installed.")


class Demo:
    """`./run --demo` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data-demo"
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [str(ROOT / "run"), "--demo", "--speed", "4", "--data", str(self.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            print(line, end="", flush=True)
            self.lines.append(line.rstrip("\n"))

    def said(self, start: str) -> str:
        """What stands behind `start` on the first line that begins with it."""
        line = until(
            lambda: next((line for line in self.lines if line.strip().startswith(start)), None),
            seconds=_SECONDS_MAX,
            what=f"the demonstration says: {start}",
        )
        return line.strip().removeprefix(start).strip() if line else ""

    def sabotage(self, number: int) -> str:
        """The printed line of sabotage."""
        self.said("3. ")
        at = next(i for i, line in enumerate(self.lines) if line.startswith(f"{number}. "))
        return until(lambda: self.lines[at + 1], what="the sabotage is printed")

    def paste(self, sql: str) -> None:
        """As a person pastes it."""
        subprocess.run(
            ["sqlite3", str(self.data / "market.db")], input=f".timeout 10000\n{sql}\n", text=True, check=True
        )

    def command(self, *arguments: str) -> str:
        """The command line, as the page shows it: the folder's name is the demonstration's own."""
        done = subprocess.run(
            [str(ROOT / ".venv" / "bin" / "watchkeeper"), *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"WATCHKEEPER_DATA": str(self.data)},
        )
        if done.returncode not in (0, 1, 2):
            raise SystemExit(done.stdout + done.stderr)
        return self.tidy(done.stdout)

    def tidy(self, text: str) -> str:
        """Without the path of this machine."""
        return text.replace(str(self.data), "data-demo").rstrip()

    def stop(self) -> None:
        """Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(60)


def picture(page: Page, name: str, *, whole: bool = False) -> str:
    """Take a screenshot; the Markdown that shows it."""
    page.screenshot(path=PICTURES / f"{name}.png", full_page=whole)
    return f"![{name.replace('-', ' ')}](images/{name}.png)"


def block(text: str, language: str = "") -> str:
    """A fenced block."""
    return f"```{language}\n{text}\n```"


def wait_for_business(demo: Demo) -> None:
    """Until the day has seen some commands."""

    def enough() -> bool:
        found = re.search(r"read to number (\d+)", demo.command("status"))
        return found is not None and int(found[1]) >= _COMMANDS_MIN

    until(enough, seconds=_SECONDS_MAX, what="the market is busy")


def main() -> None:
    """Play it and write it down."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        demo = Demo(Path(folder))
        try:
            text = played(demo, tab(chromium, DESK).page, tab(chromium, PHONE).page)
        finally:
            demo.stop()
    (ROOT / "docs" / "demo.md").write_text(text, encoding="utf-8")


def played(demo: Demo, desk: Page, phone: Page) -> str:
    """The whole page, part by part as it happens."""
    first, second, third = (demo.sabotage(number) for number in (1, 2, 3))
    start = demo.tidy(
        "\n".join(line for line in demo.lines if "password" not in line and not line.startswith(_PIP_SAYS))
    )
    start = re.sub(r"INSERT INTO.*|DROP TRIGGER.*", lambda found: found[0][:96] + " ...", start)
    control = demo.said("page")
    wait_for_business(demo)
    # A code is good once, and enrolling took one: the next comes within half a minute.
    enrolled_with = demo.command("demo-code")
    until(lambda: demo.command("demo-code") != enrolled_with, seconds=40, what="the next code")
    sign_in(
        desk,
        control,
        alias=demo.said("alias"),
        password=demo.said("password"),
        code=demo.command("demo-code"),
    )
    phone.context.add_cookies(desk.context.cookies())  # type: ignore[arg-type]
    desk.wait_for_timeout(1500)
    quiet = picture(desk, "all-holds")

    demo.paste(first)
    desk.locator(".banner.BROKEN").wait_for()
    desk.locator("text=Goes on").wait_for()
    until(lambda: "not yet" not in demo.command("status").partition("stopwatch")[2], seconds=30, what="told")
    desk.wait_for_timeout(4000)
    status_one = demo.command("status")
    one = picture(desk, "a-deposit-past-the-journal", whole=True)
    said_one = cure(desk)
    desk.goto(control)
    desk.locator(".banner.HOLDS").wait_for()

    demo.paste(second)
    phone.goto(control)
    phone.locator("td.differs").first.wait_for()
    until(lambda: "not yet" not in demo.command("status").partition("stopwatch")[2], seconds=30, what="told")
    phone.wait_for_timeout(3000)
    status_two = demo.command("status")
    two = picture(phone, "an-amount-edited")
    steps: list[str] = []

    def each(step: str) -> None:
        if step == "cure":
            steps.append(picture(phone, "the-repair"))

    desk.goto(control)
    phone.goto(control)
    said_two = cure(phone, each=each)

    demo.paste(third)
    desk.goto(control)
    desk.locator(".banner.BROKEN").wait_for()
    said_three = cure(desk)
    desk.goto(control)
    desk.locator(".banner.HOLDS").wait_for()
    until(
        lambda: "being committed" not in demo.command("status").partition("closed lately")[2],
        seconds=60,
        what="the records are committed",
    )
    log = demo.tidy(
        subprocess.run(
            ["git", "-C", str(demo.data / "incidents"), "log", "--format=%h %G? %s", "-8"],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ
            | {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "gpg.ssh.allowedSignersFile",
                "GIT_CONFIG_VALUE_0": str(demo.data / "incidents" / "allowed_signers"),
            },
        ).stdout
    )
    phone_said = "\n".join(line.strip() for line in demo.lines if line.strip().startswith("phone  alert"))
    return PAGE.format(
        start=block(start),
        quiet=quiet,
        first=block(first, "sql"),
        second=block(second, "sql"),
        third=block(third, "sql"),
        status_one=block(status_one),
        status_two=block(status_two),
        one=one,
        two=two,
        repair=steps[0],
        said_one="\n".join(f"1. {line}" for line in said_one),
        said_two="\n".join(f"1. {line}" for line in said_two),
        said_three="\n".join(f"1. {line}" for line in said_three),
        last=block(demo.command("status")),
        log=block(log),
        phone=block(phone_said),
        seal=block(demo.command("seal", "verify", str(demo.data / "seals" / "main"))),
    )


PAGE = """# The demonstration

This page was made by `scripts/make_demo_page.py` from a real run; what it shows is what was printed, and its times are that
run's. Yours will differ.

    ./run --demo

enrols six farmers, four traders, three buyers, an admin and an operator through the same links and the same HTTP API that real people
use, and plays a market day with them, for as long as it runs: listings, offers and counters, locks, deliveries that come, come late
or never, reversals, blocks, purchases, pickups, payouts, write-offs, notices, statements of the providers, and a guest whose
account goes through all that an account can. A purchase that nobody came for expires after two days. After a lively beginning
everybody keeps to the market's limits. `--speed 4` makes it four times as fast. It keeps to a folder of its own, `data-demo`.

{start}

The page, when all is well:

{quiet}

In a second terminal, `.venv/bin/watchkeeper status --follow --data data-demo` shows the same.

## 1. A deposit past the journal

Open `sqlite3 data-demo/market.db`, give `.timeout 10000` (under load a paste without it meets "database is locked"), and
paste the first line:

{first}

Somebody with access to the file gives a trader half a million shillings that no command ever booked. The numbers add up;
the journal knows nothing of it. That one trader stops. Everybody else trades on, and the page counts:

{one}

{status_one}

The stopwatch counts from the commit in sqlite3. The operator goes through the steps. This deposit is acknowledged as it
stands, its amount booked to suspense:

{said_one}

## 2. An amount edited

{second}

The trigger that refuses changes is dropped first. Whoever can do that can change anything, so all wallets stop; listings go on.
On a phone:

{two}

{status_two}

The original comes from the sealed log, not from a backup, and is put back byte for byte:

{repair}

{said_two}

## 3. An entry deleted

{third}

{said_three}

## Afterwards

{last}

What reached the operator's phone, as a webhook signed after Standard Webhooks:

{phone}

Each incident stands in a Git repository, `data-demo/incidents`, one signed commit for each file. `G` is stock Git's word for
a good signature:

{log}

The log of seals, verified from its files and the public key alone:

{seal}
"""

main()
