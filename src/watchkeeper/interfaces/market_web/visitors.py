"""Whether a proxy in front says for whom it asks.

A visitor's address is the one that the connection comes from, or, where that is this machine, the last one in
`X-Forwarded-For`. A proxy that leaves it out makes everybody one visitor, and the sign-ins of one address are limited.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

#: What proxies add; a browser sends none of them.
_MARKS = frozenset({b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"via", b"x-real-ip"})
_log = structlog.get_logger()


@dataclass(slots=True)
class Visitors:
    """What this process noticed of them."""

    unnamed: bool = False


class Named:
    """Notices the first request of a proxy that names no visitor, and says so once."""

    def __init__(self, app: ASGIApp, *, visitors: Visitors) -> None:
        self._app = app
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and not self._visitors.unnamed:
            names = {name for name, _ in scope["headers"]}
            if names & _MARKS and b"x-forwarded-for" not in names:
                self._visitors.unnamed = True
                _log.warning("market.visitors_unnamed", detail="the proxy sends no X-Forwarded-For")
        await self._app(scope, receive, send)
