"""`./run`: set up what is not there, start the three processes, say where to look, keep them alive."""

from __future__ import annotations

import contextlib
import signal
import sys
from pathlib import Path

from watchkeeper.base.clock import Clock, SystemClock
from watchkeeper.base.database import engine_of
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap import addresses, logs, only_one, setup, upgrading
from watchkeeper.bootstrap.addresses import Addresses
from watchkeeper.bootstrap.demo.show import Demonstration
from watchkeeper.bootstrap.supervise import Child, Supervisor
from watchkeeper.market.signin import site

_START_SECONDS_MAX = 90.0


def say(text: str = "") -> None:
    """A line for the person in front of the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class WrongEngine(Exception):
    """This market's books are in files already. Move them with: watchkeeper database move"""


def run(
    data: Path,
    *,
    port: int | None,
    control_port: int | None,
    demo: bool,
    speed: float,
    database_url: str | None = None,
) -> int:
    """Run until Ctrl-C; the exit code. `database_url`: where a new market's books go, when not into files."""
    clock = SystemClock()
    if not setup.exists(data):
        say(f"Setting up a new market in {data} ...")
        setup.create(data, clock=clock, database_url=database_url)
    elif database_url and engine_of(data) == "sqlite":
        raise WrongEngine(WrongEngine.__doc__)
    try:
        only_one.take(data)
    except only_one.AlreadyRunning:
        return _already(data)
    if ran := upgrading.upgrade(data, clock=clock):
        say(f"Brought {len(ran)} parts of the stores up to date: {', '.join(ran)}.")
    links = setup.first_links(data, clock=clock)
    market_server = addresses.listen(port or addresses.MARKET_PORT, exactly=port is not None)
    control_server = addresses.listen(
        control_port or addresses.CONTROL_PORT, exactly=control_port is not None
    )
    where = Addresses(market=addresses.url(market_server), control=addresses.url(control_server))
    addresses.write(data, where)
    logs.configure(data / "run" / "supervisor.log")
    supervisor = Supervisor(
        data,
        [
            Child(
                "market",
                ("market", "--data", str(data), "--socket", str(market_server.fileno())),
                (market_server.fileno(),),
            ),
            Child("watch", ("watch", "--data", str(data))),
            Child(
                "control",
                ("control", "--data", str(data), "--socket", str(control_server.fileno())),
                (control_server.fileno(),),
            ),
        ],
        clock=clock,
    )
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: supervisor.stop())
    say("Starting the market, the watch and the control room ...")
    if not _await_start(supervisor, clock):
        say(f"They did not all start in time; see the logs in {data / 'run'}. Trying on.")
    # The people of a demonstration enrol themselves; their links are of no use to anybody else.
    _tell(data, where, None if demo else links)
    demonstration = Demonstration(data, where, links, speed=speed, say=say) if demo else None
    if demonstration is not None:
        demonstration.start()
    supervisor.run()
    if demonstration is not None:
        demonstration.stop()
    say("Stopped.")
    return 0


def _await_start(supervisor: Supervisor, clock: Clock) -> bool:
    begun = clock.boot()
    while not supervisor.started() and not supervisor.stopping:
        supervisor.step()
        if (clock.boot().seconds_since(begun) or 0.0) > _START_SECONDS_MAX:
            return False
    return True


def _public_address(data: Path) -> str:
    """Under which address people come by a proxy, or nothing; a mistake in the settings is told elsewhere."""
    try:
        origin = site.configured(data, port=addresses.MARKET_PORT).origin
    except SettingsWrong:
        return ""
    return origin if origin.startswith("https://") else ""


def _tell(data: Path, where: Addresses, links: setup.FirstLinks | None) -> None:
    say()
    say(f"  Control room   {where.control}")
    say(f"  Market         {where.market}/")
    say(f"  Market API     {where.market}/openapi.json")
    if public := _public_address(data):
        say()
        say(f"The proxy at {public} has to set X-Forwarded-Proto and X-Forwarded-For: without the second")
        say("everybody counts as one address, and shares its hundred sign-ins an hour.")
    if links is not None:
        say()
        say(
            "Two people enrol first. Each link works once; the next start shows new ones for who has not enrolled:"
        )
        for who, path in (("operator", links.operator), ("admin", links.admin)):
            say(f"  {who:<14} {f'{where.market}{path}' if path else 'has enrolled'}")
    say()
    say("Ctrl-C stops everything. Pilot mode is on until the admin releases it.")


def _already(data: Path) -> int:
    where = addresses.read(data)
    if where is None:
        say("This data folder is being started by another run. Try again in a moment.")
        return 1
    say("Already running:")
    with contextlib.suppress(BrokenPipeError):
        _tell(data, where, None)
    return 0
