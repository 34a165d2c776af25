"""One person of the demonstration, over HTTP like anybody else."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import httpx
import pyotp

_counter = itertools.count(1)


class Refused(Exception):
    """The market refused something; the message is its problem code."""


class Person:
    """Somebody with a session."""

    def __init__(self, base: str, *, alias: str, password: str, secret: str | None, run: str) -> None:
        self.alias = alias
        self.password = password
        self.secret = secret
        self._run = run
        self._http = httpx.Client(base_url=base, timeout=30, trust_env=False)
        self._token = ""

    def sign_in(self, *, recovery_code: str | None = None) -> None:
        """Begin a session; right after enrolment with a recovery code, because the six digits were just used."""
        body = {"alias": self.alias, "password": self.password}
        if recovery_code is not None:
            body["code"] = recovery_code
        elif self.secret is not None:
            body["code"] = pyotp.TOTP(self.secret).now()
        answer = self._http.post("/v1/sessions", json=body)
        if answer.status_code != 201:
            raise Refused(str(answer.json().get("title")))
        self._token = str(answer.json()["token"])

    def get(self, path: str) -> dict[str, object]:
        """Read something."""
        return self._checked(self._http.get(path, headers=self._headers()))

    def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """Ask for something, under a key of its own."""
        key = f"demo-{self._run}-{next(_counter)}"
        return self._checked(
            self._http.post(path, json=body, headers=self._headers() | {"Idempotency-Key": key})
        )

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _checked(self, answer: httpx.Response) -> dict[str, object]:
        document = answer.json() if answer.content else {}
        if answer.status_code >= 400:
            raise Refused(str(document.get("type", "")).rpartition("/")[2])
        return dict(document)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What enrolment gave back."""

    alias: str
    secret: str | None
    recovery_codes: list[str]


def enrol(base: str, path: str, *, name: str, phone: str, password: str) -> Enrolled:
    """Enrol behind a link."""
    with httpx.Client(base_url=base, timeout=30, trust_env=False) as http:
        link = path.replace("/enrol/", "/v1/enrolments/")
        found = http.get(link).json()
        secret = found.get("totp_secret")
        body = {
            "name": name,
            "phone": phone,
            "password": password,
            "code": pyotp.TOTP(secret).now() if secret else "",
        }
        answer = http.post(link, json=body)
        if answer.status_code != 201:
            raise Refused(answer.text[:200])
        return Enrolled(str(found["alias"]), secret, list(answer.json()["recovery_codes"]))
