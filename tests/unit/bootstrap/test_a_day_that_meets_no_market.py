"""A day of the demonstration goes on when what answers is no market, and says what it met."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.waiting import until
from watchkeeper.bootstrap.demo.client import Person, Refused
from watchkeeper.bootstrap.demo.day import Day
from watchkeeper.bootstrap.demo.people import People


class _Unavailable(BaseHTTPRequestHandler):
    """What a proxy says when there is nothing behind it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b"Service Unavailable")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def person() -> Iterator[Person]:
    server = HTTPServer(("127.0.0.1", 0), _Unavailable)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    found = Person(
        f"http://127.0.0.1:{server.server_port}", alias="adm_aaaaaa", password="p", secret=None, run="t"
    )
    yield found
    found.close()
    server.shutdown()
    server.server_close()
    serving.join(10)


def test_signing_in_where_no_market_answers_is_a_refusal(person: Person) -> None:
    with pytest.raises(Refused, match="no answer"):
        person.sign_in()


class _Broken(Day):
    """A day whose every step meets what nobody thought of."""

    def step(self) -> None:
        raise LookupError("never seen before")


def test_a_step_that_meets_what_nobody_thought_of_does_not_end_the_day(person: Person) -> None:
    day = _Broken(People(person, person), speed=20.0)
    playing = threading.Thread(target=day._play, daemon=True)
    playing.start()
    until(lambda: day.refused.get("LookupError", 0) >= 2, what="the day goes on")
    day._stopping.set()
    playing.join(10)
    assert not playing.is_alive()
