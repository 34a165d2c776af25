"""Where the servers listen: loopback only, the next free port when one is taken, kept in `run/addresses.json`."""

from __future__ import annotations

import errno
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

HOST = "127.0.0.1"
MARKET_PORT = 8700
CONTROL_PORT = 8750
_TRIED_MAX = 50
FILE_NAME = "addresses.json"


class PortTaken(Exception):
    """Another program listens on this port. Choose another, or leave --port out to get the next free one."""


class NoFreePort(Exception):
    """No free port was found near the usual one."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people look: the market's API and pages, and the control room's page."""

    market: str
    control: str


def listen(port: int, *, exactly: bool) -> socket.socket:
    """A listening socket on loopback, on `port` or, unless `exactly`, the next free one."""
    tries = 1 if exactly else _TRIED_MAX
    for candidate in range(port, port + tries):
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Every connection inherits it: else an answer's body waits up to 40 ms for the receipt of its head.
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            server.bind((HOST, candidate))
            server.listen(512)
        except OSError as error:
            server.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            continue
        return server
    if exactly:
        raise PortTaken(f"{PortTaken.__doc__} It is {port}.")
    raise NoFreePort(NoFreePort.__doc__)


def url(server: socket.socket) -> str:
    """The address of a listening socket."""
    return f"http://{HOST}:{server.getsockname()[1]}"


def write(data: Path, addresses: Addresses) -> None:
    """Keep the addresses for the second `./run` and the command line."""
    folder = data / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / FILE_NAME
    temporary = target.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(addresses)), encoding="utf-8")
    os.replace(temporary, target)


def read(data: Path) -> Addresses | None:
    """The addresses that were last written, or None."""
    try:
        document = json.loads((data / "run" / FILE_NAME).read_text(encoding="utf-8"))
        return Addresses(str(document["market"]), str(document["control"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
