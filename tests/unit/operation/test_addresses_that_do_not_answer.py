"""Published addresses that stop answering, answer slowly or fail together, by real servers that do so."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.worlds.books import TurnableClock
from tests.worlds.detecting import Post
from watchkeeper.base.clock import BootTime, SystemClock
from watchkeeper.boundary.lease import LeaseKeeper, LeaseStore
from watchkeeper.operation.alerts.life import Alert
from watchkeeper.operation.catalogue.conditions import CONDITIONS
from watchkeeper.operation.catalogue.signs.model import Sign
from watchkeeper.operation.detectors import reaching, telling
from watchkeeper.operation.detectors.model import Detector
from watchkeeper.operation.detectors.reaching import FailingTogether, PublishedAddresses, WriteProbe, probe
from watchkeeper.operation.detectors.runner import look_now
from watchkeeper.operation.detectors.tiers import Tiers
from watchkeeper.operation.incidents import cases


class Server:
    """A page that answers, slowly or with an error when it is told to, until it is stopped."""

    def __init__(self, clock: TurnableClock | None = None) -> None:
        self.status = 200
        self.seconds = 0.0
        self.drops = 1
        self.held = threading.Event()
        self.held.set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.held.wait(20)
                if clock is not None:
                    clock.boot_offset_seconds += server.seconds
                self.send_response(server.status)
                self.end_headers()
                try:
                    for _ in range(server.drops):
                        self.wfile.write(b"x" * 1024)
                        if server.drops > 1 and clock is not None:
                            clock.boot_offset_seconds += 1
                except OSError:
                    return

            def log_message(self, format: str, *args: object) -> None:
                """Silent."""

        self.port = 0
        self._handler = Handler
        self.start()

    def start(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def stop(self) -> None:
        self.held.set()
        self._server.shutdown()
        self._server.server_close()


class Reach:
    """Two addresses, the write probe and the watch's lease, asked by hand."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.market = Server(post.clock)
        self.control = Server(post.clock)
        self.servers = {"market": self.market, "control": self.control}
        self.lease = LeaseStore(post.data, system_id=post.system_id, role="watch")
        self.keeper = LeaseKeeper(self.lease, clock=post.clock)
        self.keeper.take()
        self.watch_lives = self.writes = True
        self.restart()

    def restart(self) -> None:
        tiers = Tiers()
        self.tiers = tiers
        self.detectors: list[Detector] = [
            PublishedAddresses(tiers, lambda: {name: server.url for name, server in self.servers.items()}),
            WriteProbe(tiers),
            FailingTogether(tiers),
        ]

    def turn(self, *, seconds: float = 5) -> list[Alert]:
        """A round of probes, that much later."""
        self.post.passes(seconds=seconds)
        if self.watch_lives:
            self.keeper.renew(watermark=0, withheld="")
        self.post.lease.record_write(works=self.writes, detail="the disk is full", clock=self.post.clock)
        return [
            alert for detector in self.detectors for alert in look_now(self.post.detecting.post, detector)
        ]

    def turns(self, number: int) -> list[tuple[str, str]]:
        return [(alert.condition, alert.scope) for _ in range(number) for alert in self.turn()]

    def open(self) -> list[tuple[str, str]]:
        return sorted((a[0], a[1]) for a in self.post.alerts() if a[3] != "resolved")

    def incidents(self) -> list[tuple[object, ...]]:
        database = self.post.database
        with database.transaction("write"):
            cases.open_missing(database, at=self.post.clock.now())
        return list(database.query("SELECT cause_key FROM incidents ORDER BY id"))

    def close(self) -> None:
        for server in self.servers.values():
            server.stop()
        self.lease.close()


@pytest.fixture
def reach(post: Post) -> Iterator[Reach]:
    found = Reach(post)
    yield found
    found.close()


def test_addresses_that_answer_are_quiet(reach: Reach) -> None:
    assert reach.turns(80) == []
    for name in ("published addresses", "write probe", "failing together"):
        assert reach.post.seen(name).state == "QUIET"
    assert "market 200 in" in reach.post.seen("published addresses").detail
    # A page that asks for a sign-in, or for something else, is a page.
    reach.market.status = 401
    assert reach.turns(20) == []


def test_an_address_that_stops_answering_is_told_after_a_minute_once_and_ends_when_it_answers(
    reach: Reach,
) -> None:
    reach.turns(3)
    reach.market.stop()
    assert reach.turns(12) == []
    assert reach.post.seen("published addresses").state == "SEEN"
    (alert,) = [alert for _ in range(2) for alert in reach.turn()]
    assert (alert.condition, alert.scope, alert.severity) == ("system unavailable", "tier:market", "critical")
    assert "ConnectError" in alert.detail
    assert reach.turns(20) == []
    reach.restart()
    assert reach.turns(20) == []
    reach.market.start()
    assert reach.turns(1) == []
    assert reach.open() == []


def test_a_failure_that_is_over_within_a_minute_is_not_told_and_counts_from_its_beginning_after_a_restart(
    reach: Reach,
) -> None:
    reach.turns(2)
    for _ in range(4):
        reach.market.status = 503
        assert reach.turns(10) == []
        reach.market.status = 200
        assert reach.turns(2) == []
    reach.market.status = 503
    assert reach.turns(8) == []
    reach.restart()
    assert reach.turns(8) == [("system unavailable", "tier:market")]


