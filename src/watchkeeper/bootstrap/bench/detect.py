"""From a fault's commit to its restriction and to a webhook's receiver, against the real processes.

The fault is committed by a process of its own through stock SQLite. Its time is taken by the machine's boot-time clock
right after the commit; the restriction's from its row; the webhook's when the receiver has read the request.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from watchkeeper.base.clock import Clock, SystemClock
from watchkeeper.base.database import engine_of, file_of, places
from watchkeeper.bootstrap import addresses
from watchkeeper.bootstrap.bench.books import BenchFailed
from watchkeeper.bootstrap.bench.engines import ground
from watchkeeper.bootstrap.demo.client import Refused
from watchkeeper.bootstrap.demo.day import Day
from watchkeeper.bootstrap.demo.people import People, gather
from watchkeeper.bootstrap.drills.faults.model import WITHOUT, spoken
from watchkeeper.market.reading import system_id_of
from watchkeeper.operation.store import open_store
from watchkeeper.operation.verifier import findings

_START_SECONDS_MAX = 60.0
_FIND_SECONDS_MAX = 20.0

#: Class of fault -> (SQL with {k}, the table whose finding it is).
CLASSES: dict[str, tuple[str, str]] = {
    "row added": (
        (
            "INSERT INTO admin_actions (id, utid, actor_id, action, subject, reason, at) "
            "SELECT max(id) + 1, 'bench-{k}', 3, 'forged', 'nobody', 'a row past the journal', 1 FROM admin_actions"
        ),
        "admin_actions",
    ),
    "old row edited": (
        "UPDATE journal SET at = at - 1 WHERE n = {k} + 2",
        "journal",
    ),
    "old row deleted": (
        "DELETE FROM user_steps WHERE id = (SELECT min(id) FROM user_steps)",
        "user_steps",
    ),
    "schema changed": ("CREATE TABLE bench_{k} (a INTEGER)", "schema"),
}
_INJECT = """
import sys, time
if sys.argv[1] == "sqlite":
    import sqlite3
    c = sqlite3.connect(sys.argv[2], timeout=30, isolation_level=None)
    c.execute("SELECT count(*) FROM sqlite_schema").fetchall()
else:
    import psycopg
    c = psycopg.connect(sys.argv[2], autocommit=True)
for line in sys.stdin:
    # The faulter switches the triggers off for itself, so that only the fault is measured.
    c.execute(line.rstrip("\\n"))
    print(time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000, flush=True)
"""
_WITHOUT_TRIGGERS = (
    f"{WITHOUT}journal_refuses_update",
    f"{WITHOUT}user_steps_refuses_delete",
)


class Receiver:
    """A webhook's other end, on loopback: when each finding's message came in."""

    def __init__(self, clock: Clock) -> None:
        received: dict[int, int] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                at = clock.now()
                for number in json.loads(body)["data"]["findings"]:
                    received.setdefault(number, at)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Silent: what counts is in `received`."""

        self.received = received
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()


def measure(*, rounds: int, say: Callable[[str], None], database_url: str | None = None) -> dict[str, object]:
    """The times in milliseconds, p50 and p99, for each class of fault."""
    clock = SystemClock()
    receiver = Receiver(clock)
    receiver.start()
    with ground(database_url) as place:
        data = place.data
        process, people = _start(data, receiver, say, database_url=place.database_url)
        day = Day(people, speed=4)
        try:
            day.start()
            classes = _measure(data, receiver, clock, rounds, say)
            durability = place.durability()
        finally:
            day.stop()
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            receiver.stop()
    return {
        "bench": "detect",
        "engine": "sqlite" if database_url is None else "postgresql",
        "rounds": rounds,
        "durability": durability,
        "classes": classes,
    }


