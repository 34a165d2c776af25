"""Serving an application on a socket that somebody else has bound."""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp

#: Open requests get this long to end when the server is told to stop.
GRACE_SECONDS = 3
_CONNECTIONS_MAX = 500


def serve(app: ASGIApp, server: socket.socket) -> None:
    """Serve until SIGTERM."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        limit_concurrency=_CONNECTIONS_MAX,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=15,
        h11_max_incomplete_event_size=16_384,
        lifespan="on",
    )
    uvicorn.Server(config).run(sockets=[server])
