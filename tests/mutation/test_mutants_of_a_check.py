"""What is changed in a check to make a mutant of it, and what is left alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutation import playing, sql
from tests.mutation.mutants import mutants, mutated

HEAD = '"""A check."""\n\nfrom __future__ import annotations\n\n'


def made(tmp_path: Path, source: str) -> set[tuple[str, str]]:
    """Before and after of every mutant of this source; each compiles, and is another program than the source."""
    path = tmp_path / "i0_1_made_up.py"
    path.write_text(HEAD + source)
    found = mutants(path)
    original = ast.dump(ast.parse(path.read_text()))
    for mutant in found:
        tree = mutated(mutant)
        compile(tree, str(path), "exec")
        assert ast.dump(tree) != original
    return {(mutant.before, mutant.after) for mutant in found}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b < c", {("b < c", "b <= c"), ("b < c", "b >= c")}),
        ("a = b is not None", {("b is not None", "b is None")}),
        ("a = b and c", {("b and c", "b or c")}),
        ("a = not b", {("not b", "b")}),
        ("a = b + c", {("b + c", "b - c")}),
        ("a = 3", {("3", "4")}),
        ("a = True", {("True", "False")}),
        ("a = 'locks'", {("'locks'", "'locksx'")}),
        ("a = any(b)", {("any(b)", "all(b)")}),
        ("def f(x: int = B) -> list[str]:\n    return x", {("return x", "return []")}),
        (
            "def f() -> str | None:\n    return 'nobody said why'",
            {("return 'nobody said why'", "return None")},
        ),
        ("if a(b):\n    c", {("if a(b): c", "if not a(b): c")}),
        ("for a in b:\n    c(a)\n    continue", {("c(a)", "pass"), ("continue", "pass")}),
    ],
)
def test_each_kind_of_change_is_made(tmp_path: Path, source: str, expected: set[tuple[str, str]]) -> None:
    assert made(tmp_path, source) == expected


def test_sql_is_changed_inside_its_text(tmp_path: Path) -> None:
    text = "SELECT 1 FROM t WHERE x <= ? AND y = 'b' LIMIT 1"
    assert {whole for _, _, whole in sql.changes(text)} == {
        "SELECT 1 FROM t WHERE x < ? AND y = 'b' LIMIT 1",
        "SELECT 1 FROM t WHERE x > ? AND y = 'b' LIMIT 1",
        "SELECT 1 FROM t WHERE x <= ? OR y = 'b' LIMIT 1",
        "SELECT 1 FROM t WHERE x <= ? AND y <> 'b' LIMIT 1",
        "SELECT 1 FROM t WHERE x <= ? AND y = 'bx' LIMIT 1",
    }
    assert len(made(tmp_path, f'a = "{text}"')) == 5


def test_words_for_people_and_for_the_type_checker_are_left_alone(tmp_path: Path) -> None:
    source = """
from a import b

Judge = Callable[[int], str]

class C:
    '''What it is.'''
    x: frozenset[int]

def f(a: list[int]) -> None:
    '''What it does.'''
    raise_it(b, detail='one', expected='two', name='of several words')
"""
    assert {before for before, _ in made(tmp_path, source)} == {
        "raise_it(b, detail='one', expected='two', name='of several words')"
    }


def test_containment_is_made_narrower_and_wider(tmp_path: Path) -> None:
    after = {text for _, text in made(tmp_path, "a = Draft(scope=EVERYTHING, classes=WALLET)")}
    assert after == {
        "scope=Scope('unit', '0')",
        "classes=frozenset(sorted(WALLET)[1:])",
        "classes=WALLET | frozenset(OperationClass)",
    }


def test_a_mutant_is_found_by_the_same_name_when_lines_move(tmp_path: Path) -> None:
    path = tmp_path / "i0_1_made_up.py"
    path.write_text(f"{HEAD}a = 1\nb = 1\n")
    before = {mutant.key: mutant.line for mutant in mutants(path)}
    path.write_text(f"{HEAD}\n\na = 1\nb = 1\n")
    after = {mutant.key: mutant.line for mutant in mutants(path)}
    assert list(before) == list(after)
    assert len(set(after)) == 2
    assert list(before.values()) != list(after.values())


def test_the_real_checks_are_all_mutated_in_many_ways() -> None:
    assert sum(len(mutants(path)) for path in playing.files()) > 1000
