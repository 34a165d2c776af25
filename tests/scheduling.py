"""What one worker runs together and what begins first, where several workers share the tests."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: Under this name a worker is told the file for the groups.
GROUPS = "groups"
_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
#: What outlives a test and yet is each worker's own.
PER_WORKER = {"postgresql", "rounds"}
#: What takes longest, the longest first: at the end no worker is to be left alone with much. Names of groups or of files.
FIRST: tuple[str, ...] = ()


def shared(item: pytest.Item) -> list[pytest.FixtureDef[Any]]:
    """The fixtures that this test shares with others."""
    if not isinstance(item, pytest.Function):
        return []
    innermost = [found[-1] for found in item._fixtureinfo.name2fixturedefs.values() if found]
    return [
        fixture
        for fixture in innermost
        # Those of pytest itself and its plugins have no folder.
        if fixture.scope != "function" and fixture.baseid and fixture.argname not in PER_WORKER
    ]


def group(item: pytest.Item) -> str | None:
    """The name that all tests have in common that share something, so that it is made once; None for a test by itself.

    What the session shares decides before what a module shares: a module's own fixtures build on it.
    """
    fixtures = shared(item)
    if not fixtures:
        return None
    of_session = [fixture for fixture in fixtures if fixture.scope == "session"]
    names = [] if of_session else [item.path.stem]
    parameters = (
        item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    )
    for fixture in of_session or fixtures:
        if of_session or fixture.argname in parameters:
            names.append(f"{fixture.argname} {parameters.get(fixture.argname, '')}".strip())
    return " ".join(names)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The longest first, each group without a gap; else as they were."""
    seen: dict[str, int] = {}
    ranks: dict[pytest.Item, tuple[int, int]] = {}
    for item in items:
        name = group(item) or item.nodeid
        known = [number for number, first in enumerate(FIRST) if first in (name, item.path.stem)]
        ranks[item] = (min(known, default=len(FIRST)), seen.setdefault(name, len(seen)))
    return sorted(items, key=ranks.__getitem__)


def groups_file(config: pytest.Config) -> Path:
    """Where the workers write the groups of what they collected, for the one who schedules and sees no test itself."""
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="groups-")
        config.add_cleanup(config.stash[_FOLDER].cleanup)
    return Path(config.stash[_FOLDER].name) / "groups.json"


def write_groups(file: Path, items: Iterable[pytest.Item]) -> None:
    """Every worker writes the same, whole."""
    mine = file.with_name(f"{os.getpid()}.json")
    mine.write_text(json.dumps({item.nodeid: group(item) for item in items}))
    mine.replace(file)


class Together(LoadScopeScheduling):  # type: ignore[misc]  # it has no types of its own
    """Gives a group to one worker as a whole, and of the other tests one after the other, in the order of `in_order`.

    Not by `--dist loadgroup`, which writes groups into the tests' names; since pytest 9.2 these are no longer read there.
    """

    def __init__(self, config: pytest.Config, log: Producer, file: Path) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._file = file
        self._groups: dict[str, str | None] = {}

    def _split_scope(self, nodeid: str) -> str:
        if not self._groups:
            self._groups = json.loads(self._file.read_text())
        return self._groups[nodeid] or nodeid


def leave(item: pytest.Item, following: pytest.Item | None) -> None:
    """End what the session shares as soon as its group is over: a running system that nobody needs takes time from others."""
    if following is None or group(following) == group(item) or not isinstance(item, pytest.Function):
        return
    for fixture in shared(item):
        if fixture.scope == "session":
            fixture.finish(item._request)  # type: ignore[arg-type]  # what pytest itself gives it, too
