"""Serving an application on a socket that somebody else has bound."""

from __future__ import annotations

import asyncio
import socket

import uvicorn
from anyio import to_thread
from starlette.types import ASGIApp

#: Open requests get this long to end when the server is told to stop.
GRACE_SECONDS = 3
_CONNECTIONS_MAX = 500
#: Requests at work at once. Each has connections of its own, and a PostgreSQL server lets a hundred in by default.
THREADS_MAX = 24


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
    asyncio.run(_served(uvicorn.Server(config), server))


async def _served(web: uvicorn.Server, server: socket.socket) -> None:
    to_thread.current_default_thread_limiter().total_tokens = THREADS_MAX
    await web.serve(sockets=[server])
