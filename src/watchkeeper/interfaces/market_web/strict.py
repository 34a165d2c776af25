"""Bodies are read strictly: UTF-8 JSON, whole numbers, no field twice, no more than is needed.

What is loose in a parser is a way to say one thing to the check and another to the books.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from watchkeeper.interfaces.market_web.auth import let_in, roles_of
from watchkeeper.interfaces.market_web.problems import problem
from watchkeeper.market.refusals import Refusal

BODY_BYTES_MAX = 65_536
DEPTH_MAX = 8
#: What else there is where a body of this path is too large.
_OTHER_WAYS = {
    "/v1/reconciliations": " Compare a longer statement at the command line: watchkeeper reconcile FILE --map MAP."
}
_LINES = str.maketrans("\r\n\t", "   ")


def parse(data: bytes, *, lined: frozenset[str] = frozenset()) -> object:
    """The document, or `Refusal` validation-failed. The fields `lined` may hold lines."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _wrong("The body is not UTF-8.") from error
    if _depth(text) > DEPTH_MAX:
        raise _wrong(f"The body is nested more than {DEPTH_MAX} deep.")
    try:
        document: object = json.loads(
            text,
            object_pairs_hook=_once,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except ValueError as error:
        raise _wrong("The body is not JSON.") from error
    plain = document
    if lined and isinstance(document, dict):
        plain = {
            name: value.translate(_LINES) if name in lined and isinstance(value, str) else value
            for name, value in document.items()
        }
    _check_text(plain)
    return document


def _wrong(detail: str) -> Refusal:
    return Refusal("validation-failed", detail, field="body")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong("A field stands twice in the body.")
    return found


def _no_float(_: str) -> object:
    raise _wrong("Numbers are whole: shillings and grams, without a point or an exponent.")


def _depth(text: str) -> int:
    deepest = depth = 0
    inside = escaped = False
    for character in text:
        if inside:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                inside = False
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _check_text(value: object) -> None:
    if isinstance(value, str):
        bad = any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in value)
        if bad or "\x7f" in value:
            raise _wrong("Texts hold no control characters.")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)


async def form(request: Request, *, fields_max: int) -> dict[str, str]:
    """The fields of a form; raises `Refusal` validation-failed for control characters and a field that stands twice."""
    found = await request.form(max_fields=fields_max, max_files=0)
    pairs = [(name, str(value)) for name, value in found.multi_items()]
    _once([(name, value) for name, value in pairs])
    for name, value in pairs:
        # A text area has lines.
        _check_text([name, value.translate(_LINES)])
    return dict(pairs)


class StrictRequest(Request):
    """A request whose JSON is read by `parse`."""

    lined: frozenset[str] = frozenset()

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse(await self.body(), lined=self.lined)
        return self._json


class StrictRoute(APIRoute):
    """A route that reads strictly, and nothing at all from whoever may not call it."""

    request_class: type[StrictRequest] = StrictRequest

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        roles = roles_of(self)

        async def strict(request: Request) -> Response:
            if roles:
                # Before the body and the path are looked at: a stranger is told nothing of their shapes.
                await let_in(request, roles)
            return await handler(self.request_class(request.scope, request.receive))

        return strict


class StatementRequest(StrictRequest):
    """A request whose `statement` has lines."""

    lined = frozenset({"statement"})


class StatementRoute(StrictRoute):
    """A route that takes a statement."""

    request_class = StatementRequest


class Bounds:
    """Refuses bodies that are too long or of another kind, before anybody reads them."""

    def __init__(self, app: ASGIApp, *, forms: bool = False) -> None:
        self._app = app
        self._forms = forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. With `forms` every body is a form; without, those of the pages, which are all that is not under `/v1`."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > BODY_BYTES_MAX:
                response = problem(
                    "request-too-large",
                    f"A body has at most {BODY_BYTES_MAX} bytes.{_OTHER_WAYS.get(scope['path'], '')}",
                )
                await response(scope, receive, send)
                return
        kind = headers.get(b"content-type", b"").split(b";")[0].strip().lower()
        is_form = self._forms or not scope["path"].startswith("/v1/")
        wanted = b"application/x-www-form-urlencoded" if is_form else b"application/json"
        if body and kind != wanted:
            response = problem("unsupported-media-type", f"Send {wanted.decode()} in UTF-8.")
            await response(scope, receive, send)
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


class SecurityHeaders:
    """What every answer carries."""

    _HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        (b"cache-control", b"no-store"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    )
    _POLICY = (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    )

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._HEADERS, self._POLICY]
            await send(message)

        await self._app(scope, receive, with_headers)
