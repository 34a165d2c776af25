"""Processes that are killed, frozen and started again, under load: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import apsw
import httpx
import pytest

from tests.waiting import until
from tests.worlds.server import Cluster
from tests.worlds.system import REASON, System, running
from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.operation.store import open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.database()
    with running(tmp_path / "data", database_url=url) as found:
        yield found


class Load:
    """Notices, which nothing paces or counts, from a thread; keeps what was acknowledged, sends again what got no answer."""

    def __init__(self, system: System, *, name: str = "load", pause_seconds: float = 0.02) -> None:
        self._system = system
        self._name = name
        self._pause_seconds = pause_seconds
        self._admin: Person = system.admin
        self.acknowledged: dict[str, str] = {}
        self.codes: set[int] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        number = 0
        while not self._stopping.wait(self._pause_seconds):
            number += 1
            key = f"{self._name}-{number}"
            for _ in range(40):
                status, utid = self.tell(key)
                if status == 201:
                    self.acknowledged[key] = utid
                if status != 0 or self._stopping.wait(0.1):
                    break

    def tell(self, key: str) -> tuple[int, str]:
        """The status, 0 for no answer."""
        try:
            answer = httpx.post(
                f"{self._system.market}/v1/notices",
                json={"kind": "role_based", "role": "farmer", "text": "The store is open.", "reason": REASON},
                headers={"authorization": f"Bearer {self._admin._token}", "idempotency-key": key},
                trust_env=False,
                timeout=20,
            )
        except httpx.HTTPError:
            return 0, ""
        self.codes.add(answer.status_code)
        return answer.status_code, str(answer.json().get("utid", ""))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(60)


def _pid(system: System, name: str) -> int:
    """The process of that name, 0 when there is none; the full-pass child is the watch's, and has no file of its own."""
    if name != "full-pass":
        return system.pid(name)
    words = f"full-pass\0--data\0{system.data}\0".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words in entry.read_bytes():
                return int(entry.parent.name)
    return 0


def _another(system: System, name: str, before: int) -> bool:
    return _pid(system, name) not in (0, before)


@pytest.mark.timeout(3600)
def test_kill_nine_of_any_process_loses_nothing_acknowledged(
    system: System, rounds: Callable[[int], int]
) -> None:
    draw = random.Random(11)
    load = Load(system)
    load.start()
    forged = 0
    for number in range(rounds(300)):
        name = ("market", "watch", "control", "full-pass")[number % 4]
        before = until(partial(_pid, system, name), what=name)
        if number % 5 == 0:
            # Something is found while processes die around it.
            system.sabotage(
                "INSERT INTO admin_actions (id, utid, actor_id, action, subject, reason, at) SELECT max(id) + 1, "
                f"'20261124-120000-adm-{number:06d}', (SELECT id FROM users WHERE alias = '{system.traders[1].alias}'), 'x', 'x', "
                "'a row past the journal', 1 FROM admin_actions;"
            )
            forged += 1
        threading.Event().wait(draw.random() * 0.4)
        with contextlib.suppress(ProcessLookupError):
            os.kill(before, signal.SIGKILL)
        until(partial(_another, system, name, before), seconds=60, what=f"{name} is restarted")
        until(system.ready, seconds=90, what=f"ready after {name} was killed in round {number}")
    load.stop()
    assert len(load.acknowledged) > rounds(300)
    assert load.codes <= {201, 503}, load.codes

    database = open_store(system.data, may_write=False)

    def complete() -> bool:
        found = database.one(
            "SELECT count(*) FROM findings WHERE table_name = 'admin_actions' AND kind = 'added'"
        )
        return found == (forged,)

    until(complete, seconds=60, what="every forged row has its finding")
    overview = until(
        lambda: (o := system.operator.overview())["watch"]["heard"] and o,
        seconds=60,
        what="the watch is heard",
    )
    restricted = {(r["rule"], r["scope"]) for r in overview["restrictions"]}
    alerted = {(a["condition"], a["scope"]) for a in overview["alerts"]}
    open_ones = {
        (str(rule), str(scope))
        for rule, scope in database.query(
            "SELECT DISTINCT invariant, scope FROM findings WHERE state = 'open'"
        )
    }
    assert open_ones
    assert open_ones <= restricted, "an open finding without its restriction"
    assert restricted <= alerted, "a restriction without its alert"
    until(
        lambda: (
            database.one("SELECT count(*) FROM outbox WHERE state <> 'delivered'") == (0,)
            and database.one("SELECT (SELECT max(id) FROM alert_events) - event_id FROM outbox_mark") == (0,)
        ),
        seconds=60,
        what="every alert was told",
    )
    told = {event["data"]["event"] for event in system.webhook.events}
    wanted = {int(str(row[0])) for row in database.query("SELECT id FROM alert_events WHERE tell = 1")}
    assert wanted <= told, "an alert was lost on its way"
    database.close()
    from watchkeeper.market.reading import open_books, system_id_of

    books = open_books(system.data, system_id=system_id_of(system.data))
    for key, utid in load.acknowledged.items():
        row = books.one("SELECT utid FROM journal WHERE idempotency_key = ?", (key,))
        assert row == (utid,), key
    doubled = books.one(
        "SELECT count(*) FROM (SELECT idempotency_key FROM journal WHERE idempotency_key IS NOT NULL "
        "GROUP BY idempotency_key HAVING count(*) > 1) AS doubled"
    )
    assert doubled == (0,)
    books.close()


