"""The processes of Watchkeeper. People use `./run` and the `watchkeeper` command; the supervisor uses this."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from watchkeeper.base.database import DatabaseError
from watchkeeper.bootstrap import addresses, logs


def main(arguments: list[str] | None = None) -> int:
    """Run one of the processes; the exit code."""
    options = _parser().parse_args(arguments)
    data: Path = options.data
    if options.process == "run":
        from watchkeeper.bootstrap import run, setup
        from watchkeeper.market.setup import MarketExists

        # The superuser's address is for set-up alone; no child inherits it.
        os.environ.pop("WATCHKEEPER_DATABASE", None)

        try:
            return run.run(
                data,
                port=options.port,
                control_port=options.control_port,
                demo=options.demo,
                database_url=options.database,
                speed=options.speed,
            )
        except (
            addresses.PortTaken,
            addresses.NoFreePort,
            setup.FolderInUse,
            MarketExists,
            DatabaseError,
            run.WrongEngine,
        ) as error:
            sys.stderr.write(f"{error}\n")
            return 2
    logs.configure(data / "run" / f"{options.process}.log")
    if options.process == "market":
        from watchkeeper.bootstrap import market

        market.run(data, server=socket.socket(fileno=options.socket), beat=options.beat)
    elif options.process == "watch":
        from watchkeeper.bootstrap import watch

        watch.run(data, beat=options.beat)
    elif options.process == "full-pass":
        from watchkeeper.bootstrap import full_pass

        full_pass.run(data)
    else:
        from watchkeeper.bootstrap import control

        control.run(data, server=socket.socket(fileno=options.socket), beat=options.beat)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run", description=__doc__)
    processes = parser.add_subparsers(dest="process", required=True)
    run = processes.add_parser(
        "run",
        help="set up what is not there and start everything",
        description="Starts the market, the watch and the control room on loopback addresses and keeps them alive.",
    )
    run.add_argument("--data", type=Path, required=True, help="the data folder; made when it is not there")
    run.add_argument("--port", type=int, help="the market's port; a taken one is an error then")
    run.add_argument("--control-port", type=int, help="the control room's port; a taken one is an error then")
    run.add_argument(
        "--database",
        default=os.environ.get("WATCHKEEPER_DATABASE"),
        help="postgresql://SUPERUSER@HOST/DATABASE: a new market's books go there (or WATCHKEEPER_DATABASE)",
    )
    run.add_argument(
        "--demo", action="store_true", help="play a market day, and print three sabotages to try"
    )
    run.add_argument("--speed", type=float, default=1.0, help="how fast the demo's day goes by (1 to 20)")
    for name in ("market", "watch", "control", "full-pass"):
        process = processes.add_parser(name, help="one process alone")
        process.add_argument("--data", type=Path, required=True)
        process.add_argument("--beat", type=int, default=-1, help=argparse.SUPPRESS)
        process.add_argument("--socket", type=int, default=-1, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
