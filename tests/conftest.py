"""How many rounds a test runs, about 5 % of the full count or all of it under ./test --long, and on which engines."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from tests import scheduling
from tests.worlds.server import Cluster, cluster
from watchkeeper.base.database import Engine

LONG = os.environ.get("WATCHKEEPER_TEST_LONG") == "1"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """The longest first, after pytest has put them into an order of its own."""
    yield
    items[:] = scheduling.in_order(items)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell each worker where the one who schedules looks for the groups."""
    node.workerinput[scheduling.GROUPS] = str(scheduling.groups_file(node.config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """A worker says which tests share something, before it says which there are."""
    told: dict[str, str] = getattr(session.config, "workerinput", {})
    if scheduling.GROUPS in told:
        scheduling.write_groups(Path(told[scheduling.GROUPS]), session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> scheduling.Together:
    """Tests that share something run in one worker, whatever `--dist` says."""
    return scheduling.Together(config, log, scheduling.groups_file(config))


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
        request.getfixturevalue("postgresql").made(folder)
    return folder
