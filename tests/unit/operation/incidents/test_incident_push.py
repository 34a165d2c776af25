from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.unit.operation.incidents.room import Room
from watchkeeper.operation.incidents import due
from watchkeeper.operation.incidents.push import PushFailed, push
from watchkeeper.operation.incidents.verify import verify_repository


@pytest.fixture
def remote(room: Room, tmp_path: Path) -> Path:
    folder = tmp_path / "the remote.git"
    room.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder), folder=tmp_path)
    return folder


def url(folder: Path) -> str:
    return folder.as_uri()


def test_a_push_reaches_the_remote_and_is_noted(room: Room, remote: Path, tmp_path: Path) -> None:
    room.open()
    room.commit_due()
    head = push(room.data, room.database, remote_url=url(remote), clock=room.clock)
    assert room.git("rev-parse", "main", folder=remote).strip() == head
    [event] = due.events(room.database)
    assert (event.kind, event.head) == ("pushed", head)
    room.git("clone", "--quiet", str(remote), "witness", folder=tmp_path)
    report = verify_repository(tmp_path / "witness", room.public_key, must_hold=head)
    assert report.sound
    assert report.head == head


def test_a_remote_with_another_history_refuses_and_is_not_forced(
    room: Room, remote: Path, tmp_path: Path
) -> None:
    push(room.data, room.database, remote_url=url(remote), clock=room.clock)
    room.git("clone", "--quiet", str(remote), "other", folder=tmp_path)
    room.git("commit", "--quiet", "--allow-empty", "-m", "not ours", folder=tmp_path / "other")
    room.git("push", "--quiet", folder=tmp_path / "other")
    theirs = room.git("rev-parse", "main", folder=remote)
    room.open()
    room.commit_due()
    with pytest.raises(PushFailed, match="rejected"):
        push(room.data, room.database, remote_url=url(remote), clock=room.clock)
    assert room.git("rev-parse", "main", folder=remote) == theirs
    assert due.events(room.database)[0].kind == "push failed"


def test_a_remote_that_never_answers_is_given_up(room: Room) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"git://127.0.0.1:{silent.getsockname()[1]}/records.git"
        with pytest.raises(PushFailed, match=r"no end within 0\.5 s"):
            push(room.data, room.database, remote_url=address, clock=room.clock, timeout_seconds=0.5)
    assert due.events(room.database)[0].kind == "push failed"


def test_a_password_in_the_address_is_not_kept(room: Room) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(PushFailed) as failed:
        push(
            room.data,
            room.database,
            remote_url=f"http://keeper:hunter2hunter2@127.0.0.1:{port}/records.git",
            clock=room.clock,
        )
    assert "hunter2" not in str(failed.value)
    assert "hunter2" not in due.events(room.database)[0].detail


@pytest.mark.parametrize("address", ["", "--mirror", "ext::sh -c touch% pwned", "a b", "\n"])
def test_an_address_that_is_none_runs_nothing(room: Room, address: str, tmp_path: Path) -> None:
    with pytest.raises(PushFailed):
        push(room.data, room.database, remote_url=address, clock=room.clock)
    assert not list(tmp_path.rglob("pwned"))


def test_a_transport_that_runs_programs_is_refused(room: Room, tmp_path: Path) -> None:
    with pytest.raises(PushFailed, match="not allowed"):
        push(room.data, room.database, remote_url=f"ext::touch${{IFS}}{tmp_path}/pwned", clock=room.clock)
    assert not (tmp_path / "pwned").exists()
