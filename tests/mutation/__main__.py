"""`python -m tests.mutation [RULE ...]`: which mutants of the checks the drills kill, and which survive."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tests.mutation import playing
from tests.mutation.mutants import mutants
from tests.mutation.playing import Fate
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import Prepared, prepared


def main() -> int:
    """Make them, play them, say what became of each; 1 when a drill that killed one does not come out proven without it."""
    asked = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    asked.add_argument(
        "rules", nargs="*", metavar="RULE", help="invariants, such as 3.2; all when none is named"
    )
    asked.add_argument("--one-in", type=int, default=1, metavar="N", help="a sample, the same each time")
    asked.add_argument("--offset", type=int, default=0, metavar="K", help="which of those N samples")
    asked.add_argument("--jobs", type=int, default=1, help="how many at a time")
    asked.add_argument("--json", type=Path, help="a file for what became of each")
    asked.add_argument("--again", type=Path, help="only those that survived by this earlier file of `--json`")
    given = asked.parse_args()
    chosen = [path for path in playing.files() if not given.rules or playing.rule_of(path) in given.rules]
    made = [one for path in chosen for one in mutants(path) if one.number % given.one_in == given.offset]
    if given.again:
        left = [
            row["key"]
            for row in json.loads(given.again.read_text("utf-8"))["mutants"]
            if row["state"] == "survived"
        ]
        made = [one for one in made if one.key in left]
    telling = _Telling(len(made))
    with prepared(None, clock=SystemClock()) as market:
        found = playing.fates(made, market, jobs=given.jobs, say=telling.hear)
        unsound = _unsound(found, market)
    if given.json:
        rows = [
            {
                "file": fate.mutant.path.name,
                "key": fate.mutant.key,
                "mutant": str(fate.mutant),
                "state": fate.state,
                "by": fate.by,
                "why": fate.why,
            }
            for fate in found
        ]
        given.json.write_text(json.dumps({"mutants": rows, "unsound": unsound}), encoding="utf-8")
    print("\n".join((*_table(found), *unsound)))
    return 1 if unsound else 0


class _Telling:
    """Says of each mutant how it went, as it goes."""

    def __init__(self, total: int) -> None:
        self._begun = time.monotonic()
        self._total = total
        self._heard = 0

    def hear(self, fate: Fate) -> None:
        """Print a line of it."""
        self._heard += 1
        how = f"{fate.state} by {fate.by}: {fate.why}" if fate.killed else "SURVIVED"
        passed = time.monotonic() - self._begun
        print(f"[{self._heard}/{self._total}, {passed:.0f} s] {fate.mutant}: {how}", flush=True)


def _unsound(found: list[Fate], market: Prepared) -> list[str]:
    """Drills that killed a mutant of a file and do not come out proven with the file as it is: they killed nothing."""
    killers: dict[Path, set[str]] = {}
    for fate in found:
        if fate.killed:
            killers.setdefault(fate.mutant.path, set()).add(fate.by)
    unsound: list[str] = []
    for path, names in killers.items():
        ordered = [name for name in playing.faults_for(path) if name in names]
        state, by, why = playing.sound(path, ordered, market)
        if state != "survived":
            unsound.append(f"{path.name} as it is: {state} by {by}: {why}")
    return unsound


def _table(found: list[Fate]) -> list[str]:
    """Each file's share, the share of all, and who survived."""
    lines = []
    for path in dict.fromkeys(fate.mutant.path for fate in found):
        lines.append(_line(path.name, [fate for fate in found if fate.mutant.path == path]))
    lines.append(_line("all", found))
    return [*lines, *(f"survived: {fate.mutant}" for fate in found if not fate.killed)]


def _line(name: str, found: list[Fate]) -> str:
    killed = sum(fate.killed for fate in found)
    return f"{name:34} {killed:5} of {len(found):5} killed, {killed / max(1, len(found)):.1%}"


if __name__ == "__main__":
    sys.exit(main())
