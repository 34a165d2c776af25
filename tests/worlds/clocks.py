"""The wall clocks of a system's processes, turned while they run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.worlds.system import ROOT

PROCESSES = ("market", "watch", "control")


class Clocks:
    """A clock for each process of one system; `environment` is what its supervisor must be started with."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.environment: Mapping[str, str] = {
            "PYTHONPATH": f"{ROOT / 'tests' / 'worlds' / 'turned'}:{ROOT / 'src'}",
            "WATCHKEEPER_TURNED": str(folder),
        }

    def turn(self, *processes: str, seconds: int) -> None:
        """Have these processes read so many seconds more than it is, or fewer; 0 puts them right again."""
        for name in processes:
            fresh = self._folder / f"{name}.new"
            fresh.write_text(str(seconds), encoding="ascii")
            fresh.replace(self._folder / name)
