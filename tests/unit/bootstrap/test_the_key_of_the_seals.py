"""The key that signs the seals gone, damaged or another's: nothing is said by seals, nothing is signed by anybody else."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.waiting import until
from tests.worlds.watched import Room
from watchkeeper.bootstrap.publishing import Publishing
from watchkeeper.operation.catalogue import INVARIANTS
from watchkeeper.operation.seals import copy, log, publish, signing
from watchkeeper.operation.verifier import unsigned

BY_SEALS = {"1.2", "2.3", "4.1", "5.1", "5.2", "5.3"}


def gone(data: Path) -> None:
    (data / "keys" / "log.key").unlink()


def unreadable(data: Path) -> None:
    """As a file is that may not be read, also for a superuser."""
    gone(data)
    (data / "keys" / "log.key").mkdir()


def truncated(data: Path) -> None:
    key = data / "keys" / "log.key"
    key.write_bytes(key.read_bytes()[:20])


def emptied(data: Path) -> None:
    (data / "keys" / "log.key").write_bytes(b"")


def anothers(data: Path) -> None:
    """A good key, which is not this log's."""
    other = data.parent / "other"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    signing.create_key(other, system_id=system_id(data))
    shutil.copy(other / "keys" / "log.key", data / "keys" / "log.key")


def anothers_with_its_public_half(data: Path) -> None:
    """All that a set-up makes, made once more, and what was published taken away."""
    anothers(data)
    for name in log.LOGS:
        shutil.copy(data.parent / "other" / "seals" / f"{name}.vkey", data / "seals" / f"{name}.vkey")
        shutil.rmtree(data / "seals" / name)


def public_half_gone(data: Path) -> None:
    (data / "seals" / "main.vkey").unlink()


def public_half_garbled(data: Path) -> None:
    (data / "seals" / "main.vkey").write_bytes(b"\xff\x00" * 9)


def checkpoint_garbled(data: Path) -> None:
    (data / "seals" / "main" / "checkpoint").write_bytes(b"\xff\x00" * 9)


def checkpoint_is_a_folder(data: Path) -> None:
    checkpoint = data / "seals" / "main" / "checkpoint"
    checkpoint.unlink()
    checkpoint.mkdir()


WAYS = {
    checkpoint_is_a_folder: "the checkpoint cannot be read",
    gone: "signing key is not there or cannot be read",
    unreadable: "signing key is not there or cannot be read",
    truncated: "signing key is not there or cannot be read",
    emptied: "signing key is not there or cannot be read",
    anothers: "not the one that it was begun with",
    anothers_with_its_public_half: "not the one that it was begun with",
    public_half_gone: "public key is not there or cannot be read",
    public_half_garbled: "public key is not there or cannot be read",
    checkpoint_garbled: "no checkpoint",
}


def system_id(data: Path) -> str:
    return (data / "seals" / "main.vkey").read_text().split("/")[1]


def kept(data: Path) -> dict[str, bytes | None]:
    """Every file of keys and seals with its bytes; a folder has none."""
    return {
        str(path.relative_to(data)): path.read_bytes() if path.is_file() else None
        for folder in ("keys", "seals")
        for path in sorted((data / folder).rglob("*"))
    }


def put_back(data: Path, files: dict[str, bytes | None]) -> None:
    for folder in ("keys", "seals"):
        shutil.rmtree(data / folder)
    for name, found in files.items():
        path = data / name
        if found is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found)


def words(room: Room) -> dict[str, tuple[str, str]]:
    return {invariant: room.words(invariant) for invariant in INVARIANTS}


def silent(room: Room) -> set[str]:
    return {invariant for invariant, (continuous, _) in words(room).items() if continuous == "UNKNOWN"}


def holds_again(room: Room) -> bool:
    """After a full pass: the watch's own child may have run one while there was no key."""
    room.full_pass()
    return set(words(room).values()) == {("HOLDS", "HOLDS")}


def test_the_checks_that_seals_speak_for_are_those_of_the_catalogue() -> None:
    assert {unsigned.FIRST, *unsigned.OTHERS} == BY_SEALS


def test_without_the_logs_own_key_nothing_of_seals_holds_and_nothing_is_signed(room: Room) -> None:
    room.publish()
    room.full_pass()
    room.turn()
    for number, (way, said) in enumerate(WAYS.items()):
        # A trader's deposits are counted by the hour.
        room.clock.instant_offset += 3_600_000_000
        room.business(f"SEALED-{number}")
        room.turn()
        room.publish()
        until(partial(holds_again, room), what=f"all holds before {way}")
        before = kept(room.data)
        way(room.data)
        broken = kept(room.data)
        room.business(f"UNSIGNED-{number}")
        room.publish()
        room.turn()
        assert said in room.lease.row().withheld, way
        assert silent(room) == BY_SEALS, way
        room.publish()
        assert kept(room.data) == broken, f"{way}: a key or a seal was made over what was there"
        # Nor does a watch that begins so say anything before its first round.
        assert said in publish.unsigned(room.data, room.database, system_id=room.system_id)
        put_back(room.data, before)
        room.publish()
        room.turn()
        assert room.lease.row().withheld == "", way
        main = room.data / "seals" / "main"
        found = copy.verify_copy(main, (room.data / "seals" / "main.vkey").read_text())
        assert (found.sound, found.size) == (True, room.last_number()), way


def test_money_stops_when_the_key_stays_away_and_goes_on_when_it_is_back(room: Room) -> None:
    room.full_pass()
    room.turn()
    before = kept(room.data)
    gone(room.data)
    room.publish()
    assert room.stops() == set()
    room.restart()
    room.turn()
    assert silent(room) == BY_SEALS
    assert WAYS[gone] in room.lease.row().withheld
    room.clock.boot_offset_seconds += 31
    room.turn()
    assert room.stops() == {("1.2", "UNKNOWN")}
    put_back(room.data, before)
    room.publish()
    room.turn()
    until(partial(holds_again, room), what="all holds")
    room.turn()
    assert room.stops() == set()


def test_a_full_pass_without_the_key_says_nothing_of_seals_until_the_next(room: Room) -> None:
    before = kept(room.data)
    gone(room.data)
    room.full_pass()
    assert {i for i, (_, full) in words(room).items() if full == "UNKNOWN"} == BY_SEALS
    put_back(room.data, before)
    room.turn()
    assert {i for i, (_, full) in words(room).items() if full == "UNKNOWN"} == BY_SEALS
    room.full_pass()
    assert set(words(room).values()) == {("HOLDS", "HOLDS")}


def test_a_round_that_fails_in_a_way_nobody_thought_of_withholds_the_lease_and_the_next_goes_on(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    with monkeypatch.context() as fault:
        fault.setattr(publish.Publisher, "publish", raising)
        room.publish()
        room.turn()
        assert room.lease.row().withheld == "the seals cannot be written: RuntimeError"
    room.publish()
    room.turn()
    assert room.lease.row().withheld == ""


def test_a_publisher_that_hangs_withholds_the_lease(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    publishing = Publishing(room.data, system_id=room.system_id, clock=room.clock, database=room.database)
    monkeypatch.setattr(Publishing, "_work", lambda _: None)
    publishing.start()
    assert publishing.trouble == ""
    room.clock.boot_offset_seconds += 31
    assert publishing.trouble == "the seals are not published in time"
    publishing.round()
    assert publishing.trouble == ""
    publishing.stop()
