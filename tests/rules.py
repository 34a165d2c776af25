"""The rules of the market, as docs/market-rules.md says them, and the tests that name them.

`python -m tests.rules` prints each rule with its tests, `python -m tests.rules exposure.limit` those of one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "market-rules.md"
#: Below this nothing is a rule that has a test.
NOT_KEPT = "\n## Not kept yet\n"
_RULE = re.compile(r"^- `(?P<id>[a-z-]+\.[a-z0-9-]+)`: (?P<words>[A-Z0-9].+\.)$")


class PageUnreadable(ValueError):
    """A line of the page begins like a rule and is none, or a rule stands there twice."""


def of_the_page(text: str | None = None) -> dict[str, str]:
    """Each rule's name and its words, in the page's order; raises `PageUnreadable`."""
    found: dict[str, str] = {}
    whole = PAGE.read_text(encoding="utf-8") if text is None else text
    for line in whole.partition(NOT_KEPT)[0].splitlines():
        if not line.startswith("- "):
            continue
        rule = _RULE.match(line)
        if rule is None or rule["id"] in found:
            raise PageUnreadable(f"{PageUnreadable.__doc__} It is: {line}")
        found[rule["id"]] = rule["words"]
    return found


def marked() -> dict[str, list[str]]:
    """Each name that a test is marked with, and those tests: `tests/unit/market/test_x.py::test_y`."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for name in _names(node):
                    found.setdefault(name, []).append(f"{path.relative_to(TESTS.parent)}::{node.name}")
    return found


def _names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rule":
            for argument in decorator.args:
                # What is no plain text has no rule of the page, and the test of the architecture says so.
                yield str(argument.value) if isinstance(argument, ast.Constant) else ast.unparse(argument)


def main(wanted: list[str]) -> int:
    """Print the rules that are asked for, or all; 1 when one of them is none."""
    rules, tests = of_the_page(), marked()
    unknown = [name for name in wanted if name not in rules]
    for name in wanted or rules:
        if name in rules:
            print(f"{name}: {rules[name]}")
            for test in tests.get(name, []):
                print(f"    {test}")
    for name in unknown:
        print(f"There is no rule {name}; {PAGE.name} has them all.", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
