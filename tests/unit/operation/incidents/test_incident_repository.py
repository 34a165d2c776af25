from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.operation.incidents.checkpoint import checkpoint
from tests.unit.operation.incidents.room import Room, assert_stock_git_accepts
from watchkeeper.operation.incidents import checkpoints, due, life, locks, repository


def test_a_new_repository_holds_its_readme_and_the_key_signed(room: Room, tmp_path: Path) -> None:
    assert len(assert_stock_git_accepts(room, tmp_path)) == 1
    assert sorted(room.git("ls-files").split()) == ["README.md", "allowed_signers"]
    assert room.git("status", "--short") == ""
    assert "sys_k4n8" in (room.folder / "README.md").read_text(encoding="utf-8")


def test_what_is_kept_is_its_owners_alone(room: Room) -> None:
    incident = room.open()
    room.commit_due()
    folders = [room.folder, *(path for path in room.folder.rglob("*") if path.is_dir())]
    assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
    assert (room.folder / incident.id / "01-opened.md").stat().st_mode & 0o777 == 0o600


def test_each_file_is_one_signed_commit(room: Room, tmp_path: Path) -> None:
    incident = room.open()
    room.close(incident, analysis="A raw connection wrote the row.")
    assert room.commit_due() == 3
    commits = assert_stock_git_accepts(room, tmp_path)
    files = life.files(room.database, incident.id)
    assert [file.commit_sha for file in files] == list(reversed(commits[:-1]))
    for file in files:
        changed = room.git("show", "--pretty=format:", "--name-status", str(file.commit_sha)).split()
        assert changed == ["A", file.path]
        assert (room.folder / file.path).read_bytes() == _stored(room, file.id)
    assert room.git("status", "--short") == ""
    said = room.git("log", "-1", "--format=%an <%ae>|%cn <%ce>|%ci|%B", str(files[2].commit_sha))
    assert said.startswith(
        "Watchkeeper <watchkeeper@localhost>|Watchkeeper <watchkeeper@localhost>|2026-11-24 07:32:19 +0300|"
    )
    assert "Operator: opr_b7k2m9" in said


def _stored(room: Room, file_id: int) -> bytes:
    row = room.database.one("SELECT content FROM incident_files WHERE id = ?", (file_id,))
    assert row is not None
    return str(row[0]).encode("utf-8")


def test_what_is_committed_is_not_committed_again(room: Room) -> None:
    room.open()
    assert room.commit_due() == 1
    head = room.git("rev-parse", "HEAD")
    assert room.commit_due() == 0
    assert room.git("rev-parse", "HEAD") == head


def test_a_death_between_commit_and_row_is_driven_again_without_doubling(room: Room, tmp_path: Path) -> None:
    first, second = room.open("first"), room.open("second")
    assert room.commit_due() == 2
    before = [life.files(room.database, incident.id)[0].commit_sha for incident in (first, second)]
    with room.database.transaction("write"):
        room.database.execute("UPDATE incident_files SET commit_sha = NULL, claim = 'dead'")
    assert room.commit_due() == 2
    assert [life.files(room.database, incident.id)[0].commit_sha for incident in (first, second)] == before
    assert len(assert_stock_git_accepts(room, tmp_path)) == 3