def _freeze_within_a_transaction(system: System, watch: int) -> None:
    """Stop the watch while it, and nobody else, holds the control room's store for writing."""
    path = str(system.data / "operation.db")

    def frozen() -> bool:
        os.kill(watch, signal.SIGSTOP)
        if not _writable(path):
            # Somebody else would be done with it by the time that ten seconds are over.
            connection = apsw.Connection(path)
            connection.set_busy_timeout(10_000)
            with contextlib.suppress(apsw.BusyError), contextlib.closing(connection):
                connection.execute("BEGIN IMMEDIATE; ROLLBACK")
                os.kill(watch, signal.SIGCONT)
                return False
            return True
        os.kill(watch, signal.SIGCONT)
        return False

    until(frozen, seconds=120, what="the watch is caught within a transaction")


def _writable(path: str) -> bool:
    with contextlib.closing(apsw.Connection(path)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE; ROLLBACK")
        except apsw.BusyError:
            return False
        return True


def _tells_of_the_watch(data: dict[str, str]) -> bool:
    """By itself, or with the tiers that failed together with it."""
    if data["condition"] == "several tiers failed":
        return "watch" in data["detail"]
    return data["condition"] == "monitor silent"


def _every_reader_says_unknown(system: System) -> None:
    """The command line, the page, its document, the coverage, the threats and the metrics."""
    assert "UNKNOWN" in system.command("status", code=2).splitlines()[0]
    assert system.command("check", code=2).splitlines()[-1] == "UNKNOWN"
    rows = json.loads(system.command("coverage", "--json"))["rows"]
    assert {row["verdict"] for row in rows if row["kind"] == "invariant"} == {"UNKNOWN"}
    states = [one["state"] for t in json.loads(system.command("threats", "--json")) for one in t["evidence"]]
    assert "HOLDS" not in states
    page = system.operator.page("/")
    assert "Not known to be well" in page
    assert '<span><span class="tag UNKNOWN">' in page
    assert '<span><span class="tag HOLDS">' not in page, (
        "only what full passes said an hour ago at most still stands"
    )
    metrics = _metrics(system)
    assert 'mode="full"} 1.0' in metrics
    assert not re.search(r'^watchkeeper_verdict_holds\{.*mode="continuous".*\}', metrics, re.MULTILINE)
    assert 'watchkeeper_metric_known{metric="watchkeeper_verdict_holds"} 0.0' in metrics


def _metrics(system: System) -> str:
    token = (system.data / "keys" / "metrics.token").read_text().strip()
    return httpx.get(
        f"{system.control}/metrics", headers={"authorization": f"Bearer {token}"}, trust_env=False
    ).text


def test_a_dead_and_a_frozen_watch_stop_money_within_thirty_seconds_and_it_comes_back_by_itself(
    system: System,
) -> None:
    with (system.data / "settings.toml").open("a") as settings:
        settings.write("[deadlines]\ncontinuous_seconds = 10\n")
    until(lambda: "continuous 10 s" in system.operator.overview()["deadlines"], what="the deadlines are read")
    trader = system.traders[0]
    assert system.process is not None
    assert system.lock(trader)["utid"]
    for way in ("killed", "frozen"):
        watch = system.pid("watch")
        if way == "frozen":
            _freeze_within_a_transaction(system, watch)
        # The supervisor would have it back at once, or end it and have another; it is kept from that while the test looks.
        os.kill(system.process.pid, signal.SIGSTOP)
        if way == "killed":
            os.kill(watch, signal.SIGKILL)
        try:
            until(
                lambda: {view["verdict"] for view in system.operator.overview()["verdicts"]} == {"UNKNOWN"},
                seconds=33,
                what="nothing is said to hold any more",
            )
            _every_reader_says_unknown(system)
            until(lambda: not system.ready(), seconds=33, what=f"the market hears that the watch is {way}")
            with pytest.raises(Refused, match="monitor-silent"):
                system.lock(trader)
            assert trader.get("/v1/wallet")["capital_ugx"]
            assert "watchkeeper_lease_kept 0.0" in _metrics(system)
            if way == "frozen":
                # One that hangs within a transaction is ended before anything can be written of it.
                os.kill(system.process.pid, signal.SIGCONT)
            until(
                lambda: any(_tells_of_the_watch(e["data"]) for e in system.webhook.events),
                seconds=120,
                what="the operator is told that the watch is silent",
            )
        finally:
            os.kill(system.process.pid, signal.SIGCONT)
            with contextlib.suppress(ProcessLookupError):
                os.kill(watch, signal.SIGCONT)
        until(system.ready, seconds=60, what="the market is ready again")
        until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=60, what="all holds again")
        assert system.lock(trader)["utid"]
        # As long as it is an open alert, the next silence is none of its own.
        until(
            lambda: not system.store("SELECT 1 FROM alerts WHERE state <> 'resolved'"),
            seconds=60,
            what="it is told that it is over",
        )
        system.webhook.events.clear()


