"""The control room's process: the page, the worker, the sender and the detectors, each in a thread of its own."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.beat import Beat
from watchkeeper.bootstrap.detecting import Detecting, of_the_books, of_the_tiers
from watchkeeper.bootstrap.direct_telling import DirectTelling
from watchkeeper.bootstrap.sending import Sender
from watchkeeper.bootstrap.worker import Worker
from watchkeeper.interfaces.control_web.app import create_app
from watchkeeper.interfaces.market_web.serve import serve
from watchkeeper.operation.metrics import token
from watchkeeper.operation.store import system_id_of


def run(data: Path, *, server: socket.socket, beat: int) -> None:
    """Serve and work until told to stop."""
    clock = SystemClock()
    system_id = system_id_of(data)
    # A folder of an earlier version has none.
    token.create_missing(data)
    stopping = threading.Event()
    worker = Worker(data, system_id=system_id, clock=clock)
    sender = Sender(data, system_id=system_id, clock=clock)
    detecting = [
        Detecting(data, system_id=system_id, clock=clock, detectors=detectors)
        for detectors in (of_the_books(), of_the_tiers(data))
    ]
    threads = [
        threading.Thread(target=run, args=(stopping,), name=name, daemon=True)
        for name, run in (
            ("worker", worker.run),
            ("sender", sender.run),
            ("detectors", detecting[0].run),
            ("tiers", detecting[1].run),
            ("direct", DirectTelling(data, worker.writing, clock=clock).run),
        )
    ]
    for thread in threads:
        thread.start()

    def alive() -> bool:
        return worker.alive() and all(one.alive() for one in detecting)

    beating = Beat(beat, alive=alive, on_orphaned=lambda: signal.raise_signal(signal.SIGTERM))
    beating.start()
    try:
        serve(create_app(data, clock=clock), server)
    finally:
        beating.stop()
        stopping.set()
        for thread in threads:
            thread.join(timeout=5)
