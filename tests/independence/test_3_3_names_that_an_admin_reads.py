"""Without the roles that a route lets in, 3.3 sees an admin read names: what was read of whom is logged before it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.worlds.unguarded import Unguarded
from watchkeeper.interfaces.market_web import auth
from watchkeeper.interfaces.market_web.app import create_app
from watchkeeper.interfaces.market_web.services import MarketServices
from watchkeeper.market.execute import Executor
from watchkeeper.market.housekeeping import Housekeeping
from watchkeeper.market.intake import Intake
from watchkeeper.market.reading import open_books
from watchkeeper.market.signin import sessions
from watchkeeper.market.signin.store import open_identities

NAME, PHONE = "Nakato Distinctive", "+256 700 999888"


class Window:
    """The market's application over the books of a world, open for a request at a time, and an admin who is signed in."""

    def __init__(self, unguarded: Unguarded) -> None:
        world = self._world = unguarded.world
        admin = world.bench.books.user(unguarded.admin)
        assert admin is not None
        # Whom the delivered lock of the small market owes something.
        farmer = unguarded.number("SELECT max(farmer_id) FROM farmer_ledger")
        identities = open_identities(world.data, system_id=world.system_id)
        with identities.transaction("write"):
            identities.execute(
                "INSERT INTO identities (user_id, alias, name, phone, email) VALUES (?, ?, ?, ?, '')",
                (farmer, world.alias_of(farmer), NAME, PHONE),
            )
        self._token = sessions.begin(identities, admin, second_factor=True, at=unguarded.clock.now())
        identities.close()
        books = open_books(world.data, system_id=world.system_id)
        self._housekeeping = Housekeeping(
            world.data,
            system_id=world.system_id,
            books=books,
            switching=world.switching,
            clock=unguarded.clock,
        )

    def asked(self, path: str) -> httpx.Response:
        """What the admin gets."""
        world = self._world
        world.bench.keep_lease()
        intake = Intake(
            world.bench.executor, lease=world.bench.lease, housekeeping=self._housekeeping, clock=world.clock
        )
        services = MarketServices(
            world.data,
            system_id=world.system_id,
            intake=intake,
            lease=world.bench.lease,
            clock=world.clock,
        )
        intake.start()
        try:
            return asyncio.run(self._get(services, path))
        finally:
            intake.stop()
            # The writer's thread has given its files back with it.
            world.bench.executor = Executor(
                world.data, system_id=world.system_id, clock=world.clock, lease=world.bench.lease
            )

    async def _get(self, services: MarketServices, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://market.example") as client:
            return await client.get(path, headers={"authorization": f"Bearer {self._token}"})

    def close(self) -> None:
        """Give the files back."""
        self._housekeeping.close()


@pytest.fixture
def window(unguarded: Unguarded) -> Iterator[Window]:
    found = Window(unguarded)
    yield found
    found.close()


def test_an_admin_who_is_given_names_is_seen(
    unguarded: Unguarded, window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = window.asked("/v1/payouts")
    assert (refused.status_code, NAME in refused.text) == (403, False)
    assert unguarded.seen() == set()
    monkeypatch.setattr(auth, "check_role", lambda *_: None)
    given = window.asked("/v1/payouts")
    assert (given.status_code, NAME in given.text) == (200, True)
    assert unguarded.seen() == {("3.3", "identity read")}
    assert unguarded.named("3.3") == {f"query_log {unguarded.last('query_log')}"}
    assert unguarded.stopped("3.3") == {"query:payouts"}
    stopped = window.asked("/v1/payouts")
    assert (stopped.status_code, NAME in stopped.text) == (503, False)
    assert unguarded.deposit() == "accepted"
