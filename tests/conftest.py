"""How many rounds a test runs, about 5 % of the full count or all of it under ./test --long, and on which engines."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests import scheduling
from tests.worlds.server import Cluster, cluster
from watchkeeper.base.database import Engine

LONG = os.environ.get("WATCHKEEPER_TEST_LONG") == "1"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests that share something run in one worker."""
    name = scheduling.group(item)
    if name is not None:
        item.add_marker(pytest.mark.xdist_group(name))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """The longest first, after pytest has put them into an order of its own."""
    yield
    items[:] = scheduling.in_order(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """What a group shared ends with it."""
    yield
    scheduling.leave(item, nextitem)


@pytest.fixture(scope="session")
def rounds() -> Callable[[int], int]:
    """`rounds(1000)`: 1000 in the long form, 50 in the short one."""
    return lambda full: full if LONG else max(1, full // 20)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The tests' own server, started when the first test needs it."""
    with cluster() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both engines, one after the other."""
    found: Engine = request.param
    return found


@pytest.fixture
def data(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder in which a market can be set up, on either engine."""
    folder = tmp_path / "data"
    if engine == "postgresql":
        request.getfixturevalue("postgresql").prepare(folder)
    return folder
