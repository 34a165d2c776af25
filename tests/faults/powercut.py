"""A file system layer for SQLite that loses what was not synced when the power is cut.

What is modelled: a write reaches the disk with the next sync of its file, not before; a truncation likewise; a deletion
whose folder was not synced comes back. At the cut each unsynced write is dropped, or, seeded, some of its 512-byte sectors
survive while others do not. The WAL index lives in memory and is gone. After the cut every handle fails.

What is not: a disk that lies about its syncs, and bytes that rot by themselves.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass, field
from pathlib import Path

import apsw

_SECTOR = 512


class PowerIsOut(apsw.IOError):
    """The power was cut; nothing reaches the disk any more."""


@dataclass
class _Volatile:
    """What a file has that the disk has not: writes in order, and its size as the system believes it."""

    writes: list[tuple[int, bytes]] = field(default_factory=list)
    size: int | None = None


class PowerCut(apsw.VFS):
    """One machine with one power supply. Register it by making it; open databases with `vfs=` its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files: dict[str, _Volatile] = {}
        self.deleted: dict[str, bytes] = {}
        self.cut_after: int | None = None
        self.operations = 0
        self.out = False
        super().__init__(name, "")

    def tick(self) -> None:
        """One write or sync; the cut comes before the one that was chosen."""
        if self.out:
            raise PowerIsOut("the power is out")
        self.operations += 1
        if self.cut_after is not None and self.operations >= self.cut_after:
            self.out = True
            raise PowerIsOut("the power went out")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return _File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.tick()
        if not syncdir:
            with contextlib.suppress(FileNotFoundError):
                self.deleted[filename] = Path(filename).read_bytes()
        else:
            self.deleted.pop(filename, None)
        self.files.pop(filename, None)
        super().xDelete(filename, syncdir)

    def lose(self, seed: int) -> None:
        """What the disk holds after the cut: drop what was not synced, or let parts of it survive."""
        draw = random.Random(seed)
        torn = draw.random() < 0.5
        for name, volatile in self.files.items():
            path = Path(name)
            if not torn or not path.exists() or name.endswith("-shm"):
                continue
            with path.open("r+b") as file:
                for offset, data in volatile.writes:
                    for begin in range(0, len(data), _SECTOR):
                        if draw.random() < 0.5:
                            file.seek(offset + begin)
                            file.write(data[begin : begin + _SECTOR])
        for name, content in self.deleted.items():
            if not Path(name).exists():
                Path(name).write_bytes(content)
        self.files.clear()
        self.deleted.clear()


class _File(apsw.VFSFile):
    def __init__(self, machine: PowerCut, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._machine = machine
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = text or ""
        super().__init__("", name, flags)

    def _volatile(self) -> _Volatile:
        return self._machine.files.setdefault(self._name, _Volatile())

    def xWrite(self, data: bytes, offset: int) -> None:
        self._machine.tick()
        volatile = self._volatile()
        volatile.writes.append((offset, bytes(data)))
        volatile.size = max(self.xFileSize(), offset + len(data))

    def xRead(self, amount: int, offset: int) -> bytes:
        if self._machine.out:
            raise PowerIsOut("the power is out")
        size = self.xFileSize()
        want = max(0, min(amount, size - offset))
        real = super().xFileSize()
        found = bytearray(want)
        if offset < real and want:
            below = super().xRead(min(want, real - offset), offset)
            found[: len(below)] = below
        for begin, data in self._volatile().writes:
            low, high = max(begin, offset), min(begin + len(data), offset + want)
            if low < high:
                found[low - offset : high - offset] = data[low - begin : high - begin]
        return bytes(found)

    def xFileSize(self) -> int:
        volatile = self._machine.files.get(self._name)
        if volatile is not None and volatile.size is not None:
            return volatile.size
        return int(super().xFileSize())

    def xTruncate(self, newsize: int) -> None:
        self._machine.tick()
        volatile = self._volatile()
        kept = [(o, d[: max(0, newsize - o)]) for o, d in volatile.writes if o < newsize]
        volatile.writes[:] = kept
        volatile.size = newsize

    def xSync(self, flags: int) -> None:
        self._machine.tick()
        volatile = self._volatile()
        for offset, data in volatile.writes:
            super().xWrite(data, offset)
        if volatile.size is not None and super().xFileSize() > volatile.size:
            super().xTruncate(volatile.size)
        volatile.writes.clear()
        volatile.size = None
        super().xSync(flags)
