"""What the import contracts cannot say about the source, said here."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.catalogue.playbooks import PLAYBOOKS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "watchkeeper"
TESTS = ROOT / "tests"
#: Nouns of the operated system: the control room knows them in its catalogue only.
NOUNS = re.compile(
    r"(?<![a-z])(trader|farmer|buyer|wallet|deposit|listing|produce|lot|exposure|capital)s?(?![a-z])"
)
#: A check is called by its module, whose name says what it is about.
MODULE_OF_A_CHECK = re.compile(r"i\d+_\d+_")
FILE_LINES_MAX = 500


def modules(folder: Path) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_only_the_clock_reads_the_time() -> None:
    readers = re.compile(
        r"\b(datetime\.(now|utcnow|today)|time\.(time|time_ns|localtime|gmtime)|date\.today)\("
    )
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*.py")
        if path != SOURCE / "base" / "clock.py" and readers.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_control_room_knows_no_noun_of_the_market_outside_its_catalogue() -> None:
    found: list[str] = []
    for path, tree in modules(SOURCE / "operation"):
        if "catalogue" in path.parts:
            continue
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Name):
                names = [node.id]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            elif isinstance(node, ast.arg):
                names = [node.arg]
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = [node.name]
            found += [
                f"{path.name}: {name}"
                for name in names
                if NOUNS.search(name.lower()) and not MODULE_OF_A_CHECK.match(name)
            ]
    allowed = {
        # What an acknowledgement books, by the names that the port of cures gives to balances.
        "proposals.py: capital",
    }
    assert set(found) <= allowed


def test_money_is_never_a_float() -> None:
    found: list[str] = []
    for folder in (SOURCE / "market", SOURCE / "operation" / "catalogue", SOURCE / "base" / "money.py"):
        for path in [folder] if folder.is_file() else folder.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                    left = ast.unparse(node.left)
                    if not left.startswith(("data", "Path", "folder")):
                        found.append(f"{path.name}: {ast.unparse(node)}")
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "float":
                    found.append(f"{path.name}: float()")
    assert [f for f in found if "self._data" not in f and "parent" not in f] == []


def test_no_room_is_longer_than_one_reads_at_a_time() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
    }
    assert long == {}


def test_no_bare_assert_guards_the_product() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path, tree in modules(SOURCE)
        if any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    ]
    assert found == []


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    needles = re.compile(
        r"pypi\.org|files\.pythonhosted|--index-url|--find-links\s|registry\.npmjs|/home/[a-z]|/work/|/opt/|file://"
    )
    found = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix not in (".js", ".png") and path != Path(__file__).resolve()
        if needles.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_no_test_sleeps_skips_or_pretends() -> None:
    words = re.compile(r"pytest\.skip|mark\.skip|xfail|importorskip|unittest\.mock|MagicMock|time\.sleep\(")
    found = [
        str(path.relative_to(ROOT))
        for path in TESTS.rglob("*.py")
        if path != Path(__file__).resolve() and words.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_tests_read_as_sentences() -> None:
    short = [
        f"{path.name}: {node.name}"
        for path, tree in modules(TESTS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name.count("_") < 3
    ]
    assert short == []


def test_the_index_of_invariants_is_the_folder() -> None:
    files = {
        path.stem.split("_", 3)[0][1:] + "." + path.stem.split("_", 3)[1]
        for path in (SOURCE / "operation" / "catalogue" / "invariants").glob("i*.py")
    }
    assert files == set(INVARIANTS)


def test_the_index_of_playbooks_is_the_folder_and_every_rule_has_one() -> None:
    files = {
        path.stem.split("_")[0][1:]
        for path in (SOURCE / "operation" / "catalogue" / "playbooks").glob("p*.py")
    }
    assert files == set(PLAYBOOKS)
    assert {invariant.playbook for invariant in INVARIANTS.values()} <= set(PLAYBOOKS)


def test_each_invariant_says_what_it_is_blind_to_and_what_proves_it() -> None:
    for path in (SOURCE / "operation" / "catalogue" / "invariants").glob("i*.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for part in ("Holds when", "Why it matters", "Contained", "Blind to", "Proven by"):
            assert part in text, f"{path.name} does not say: {part}"
