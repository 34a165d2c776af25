"""Mutants of a check: its source with one small change each, as a mistake in writing it would have made.

What is only said to people or to the type checker stays as it is: docstrings, annotations, the words of a finding.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

from tests.mutation import sql

#: Applies a change to the tree that it was made from.
_Apply = Callable[[], None]

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
#: Words that mean something else, rather than nothing.
_WORDS = {"stands": "cured", "cured": "stands", "critical": "high", "high": "critical"}
_BUILTINS = {"min": "max", "max": "min", "any": "all", "all": "any"}
#: Keywords whose text is read by the watch, however many words it has.
_READ = frozenset({"kind", "row_key"})
#: Keywords and calls whose texts are for people, and parts of a tree that only the type checker reads.
_FOR_PEOPLE = frozenset({"detail", "expected", "found"})
_CODECS = frozenset({"encode", "decode"})
_UNREAD = frozenset({"annotation", "returns", "decorator_list", "type_params", "ctx", "type_comment"})
_NOWHERE = "Scope('unit', '0')"
_SHOWN = 70


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file. `index` finds it again among all of that file."""

    path: Path
    index: int
    line: int
    function: str
    before: str
    after: str
    #: Which of several equal changes of this function.
    nth: int = 0

    @property
    def key(self) -> str:
        """What it is called whatever line it stands on."""
        return f"{self.path.stem} {self.function}: {self.before}  ->  {self.after}, {self.nth}"

    @property
    def number(self) -> int:
        """By this samples are drawn."""
        return crc32(self.key.encode())

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.function}: {self.before}  ->  {self.after}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: in which function, under which keyword, beside what."""

    function: str = "module"
    returns: str = ""
    keyword: str = ""
    #: Whether a text here is compared, or a key.
    compared: bool = False
    #: The call whose own argument, or whose inside, this is.
    call: str = ""
    codec: bool = False
    line: int = 1


@dataclass(frozen=True, slots=True)
class _Change:
    place: _Place
    before: str
    after: str
    apply: _Apply


def mutants(path: Path) -> list[Mutant]:
    """All mutants of a file, in the order of its text."""
    seen: dict[tuple[str, str, str], int] = {}
    found: list[Mutant] = []
    for index, change in enumerate(_changes(_parsed(path))):
        key = (change.place.function, change.before, change.after)
        nth = seen[key] = seen.get(key, -1) + 1
        where = change.place
        found.append(Mutant(path, index, where.line, where.function, change.before, change.after, nth))
    return found


def mutated(mutant: Mutant) -> ast.Module:
    """The tree of a mutant's file with its change in it."""
    tree = _parsed(mutant.path)
    for index, change in enumerate(_changes(tree)):
        if index == mutant.index:
            change.apply()
            # What stands in a finding's place may be named by this.
            tree.body[2:2] = ast.parse(
                "from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Scope"
            ).body
            return ast.fix_missing_locations(tree)
    raise LookupError(f"the file has changed since: {mutant}")


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _changes(tree: ast.Module) -> Iterator[_Change]:
    return _of_children(tree, _Place())


def _of_children(node: ast.AST, place: _Place) -> Iterator[_Change]:
    for field, value in ast.iter_fields(node):
        if field in _UNREAD or (
            field == "slice" and isinstance(node, ast.Subscript) and place.call == "type"
        ):
            continue
        if isinstance(value, ast.AST):
            yield from _of(node, field, None, value, place)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST) and not _docstring(node, index, item):
                    yield from _of(node, field, index, item, place)


def _docstring(parent: ast.AST, index: int, node: ast.AST) -> bool:
    return (
        index == 0
        and isinstance(parent, ast.Module | ast.FunctionDef | ast.ClassDef)
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
    )


def _of(parent: ast.AST, field: str, index: int | None, node: ast.AST, place: _Place) -> Iterator[_Change]:
    """The changes of one node, each by another node in its place, and those below it."""
    if isinstance(node, ast.Import | ast.ImportFrom) or _a_type(node):
        return
    place = _entered(parent, field, node, place)

    def put(other: ast.AST) -> None:
        if index is None:
            setattr(parent, field, other)
        else:
            getattr(parent, field)[index] = other

    for before, after, other in _instead(node, place):
        yield _Change(place, _shown(before), _shown(after), lambda other=other: put(other))  # type: ignore[misc]
    if isinstance(node, ast.Call):
        yield from _left_out(node, place)
    yield from _of_children(node, place)


def _a_type(node: ast.AST) -> bool:
    """A module's name for a type."""
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Subscript)
        and ast.unparse(node.value.value) in ("Callable", "Mapping")
    )