def test_the_same_rows_make_the_same_commit(room: Room, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    shutil.copytree(room.data, twin)
    incident = room.open()
    room.commit_due()
    first = life.files(room.database, incident.id)[0].commit_sha
    shutil.rmtree(room.folder)
    shutil.copytree(twin / "incidents", room.folder)
    assert room.commit_due() == 1
    assert life.files(room.database, incident.id)[0].commit_sha == first


def test_a_limit_leaves_the_rest_for_the_next_time(room: Room) -> None:
    for number in range(5):
        room.open(f"cause {number}")
    assert [room.commit_due(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_lock_file_left_by_a_killed_process_is_taken_away_and_noted(room: Room, tmp_path: Path) -> None:
    for lock in ("refs/heads/main.lock", "index.lock"):
        (room.folder / ".git" / lock).touch()
        os.utime(room.folder / ".git" / lock, (0, 0))
    room.open()
    assert room.commit_due() == 1
    assert {event.kind for event in due.events(room.database)} == {"lock removed"}
    assert len(due.events(room.database)) == 2
    assert len(assert_stock_git_accepts(room, tmp_path)) == 2


def test_a_fresh_lock_file_is_respected(room: Room) -> None:
    lock = room.folder / ".git" / "refs/heads/main.lock"
    lock.touch()
    room.open()
    with pytest.raises(locks.RepositoryBusy, match=r"main\.lock"):
        room.commit_due()
    lock.unlink()
    assert room.commit_due() == 1


def test_an_old_lock_file_that_a_process_has_open_is_respected(room: Room) -> None:
    lock = room.folder / ".git" / "index.lock"
    holding = "import sys; f = open(sys.argv[1], 'w'); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        os.utime(lock, (0, 0))
        room.open()
        with pytest.raises(locks.RepositoryBusy):
            room.commit_due()
        holder.stdin.close()
    assert room.commit_due() == 1


def test_a_second_worker_waits_and_then_says_so(room: Room) -> None:
    room.open()
    with (
        locks.only_worker(room.folder / ".git", clock=room.clock, wait_seconds_max=0.1),
        pytest.raises(locks.RepositoryBusy),
    ):
        room.commit_due()
    assert room.commit_due() == 1


def test_a_branch_that_went_back_gets_its_records_again_and_it_is_noted(room: Room, tmp_path: Path) -> None:
    for number in range(4):
        room.open(f"cause {number}")
    room.commit_due()
    head = room.git("rev-parse", "HEAD")
    room.git("reset", "--hard", "HEAD~2")
    assert room.commit_due() == 2
    assert room.git("rev-parse", "HEAD") == head
    [event] = due.events(room.database, kind="commits missing")
    assert event.detail.startswith("2 files were gone")
    assert len(assert_stock_git_accepts(room, tmp_path)) == 5


def test_a_record_whose_place_is_taken_waits_and_the_others_go_on(room: Room) -> None:
    taken = room.open("taken")
    room.close(taken)
    other = room.open("other")
    (room.folder / taken.id).mkdir()
    (room.folder / taken.id / "01-opened.md").write_text("all is well\n", encoding="utf-8")
    room.git("add", ".")
    room.git("commit", "--quiet", "-m", "not ours")
    for _ in range(4):
        with pytest.raises(repository.RecordRewritten):
            room.commit_due()
    assert [file.commit_sha for file in life.files(room.database, taken.id)] == [None, None]
    assert life.files(room.database, other.id)[0].commit_sha is not None
    assert len(due.events(room.database, kind="commit failed")) == 2
    assert room.git("show", f"HEAD~1:{taken.id}/01-opened.md") == "all is well\n"


def test_a_repository_that_is_gone_is_named_and_the_records_wait(room: Room) -> None:
    incident = room.open()
    room.folder.rename(room.data / "elsewhere")
    with pytest.raises(repository.RepositoryUnusable):
        room.commit_due()
    assert due.events(room.database)[0].kind == "commit failed"
    (room.data / "elsewhere").rename(room.folder)
    assert room.commit_due() == 1
    assert life.files(room.database, incident.id)[0].commit_sha is not None


def test_records_go_on_after_stock_git_packed_the_repository(room: Room, tmp_path: Path) -> None:
    room.open("before")
    room.commit_due()
    room.git("gc", "--quiet")
    room.git("pack-refs", "--all")
    room.open("after")
    assert room.commit_due() == 1
    assert len(assert_stock_git_accepts(room, tmp_path)) == 3


def anchor(room: Room, text: str, log: str = "main") -> str | None:
    return repository.anchor_checkpoint(
        room.data, room.database, log=log, checkpoint_text=text, clock=room.clock, wait_seconds_max=0.2
    )


def test_a_checkpoint_is_anchored_by_a_commit_of_its_own(room: Room, tmp_path: Path) -> None:
    commit = anchor(room, checkpoint(10))
    assert commit == room.git("rev-parse", "HEAD").strip()
    assert anchor(room, checkpoint(10)) is None
    assert anchor(room, checkpoint(25)) != commit
    assert anchor(room, checkpoint(3, origin="sys_k4n8/side"), log="side") is not None
    assert room.git("show", "HEAD:seals/main.checkpoint") == checkpoint(25)
    assert len(assert_stock_git_accepts(room, tmp_path)) == 4
    assert room.git("status", "--short") == ""


@pytest.mark.parametrize(
    "text", [checkpoint(9), checkpoint(10, fork="x"), checkpoint(11, origin="sys_other/main")]
)
def test_a_checkpoint_that_goes_back_or_forks_is_refused_and_noted(room: Room, text: str) -> None:
    anchor(room, checkpoint(10))
    head = room.git("rev-parse", "HEAD")
    with pytest.raises(checkpoints.CheckpointWentBack):
        anchor(room, text)
    assert room.git("rev-parse", "HEAD") == head
    assert due.events(room.database)[0].kind == "commit failed"


@pytest.mark.parametrize(
    "text", ["", "sys/main\n7\n", checkpoint(7) + "more", checkpoint(7).replace("\n7\n", "\n07\n")]
)
def test_what_is_no_checkpoint_is_refused(room: Room, text: str) -> None:
    with pytest.raises(checkpoints.CheckpointMalformed):
        anchor(room, text)


def test_an_incident_carries_the_newest_checkpoint(room: Room, tmp_path: Path) -> None:
    anchor(room, checkpoint(10))
    incident = room.open()
    newest = {"main": checkpoint(40), "side": checkpoint(2, origin="sys_k4n8/side")}
    repository.commit_due(room.data, room.database, clock=room.clock, newest_checkpoints=newest)
    changed = room.git("show", "--pretty=format:", "--name-only", "HEAD").split()
    assert changed == [f"{incident.id}/01-opened.md", "seals/main.checkpoint", "seals/side.checkpoint"]
    assert due.waiting_anchors(room.database) == []
    assert len(assert_stock_git_accepts(room, tmp_path)) == 3
    assert room.git("status", "--short") == ""


def test_a_checkpoint_that_went_back_holds_up_no_record(room: Room) -> None:
    anchor(room, checkpoint(10))
    incident = room.open()
    with pytest.raises(checkpoints.CheckpointWentBack):
        repository.commit_due(
            room.data, room.database, clock=room.clock, newest_checkpoints={"main": checkpoint(4)}
        )
    assert life.files(room.database, incident.id)[0].commit_sha is not None


def test_a_lost_anchor_is_made_again(room: Room) -> None:
    anchor(room, checkpoint(10))
    anchor(room, checkpoint(20))
    room.git("reset", "--hard", "HEAD~1")
    assert anchor(room, checkpoint(20)) is not None
    assert room.git("show", "HEAD:seals/main.checkpoint") == checkpoint(20)
    assert due.events(room.database, kind="commits missing")
