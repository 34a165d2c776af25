"""The market's application in the test's own process, with people who have enrolled and a client that asks for them."""

from __future__ import annotations

import itertools
import threading
from functools import cached_property
from pathlib import Path

import httpx
import uvicorn

from tests.waiting import until
from tests.worlds.books import REASON, Market, TurnableClock
from watchkeeper.base.clock import MICROSECONDS_PER_SECOND
from watchkeeper.bootstrap import addresses
from watchkeeper.interfaces.market_web.app import create_app
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.intake import Intake
from watchkeeper.market.reading import open_books
from watchkeeper.market.signin import enrolment, totp
from watchkeeper.market.signin.site import local
from watchkeeper.market.signin.store import open_identities
from watchkeeper.market.state import User
from watchkeeper.market.switching import Switching

WORD = "grey heron over lake victoria"
NEW = "blue kingfisher by the Nile"
MINUTE = 60 * MICROSECONDS_PER_SECOND


class Someone:
    """A person with an account, and what they sign in with."""

    def __init__(self, user: User, *, name: str, recovery: list[str]) -> None:
        self.id, self.alias, self.name = user.id, user.alias, name
        self.recovery = recovery
        self.token = ""


class Office:
    """The market's application in this process, with an operator, two admins and a trader.

    Whom a test does not ask for does not enrol: a password takes a moment.
    """

    def __init__(self, data: Path) -> None:
        self.data = data
        self.clock = TurnableClock()
        self.market = Market(data, clock=self.clock)
        self.system_id = self.market.market.system_id
        self.identities = open_identities(data, system_id=self.system_id)
        self._phones = itertools.count(700_000_001)
        self._keys = itertools.count(1)
        self._other = self.market.person("admin")
        self._plain = self.market.person("trader")
        self.admin = self._enrolled(self.market.admin_id, "Ada Admin")
        self.housekeeping = self.new_housekeeping()
        self.market.keep_lease()
        self.intake = Intake(
            self.market.executor, lease=self.market.lease, housekeeping=self.housekeeping, clock=self.clock
        )
        self.intake.start()
        listening = addresses.listen(0, exactly=True)
        self.site = local(listening.getsockname()[1])
        services = MarketServices(
            data,
            system_id=self.system_id,
            intake=self.intake,
            lease=self.market.lease,
            clock=self.clock,
            site=self.site,
        )
        self.server = uvicorn.Server(uvicorn.Config(create_app(services), log_config=None, lifespan="off"))
        self.serving = threading.Thread(target=self.server.run, args=([listening],), daemon=True)
        self.serving.start()
        until(lambda: self.server.started, seconds=30, what="the server listens")
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60, trust_env=False
        )

    def new_housekeeping(self) -> Housekeeping:
        books = open_books(self.data, system_id=self.system_id)
        switching = Switching(self.data, system_id=self.system_id, books=books, clock=self.clock)
        return Housekeeping(
            self.data,
            system_id=self.system_id,
            books=open_books(self.data, system_id=self.system_id),
            switching=switching,
            clock=self.clock,
        )

    @cached_property
    def operator(self) -> Someone:
        return self._enrolled(self.market.market.operator.id, "Olive Operator")

    @cached_property
    def other_admin(self) -> Someone:
        return self._enrolled(self._other, "Oscar Admin")

    @cached_property
    def trader(self) -> Someone:
        return self._enrolled(self._plain, "Nakimuli Zawedde Distinctive")

    def _enrolled(self, user_id: int, name: str) -> Someone:
        user = self.market.books.user(user_id)
        assert user is not None
        at = self.clock.now()
        token = enrolment.invite_in(self.identities, user, at=at)
        secret = enrolment.look(self.identities, token, at=at).totp_secret
        step = self.clock.now() // MICROSECONDS_PER_SECOND // totp.STEP_SECONDS
        codes = enrolment.finish(
            self.identities,
            token,
            enrolment.Person(
                name=name,
                phone=f"+256 {next(self._phones)}",
                email=f"{user.alias}@distinctive.example",
                password=WORD,
                code=totp.code_at(secret, step) if secret else "",
            ),
            still_invited=True,
            clock=self.clock,
        )
        return Someone(user, name=name, recovery=codes)

    def sign_in(self, person: Someone, *, password: str = WORD) -> httpx.Response:
        """Sign in, with a recovery code for who needs a second factor; the newest token is kept."""
        code = person.recovery.pop() if person.recovery else ""
        return self.enter(person, password=password, code=code)

    def enter(self, person: Someone, *, password: str = WORD, **factor: object) -> httpx.Response:
        """Sign in with the second factor that is named, or without one."""
        self.http.cookies.clear()
        answer = self.http.post("/v1/sessions", json={"alias": person.alias, "password": password, **factor})
        self.http.cookies.clear()
        if answer.status_code == 201:
            person.token = answer.json()["token"]
        return answer

    def asked(self, person: Someone | str, method: str, path: str, **body: object) -> httpx.Response:
        token = person if isinstance(person, str) else person.token
        self.http.cookies.clear()
        headers = {"authorization": f"Bearer {token}", "idempotency-key": f"k{next(self._keys)}"}
        return self.http.request(method, path, headers=headers, json=body if method == "POST" else None)

    def post(self, person: Someone | str, path: str, **body: object) -> httpx.Response:
        return self.asked(person, "POST", path, **body)

    def get(self, person: Someone | str, path: str) -> httpx.Response:
        return self.asked(person, "GET", path)

    def on(self, alias: str, what: str, *, by: Someone, **more: object) -> httpx.Response:
        return self.post(by, f"/v1/users/{alias}/{what}", reason=REASON, **more)

    def reset(self, alias: str, code: str, password: str = NEW) -> httpx.Response:
        self.http.cookies.clear()
        return self.http.post("/v1/resets", json={"alias": alias, "code": code, "password": password})

    def later(self, minutes: int) -> None:
        self.clock.instant_offset += minutes * MINUTE + 1

    def close(self) -> None:
        self.http.close()
        self.server.should_exit = True
        self.serving.join(30)
        self.intake.stop()
        self.housekeeping.close()
        self.identities.close()
        self.market.close()


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]
