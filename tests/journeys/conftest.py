"""One running system for the journeys that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.worlds.everything import Everything, everything
from tests.worlds.server import Cluster
from tests.worlds.system import System, running


def _system(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Iterator[System]:
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.database()
    with running(folders.mktemp("a folder with spaces") / "data", database_url=url) as found:
        yield found


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """A market that holds one thing of every kind."""
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgresql")
        url = cluster.database()
    with everything(tmp_path_factory.mktemp("everything") / "data", database_url=url) as found:
        yield found


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    yield from _system(request, tmp_path_factory)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def system_apart(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """One for a module that needs many people, or leaves traces that others would trip over."""
    yield from _system(request, tmp_path_factory)
