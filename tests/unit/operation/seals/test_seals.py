"""The log: roots, proofs, files, and every way in which a copy can be wrong."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.base.canonical import Value
from watchkeeper.base.clock import SystemClock
from watchkeeper.base.database import SqliteDatabase
from watchkeeper.operation import store
from watchkeeper.operation.seals import copy, leaf, log, note, prove, publish, signing, tree

#: The eight leaves and the roots that every implementation of RFC 6962 is tried on.
LEAVES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive(hashes: list[bytes]) -> bytes:
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return tree.node_hash(naive(hashes[:half]), naive(hashes[half:]))


def grown(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    hashes = [tree.leaf_hash(data) for data in leaves]
    for size, digest in enumerate(hashes):
        for level, index, found in tree.new_nodes(size, [digest], lambda a, b: nodes[a, b]):
            nodes[level, index] = found
    return nodes


def test_the_known_roots_of_the_standard_come_out() -> None:
    nodes = grown(LEAVES)
    for size, expected in enumerate(ROOTS, start=1):
        assert tree.root(size, lambda a, b: nodes[a, b]).hex() == expected
    assert tree.root(0, lambda a, b: nodes[a, b]) == hashlib.sha256(b"").digest()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70), st.data())
def test_every_leaf_is_proven_and_nothing_else_is(leaves: list[bytes], data: st.DataObject) -> None:
    nodes = grown(leaves)
    hashes = [tree.leaf_hash(item) for item in leaves]
    root = tree.root(len(leaves), lambda a, b: nodes[a, b])
    assert root == naive(hashes)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = tree.inclusion(index, len(leaves), lambda a, b: nodes[a, b])
    assert tree.root_from_inclusion(hashes[index], index, len(leaves), path) == root
    assert tree.root_from_inclusion(tree.leaf_hash(b"something else"), index, len(leaves), path) != root
    assert tree.root_from_inclusion(hashes[index], index, len(leaves), [*path, root]) != root


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    store.create(folder, system_id="t", clock=SystemClock())
    signing.create_key(folder, system_id="t")
    return folder


@pytest.fixture
def database(data: Path) -> Iterator[SqliteDatabase]:
    found = store.open_store(data)
    yield found
    found.close()


def utid(number: int) -> str:
    return f"20261124-000000-tra-{number:06d}"


def journal_leaf(number: int) -> bytes:
    row: dict[str, Value] = {"n": number, "utid": utid(number), "effects_digest": "x", "reason": "r" * 50}
    return leaf.journal_leaf(row, [("t", 1, {"id": 1, "utid": utid(number)})])


def fill(data: Path, database: SqliteDatabase, count: int) -> Path:
    begin = log.size(database, log.MAIN)
    with database.transaction("write"):
        log.append(
            database, log=log.MAIN, leaves=[journal_leaf(n) for n in range(begin + 1, begin + count + 1)]
        )
    publish.Publisher(data, system_id="t").publish(database, log.MAIN)
    return data / "seals" / "main"


def key(data: Path) -> str:
    return (data / "seals" / "main.vkey").read_text()


def test_a_copy_verifies_at_every_size_around_a_tile(data: Path, database: SqliteDatabase) -> None:
    for count in (1, 2, 252, 1, 1, 255, 88):
        folder = fill(data, database, count)
        report = copy.verify_copy(folder, key(data))
        assert report.sound, report.problems
        assert report.size == log.size(database, log.MAIN)
    partial = list(folder.rglob("*.p/*"))
    assert len(partial) == 3, "superseded partial files are gone"


def test_the_bytes_of_a_leaf_of_format_one_are_fixed_for_ever() -> None:
    data = leaf.journal_leaf(
        {"n": 1, "utid": "u", "at": 5}, [("b", 2, {"id": 2}), ("a", 1, {"id": 1, "x": None})]
    )
    assert (
        data
        == b'{"effects":[["a",{"id":1}],["b",{"id":2}]],"journal":{"at":5,"n":1,"utid":"u"},"kind":"journal","n":1,"v":1}'
    )
    assert tree.leaf_hash(data).hex() == "aabe002422ae57b50659f19520b160667f84861fc5c2c5be66f696caca8b509d"


def test_a_leaf_that_would_be_too_long_is_sealed_by_its_digest() -> None:
    data = leaf.row_leaf("t", {"id": 1, "text": "x" * 70_000})
    assert len(data) < 200
    assert leaf.read(data).kind == "long"


@pytest.mark.parametrize("what", ["tile/entries/000", "tile/0/000", "checkpoint"])
def test_a_flipped_byte_in_a_copy_is_found(
    data: Path, database: SqliteDatabase, tmp_path: Path, what: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(fill(data, database, 300), folder)
    body = bytearray((folder / what).read_bytes())
    body[len(body) // 2] ^= 1
    (folder / what).write_bytes(bytes(body))
    try:
        report = copy.verify_copy(folder, key(data))
    except copy.CopyUnreadable:
        assert what == "checkpoint"
        return
    if what == "tile/0/000":
        # The leaves alone add up to the signed root; the tile is only a way to find them.
        def prove_all() -> None:
            for number in (1, 100, 129, 256):
                prove.prove(folder, key(data), utid(number))

        with pytest.raises((copy.CopyUnreadable, prove.ProofFails)):
            prove_all()
        return
    assert not report.sound
    assert any("leaf" in problem for problem in report.problems)


def test_a_missing_bundle_and_a_swapped_pair_are_found(
    data: Path, database: SqliteDatabase, tmp_path: Path
) -> None:
    original = fill(data, database, 600)
    for name in ("missing", "swapped"):
        folder = tmp_path / name
        shutil.copytree(original, folder)
        if name == "missing":
            (folder / "tile/entries/001").unlink()
        else:
            first, second = folder / "tile/entries/000", folder / "tile/entries/001"
            kept = first.read_bytes()
            first.write_bytes(second.read_bytes())
            second.write_bytes(kept)
        assert not copy.verify_copy(folder, key(data)).sound


def test_a_rewritten_log_is_not_the_one_that_a_witness_saw(
    data: Path, database: SqliteDatabase, tmp_path: Path
) -> None:
    witness = (fill(data, database, 10) / "checkpoint").read_text()
    folder = fill(data, database, 300)
    assert copy.verify_copy(folder, key(data), witness=witness).sound
    other = tmp_path / "other"
    other.mkdir()
    store.create(other, system_id="t", clock=SystemClock())
    (other / "keys").mkdir()
    shutil.copy(data / "keys" / "log.key", other / "keys" / "log.key")
    shutil.copytree(data / "seals", other / "seals", ignore=lambda *_: ["main"])
    (other / "seals" / "main").mkdir(exist_ok=True)
    forged = store.open_store(other)
    with forged.transaction("write"):
        log.append(
            forged, log=log.MAIN, leaves=[journal_leaf(n) for n in (*range(2, 11), 1, *range(11, 400))]
        )
    publish.Publisher(other, system_id="t").publish(forged, log.MAIN)
    forged.close()
    assert not copy.verify_copy(other / "seals" / "main", key(data), witness=witness).sound


def test_a_store_put_back_from_an_older_copy_does_not_publish(data: Path, database: SqliteDatabase) -> None:
    fill(data, database, 300)
    older = store.open_store(data)
    older.execute("DROP TRIGGER seal_leaves_refuses_delete")
    older.execute("DELETE FROM seal_leaves WHERE idx >= 250")
    older.close()
    with pytest.raises(publish.LogForked):
        publish.Publisher(data, system_id="t").publish(database, log.MAIN)


def test_without_its_key_nothing_is_published(data: Path, database: SqliteDatabase) -> None:
    (data / "keys" / "log.key").unlink()
    with pytest.raises(signing.KeyMissing):
        fill(data, database, 1)


def test_a_proof_stands_on_its_own_and_a_changed_one_falls(data: Path, database: SqliteDatabase) -> None:
    folder = fill(data, database, 700)
    proof = prove.prove(folder, key(data), utid(300))
    assert proof.index == 299
    assert prove.check(proof, key(data)).journal["utid"] == utid(300)
    wrong = prove.Proof(
        proof.utid, proof.index, proof.leaf.replace("rrr", "rrs", 1), proof.path, proof.checkpoint
    )
    with pytest.raises(prove.ProofFails):
        prove.check(wrong, key(data))
    with pytest.raises(prove.NotInLog):
        prove.prove(folder, key(data), "20261124-000000-tra-zzzzzz")


def test_a_checkpoint_signed_by_another_key_is_refused(
    data: Path, database: SqliteDatabase, tmp_path: Path
) -> None:
    folder = fill(data, database, 3)
    other = tmp_path / "other"
    other.mkdir()
    signing.create_key(other, system_id="t")
    with pytest.raises(note.NoteNotSigned):
        note.verify((folder / "checkpoint").read_text(), (other / "seals" / "main.vkey").read_text())
