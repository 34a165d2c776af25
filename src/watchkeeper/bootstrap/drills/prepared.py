"""A market with its day's business, made once and copied for each fault: a folder, and on a server a database beside it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from watchkeeper.base.clock import Clock
from watchkeeper.base.database import Engine, places, server
from watchkeeper.bootstrap.bench.engines import Ground, ground
from watchkeeper.bootstrap.drills import business
from watchkeeper.bootstrap.drills.turning import TurnedClock
from watchkeeper.bootstrap.drills.world import World
from watchkeeper.market.setup import NewMarket
from watchkeeper.market.state import User

_MEMORY = "drill.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A market that nobody opens any more. Its copies are independent of it and of each other."""

    ground: Ground

    @property
    def engine(self) -> Engine:
        """Where its books are."""
        return self.ground.engine

    @contextmanager
    def copy(self) -> Iterator[Ground]:
        """Another one, gone at the end. `database_url` is its superuser's address."""
        with tempfile.TemporaryDirectory(prefix="watchkeeper-") as folder:
            data = Path(folder) / "data"
            shutil.copytree(self.ground.data, data)
            if self.ground.database_url is None:
                yield Ground(data, None)
                return
            with server.copied(self.ground.database_url) as url:
                roles = places.addresses(data)
                places.write_addresses(
                    data,
                    {
                        role: urlunsplit(urlsplit(at)._replace(path=urlsplit(url).path))
                        for role, at in roles.items()
                    },
                )
                yield Ground(data, url)


@contextmanager
def prepared(database_url: str | None, *, clock: Clock) -> Iterator[Prepared]:
    """Make the market. `database_url`: a superuser's address in a cluster, for books on a server."""
    with ground(database_url) as place:
        place.prepare()
        world = World(place.data, clock=TurnedClock(clock), business=business.whole)
        try:
            _remember(world)
        finally:
            world.close()
        yield Prepared(place)


def opened(place: Ground, *, clock: TurnedClock) -> World:
    """A copy, with its watch looking at it."""
    memory = json.loads((place.data / _MEMORY).read_text(encoding="utf-8"))
    there = NewMarket(memory["system_id"], User(**memory["operator"]), User(**memory["admin"]))

    def recalled(world: World) -> None:
        world.names = memory["names"]
        world.free_units = memory["free_units"]
        world.victim, world.neighbour, world.farmer = memory["people"]
        world.turn()

    return World(place.data, clock=clock, business=recalled, there=there)


def _remember(world: World) -> None:
    market = world.bench.market
    memory = {
        "system_id": market.system_id,
        "operator": asdict(market.operator),
        "admin": asdict(market.admin),
        "names": world.names,
        "free_units": world.free_units,
        "people": [world.victim, world.neighbour, world.farmer],
    }
    (world.data / _MEMORY).write_text(json.dumps(memory), encoding="utf-8")
