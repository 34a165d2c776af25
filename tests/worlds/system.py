"""The whole system as a newcomer starts it: real processes, real sockets, people who enrol through their links."""

from __future__ import annotations

import base64
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import until
from tests.worlds.receivers import MailServer, WebhookReceiver
from watchkeeper.base.database import Engine
from watchkeeper.base.database.places import addresses
from watchkeeper.bootstrap.addresses import read
from watchkeeper.bootstrap.demo.client import Person, enrol
from watchkeeper.operation.store import open_store

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
_PASTES_MAX = 20
REASON = "a test that plays the whole journey"


class Operator:
    """The operator in a browser without scripts: forms, cookies, redirects."""

    def __init__(self, base: str, *, alias: str, password: str, secret: str, code: str) -> None:
        self.alias = alias
        self.password = password
        self.secret = secret
        self.http = httpx.Client(
            base_url=base, timeout=60, trust_env=False, headers={"sec-fetch-site": "same-origin"}
        )
        answer = self.http.post("/sign-in", data={"alias": alias, "password": password, "code": code})
        assert answer.status_code == 303, answer.text

    def overview(self) -> dict[str, Any]:
        answer = self.http.get("/overview.json")
        if answer.status_code == 503:
            # The operator cannot be recognised while the market's database is away.
            return {"worst": "UNKNOWN", "watch": {"heard": False}, "verdicts": []}
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def page(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def act(self, action: str, **fields: object) -> tuple[bool, str]:
        """Whether it was done, and what the page says about it."""
        mark = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page("/controls"))
        assert mark is not None
        data = {"csrf": mark[1], "action": action, "back": "/"} | {k: str(v) for k, v in fields.items()}
        answer = self.http.post("/act", data=data)
        assert answer.status_code == 303, answer.text
        query = httpx.URL(answer.headers["location"]).params
        return "said" in query, query.get("said") or query.get("refused") or ""

    def must(self, action: str, **fields: object) -> str:
        done, words = self.act(action, **fields)
        assert done, f"{action}: {words}"
        return words


