"""`/metrics`: what the control room knows, in the formats that Prometheus reads.

A value that is not known has no sample, and `watchkeeper_metric_known` says for each metric whether all of it is known. Who may
read it: the operator's session, or on this machine whoever has the token of `keys/metrics.token`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from watchkeeper.base.database import DatabaseError
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.market.refusals import Refusal
from watchkeeper.operation.catalogue.metrics import COUNTER, METRICS, PREFIX, Metric
from watchkeeper.operation.metrics import token
from watchkeeper.operation.metrics.store import Now
from watchkeeper.operation.playbooks.deskwork import DeskRefused

_OPENMETRICS = "application/openmetrics-text"

_log = structlog.get_logger()


class Snapshot(Collector):
    """The families of one look."""

    def __init__(self, now: Now) -> None:
        self._now = now

    def collect(self) -> Iterable[Family]:
        """Every metric of the catalogue, and what is known of it."""
        for metric in METRICS.values():
            yield _family(metric, self._now)
        known = GaugeMetricFamily(
            f"{PREFIX}metric_known",
            "1 when all of this metric could be read freshly, 0 when some or all of it is unknown.",
            labels=("metric",),
        )
        for metric in METRICS.values():
            known.add_metric((metric.full_name,), int(metric.name not in self._now.unknown))
        yield known
        age = GaugeMetricFamily(
            f"{PREFIX}sample_age_seconds",
            "Seconds since the metrics were sampled last: the critical ones, and those of each minute.",
            labels=("round",),
        )
        for round_, seconds in self._now.ages.items():
            if seconds is not None:
                age.add_metric((round_,), seconds)
        yield age


def _family(metric: Metric, now: Now) -> Family:
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind == COUNTER:
        family = CounterMetricFamily(metric.full_name, metric.help, labels=metric.labels)
    else:
        family = GaugeMetricFamily(metric.full_name, metric.help, labels=metric.labels)
    for labels, value in sorted(now.of(metric.name).items()):
        family.add_metric(labels, value if metric.scale == 1 else value / metric.scale)
    return family


def exposed(now: Now, *, accept: str) -> tuple[bytes, str]:
    """The text and its content type: OpenMetrics where the reader knows it, else Prometheus' own text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Snapshot(now))
    if _OPENMETRICS in accept:
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return text, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def route(here: Callable[[], ControlRoom], *, cookie: str) -> Callable[[Request], Awaitable[Response]]:
    """The route; `here` gives this thread's control room, `cookie` names the operator's session."""

    async def metrics(request: Request) -> Response:
        return await run_in_threadpool(_answer, here, cookie, request)

    return metrics


def _answer(here: Callable[[], ControlRoom], cookie: str, request: Request) -> Response:
    try:
        room = here()
        if not _may_read(room, cookie, request):
            return PlainTextResponse(
                "Read this with the operator's session, or on this machine with the token of keys/metrics.token.\n",
                401,
                {"www-authenticate": 'Bearer realm="watchkeeper metrics"'},
            )
        text, content_type = exposed(room.measures.now(), accept=request.headers.get("accept", ""))
    except DatabaseError as error:
        # Prometheus takes this for a scrape that failed, which is what it is.
        _log.error("metrics.unreadable", detail=str(error))
        return PlainTextResponse("Nothing can be told: a store cannot be read.\n", 503)
    return Response(text, headers={"content-type": content_type})


def _may_read(room: ControlRoom, cookie: str, request: Request) -> bool:
    given = request.headers.get("authorization", "")
    if given:
        return _from_this_machine(request) and token.matches(room.data, given)
    try:
        room.actor(request.cookies.get(cookie, ""))
    except (Refusal, DeskRefused):
        return False
    return True


def _from_this_machine(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