def _entered(parent: ast.AST, field: str, node: ast.AST, place: _Place) -> _Place:
    line = getattr(node, "lineno", place.line)
    place = replace(place, line=line, compared=False)
    if isinstance(node, ast.FunctionDef):
        returns = "" if node.returns is None else ast.unparse(node.returns)
        return replace(place, function=node.name, returns=returns)
    if isinstance(node, ast.keyword):
        return replace(place, keyword=node.arg or "")
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        return replace(place, call="type" if isinstance(node.func, ast.Subscript) else name)
    if isinstance(parent, ast.Call) and isinstance(node, ast.Constant):
        return replace(place, codec=place.call in _CODECS)
    if isinstance(parent, ast.Compare):
        return replace(place, compared=True)
    if isinstance(parent, ast.Dict) and field == "keys":
        # The keys of what is encoded as it is said are for whoever reads the finding.
        return replace(place, compared=True, codec=place.call in _CODECS)
    return place


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SHOWN else f"{flat[:_SHOWN]}..."


def _said(node: ast.AST) -> str:
    return ast.unparse(node)


def _instead(node: ast.AST, place: _Place) -> Iterator[tuple[str, str, ast.AST]]:
    """What may stand in this node's place: both as text, and the other node."""
    if isinstance(node, ast.Constant):
        for before, after, value in _constants(node.value, place):
            yield before, after, ast.Constant(value)
        return
    for other in (*_operators(node), *_statements(node, place), *_containment(node)):
        yield _said(node), _said(other), other


def _constants(value: object, place: _Place) -> Iterator[tuple[str, str, bool | int | str]]:
    if isinstance(value, bool):
        yield str(value), str(not value), not value
    elif isinstance(value, int):
        yield str(value), str(value + 1), value + 1
    elif isinstance(value, str) and place.keyword not in _FOR_PEOPLE and not place.codec:
        if sql.speaks_sql(value):
            yield from sql.changes(value)
        elif value and (place.compared or place.keyword in _READ or not _for_people(value)):
            other = _WORDS.get(value, str(int(value) + 1) if value.isdecimal() else f"{value}x")
            yield repr(value), repr(other), other


def _for_people(text: str) -> bool:
    """Several words, a word beside a value that is put in, or punctuation around one."""
    return " " in text or re.search(r"\w", text) is None


def _operators(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            for other in _COMPARISONS[type(op)]:
                yield ast.Compare(node.left, [*node.ops[:at], other(), *node.ops[at + 1 :]], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        if not _negatable_within(node.test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, ast.comprehension):
        for at, test in enumerate(node.ifs):
            if not _negatable_within(test):
                ifs = [*node.ifs[:at], ast.UnaryOp(ast.Not(), test), *node.ifs[at + 1 :]]
                yield ast.comprehension(node.target, node.iter, ifs, node.is_async)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BUILTINS:
        yield ast.Call(ast.Name(_BUILTINS[node.func.id], ast.Load()), node.args, node.keywords)


def _negatable_within(test: ast.expr) -> bool:
    """Whether the condition's own mutants negate it already."""
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)


def _statements(node: ast.AST, place: _Place) -> Iterator[ast.AST]:
    if isinstance(node, ast.If | ast.While) and not isinstance(node.test, ast.Constant):
        if not _negatable_within(node.test):
            negated = ast.UnaryOp(ast.Not(), node.test)
            yield type(node)(negated, node.body, node.orelse)
    elif isinstance(node, ast.Yield):
        if node.value is not None and _said(node.value) != "[]":
            yield ast.Yield(ast.List([], ast.Load()))
    elif isinstance(node, ast.YieldFrom):
        yield ast.YieldFrom(ast.Tuple([], ast.Load()))
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _nothing(node.value, place.returns)
    elif isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Call):
            yield ast.Pass()
    elif isinstance(node, ast.AugAssign | ast.Continue | ast.Raise) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    ):
        yield ast.Pass()


def _nothing(value: ast.expr, returns: str) -> Iterator[ast.AST]:
    """A return of nothing at all, of the type that the function says."""
    if "None" in returns:
        nothing: ast.expr = ast.Constant(None)
    elif returns.startswith("list"):
        nothing = ast.List([], ast.Load())
    elif returns == "str":
        nothing = ast.Constant("")
    elif returns.startswith("dict"):
        nothing = ast.Dict([], [])
    else:
        return
    if _said(value) != _said(nothing):
        yield ast.Return(nothing)


def _containment(node: ast.AST) -> Iterator[ast.AST]:
    """Another scope, classes that are one fewer or all."""
    if not isinstance(node, ast.keyword):
        return
    said = _said(node.value)
    if node.arg == "scope":
        others = [_NOWHERE if said == "EVERYTHING" else "EVERYTHING"]
    elif node.arg == "classes":
        others = [f"frozenset(sorted({said})[1:])", f"{said} | frozenset(OperationClass)"]
    else:
        return
    for other in others:
        if other != said:
            yield ast.keyword(node.arg, ast.parse(other, mode="eval").body)


def _left_out(node: ast.Call, place: _Place) -> Iterator[_Change]:
    """An invariant without one of its parts."""
    if place.call != "Invariant":
        return
    for keyword in node.keywords:

        def left_out(keyword: ast.keyword = keyword) -> None:
            node.keywords.remove(keyword)

        yield _Change(replace(place, line=keyword.lineno), f"{keyword.arg}=", "left out", left_out)
