"""One person of the demonstration, over HTTP like anybody else."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pyotp

from watchkeeper.base.clock import MICROSECONDS_PER_SECOND, Clock, SystemClock

_counter = itertools.count(1)


#: A session is new after this; the person signs in and asks once more.
_ENDED = frozenset({"session-expired", "unauthenticated"})


class Refused(Exception):
    """The market refused something; the message is its problem code."""

    def __init__(self, code: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(code)
        self.retry_after_seconds = retry_after_seconds


class Person:
    """Somebody with a session."""

    def __init__(
        self,
        base: str,
        *,
        alias: str,
        password: str,
        secret: str | None,
        run: str,
        clock: Clock | None = None,
    ) -> None:
        self.base = base
        self.alias = alias
        self.password = password
        self.secret = secret
        self._run = run
        self._clock = clock or SystemClock()
        self._http = httpx.Client(base_url=base, timeout=30, trust_env=False)
        self._token = ""
        self._code = ""

    def sign_in(self, *, recovery_code: str | None = None) -> None:
        """Begin a session; right after enrolment with a recovery code, because the six digits were just used."""
        body = {"alias": self.alias, "password": self.password}
        if recovery_code is not None:
            body["code"] = recovery_code
        elif self.secret is not None:
            body["code"] = self._fresh_code()
        self._token = str(self._checked(self._http.post("/v1/sessions", json=body))["token"])

    def get(self, path: str) -> dict[str, object]:
        """Read something."""
        return self._asked("GET", path, {}, None)

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, object]:
        """Ask for something, under a key of its own."""
        return self._asked("POST", path, {"Idempotency-Key": f"demo-{self._run}-{next(_counter)}"}, body)

    def reset_password(self, *, code: str, password: str) -> None:
        """Choose another password with a code that was handed over."""
        body = {"alias": self.alias, "code": code, "password": password}
        self._checked(self._http.post("/v1/resets", json=body))
        self.password = password

    def change_password(self, password: str) -> None:
        """Choose another password, knowing the old one."""
        self.post("/v1/me/password", {"old_password": self.password, "password": password})
        self.password = password

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _asked(
        self, method: str, path: str, headers: dict[str, str], body: Mapping[str, object] | None
    ) -> dict[str, object]:
        """The answer. A session that has ended is begun again, and a second factor is given where one is asked for; once."""
        try:
            return self._sent(method, path, headers, body)
        except Refused as refused:
            if str(refused) in _ENDED and self._token:
                self.sign_in()
            elif str(refused) == "second-factor-required" and self.secret is not None:
                self._sent("POST", "/v1/sessions/current/second-factor", {}, {"code": self._fresh_code()})
            else:
                raise
        return self._sent(method, path, headers, body)

    def _sent(
        self, method: str, path: str, headers: dict[str, str], body: Mapping[str, object] | None
    ) -> dict[str, object]:
        headers = headers | {"Authorization": f"Bearer {self._token}"}
        return self._checked(self._http.request(method, path, json=body, headers=headers))

    def _fresh_code(self) -> str:
        """Six digits that were not given before: a code counts once, and a second try would be counted as a wrong one."""
        code = digits(self.secret or "", self._clock)
        if code == self._code:
            raise Refused("second-factor-required")
        self._code = code
        return code

    def _checked(self, answer: httpx.Response) -> dict[str, object]:
        try:
            document = answer.json() if answer.content else {}
        except ValueError as error:
            raise Refused("no answer") from error
        if answer.status_code >= 400:
            seconds = answer.headers.get("retry-after", "")
            raise Refused(
                str(document.get("type", "")).rpartition("/")[2],
                retry_after_seconds=int(seconds) if seconds.isdecimal() else None,
            )
        return dict(document)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment gave back."""

    alias: str
    secret: str | None
    recovery_codes: list[str]


def digits(secret: str, clock: Clock) -> str:
    """The six digits that a second factor's app shows now."""
    return pyotp.TOTP(secret).at(clock.now() // MICROSECONDS_PER_SECOND)


def enrol(
    base: str, path: str, *, name: str, phone: str, password: str, clock: Clock | None = None
) -> Enrolled:
    """Enrol behind a link."""
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as http:
        link = path.replace("/enrol/", "/v1/enrolments/")
        found = http.get(link).json()
        secret = found.get("totp_secret")
        body = {
            "name": name,
            "phone": phone,
            "password": password,
            "code": digits(secret, clock or SystemClock()) if secret else "",
        }
        answer = http.post(link, json=body)
        if answer.status_code != 201:
            raise Refused(answer.text[:200])
        return Enrolled(str(found["alias"]), secret, list(answer.json()["recovery_codes"]))
