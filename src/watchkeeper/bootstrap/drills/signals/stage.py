"""Where a signal is played: a copy of the prepared market, two days later, with detectors and a sampler turned by hand."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Mapping

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, BootTime, Clock
from watchkeeper.bootstrap.detecting import Detecting, of_the_books
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.boundary.lease import LeaseStore
from watchkeeper.operation.alerts import life as alerts
from watchkeeper.operation.containment import imposing
from watchkeeper.operation.detectors import reaching
from watchkeeper.operation.detectors.people import AssignedRoles
from watchkeeper.operation.detectors.tiers import Tiers
from watchkeeper.operation.metrics import store
from watchkeeper.operation.metrics.sampler import Probe, Sampler

REASON = "a drill: it happens on purpose"
HOUR, DAY = 3600, 86_400
_NANOSECONDS = 1_000_000_000
#: What was done while the market was made is older than every window of a rate.
_LATER_SECONDS = 2 * DAY + HOUR


class StageClock(TurnedClock):
    """Time passes by hand as well, by the calendar and by the stopwatch."""

    def __init__(self, real: Clock) -> None:
        super().__init__(real)
        self._passed_ns = 0

    def boot(self) -> BootTime:
        """The stopwatch, with what has passed by hand."""
        found = super().boot()
        return BootTime(found.boot_id, found.nanoseconds + self._passed_ns)

    def passes(self, seconds: float) -> None:
        """So much time goes by."""
        self.offset += int(seconds * MICROSECONDS_PER_SECOND)
        self._passed_ns += int(seconds * _NANOSECONDS)


class Page:
    """A published address on loopback that answers until it is stopped. `seconds`: how slowly, by the stage's clock."""

    def __init__(self, clock: StageClock) -> None:
        self.seconds = 0.0
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                clock.passes(page.seconds)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._open = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        """It answers no more."""
        if self._open:
            self._open = False
            self._server.shutdown()
            self._server.server_close()


class Stage:
    """Belongs to one thread. `unmet`: what was required and not met; times are from the end of the act, in milliseconds."""

    def __init__(self, world: World, clock: StageClock) -> None:
        self.world = world
        self.clock = clock
        self.unmet: list[str] = []
        self.detect_ms: float | None = None
        self.contain_ms: float | None = None
        self._acted: BootTime | None = None
        self._passed_full = False
        self.pages = {name: Page(clock) for name in ("market", "control")}
        self.lease = LeaseStore(world.data, system_id=world.system_id, role="market")
        tiers = Tiers()
        self.detecting = Detecting(
            world.data,
            system_id=world.system_id,
            clock=clock,
            detectors=[
                *of_the_books(),
                AssignedRoles(),
                reaching.PublishedAddresses(
                    tiers, lambda: {name: page.url for name, page in self.pages.items()}
                ),
                reaching.WriteProbe(tiers),
                reaching.FailingTogether(tiers),
            ],
        )
        self.sampler = self.new_sampler()
        self.passes(_LATER_SECONDS)

    @property
    def admin(self) -> int:
        """The admin's account."""
        return self.world.bench.market.admin.id

    def new_sampler(self) -> Sampler:
        """A sampler as after a start."""
        world = self.world
        return Sampler(
            world.data,
            system_id=world.system_id,
            database=world.database,
            clock=self.clock,
            probes=self._probes,
        )

    def _probes(self) -> Mapping[str, Probe]:
        found = {name: reaching.probe(page.url, clock=self.clock) for name, page in self.pages.items()}
        return {
            name: Probe(one.works, one.milliseconds if one.works else None) for name, one in found.items()
        }

    def passes(self, seconds: float) -> None:
        """So much time goes by, and the watch lives on."""
        self.clock.passes(seconds)
        self.world.bench.keep_lease()

    def look(self, name: str) -> None:
        """One detector looks at all that was done."""
        self.world.bench.executor.flush_notes()
        self.detecting.look(name)

    def alerts_of(self, condition: str) -> list[alerts.Alert]:
        """The alerts of a condition that are not over."""
        return [one for one in alerts.listed(self.world.database) if one.condition == condition]

    def silent(self, name: str, condition: str) -> None:
        """In ordinary business the detector has nothing to say."""
        self.look(name)
        self.is_silent(condition)

    def is_silent(self, condition: str) -> None:
        """There is no alert of this condition."""
        if self.alerts_of(condition):
            self.unmet.append(f"{condition} was told before anything had happened")

    def acted(self) -> None:
        """What was to happen has happened."""
        self._acted = self.clock.boot()

    def since_act_ms(self) -> float | None:
        """How long ago that is; time that passed by hand counts."""
        seconds = None if self._acted is None else self.clock.boot().seconds_since(self._acted)
        return None if seconds is None else seconds * 1000

    def heard(self) -> None:
        """The watch has said what it must; the first time counts."""
        if self.detect_ms is None:
            self.detect_ms = self.since_act_ms()

    def speaks_of(self, condition: str, severity: str) -> None:
        """There is one alert of this condition, raised once, and as grave as it should be."""
        found = [(one.severity, one.times_raised) for one in self.alerts_of(condition)]
        if found == [(severity, 1)]:
            self.heard()
        else:
            self.unmet.append(f"alerts of {condition}: {found}, not one of {severity} that was raised once")

    def contained(self, rule: str) -> None:
        """Something stands still under this rule."""
        scopes = [str(one.scope) for one in imposing.active(self.world.gatefile) if one.rule == rule]
        if scopes == [f"account:{self.world.alias}"]:
            self.contain_ms = self.since_act_ms()
        else:
            self.unmet.append(f"{rule} stops {', '.join(scopes) or 'nothing'}")

    def value(self, metric: str, *labels: str) -> int | None:
        """What a metric says after a pass and both rounds; None when it says nothing."""
        self.world.bench.executor.flush_notes()
        self.world.probe()
        self.world.turn()
        if not self._passed_full:
            # The verdicts from before are two days old and count for nothing.
            self._passed_full = True
            self.world.full_pass()
        self.sampler.critical()
        self.sampler.minute()
        return store.now(self.world.database, clock=self.clock).values.get((metric, labels))

    def close(self) -> None:
        """Give the files and the ports back."""
        for page in self.pages.values():
            page.stop()
        self.sampler.close()
        self.detecting.close()
        self.lease.close()
