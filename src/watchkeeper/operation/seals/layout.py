"""Where a published log's files lie: C2SP tlog tiles, entry bundles beside them (pure)."""

from __future__ import annotations

TILE_WIDTH = 256
TILE_HEIGHT = 8


def _number(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def tile(level: int, index: int, width: int) -> str:
    """The path of a tile of hashes; `width` below 256 names a partial one."""
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{_number(index)}{partial}"


def bundle(index: int, width: int) -> str:
    """The path of an entry bundle; `width` below 256 names a partial one."""
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/entries/{_number(index)}{partial}"


def pack(entries: list[bytes]) -> bytes:
    """An entry bundle: each entry behind its 16-bit length."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unpack(data: bytes) -> list[bytes]:
    """The entries of a bundle; raises `ValueError` when it is cut short."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 2], "big")
        entry = data[position + 2 : position + 2 + length]
        if len(entry) != length or len(data) - position < 2:
            raise ValueError("an entry bundle is cut short")
        entries.append(entry)
        position += 2 + length
    return entries