def _start(
    data: Path, receiver: Receiver, say: Callable[[str], None], *, database_url: str | None
) -> tuple[subprocess.Popen[str], People]:
    say("Starting a system of its own and letting its people enrol ...")
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    # An address there would take the market elsewhere than where it is measured.
    environment.pop("WATCHKEEPER_DATABASE", None)
    # It takes ports that are free when it listens; one that was found free before may be another's by then.
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "watchkeeper.bootstrap",
            "run",
            "--data",
            str(data),
            *(["--database", database_url] if database_url else []),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    links: list[str] = []
    said = ""
    for line in process.stdout or ():
        said = line.strip()
        if "/enrol/" in line:
            links.append("/enrol/" + line.strip().rpartition("/enrol/")[2])
        if line.startswith("Ctrl-C"):
            break
    where = addresses.read(data)
    if len(links) != 2 or where is None:
        process.kill()
        raise BenchFailed(f"the system did not start; the last that it said: {said}")
    threading.Thread(target=lambda: list(process.stdout or ()), daemon=True).start()
    secret = data / "keys" / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text("whsec_" + base64.b64encode(secrets.token_bytes(24)).decode("ascii"), encoding="ascii")
    (data / "settings.toml").write_text(
        f'[[notifications.channel]]\nname = "bench"\nkind = "webhook"\nurl = "{receiver.url}"\n'
        'secret_file = "keys/webhook.secret"\n',
        encoding="utf-8",
    )
    try:
        people = gather(where.market, operator=links[0], admin=links[1], say=lambda _: None)
    except Refused:
        process.kill()
        raise
    return process, people


def _measure(
    data: Path, receiver: Receiver, clock: Clock, rounds: int, say: Callable[[str], None]
) -> dict[str, object]:
    database = open_store(data, may_write=False, system_id=system_id_of(data))
    engine = engine_of(data)
    place = str(file_of(data, "market")) if engine == "sqlite" else places.addresses(data)["owner"]
    faulter = subprocess.Popen(
        [sys.executable, "-c", _INJECT, engine, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def commit(sql: str) -> int:
        if faulter.stdin is None or faulter.stdout is None:
            raise BenchFailed("the faulter has no pipes")
        faulter.stdin.write(spoken(sql, engine) + "\n")
        faulter.stdin.flush()
        return int(faulter.stdout.readline())

    def newest() -> int:
        found = findings.latest(database, limit=1)
        return found[0].id if found else 0

    def await_finding(after: int, table: str) -> findings.Finding:
        begun = clock.boot()
        while (clock.boot().seconds_since(begun) or 0.0) < _FIND_SECONDS_MAX:
            for finding in findings.latest(database, limit=20):
                row = database.one("SELECT 1 FROM containments WHERE finding_id = ?", (finding.id,))
                if finding.id > after and finding.table_name == table and row is not None:
                    return finding
            time.sleep(0.002)
        raise BenchFailed(f"a fault in {table} was not found within {_FIND_SECONDS_MAX:.0f} s")

    try:
        for sql in _WITHOUT_TRIGGERS:
            before = newest()
            commit(sql)
            await_finding(before, "schema")
        classes: dict[str, object] = {}
        for name, (sql, table) in CLASSES.items():
            restriction: list[float] = []
            webhook: list[float] = []
            for k in range(rounds):
                before = newest()
                at = commit(sql.format(k=k))
                finding = await_finding(before, table)
                row = database.one(
                    "SELECT contained_at FROM containments WHERE finding_id = ?", (finding.id,)
                )
                restriction.append((int(str(row[0] if row else 0)) - at) / 1000)
                begun = clock.boot()
                while finding.id not in receiver.received:
                    if (clock.boot().seconds_since(begun) or 0.0) > _FIND_SECONDS_MAX:
                        raise BenchFailed("a message did not arrive")
                    time.sleep(0.002)
                webhook.append((receiver.received[finding.id] - at) / 1000)
            classes[name] = {"restriction_ms": _percentiles(restriction), "webhook_ms": _percentiles(webhook)}
            say(f"  {name}: {classes[name]}")
        return classes
    finally:
        if faulter.stdin is not None:
            faulter.stdin.close()
        faulter.wait(10)
        database.close()


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        "max": round(ordered[-1], 1),
    }
