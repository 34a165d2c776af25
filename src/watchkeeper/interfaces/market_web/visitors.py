"""Whether a proxy in front says for whom it asks.

A visitor's address is the one that the connection comes from, or, where that is this machine, the last one in
`X-Forwarded-For`. A proxy that leaves it out makes everybody one visitor, and the sign-ins of one address are limited.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

#: What proxies add; a browser sends none of them.
_MARKS = frozenset({b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"via", b"x-real-ip"})
_log = structlog.get_logger()


@dataclass(slots=True)
class Visitors:
    """What this process noticed of them, and whether it said so."""

    unnamed: bool = False
    said: bool = False


class Named:
    """Notices whether the proxy on this machine names its visitors, by its last request, and says once that it does not."""

    def __init__(self, app: ASGIApp, *, visitors: Visitors) -> None:
        self._app = app
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            self._look(scope)
        await self._app(scope, receive, send)

    def _look(self, scope: Scope) -> None:
        names = {name for name, _ in scope["headers"]}
        if b"x-forwarded-for" in names:
            self._visitors.unnamed = False
        elif names & _MARKS and _from_here(scope):
            self._visitors.unnamed = True
            if not self._visitors.said:
                self._visitors.said = True
                _log.warning("market.visitors_unnamed", detail="the proxy sends no X-Forwarded-For")


def _from_here(scope: Scope) -> bool:
    """Whether the connection comes from this machine; only a proxy here is asked for whom it asks."""
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
