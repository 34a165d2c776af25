from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.repo import Repo

from tests.unit.operation.incidents.checkpoint import checkpoint
from tests.unit.operation.incidents.room import Room
from watchkeeper.base.clock import Instant
from watchkeeper.operation.incidents import gitstore, keys, repository
from watchkeeper.operation.incidents.verify import NotAnIncidentRepository, Report, verify_repository

AT = Instant(1_795_500_000_000_000)


@pytest.fixture
def clone(room: Room, tmp_path: Path) -> Path:
    """A clone of a repository with one closed and one open incident and a checkpoint."""
    room.close(room.open("first"))
    room.open("second")
    room.commit_due()
    repository.anchor_checkpoint(
        room.data, room.database, log="main", checkpoint_text=checkpoint(10), clock=room.clock
    )
    room.git("clone", "--quiet", "--no-local", str(room.folder), "clone", folder=tmp_path)
    return tmp_path / "clone"


FIRST = "INC-20261124-073049"
SECOND = "INC-20261124-073050"


def problems(room: Room, clone: Path) -> list[str]:
    report = verify_repository(clone, room.public_key)
    assert report.sound == (not report.problems)
    return [f"{problem.path}: {problem.says}" for problem in report.problems]


def commit_signed(
    room: Room, clone: Path, files: dict[str, bytes], *, key: Ed25519PrivateKey | None = None
) -> None:
    """A commit as only the holder of a key can make one."""
    with Repo(str(clone)) as opened:
        gitstore.commit_files(
            opened,
            files,
            message="forged\n",
            at=AT,
            key=keys.load(room.data) if key is None else key,
            parent=opened.head(),
        )
    room.git("reset", "--quiet", "--hard", folder=clone)


def test_an_honest_clone_is_sound(room: Room, clone: Path) -> None:
    report = verify_repository(clone, room.public_key)
    assert report == Report(
        head=room.git("rev-parse", "HEAD").strip(),
        commits=5,
        incidents={FIRST, SECOND},
        records=3,
        checkpoint_sizes={"seals/main.checkpoint": 10},
        problems=[],
    )


def test_a_bare_clone_is_checked_too(room: Room, clone: Path, tmp_path: Path) -> None:
    room.git("clone", "--quiet", "--bare", str(clone), "bare.git", folder=tmp_path)
    assert problems(room, tmp_path / "bare.git") == []


def test_another_key_accepts_nothing(room: Room, clone: Path) -> None:
    other = keys.allowed_signers(Ed25519PrivateKey.generate().public_key())
    report = verify_repository(clone, other)
    assert sum("another key" in problem.says for problem in report.problems) == 6


def test_one_of_several_keys_is_enough(room: Room, clone: Path) -> None:
    other = keys.allowed_signers(Ed25519PrivateKey.generate().public_key())
    assert verify_repository(clone, other + room.public_key).sound


def test_an_amended_commit_is_found(room: Room, clone: Path) -> None:
    room.git("commit", "--quiet", "--amend", "-m", "nothing happened", folder=clone)
    assert ": not signed, or signed in another way" in problems(room, clone)


def test_an_amended_commit_that_keeps_the_signature_is_found(room: Room, clone: Path) -> None:
    with Repo(str(clone)) as opened:
        commit = opened[opened.head()]
        assert isinstance(commit, Commit)
        commit.message = b"nothing happened\n"
        opened.object_store.add_object(commit)
        opened.refs[gitstore.BRANCH] = commit.id
    [problem] = problems(room, clone)
    assert "signature is not accepted" in problem


def test_an_unsigned_commit_is_found(room: Room, clone: Path) -> None:
    (clone / SECOND / "02-closed.md").write_text("closed\n", encoding="utf-8")
    room.git("add", ".", folder=clone)
    room.git("commit", "--quiet", "-m", "closed", folder=clone)
    found = problems(room, clone)
    assert ": not signed, or signed in another way" in found
    assert ": written in another name" in found


def test_a_commit_under_another_key_is_found(room: Room, clone: Path) -> None:
    content = (clone / FIRST / "01-opened.md").read_bytes()
    commit_signed(
        room, clone, {"INC-20261124-090000/01-opened.md": content}, key=Ed25519PrivateKey.generate()
    )
    assert ": its signature is not accepted: the signature is another key's" in problems(room, clone)


def test_a_record_rewritten_even_under_the_right_key_is_found(room: Room, clone: Path) -> None:
    content = (clone / FIRST / "02-closed.md").read_bytes()
    commit_signed(room, clone, {f"{FIRST}/02-closed.md": content.replace(b"past", b"into")})
    assert f"{FIRST}/02-closed.md: changed after its commit" in problems(room, clone)


def test_a_record_removed_is_found(room: Room, clone: Path) -> None:
    room.git("rm", "--quiet", f"{FIRST}/02-closed.md", folder=clone)
    room.git("commit", "--quiet", "-m", "tidy", folder=clone)
    assert f"{FIRST}/02-closed.md: removed after its commit" in problems(room, clone)


def test_the_key_file_replaced_is_found(room: Room, clone: Path) -> None:
    commit_signed(room, clone, {"allowed_signers": b"nobody\n"})
    assert "allowed_signers: changed after its commit" in problems(room, clone)


def test_a_file_edited_in_the_folder_is_found(room: Room, clone: Path) -> None:
    with (clone / FIRST / "02-closed.md").open("a", encoding="utf-8") as file:
        file.write("and all is well\n")
    assert problems(room, clone) == [f"{FIRST}/02-closed.md: the file in the folder is not the signed one"]