def test_a_server_that_takes_a_request_and_never_answers_fails(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "PROBE_TIMEOUT_SECONDS", 0.1)
    # The other would have to answer within so little, too, or both would be said to fail together.
    reach.servers.pop("control").stop()
    reach.market.held.clear()
    assert reach.turns(15) == [("system unavailable", "tier:market")]


def test_an_answer_that_drips_is_cut_off_and_one_without_end_too(reach: Reach) -> None:
    reach.market.drops = 1_000
    answer = probe(reach.market.url, clock=reach.post.clock)
    assert not answer.works
    endless = Server()
    endless.drops = 5_000
    assert probe(endless.url, clock=SystemClock()).works
    endless.stop()


@pytest.mark.parametrize("url", ["http://", "not an address", "http://127.0.0.1:1/", "ftp://127.0.0.1/"])
def test_an_address_that_is_none_fails_and_raises_nothing(url: str) -> None:
    assert not probe(url, clock=SystemClock()).works


def test_slowness_is_told_when_it_has_lasted_five_minutes_and_ends_with_a_fast_minute(reach: Reach) -> None:
    reach.turns(12)
    reach.market.seconds = 1.5
    first = reach.turns(20)
    assert first == []
    told = reach.turns(40)
    assert told == [("slow", "tier:market")]
    found = next(a for a in reach.post.alerts() if a[0] == "slow")
    assert found[2] == "medium"
    reach.restart()
    assert reach.turns(5) == []
    reach.market.seconds = 0
    reach.turns(14)
    assert reach.open() == []


def test_a_single_slow_answer_now_and_then_is_not_slowness(reach: Reach) -> None:
    for _ in range(6):
        reach.market.seconds = 2
        assert reach.turns(1) == []
        reach.market.seconds = 0
        assert reach.turns(14) == []


def test_tiers_that_fail_within_two_minutes_are_one_alert_and_one_incident(reach: Reach) -> None:
    reach.turns(3)
    reach.market.stop()
    assert reach.turns(6) == []
    reach.control.stop()
    assert reach.turns(20) == [("several tiers failed", "everything")]
    assert reach.open() == [("several tiers failed", "everything")]
    assert reach.incidents() == [("tiers",)]
    reach.restart()
    assert reach.turns(20) == []
    reach.control.start()
    assert reach.turns(20) == []
    assert reach.open() == [("several tiers failed", "everything")]
    reach.market.start()
    reach.turns(1)
    assert reach.open() == []
    assert reach.incidents() == [("tiers",)]


def test_one_that_was_told_alone_is_told_with_the_others_when_they_follow_and_stays_one_incident(
    reach: Reach,
) -> None:
    reach.turns(3)
    reach.writes = False
    assert reach.turns(1) == [("database connection failed", "everything")]
    assert reach.incidents() == [("tiers",)]
    reach.watch_lives = False
    reach.control.stop()
    assert reach.turns(20) == [("several tiers failed", "everything")]
    assert reach.open() == [("several tiers failed", "everything")]
    assert reach.incidents() == [("tiers",)]
    detail = next(a for a in reach.post.alerts() if a[0] == "several tiers failed")
    assert detail[2] == "critical"


def test_tiers_that_fail_apart_are_told_apart(reach: Reach) -> None:
    reach.turns(3)
    reach.market.stop()
    assert reach.turns(14) == [("system unavailable", "tier:market")]
    reach.turns(30)
    reach.control.stop()
    assert reach.turns(14) == [("system unavailable", "tier:control")]


def test_a_store_that_cannot_be_read_is_a_failed_write_probe_and_not_silence(
    reach: Reach, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach.turns(5)
    with ExitStack() as broken:
        patch = broken.enter_context(monkeypatch.context())
        patch.setattr(reach.post.detecting.post.lease, "_system_id", "another")
        reach.post.detecting.post.lease.close()
        told = reach.turns(2)
        assert told == []
        reach.post.passes(seconds=20)
        told = reach.turns(1)
        assert told == [("database connection failed", "everything")]
    reach.turns(2)
    assert reach.open() == []


def test_no_address_is_unknown(post: Post) -> None:
    look_now(post.detecting.post, PublishedAddresses(Tiers(), dict))
    assert post.seen("published addresses").state == "UNKNOWN"


def test_tiers_of_another_boot_are_not_resumed() -> None:
    before, after = BootTime("one", 5), BootTime("two", 9)
    tiers = Tiers()
    tiers.note("market", works=False, at=before)
    again = Tiers()
    again.resume(tiers.marks(now=before), now=after, tiers=frozenset({"market"}))
    assert again.failing() == []
    again.resume(tiers.marks(now=before), now=BootTime("one", 9), tiers=frozenset({"market"}))
    assert again.failing() == ["market"]


def test_an_alert_of_a_lasting_condition_is_told_again_only_when_it_is_graver(post: Post) -> None:
    lasting = next(c for c in CONDITIONS.values() if c.id == "operator late")
    assert lasting.lasts
    with post.database.transaction("write"):
        tell = [
            telling.tell(
                post.database, Sign("operator late", "everything", "x", severity), at=post.clock.now()
            )
            for severity in ("medium", "medium", "low", "high", "critical", "critical")
        ]
    assert [alert is not None for alert in tell] == [True, False, False, True, True, False]