class System:
    """One running Watchkeeper."""

    def __init__(
        self,
        data: Path,
        *,
        database_url: str | None = None,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.data = data
        self._options = options
        self.environment = ENVIRONMENT | dict(environment or {})
        self.database_url = database_url
        self.engine: Engine = "sqlite" if database_url is None else "postgresql"
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self.links: list[str] = []
        self._persons: list[Person] = []
        self.mail = MailServer()
        self.mail.start()
        self.webhook = WebhookReceiver(secrets.token_bytes(24))
        self.webhook.start()

    def start(self) -> None:
        self.lines.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper.bootstrap", "run", "--data", str(self.data)]
            + (["--database", self.database_url] if self.database_url else [])
            + [*self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        until(lambda: any(line.startswith("Ctrl-C") for line in self.lines), seconds=90, what="the start")
        where = read(self.data)
        assert where is not None
        self.market, self.control = where.market, where.control
        # Started again it may be elsewhere: its ports may be another's by now.
        for person in self._persons:
            person._http.base_url = httpx.URL(self.market)
        if self._persons:
            self.operator.http.base_url = httpx.URL(self.control)
        until(self.ready, seconds=60, what="the market is ready")

    def _listen(self) -> None:
        assert self.process is not None
        for line in self.process.stdout or ():
            self.lines.append(line)
            if "/enrol/" in line:
                self.links.append("/enrol/" + line.strip().rpartition("/enrol/")[2])

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.market}/readyz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def channels(self) -> None:
        """Tell the operator by webhook and by mail."""
        secret = self.data / "keys" / "webhook.secret"
        secret.touch(mode=0o600)
        secret.write_text("whsec_" + base64.b64encode(self.webhook.secret).decode())
        (self.data / "settings.toml").write_text(
            f'[[notifications.channel]]\nname = "phone"\nkind = "webhook"\nurl = "{self.webhook.url}"\n'
            'secret_file = "keys/webhook.secret"\n'
            '[[notifications.channel]]\nname = "mail"\nkind = "email"\nhost = "127.0.0.1"\n'
            f'port = {self.mail.port}\nsecurity = "none"\nsender = "watch@example.org"\nto = "operator@example.org"\n'
        )

    def people(self) -> None:
        """An operator, an admin, a farmer and two traders, and an open market."""
        word = secrets.token_urlsafe(18)
        first = enrol(self.market, self.links[0], name="Operator", phone="+256 700 000001", password=word)
        second = enrol(self.market, self.links[1], name="Admin", phone="+256 700 000002", password=word)
        assert first.secret is not None
        self.operator = Operator(
            self.control, alias=first.alias, password=word, secret=first.secret, code=first.recovery_codes[0]
        )
        self.operator_codes = first.recovery_codes[1:]
        self.admin = Person(self.market, alias=second.alias, password=word, secret=second.secret, run="t")
        self._persons.append(self.admin)
        self.admin.sign_in(recovery_code=second.recovery_codes[0])
        self.admin_codes = second.recovery_codes[1:]
        self.farmer = self.invited("farmer", 3, word)
        self.traders = [self.invited("trader", 4, word), self.invited("trader", 5, word)]
        self.admin.post("/v1/pilot-mode", {"engaged": False, "reason": REASON})

    def invited(self, role: str, number: int, word: str) -> Person:
        answer = self.admin.post("/v1/users", {"role": role, "reason": REASON})
        found = enrol(
            self.market,
            str(answer["enrolment"]),
            name=f"Person {number}",
            phone=f"+256 700 00000{number}",
            password=word,
        )
        person = Person(self.market, alias=found.alias, password=word, secret=None, run="t")
        self._persons.append(person)
        person.sign_in()
        return person

    def business(self) -> None:
        """A listing, deposits, locks, a delivery."""
        listing = self.farmer.post(
            "/v1/listings", {"produce": "Matooke", "grams": 400_000, "price_ugx_per_kg": 900}
        )
        units = listing["unit_ids"]
        assert isinstance(units, list)
        self.units: list[int] = units
        for number, trader in enumerate(self.traders):
            trader.post(
                "/v1/deposits", {"amount_ugx": 300_000, "provider": "mtn", "external_ref": f"T{number}"}
            )
            for _ in range(3):
                self.lock(trader)
        locks = self.admin.get("/v1/locks")["locks"]
        assert isinstance(locks, list)
        self.admin.post(
            f"/v1/locks/{locks[0]['utid']}/verification", {"outcome": "delivered", "reason": REASON}
        )

    def lock(self, trader: Person) -> dict[str, object]:
        return trader.post("/v1/locks", {"unit_id": self.units.pop()})

    def sabotage(self, sql: str) -> None:
        """Paste a line into stock sqlite3 or psql, as docs/demo.md says; in psql as the database's owner."""
        program, before = ["sqlite3", str(self.data / "market.db")], ".bail on\n.timeout 10000\n"
        if self.engine == "postgresql":
            program, before = ["psql", "-q", "-v", "ON_ERROR_STOP=1", addresses(self.data)["owner"]], ""
        for _ in range(_PASTES_MAX):
            done = subprocess.run(
                program, input=f"{before}{sql}\n", text=True, capture_output=True, check=False, timeout=60
            )
            # Beside writers that never rest the next key is taken now and then: whoever pastes, pastes again.
            if "duplicate key" not in done.stderr:
                break
        assert done.returncode == 0, done.stderr

    def lose_gate(self) -> None:
        """The gate is gone: its file, or its row."""
        if self.engine == "postgresql":
            self.sabotage("DELETE FROM gate;")
        else:
            (self.data / "gate.db").rename(self.data / "gate.db.gone")

    def store(self, sql: str) -> list[tuple[object, ...]]:
        """Ask the control room's own store."""
        database = open_store(self.data, may_write=False)
        try:
            return [tuple(row) for row in database.query(sql)]
        finally:
            database.close()

    def begun(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that goes on while the test looks."""
        return subprocess.Popen(
            [sys.executable, "-m", "watchkeeper.bootstrap.command", *arguments],
            env=ENVIRONMENT | {"WATCHKEEPER_DATA": str(self.data)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def command(self, *arguments: str, code: int = 0, secret: bool = False, errors: bool = False) -> str:
        """Run the command line; `secret` hands the password on in its variable, `errors` gives what it says of them too."""
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper.bootstrap.command", *arguments],
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
            env=ENVIRONMENT
            | {"WATCHKEEPER_DATA": str(self.data)}
            | ({"WATCHKEEPER_PASSWORD": self.operator.password} if secret else {}),
        )
        assert done.returncode == code, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if errors else "")

    def pid(self, name: str) -> int:
        return int((self.data / "run" / f"{name}.pid").read_text())

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.mail.stop()
        self.webhook.stop()


@contextmanager
def running(
    data: Path, *, database_url: str | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[System]:
    """A system with people and business, stopped at the end; its books in files, or in this empty database.

    `environment`: what its processes find there besides what the tests' own do.
    """
    system = System(data, database_url=database_url, environment=environment)
    try:
        system.start()
        system.channels()
        system.people()
        system.business()
        yield system
    finally:
        system.stop()
