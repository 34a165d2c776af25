"""The market's process: its API and pages, and the one thread that writes the books."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import structlog

from watchkeeper.base.clock import SystemClock
from watchkeeper.base.settings import SettingsWrong
from watchkeeper.bootstrap.beat import Beat
from watchkeeper.boundary.lease import LeaseReader, LeaseStore
from watchkeeper.interfaces.market_web.app import create_app
from watchkeeper.interfaces.market_web.serve import serve
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.market.execute import Executor
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.intake import Intake
from watchkeeper.market.reading import open_books, system_id_of
from watchkeeper.market.signin import site
from watchkeeper.market.signin.site import Site
from watchkeeper.market.switching import Switching

_log = structlog.get_logger()


def run(data: Path, *, server: socket.socket, beat: int) -> None:
    """Serve until told to stop."""
    clock = SystemClock()
    system_id = system_id_of(data)
    lease = LeaseReader(LeaseStore(data, system_id=system_id, role="market"), clock=clock)
    executor = Executor(data, system_id=system_id, clock=clock, lease=lease)
    switching = Switching(data, system_id=system_id, books=open_books(data, system_id=system_id), clock=clock)
    housekeeping = Housekeeping(
        data,
        system_id=system_id,
        books=open_books(data, system_id=system_id),
        switching=switching,
        clock=clock,
    )
    intake = Intake(executor, lease=lease, housekeeping=housekeeping, clock=clock)
    intake.start()
    beating = Beat(beat, alive=intake.alive, on_orphaned=lambda: signal.raise_signal(signal.SIGTERM))
    beating.start()
    try:
        services = MarketServices(
            data,
            system_id=system_id,
            intake=intake,
            lease=lease,
            clock=clock,
            site=site_of(data, port=int(server.getsockname()[1])),
        )
        serve(create_app(services), server)
    finally:
        beating.stop()
        intake.stop()
        housekeeping.close()


def site_of(data: Path, *, port: int) -> Site:
    """Where people reach the market; a mistake in the settings takes passkeys away and nothing else."""
    try:
        return site.configured(data, port=port)
    except SettingsWrong as error:
        _log.error("market.public_address", detail=str(error))
        return site.NOWHERE
