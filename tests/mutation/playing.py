"""Plays the drills against a mutant, in a child process that has loaded it in place of the check.

The market is made once. Each child is forked from a process that has nothing open, runs the mutated file in its module,
loads again what is made of the checks when it is loaded, puts the new in the place of the old wherever that is held, and
plays faults in copies of the market until one does not come out proven.
"""

from __future__ import annotations

import ast
import importlib
import json
import logging
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FunctionType

import structlog

import watchkeeper
from tests.mutation.mutants import Mutant, mutated
from watchkeeper.base.clock import SystemClock
from watchkeeper.bootstrap.drills import FAULTS, Prepared, play
from watchkeeper.bootstrap.drills.faults.model import Fault
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.model import Invariant

FOLDER = Path(watchkeeper.__file__).parent / "operation" / "catalogue" / "invariants"
_PACKAGE = "watchkeeper.operation.catalogue.invariants"
#: What is made of the checks when it is loaded: the index, and what is told of each.
_MADE_OF_THEM = ("watchkeeper.operation.catalogue", "watchkeeper.operation.catalogue.conditions")
#: A drill takes about half a second of a processor; one that takes so many hangs.
_PROCESSOR_SECONDS_MAX = 6
#: The same for one that waits and does nothing.
_WAITING_SECONDS_MAX = 120.0
#: What other modules may hold of a check's, or of what is made of it.
_HELD = (FunctionType, type, dict, Invariant)
#: Drills that try whether a check speaks of what is another's to speak of: of those that replay accounts, and of single rules.
_MISLEADING_REPLAYS = (
    "row past the journal",
    "row under an old UTID, state patched",
    "last row deleted, state patched",
)
_MISLEADING = {
    "8.2": ("UTID rewritten in the journal", "journal row deleted"),
    "1.1": (*_MISLEADING_REPLAYS, "lots' weight and cost edited", "farmer's entry past the journal"),
    "1.3": (*_MISLEADING_REPLAYS, "lots' weight and cost edited"),
    "5.2": ("lots' weight and cost edited",),
    "10.2": ("operator's account rewritten, after a lift",),
    "3.3": (
        "operator's account rewritten, after a lift",
        "role rewritten to an admin's, of one who read names",
    ),
}
_MEMORY_BYTES_MAX = 4 * 1024**3
#: What is thrown away in a second needs no disk.
_IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one mutant: `survived`, `killed` or `hung`, by which drill, because of what."""

    mutant: Mutant
    state: str
    by: str = ""
    why: str = ""

    @property
    def killed(self) -> bool:
        """A mutant that comes to no end is as plain to see as one that says something wrong."""
        return self.state != "survived"


def rule_of(path: Path) -> str:
    """The invariant whose file this is: i10_1_autonomous_acts.py is 10.1's."""
    first, second, _ = path.stem.removeprefix("i").split("_", 2)
    return f"{first}.{second}"


def files() -> list[Path]:
    """The checks' files, as the catalogue counts."""
    return sorted(FOLDER.glob("i*_*.py"), key=lambda path: [int(part) for part in rule_of(path).split(".")])


@lru_cache
def faults_for(path: Path) -> list[str]:
    """The drills that are played against a file's mutants: all of its own rule, and of each other rule whose faults break
    this one as well, or that replays on what this one has replayed, the first.
    """
    own = rule_of(path)
    rules = {own} | {rule_of(other) for other in files() if path.stem in other.read_text("utf-8")}
    chosen = {_name(fault): fault for fault in FAULTS if fault.proves in rules}
    beside = {fault.proves: fault for fault in reversed(FAULTS) if rules & fault.breaks}
    for fault in reversed(FAULTS):
        if own in INVARIANTS[fault.proves].reads and INVARIANTS[fault.proves].running is not None:
            beside[fault.proves] = fault
    misleading = _MISLEADING.get(own, () if INVARIANTS[own].running is None else _MISLEADING_REPLAYS)
    by_name = {fault.name: fault for fault in FAULTS}
    chosen |= {_name(by_name[name]): by_name[name] for name in misleading}
    chosen |= {_name(fault): fault for fault in beside.values()}
    return sorted(chosen, key=lambda name: chosen[name].proves != own)


def _name(fault: Fault) -> str:
    return f"{fault.proves} {fault.name}"


