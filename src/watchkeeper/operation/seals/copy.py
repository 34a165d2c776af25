"""Checking a copy of the published log anywhere, with its public key alone; streaming, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from watchkeeper.base import canonical
from watchkeeper.operation.seals import leaf as leaves
from watchkeeper.operation.seals import note, tree
from watchkeeper.operation.seals.layout import TILE_HEIGHT, TILE_WIDTH, bundle, tile, unpack
from watchkeeper.operation.seals.note import Checkpoint

#: Only so many problems are listed; one is enough to distrust a copy.
PROBLEMS_MAX = 50


class CopyUnreadable(ValueError):
    """This folder holds no copy of a published log that the key can vouch for."""


@dataclass(slots=True)
class CopyReport:
    """What a check of a copy found."""

    origin: str
    size: int
    root: str
    leaves_checked: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every leaf is there and the log is what its checkpoint says."""
        return not self.problems and self.leaves_checked == self.size

    def add(self, problem: str) -> None:
        """Note a problem, within bounds."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)


def read_checkpoint(folder: Path, vkey: str) -> Checkpoint:
    """The copy's checkpoint; raises `CopyUnreadable` when it is missing or not signed by this key."""
    try:
        return note.verify((folder / "checkpoint").read_text(encoding="utf-8"), vkey)
    except (OSError, UnicodeDecodeError, note.NoteUnreadable, note.NoteNotSigned) as error:
        raise CopyUnreadable(f"{CopyUnreadable.__doc__} {error}") from error


def entries(folder: Path, size: int) -> Iterator[tuple[int, bytes | None]]:
    """Every leaf's bytes with its index; None where a bundle is missing or cut short."""
    for index in range(-(-size // TILE_WIDTH)):
        first = index * TILE_WIDTH
        width = min(TILE_WIDTH, size - first)
        found: list[bytes] = []
        for candidate in dict.fromkeys((width, TILE_WIDTH)):
            try:
                found = unpack((folder / bundle(index, candidate)).read_bytes())
                break
            except (OSError, ValueError):
                continue
        for offset in range(width):
            yield first + offset, found[offset] if offset < len(found) else None


class _Frontier:
    """The right edge of a growing tree, enough to know its root."""

    def __init__(self) -> None:
        self._size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, digest: bytes) -> None:
        level = 0
        while self._peaks and self._peaks[-1][0] == level:
            digest = tree.node_hash(self._peaks.pop()[1], digest)
            level += 1
        self._peaks.append((level, digest))
        self._size += 1

    def root(self) -> bytes:
        if not self._peaks:
            return tree.EMPTY_ROOT
        hashes = [digest for _, digest in self._peaks]
        digest = hashes.pop()
        while hashes:
            digest = tree.node_hash(hashes.pop(), digest)
        return digest


def verify_copy(
    folder: Path, vkey: str, *, witness: str | None = None, progress: Callable[[int, int], None] | None = None
) -> CopyReport:
    """Recompute the whole log from its leaves. `witness` is an older checkpoint that somebody kept.

    Raises `CopyUnreadable` when there is nothing that the key vouches for.
    """
    checkpoint = read_checkpoint(folder, vkey)
    report = CopyReport(checkpoint.origin, checkpoint.size, checkpoint.root.hex())
    older: Checkpoint | None = None
    if witness is not None:
        try:
            older = note.verify(witness, vkey)
        except (note.NoteUnreadable, note.NoteNotSigned) as error:
            report.add(f"the witness cannot be used: {error}")
    frontier = _Frontier()
    is_main = checkpoint.origin.endswith("/main")
    for index, data in entries(folder, checkpoint.size):
        if older is not None and index == older.size:
            _compare_witness(report, older, frontier.root())
        if data is None:
            report.add(f"leaf {index} is missing")
            continue
        digest = tree.leaf_hash(data)
        frontier.add(digest)
        report.leaves_checked += 1
        _check_leaf(report, index, data, is_main=is_main)
        if progress is not None and index % 4096 == 0:
            progress(index, checkpoint.size)
    if older is not None and older.size >= checkpoint.size:
        if older.size > checkpoint.size:
            report.add("the copy is older than the witness: rows at its end are gone")
        else:
            _compare_witness(report, older, frontier.root())
    if frontier.root() != checkpoint.root:
        report.add("the leaves do not add up to the signed root")
        _locate(report, folder, checkpoint.size)
    return report


def _compare_witness(report: CopyReport, older: Checkpoint, root: bytes) -> None:
    if older.root != root:
        report.add(f"the log is not the one that the witness saw at {older.size} leaves")


def _check_leaf(report: CopyReport, index: int, data: bytes, *, is_main: bool) -> None:
    try:
        leaf = leaves.read(data)
    except leaves.LeafUnreadable:
        report.add(f"leaf {index} cannot be read")
        return
    if is_main and leaf.n != index + 1:
        report.add(f"leaf {index} is not journal number {index + 1}")


def _locate(report: CopyReport, folder: Path, size: int) -> None:
    """Name the leaves whose bytes are not those of the published hashes."""
    for index, data in entries(folder, size):
        if data is None:
            continue
        expected = _tile_hash(folder, 0, index, size)
        if expected is not None and expected != tree.leaf_hash(data):
            report.add(f"leaf {index} has other bytes than were sealed")
        if len(report.problems) >= PROBLEMS_MAX:
            return


def _tile_hash(folder: Path, level: int, index: int, size: int) -> bytes | None:
    count = size >> (level * TILE_HEIGHT)
    number, offset = divmod(index, TILE_WIDTH)
    width = min(TILE_WIDTH, count - number * TILE_WIDTH)
    for candidate in dict.fromkeys((width, TILE_WIDTH)):
        try:
            data = (folder / tile(level, number, candidate)).read_bytes()
        except OSError:
            continue
        found = data[offset * 32 : offset * 32 + 32]
        if len(found) == 32:
            return found
    return None


def nodes(folder: Path, size: int) -> tree.Node:
    """The complete nodes of a copy, from its tiles; raises `CopyUnreadable` for one that is missing."""

    def node(level: int, index: int) -> bytes:
        tile_level, above = divmod(level, TILE_HEIGHT)
        if above == 0:
            found = _tile_hash(folder, tile_level, index, size)
            if found is None:
                raise CopyUnreadable("a tile of the copy is missing")
            return found
        return tree.node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def digest_agrees(leaf: leaves.Leaf) -> bool:
    """Whether a journal leaf's effect rows are those whose digest its journal row carries."""
    rows = ((table, _key(row), row) for table, row in leaf.effects)
    try:
        return canonical.effects_digest(rows) == leaf.journal.get("effects_digest")
    except TypeError:
        return False


def _key(row: object) -> int:
    key = row.get("id") if isinstance(row, dict) else None
    if not isinstance(key, int):
        raise TypeError("an effect row without a key")
    return key
