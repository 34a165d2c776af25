"""The page's application: plain forms that work without scripts, and a stream of server-sent events that keeps it live."""

from __future__ import annotations

import asyncio
import hmac
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from watchkeeper.base.clock import Clock, Instant, kampala
from watchkeeper.base.database import DatabaseError
from watchkeeper.boundary.gatestore import GateBusy, GateUnreadable
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.interfaces.control_web import actions, exposition, payments
from watchkeeper.interfaces.market_web.auth import csrf, same_origin
from watchkeeper.interfaces.market_web.strict import Bounds, SecurityHeaders, form
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.signin import sessions
from watchkeeper.market.signin.sign_in import address_of
from watchkeeper.operation import journal
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.catalogue.features import OF_INVARIANT
from watchkeeper.operation.console import beside, proven
from watchkeeper.operation.incidents import cases
from watchkeeper.operation.incidents import life as incidents
from watchkeeper.operation.metrics.history import SPANS
from watchkeeper.operation.playbooks import proposals, runs
from watchkeeper.operation.playbooks.deskwork import DeskRefused
from watchkeeper.operation.verifier import findings, standing

COOKIE = "wk_control"
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)
_TEMPLATES.filters["kampala"] = lambda at: "" if at is None else kampala(Instant(at))
_TEMPLATES.filters["lasting"] = proven.lasting
_STREAM_SECONDS = 0.5
#: A stream ends by itself, and the page opens the next: a session that has ended is noticed.
_STREAM_TURNS_MAX = 1200
_STREAMS_MAX = 20
#: Larger than the number of any row.
_KEY_MAX = 2**62