@pytest.mark.parametrize("text", [checkpoint(9), checkpoint(10, fork="x"), "no checkpoint\n"])
def test_a_checkpoint_that_does_not_grow_is_found(room: Room, clone: Path, text: str) -> None:
    commit_signed(room, clone, {"seals/main.checkpoint": text.encode()})
    assert any(problem.startswith("seals/main.checkpoint: ") for problem in problems(room, clone))


def test_a_closing_without_its_opening_is_found(room: Room, clone: Path) -> None:
    content = (clone / FIRST / "02-closed.md").read_bytes().replace(FIRST.encode(), b"INC-20261124-090000")
    commit_signed(room, clone, {"INC-20261124-090000/02-closed.md": content})
    assert "INC-20261124-090000/02-closed.md: stands without 01-opened.md" in problems(room, clone)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("notes.txt", "no file that belongs here"),
        ("INC-2026/01-opened.md", "no file that belongs here"),
        (f"{SECOND}/05-opened.md", "its number does not go with its kind"),
        (f"{SECOND}/04-analysis.md", "an analysis before it is missing"),
        (f"{SECOND}/03-analysis.md", "says it is another record"),
    ],
)
def test_a_file_in_the_wrong_place_is_found(room: Room, clone: Path, path: str, says: str) -> None:
    commit_signed(room, clone, {path: (clone / SECOND / "01-opened.md").read_bytes()})
    assert any(path in problem and says in problem for problem in problems(room, clone))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"---\n", b"", "front matter"),
        (b'severity: "high"', b'severity: "grave"', "no known severity"),
        (b'prevention: "', b'remedy: "', "lacks prevention"),
        (b'start: "2026', b'start: "2025', "another start"),
        (b"", b"\xff", "no UTF-8"),
    ],
)
def test_a_malformed_record_is_found(room: Room, clone: Path, old: bytes, new: bytes, says: str) -> None:
    content = (clone / FIRST / "02-closed.md").read_bytes().replace(FIRST.encode(), SECOND.encode())
    opened = (clone / SECOND / "01-opened.md").read_bytes()
    start = next(line for line in opened.splitlines() if line.startswith(b"start: "))
    content = b"\n".join(start if line.startswith(b"start: ") else line for line in content.split(b"\n"))
    commit_signed(room, clone, {f"{SECOND}/02-closed.md": content.replace(old, new, 1)})
    assert any(says in problem for problem in problems(room, clone))


def test_two_records_in_one_commit_are_found(room: Room, clone: Path) -> None:
    content = (clone / SECOND / "01-opened.md").read_bytes()
    files = {
        f"INC-20261124-09000{n}/01-opened.md": content.replace(
            SECOND.encode(), f"INC-20261124-09000{n}".encode()
        )
        for n in range(2)
    }
    commit_signed(room, clone, files)
    assert problems(room, clone) == [": adds neither one record nor a checkpoint"]


def test_a_merge_is_found(room: Room, clone: Path) -> None:
    room.git("checkout", "--quiet", "-b", "side", "HEAD~1", folder=clone)
    room.git("commit", "--quiet", "--allow-empty", "-m", "aside", folder=clone)
    room.git("checkout", "--quiet", "main", folder=clone)
    room.git("merge", "--quiet", "--no-edit", "side", folder=clone)
    assert ": a merge: the history is not one line" in problems(room, clone)


def test_a_shallow_clone_says_that_history_is_missing(room: Room, clone: Path, tmp_path: Path) -> None:
    room.git("clone", "--quiet", "--depth=2", room.folder.as_uri(), "shallow", folder=tmp_path)
    assert any("breaks off here" in problem for problem in problems(room, tmp_path / "shallow"))


def test_commits_cut_off_the_end_are_found_by_who_knows_one(room: Room, clone: Path) -> None:
    known = room.git("rev-parse", "HEAD").strip()
    room.git("reset", "--quiet", "--hard", "HEAD~1", folder=clone)
    assert verify_repository(clone, room.public_key).sound
    report = verify_repository(clone, room.public_key, must_hold=known)
    assert [problem.commit for problem in report.problems] == [known]


@pytest.mark.parametrize("kind", [Commit, Tree, Blob])
def test_an_object_swapped_on_disk_is_found(room: Room, clone: Path, tmp_path: Path, kind: type) -> None:
    # A local clone shares the object files, so nothing has compared them with their names.
    loose = tmp_path / "loose"
    room.git("clone", "--quiet", "--local", str(room.folder), str(loose), folder=tmp_path)
    with Repo(str(loose)) as opened:
        wanted = _object_of(opened, kind)
    file = loose / ".git" / "objects" / wanted[:2].decode() / wanted[2:].decode()
    raw = zlib.decompress(file.read_bytes())
    bent = raw.replace(b"2026", b"2027").replace(b"01-opened.md", b"01-opened.mD").replace(b"Watch", b"Witch")
    assert bent != raw
    file.unlink()
    file.write_bytes(zlib.compress(bent))
    assert problems(room, loose)


def _object_of(opened: Repo, kind: type) -> ObjectID:
    commit = opened[opened.head()]
    assert isinstance(commit, Commit)
    if kind is Commit:
        return commit.parents[0]
    root = opened[commit.tree]
    assert isinstance(root, Tree)
    inside = opened[root[FIRST.encode()][1]]
    assert isinstance(inside, Tree)
    return inside.id if kind is Tree else inside[b"01-opened.md"][1]


def test_a_folder_without_a_repository_is_named(room: Room, tmp_path: Path) -> None:
    with pytest.raises(NotAnIncidentRepository):
        verify_repository(tmp_path / "nowhere", room.public_key)
    room.git("init", "--quiet", "empty", folder=tmp_path)
    with pytest.raises(NotAnIncidentRepository):
        verify_repository(tmp_path / "empty", room.public_key)
