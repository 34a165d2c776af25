"""Of every invariant a test here takes the rule away, found by its name or its file's; and no check borrows a rule."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from watchkeeper.operation import catalogue
from watchkeeper.operation.catalogue import INVARIANTS

#: What the two sides share has no say in what is right: arithmetic of time, names of scopes, plain words, opening a file.
_SHARED = {"account", "as_datetime", "harmless", "later", "open_gate"}
_NAMED = re.compile(r"test_(\d+)_(\d+)_")


def by_invariant() -> Iterator[tuple[str, ast.FunctionDef]]:
    """(invariant, test) for each test of this folder whose name, or whose file's name, begins with an invariant's."""
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found = _NAMED.match(node.name) or _NAMED.match(file.stem)
                if found is not None:
                    yield f"{found[1]}.{found[2]}", node


def speaks_of(test: ast.FunctionDef, invariant: str) -> bool:
    """Whether an assertion of the test names this invariant."""
    return any(
        isinstance(node, ast.Constant) and node.value == invariant
        for claim in ast.walk(test)
        if isinstance(claim, ast.Assert)
        for node in ast.walk(claim)
    )


def test_every_invariant_has_its_rule_taken_away_and_no_test_speaks_of_another() -> None:
    found = [*by_invariant()]
    assert {invariant for invariant, _ in found} == INVARIANTS.keys()
    assert [(invariant, test.name) for invariant, test in found if not speaks_of(test, invariant)] == []


def test_no_check_takes_a_rule_from_what_the_two_sides_share() -> None:
    taken = {
        alias.name
        for file in Path(catalogue.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("watchkeeper.base", "watchkeeper.boundary"))
        for alias in node.names
        if inspect.isfunction(getattr(importlib.import_module(node.module or ""), alias.name, None))
    }
    assert taken == _SHARED
