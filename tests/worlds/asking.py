"""How each route of the market is asked: a fitting request for every one, and the pages that the document does not name."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass

import httpx
from fastapi.routing import APIRoute

from tests.worlds.documented import Operation, fitting
from tests.worlds.everything import Everything
from watchkeeper.interfaces.market_web.app import ROUTERS
from watchkeeper.interfaces.market_web.auth import roles_of

#: A value that nothing has, by the name of the parameter; a route with a new one adds its own.
NOTHING = {
    "utid": "20200101-000000-tra-000000",
    "alias": "tra_nobody",
    "listing_id": "999999999",
    "lot_id": "999999999",
    "block_id": "999999999",
    "notice_id": "999999999",
    "passkey": "ffffffffffff",
    "short_id": "ffffffffffff",
    "token": "nothing-is-behind-this-link",
}

#: Bodies whose fields fit one by one and not together.
TOGETHER: dict[str, dict[str, object]] = {"/v1/offers/{utid}/answer": {"answer": "accept"}}


@dataclass(frozen=True, slots=True)
class Page:
    """A route that the document does not name."""

    method: str
    path: str
    roles: tuple[str, ...]


def pages() -> list[Page]:
    """Every route of the router that the document does not name, with the roles that it declares."""
    return [
        Page(method, route.path, tuple(roles_of(route)))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and not route.include_in_schema
        for method in sorted(route.methods or ())
    ]


def names(path: str) -> list[str]:
    """The parameters that stand in a path."""
    return re.findall(r"\{(\w+)(?::\w+)?\}", path)


def prefix(path: str) -> str:
    """A path up to the end of its first parameter: what there is, is told apart by it."""
    return path[: path.index("}") + 1]


def at(path: str, *, value: str) -> str:
    """The path with this value for its parameter."""
    found = names(path)
    assert len(found) <= 1, f"{path} has more than one parameter: teach tests/worlds/asking.py to fill them"
    return path.replace("{" + found[0] + "}", value) if found else path


def there(full: Everything, path: str) -> str:
    """The path of a thing that is there; a page may name it in its query."""
    if not names(path):
        return full.there.get(path, path)
    assert prefix(path) in full.there, (
        f"say in tests/worlds/everything.py, in `there`, what {prefix(path)} can lead to in a full market"
    )
    return at(path, value=full.there[prefix(path)])


def nowhere(path: str) -> str:
    """The same path to nothing."""
    if not names(path):
        return path
    (name,) = names(path)
    assert name in NOTHING, f"say in NOTHING, in tests/worlds/asking.py, what no {name} is like"
    return at(path, value=NOTHING[name])


def good_body(operation: Operation) -> bytes | None:
    """A body that fits."""
    if operation.path in TOGETHER:
        return json.dumps(TOGETHER[operation.path]).encode()
    return None if operation.body is None else json.dumps(fitting(operation.body)).encode()


def variants(operation: Operation, full: Everything) -> list[tuple[str, str, bytes | None, dict[str, str]]]:
    """Requests that differ in all that whoever may not call a route must not be told."""
    good = good_body(operation)
    target = there(full, operation.path)
    found: list[tuple[str, str, bytes | None, dict[str, str]]] = [("what is there", target, good, {})]
    if names(operation.path):
        found.append(("what is not there", nowhere(operation.path), good, {}))
        found.append(("what cannot be", at(operation.path, value="%00"), good, {}))
    if operation.body is not None:
        found.append(("another shape", target, b'{"is_admin": true}', {}))
        found.append(("no JSON", target, b"\xff{", {}))
        found.append(("no body", target, None, {}))
    if operation.method != "get":
        found.append(("no key", target, good, {"idempotency-key": ""}))
    elif [p for p in operation.parameters if p["in"] == "query"]:
        query = "&".join(f"{p['name']}=-1x" for p in operation.parameters if p["in"] == "query")
        found.append(("a strange query", f"{target}?{query}", None, {}))
    return found


def page_body(page: Page) -> tuple[dict[str, str], bytes | None]:
    """Headers and body of a form that does nothing."""
    if page.method != "POST":
        return {}, None
    return {"content-type": "application/x-www-form-urlencoded"}, b"csrf=none"


class Asker:
    """Sends requests over one connection."""

    def __init__(self, base: str) -> None:
        self.http = httpx.Client(base_url=base, trust_env=False, timeout=60)

    def ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None = None
    ) -> httpx.Response:
        """One request under a key of its own."""
        self.http.cookies.clear()
        sent = {"idempotency-key": secrets.token_hex(12), **headers}
        if body is not None:
            sent.setdefault("content-type", "application/json")
        return self.http.request(method.upper(), target, content=body, headers=sent)

    def close(self) -> None:
        """Hang up."""
        self.http.close()


def bearer(token: str) -> dict[str, str]:
    """The header that a program signs in with."""
    return {"authorization": f"Bearer {token}"}


def by_cookie(headers: dict[str, str]) -> dict[str, str]:
    """The same session as a browser sends it from one of our own pages; pages know no other."""
    found = {name: value for name, value in headers.items() if name != "authorization"}
    if "authorization" in headers:
        token = headers["authorization"].partition(" ")[2]
        found |= {"cookie": f"wk_session={token}", "sec-fetch-site": "same-origin"}
    return found


def seen(answer: httpx.Response) -> tuple[object, ...]:
    """All that whoever asks gets to see of an answer, but the time of day."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name != "date")
    return answer.status_code, tuple(headers), answer.content


def code_of(answer: httpx.Response) -> str:
    """The code of a problem; empty for what is none."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    return str(answer.json()["type"]).rpartition("/")[2]