def fates(
    mutants: Sequence[Mutant], market: Prepared, *, jobs: int, say: Callable[[Fate], None]
) -> list[Fate]:
    """What becomes of each mutant, in the order of `mutants`; `jobs` children at a time. `say` hears of each as it ends."""
    waiting = list(enumerate(mutants))
    found: dict[int, Fate] = {}
    running: dict[int, tuple[int, _Child]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            number, mutant = waiting.pop(0)
            child = _Child(mutant.path, mutated(mutant), faults_for(mutant.path), market)
            running[child.pipe] = (number, child)
        ready, _, _ = select.select(list(running), [], [], 1.0)
        for pipe in list(running):
            number, child = running[pipe]
            if not child.over(ready=pipe in ready):
                continue
            del running[pipe]
            state, by, why = child.end()
            found[number] = Fate(mutants[number], state, by, why)
            say(found[number])
    return [found[number] for number in sorted(found)]


def sound(path: Path, names: Sequence[str], market: Prepared) -> tuple[str, str, str]:
    """The same with the file as it is: what became of it, which must be `survived`."""
    child = _Child(path, ast.parse(path.read_text("utf-8")), names, market)
    while not child.over(ready=bool(select.select([child.pipe], [], [], 1.0)[0])):
        pass
    return child.end()


class _Child:
    """A process that plays drills against one file's tree, and says before each which one."""

    def __init__(self, path: Path, tree: ast.Module, names: Sequence[str], market: Prepared) -> None:
        place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
        self._folder = tempfile.mkdtemp(prefix="mutant-", dir=place)
        self._said = b""
        self._heard = time.monotonic()
        self._waited = False
        self.pipe, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if self._process == 0:
            status = 1
            try:
                os.setpgid(0, 0)
                os.close(self.pipe)
                _play_all(path, tree, names, market, folder=self._folder, pipe=write)
                status = 0
            except BaseException as error:
                # Whatever it is, it came of the mutant: the child says so and ends without its parent's clean-up.
                _say(write, {"why": f"raised {type(error).__name__}: {error}"[:300]})
            finally:
                os._exit(status)
        os.close(write)

    def over(self, *, ready: bool) -> bool:
        """Whether it has ended, or has to be. `ready`: the pipe has something."""
        if ready:
            piece = os.read(self.pipe, 65_536)
            self._said += piece
            self._heard = time.monotonic()
            return not piece
        self._waited = time.monotonic() - self._heard > _WAITING_SECONDS_MAX
        return self._waited

    def end(self) -> tuple[str, str, str]:
        """State, drill, reason."""
        if self._waited:
            os.killpg(self._process, signal.SIGKILL)
        _, status = os.waitpid(self._process, 0)
        os.close(self.pipe)
        shutil.rmtree(self._folder, ignore_errors=True)
        said = {"by": "loading", "why": ""}
        for line in self._said.decode("utf-8").splitlines():
            said |= json.loads(line)
        if os.WIFSIGNALED(status):
            return "hung", said["by"], f"ended by signal {os.WTERMSIG(status)}"
        if said["why"]:
            return "killed", said["by"], said["why"]
        return ("survived", "", "") if os.WEXITSTATUS(status) == 0 else ("killed", said["by"], "ended")


def _say(pipe: int, what: dict[str, str]) -> None:
    os.write(pipe, (json.dumps(what) + "\n").encode())


def _play_all(
    path: Path, tree: ast.Module, names: Sequence[str], market: Prepared, *, folder: str, pipe: int
) -> None:
    tempfile.tempdir = folder
    # A watch with a mistake in it logs much, and nobody reads it.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, resource.RLIM_INFINITY))
    _bounded()
    _put_in_place(path, tree)
    faults = {_name(fault): fault for fault in FAULTS}
    for name in names:
        _say(pipe, {"by": name})
        _bounded()
        unmet = play.play_in_copy(market, faults[name], clock=SystemClock(), to_the_end=False).unmet
        if unmet:
            _say(pipe, {"by": name, "why": "; ".join(unmet)[:300]})
            return


def _put_in_place(path: Path, tree: ast.Module) -> None:
    """Run a check's module as this tree has it, and let everybody see it who saw the old one."""
    check = sys.modules[f"{_PACKAGE}.{path.stem}"]
    standing_on_it = [
        sys.modules[f"{_PACKAGE}.{other.stem}"]
        for other in files()
        if other != path and path.stem in other.read_text("utf-8")
    ]
    again = [*standing_on_it, *(sys.modules[name] for name in _MADE_OF_THEM)]
    before = [dict(vars(module)) for module in (check, *again)]
    exec(compile(tree, str(path), "exec"), vars(check))
    for module in again:
        importlib.reload(module)
    instead = {
        id(old): vars(module)[name]
        for module, names in zip((check, *again), before, strict=True)
        for name, old in names.items()
        if isinstance(old, _HELD) and vars(module)[name] is not old
    }
    for module in [module for name, module in sys.modules.items() if name.startswith("watchkeeper.")]:
        for name, held in list(vars(module).items()):
            if isinstance(held, _HELD) and id(held) in instead:
                setattr(module, name, instead[id(held)])


def _bounded() -> None:
    """So much of a processor from here on, and the child is ended."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + _PROCESSOR_SECONDS_MAX
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