class Rooms:
    """A control room for each thread that asks."""

    def __init__(self, data: Path, *, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._local = threading.local()
        self.streams = 0

    def here(self) -> ControlRoom:
        """This thread's."""
        found = getattr(self._local, "room", None)
        if not isinstance(found, ControlRoom):
            found = ControlRoom(self._data, clock=self._clock)
            self._local.room = found
        return found


def render(template: str, values: Mapping[str, object], *, status: int = 200) -> HTMLResponse:
    """A page from its template."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), status)


def _refused(detail: str, *, status: int) -> HTMLResponse:
    return render("refused.html", {"refused": detail}, status=status)


def create_app(data: Path, *, clock: Clock) -> Starlette:
    """The application over one data folder."""
    rooms = Rooms(data, clock=clock)

    async def stream(request: Request) -> Response:
        return await events(request, rooms)

    async def enter(request: Request) -> Response:
        return await sign_in(request, rooms)

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    routes = [
        Route("/", _signed_in(rooms, page)),
        Route("/events", stream),
        Route("/overview.json", _signed_in(rooms, overview_json)),
        Route("/findings/{number:int}", _signed_in(rooms, finding_page)),
        Route("/playbooks/{number:int}", _signed_in(rooms, playbook_page)),
        Route("/controls", _signed_in(rooms, controls_page)),
        Route("/payments", _signed_in(rooms, payments_page)),
        Route("/payments.json", _signed_in(rooms, payments_json)),
        Route("/incidents", _signed_in(rooms, incidents_page)),
        Route("/incidents/{incident}", _signed_in(rooms, incident_page)),
        Route("/journal", _signed_in(rooms, journal_page)),
        Route("/coverage", _signed_in(rooms, coverage_page)),
        Route("/measures", _signed_in(rooms, measures_page)),
        Route("/metrics", exposition.route(rooms.here, cookie=COOKIE)),
        Route("/act", _signed_in(rooms, act), methods=["POST"]),
        Route("/sign-out", _signed_in(rooms, sign_out), methods=["POST"]),
        Route("/sign-in", enter, methods=["GET", "POST"]),
        Route("/livez", livez),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), Middleware(Bounds, forms=True)])


Page = Callable[[Request, ControlRoom, Actor, dict[str, str]], Response]


def _signed_in(rooms: Rooms, handler: Page) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        fields: dict[str, str] = {}
        if request.method == "POST":
            try:
                fields = await form(request, fields_max=30)
            except Refusal as refusal:
                return _refused(refusal.detail, status=refusal.status)
        return await run_in_threadpool(_guarded, rooms, handler, request, fields)

    return route


def _guarded(rooms: Rooms, handler: Page, request: Request, fields: dict[str, str]) -> Response:
    token = request.cookies.get(COOKIE, "")
    room = rooms.here()
    try:
        actor = room.actor(token)
    except (Refusal, DeskRefused):
        if request.url.path.endswith(".json"):
            return JSONResponse({"error": "unauthenticated"}, 401)
        return RedirectResponse("/sign-in", 303)
    except DatabaseError:
        words = "Nobody can be recognised: the market's database cannot be reached. `watchkeeper status` works without."
        if request.url.path.endswith(".json"):
            return JSONResponse({"error": words}, 503)
        return _refused(words, status=503)
    if request.method == "POST":
        marked = hmac.compare_digest(fields.get("csrf", ""), csrf(token))
        if not marked or not same_origin(request):
            return _refused("This request did not come from our own page.", status=403)
    return handler(request, room, actor, fields)


def _common(request: Request, actor: Actor) -> dict[str, object]:
    return {
        "csrf": csrf(request.cookies.get(COOKIE, "")),
        "operator": actor.operator.alias,
        "fresh": actor.operator.fresh,
        "said": request.query_params.get("said", "")[:300],
        "refused": request.query_params.get("refused", "")[:500],
    }


def page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """The one page."""
    return render("page.html", {"overview": room.overview(), **_common(request, actor)})


def overview_json(_: Request, room: ControlRoom, __: Actor, ___: dict[str, str]) -> Response:
    """The same for programs."""
    return JSONResponse(room.overview().document())


async def events(request: Request, rooms: Rooms) -> Response:
    """The overview again whenever it has changed, and at least every few seconds."""
    token = request.cookies.get(COOKIE, "")

    def look() -> str | None:
        room = rooms.here()
        try:
            room.actor(token)
        except (Refusal, DeskRefused):
            return None
        return _TEMPLATES.get_template("overview.html").render(overview=room.overview())

    async def stream() -> AsyncIterator[str]:
        rooms.streams += 1
        try:
            for _ in range(_STREAM_TURNS_MAX):
                html = await run_in_threadpool(look)
                if html is None:
                    return
                lines = "\n".join(f"data: {line}" for line in html.splitlines())
                yield f"event: overview\n{lines}\n\n"
                await asyncio.sleep(_STREAM_SECONDS)
        finally:
            rooms.streams -= 1

    if rooms.streams >= _STREAMS_MAX:
        return Response("too many open pages", 503)
    if await run_in_threadpool(look) is None:
        return Response("sign in first", 401)
    return StreamingResponse(stream(), media_type="text/event-stream")


def _key(request: Request) -> int:
    """The number in the path; one that no row can have stands for none."""
    number = int(request.path_params["number"])
    return number if number < _KEY_MAX else 0


def finding_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """A finding: the original beside what stands there."""
    finding = findings.get(room.database, _key(request))
    if finding is None:
        return _refused("There is no such finding.", status=404)
    values: dict[str, object] = {
        "finding": finding,
        "fields": beside.fields(finding),
        "unrecovered": payments.unrecovered(room, finding.id),
    }
    return render("finding.html", values | _common(request, actor))


def playbook_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """A playbook at work: its steps, the evidence, the actions."""
    try:
        run = runs.get(room.database, _key(request))
    except runs.NoSuchRun as error:
        return _refused(str(error), status=404)
    open_ones = findings.open_findings(room.database, invariant=run.rule, scope=run.scope, limit=50)
    context = room.desk.look()
    now = {f.id: standing.of(context, f).detail for f in open_ones}
    offered = {f.id: proposals.of(context, f) for f in open_ones}
    states = runs.steps(room.database, run)
    values: dict[str, object] = {
        "run": run,
        "states": states,
        "current": next((s.step.key for s in states if not s.done and s.step.kind == "required"), None),
        "findings": open_ones,
        "standing": now,
        "offered": offered,
        "positions": room.desk.positions(run.id),
        "feature": OF_INVARIANT.get(run.rule),
        "incident": cases.of_alert(room.database, run.alert_id),
    }
    return render("playbook.html", values | _common(request, actor))


def controls_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """Switches and restrictions, with their forms."""
    try:
        features = room.features()
    except (GateUnreadable, GateBusy, DatabaseError):
        # The page says elsewhere that the gate cannot be read; its switches are needed all the more.
        features = []
    values: dict[str, object] = {"overview": room.overview(), "features": features}
    return render("controls.html", values | _common(request, actor))


def payments_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """Payments on one side only, what is unrecovered, and their forms."""
    return render("payments.html", payments.values(room) | _common(request, actor))


def payments_json(_: Request, room: ControlRoom, __: Actor, ___: dict[str, str]) -> Response:
    """The same for programs."""
    return JSONResponse(payments.document(room))


def incidents_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """All incidents."""
    found = incidents.listed(room.database, limit=200)
    return render("incidents.html", {"incidents": found, **_common(request, actor)})


def incident_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """One incident with its files and their commits."""
    try:
        incident = incidents.get(room.database, request.path_params["incident"])
    except incidents.NoSuchIncident as error:
        return _refused(str(error), status=404)
    files = cases.texts(room.database, incident.id)
    return render("incident.html", {"incident": incident, "files": files, **_common(request, actor)})


def journal_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """What was done in the control room, newest first."""
    row = room.database.one("SELECT coalesce(max(id), 0) FROM operator_actions")
    last = int(str(row[0])) if row else 0
    acts = journal.actions(room.database, after=max(0, last - 200), limit=200)
    return render("journal.html", {"acts": list(reversed(acts)), **_common(request, actor)})


def coverage_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """What is proven, what is blind, and when verdicts changed."""
    found = proven.read(room.data, room.database, clock=room.clock)
    return render("coverage.html", {"proven": found, **_common(request, actor)})


def measures_page(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """The metrics drawn over an hour, two days or a year."""
    wanted = request.query_params.get("over", SPANS[1].name)
    span = next((span for span in SPANS if span.name == wanted), SPANS[1])
    values = {"parts": room.measures.parts(span), "spans": SPANS, "span": span}
    return render("measures.html", {**values, **_common(request, actor)})


def act(request: Request, room: ControlRoom, actor: Actor, fields: dict[str, str]) -> Response:
    """One act of the operator, from any form; back to where it came from, with what became of it."""
    back = fields.get("back", "/")
    if not back.startswith("/") or back.startswith("//") or "\\" in back:
        back = "/"
    try:
        said = actions.perform(room, actor, fields, address=_address(request))
    except (DeskRefused, Refusal) as error:
        return RedirectResponse(f"{back}?{_query(refused=error.detail)}", 303)
    except (runs.NoSuchRun, alerts.NoSuchAlert) as error:
        return RedirectResponse(f"{back}?{_query(refused=str(error))}", 303)
    return RedirectResponse(f"{back}?{_query(said=said)}", 303)


def _query(**values: str) -> str:
    return urlencode(values)


def _address(request: Request) -> str:
    return address_of(None if request.client is None else request.client.host)


def sign_out(request: Request, room: ControlRoom, actor: Actor, _: dict[str, str]) -> Response:
    """Sign out."""
    sessions.end(room.identities, actor.session, at=room.clock.now())
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


async def sign_in(request: Request, rooms: Rooms) -> Response:
    """The sign-in form and what it sends."""
    if request.method == "GET":
        return render("sign_in.html", {"refused": ""})
    try:
        fields = await form(request, fields_max=10)
    except Refusal as refusal:
        return render("sign_in.html", {"refused": refusal.detail}, status=refusal.status)
    return await run_in_threadpool(_sign_in, request, rooms, fields)


def _sign_in(request: Request, rooms: Rooms, fields: dict[str, str]) -> Response:
    if not same_origin(request):
        return render("sign_in.html", {"refused": "This request did not come from our own page."}, status=403)
    room = rooms.here()
    try:
        token, user = room.gatekeeper.sign_in(
            alias=fields.get("alias", ""),
            password=fields.get("password", ""),
            code=fields.get("code", "").replace(" ", ""),
            address=_address(request),
        )
    except Refusal as refusal:
        return render("sign_in.html", {"refused": refusal.detail}, status=refusal.status)
    if user.role != "operator":
        return render("sign_in.html", {"refused": "Only the operator enters the control room."}, status=403)
    response = RedirectResponse("/", 303)
    response.set_cookie(
        COOKIE, token, max_age=sessions.LIFE_SECONDS, httponly=True, samesite="strict", path="/"
    )
    return response
