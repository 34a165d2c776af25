"""The Merkle tree of RFC 6962, pure: hashes of leaves and nodes, roots, proofs and their verification."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

#: Gives the hash of the complete node (level, index).
Node: TypeAlias = Callable[[int, int], bytes]

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def new_nodes(size: int, leaves: Sequence[bytes], node: Node) -> list[tuple[int, int, bytes]]:
    """The complete nodes (level, index, hash) that these leaf hashes add to a tree of `size`, leaves included."""
    made: dict[tuple[int, int], bytes] = {}

    def find(level: int, index: int) -> bytes:
        known = made.get((level, index))
        return node(level, index) if known is None else known

    for offset, leaf in enumerate(leaves):
        index, level, digest = size + offset, 0, leaf
        made[level, index] = digest
        while index % 2:
            digest = node_hash(find(level, index - 1), digest)
            index, level = index // 2, level + 1
            made[level, index] = digest
    return [(level, index, digest) for (level, index), digest in made.items()]


def _peaks(size: int) -> list[tuple[int, int]]:
    """The complete subtrees (level, index) that a tree of `size` is made of, from the left."""
    peaks: list[tuple[int, int]] = []
    begin = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append((level, begin >> level))
            begin += 1 << level
    return peaks


def root(size: int, node: Node) -> bytes:
    """The root of a tree of `size` leaves."""
    if size == 0:
        return EMPTY_ROOT
    hashes = [node(level, index) for level, index in _peaks(size)]
    digest = hashes.pop()
    while hashes:
        digest = node_hash(hashes.pop(), digest)
    return digest


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def _range_root(begin: int, end: int, node: Node) -> bytes:
    size = end - begin
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, begin >> level)
    middle = begin + _split(size)
    return node_hash(_range_root(begin, middle, node), _range_root(middle, end, node))


def inclusion(index: int, size: int, node: Node) -> list[bytes]:
    """The audit path of leaf `index` in a tree of `size`."""

    def path(begin: int, end: int) -> list[bytes]:
        if end - begin == 1:
            return []
        middle = begin + _split(end - begin)
        if index < middle:
            return [*path(begin, middle), _range_root(middle, end, node)]
        return [*path(middle, end), _range_root(begin, middle, node)]

    if not 0 <= index < size:
        raise IndexError("there is no such leaf")
    return path(0, size)


def root_from_inclusion(digest: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to, or None when it has the wrong length."""
    if not 0 <= index < size:
        return None
    position, last = index, size - 1
    for sibling in path:
        if last == 0:
            return None
        if position % 2 or position == last:
            digest = node_hash(sibling, digest)
            while position % 2 == 0 and position:
                position, last = position >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        position, last = position >> 1, last >> 1
    return digest if last == 0 else None