def test_kill_nine_of_the_supervisor_ends_the_others_too_and_the_next_start_has_lost_nothing(
    system: System,
) -> None:
    load = Load(system)
    load.start()
    until(lambda: len(load.acknowledged) > 10, seconds=60, what="the load runs")
    assert system.process is not None
    children = {
        name: until(partial(_pid, system, name), what=name)
        for name in ("market", "watch", "control", "full-pass")
    }
    system.process.kill()
    system.process.wait(30)
    # Whoever listens at that address from here on may be somebody else.
    load.stop()
    # Nobody would restart them or be told of them: they notice, and end.
    until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in children.values()),
        seconds=60,
        what="the processes of the supervisor that is gone have ended",
    )
    system.start()
    assert load.codes <= {201, 503}, load.codes
    from watchkeeper.market.reading import open_books, system_id_of

    books = open_books(system.data, system_id=system_id_of(system.data))
    for key, utid in load.acknowledged.items():
        assert books.one("SELECT utid FROM journal WHERE idempotency_key = ?", (key,)) == (utid,), key
    books.close()
    assert load.tell("after-the-next-start")[0] == 201


@pytest.mark.timeout(3600)
def test_load_alone_leaves_every_verdict_at_holds_and_money_free(
    system: System, rounds: Callable[[int], int]
) -> None:
    until(lambda: system.operator.overview()["worst"] == "HOLDS", seconds=120, what="all holds")
    loads = [Load(system, name=f"load-{number}", pause_seconds=0.0) for number in range(8)]
    for load in loads:
        load.start()
    wanted = rounds(6_000)
    words: set[str] = set()
    stopped: list[object] = []

    def done() -> bool:
        overview = system.operator.overview()
        words.add(overview["worst"])
        stopped.extend(overview["restrictions"])
        # Only what the market says of itself counts, however late.
        if httpx.get(f"{system.market}/readyz", trust_env=False, timeout=60).status_code != httpx.codes.OK:
            stopped.append("not ready")
        return sum(len(load.acknowledged) for load in loads) >= wanted

    try:
        until(done, seconds=3000, what=f"{wanted} commands")
    finally:
        for load in loads:
            load.stop()
    assert words == {"HOLDS"}
    assert stopped == []
    assert set().union(*(load.codes for load in loads)) == {201}
    assert system.lock(system.traders[0])["utid"]
