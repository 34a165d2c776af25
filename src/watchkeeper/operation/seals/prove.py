"""A proof that an act stands in the log: its leaf, its path to the root, and the signed checkpoint.

Anyone with the public key can check it, with nothing else from this system.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchkeeper.operation.seals import copy, note, tree
from watchkeeper.operation.seals import leaf as leaves


class NotInLog(LookupError):
    """No leaf of this copy belongs to this UTID. It may be newer than the copy."""


class ProofFails(ValueError):
    """This proof does not lead to the checkpoint that the key signed."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything that is needed to check one leaf."""

    utid: str
    index: int
    leaf: str
    path: tuple[str, ...]
    checkpoint: str

    def document(self) -> dict[str, object]:
        """The proof as JSON has it."""
        return {
            "utid": self.utid,
            "index": self.index,
            "leaf": self.leaf,
            "path": list(self.path),
            "checkpoint": self.checkpoint,
        }


def prove(folder: Path, vkey: str, utid: str) -> Proof:
    """The proof for the journal row of this UTID; raises `NotInLog`, `CopyUnreadable`."""
    checkpoint = copy.read_checkpoint(folder, vkey)
    needle = utid.encode("utf-8")
    for index, data in copy.entries(folder, checkpoint.size):
        if data is None or needle not in data:
            continue
        leaf = leaves.read(data)
        if leaf.journal.get("utid") != utid:
            continue
        path = tree.inclusion(index, checkpoint.size, copy.nodes(folder, checkpoint.size))
        proof = Proof(
            utid,
            index,
            data.decode("utf-8"),
            tuple(step.hex() for step in path),
            (folder / "checkpoint").read_text(encoding="utf-8"),
        )
        check(proof, vkey)
        return proof
    raise NotInLog(NotInLog.__doc__)


def check(proof: Proof, vkey: str) -> leaves.Leaf:
    """The leaf that a proof proves; raises `ProofFails`, `NoteNotSigned`, `NoteUnreadable`."""
    checkpoint = note.verify(proof.checkpoint, vkey)
    data = proof.leaf.encode("utf-8")
    found = tree.root_from_inclusion(
        tree.leaf_hash(data),
        proof.index,
        checkpoint.size,
        [bytes.fromhex(step) for step in proof.path],
    )
    leaf = leaves.read(data)
    if found != checkpoint.root or leaf.journal.get("utid") != proof.utid:
        raise ProofFails(ProofFails.__doc__)
    return leaf
