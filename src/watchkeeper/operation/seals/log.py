"""The two logs in the control room's store: `main` for journal rows, `side` for rows without one.

Leaf `i` of `main` is journal number `i + 1`. Appending happens in the caller's transaction, so what a
pass has judged and what it has sealed are one.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.base.database import Database
from watchkeeper.operation.seals import tree

MAIN = "main"
SIDE = "side"
LOGS = (MAIN, SIDE)
#: One read of leaves is bounded; callers page.
LEAVES_MAX = 4096


class NodeMissing(LookupError):
    """The control room's store lacks a node of its own tree: it was changed."""


def size(database: Database, log: str) -> int:
    """How many leaves the log has."""
    row = database.one("SELECT max(idx) FROM seal_leaves WHERE log = ?", (log,))
    return 0 if row is None or row[0] is None else int(str(row[0])) + 1


def _node(database: Database, log: str) -> tree.Node:
    def node(level: int, index: int) -> bytes:
        row = database.one(
            "SELECT hash FROM seal_nodes WHERE log = ? AND level = ? AND idx = ?", (log, level, index)
        )
        if row is None or not isinstance(row[0], bytes):
            raise NodeMissing(NodeMissing.__doc__)
        return row[0]

    return node


def append(database: Database, *, log: str, leaves: Sequence[bytes]) -> int:
    """Append leaves in the caller's transaction; the log's new size."""
    begin = size(database, log)
    if not leaves:
        return begin
    nodes = tree.new_nodes(begin, [tree.leaf_hash(leaf) for leaf in leaves], _node(database, log))
    database.execute_many(
        "INSERT INTO seal_leaves (log, idx, bytes) VALUES (?, ?, ?)",
        [(log, begin + offset, leaf) for offset, leaf in enumerate(leaves)],
    )
    database.execute_many(
        "INSERT INTO seal_nodes (log, level, idx, hash) VALUES (?, ?, ?, ?)",
        [(log, level, index, digest) for level, index, digest in nodes],
    )
    return begin + len(leaves)


def root(database: Database, log: str, *, at_size: int | None = None) -> bytes:
    """The root over the first `at_size` leaves, or over all."""
    return tree.root(size(database, log) if at_size is None else at_size, _node(database, log))


def leaf(database: Database, log: str, index: int) -> bytes | None:
    """The bytes of one leaf."""
    found = leaves(database, log, begin=index, end=index + 1)
    return found[0] if found else None


def leaves(database: Database, log: str, *, begin: int, end: int) -> list[bytes]:
    """The bytes of the leaves from `begin` up to, not including, `end`; at most 4,096."""
    rows = database.query(
        "SELECT bytes FROM seal_leaves WHERE log = ? AND idx >= ? AND idx < ? ORDER BY idx LIMIT ?",
        (log, begin, end, LEAVES_MAX),
    )
    return [row[0] for row in rows if isinstance(row[0], bytes)]


def hashes(database: Database, log: str, *, level: int, begin: int, end: int) -> list[bytes]:
    """The hashes of complete nodes of a level, from `begin` up to, not including, `end`; at most 4,096."""
    rows = database.query(
        "SELECT hash FROM seal_nodes WHERE log = ? AND level = ? AND idx >= ? AND idx < ? ORDER BY idx LIMIT ?",
        (log, level, begin, end, LEAVES_MAX),
    )
    return [row[0] for row in rows if isinstance(row[0], bytes)]
