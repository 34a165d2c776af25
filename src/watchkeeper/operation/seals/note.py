"""Checkpoints as C2SP signed notes: a log's origin, size and root, signed with Ed25519."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ALGORITHM = b"\x01"
_NOTE_BYTES_MAX = 4096


class NoteUnreadable(ValueError):
    """This is no checkpoint."""


class NoteNotSigned(ValueError):
    """This checkpoint does not carry a good signature by the key that was given."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: which log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The signed text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8") + b"\n" + _ALGORITHM + public).digest()[:4]


def verifier_key(name: str, key: Ed25519PrivateKey) -> str:
    """The public key in C2SP's form: name, key id, key."""
    public = key.public_key().public_bytes_raw()
    encoded = base64.b64encode(_ALGORITHM + public).decode("ascii")
    return f"{name}+{_key_id(name, public).hex()}+{encoded}"


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The signed note."""
    body = checkpoint.body()
    public = key.public_key().public_bytes_raw()
    blob = _key_id(checkpoint.origin, public) + key.sign(body.encode("utf-8"))
    return f"{body}\n— {checkpoint.origin} {base64.b64encode(blob).decode('ascii')}\n"


def parse(text: str) -> Checkpoint:
    """What a note says, its signature unchecked; raises `NoteUnreadable`."""
    lines = text.split("\n")
    if len(text) > _NOTE_BYTES_MAX or len(lines) < 5 or lines[3] != "" or not lines[1].isdecimal():
        raise NoteUnreadable(NoteUnreadable.__doc__)
    try:
        root = base64.b64decode(lines[2], validate=True)
    except ValueError as error:
        raise NoteUnreadable(NoteUnreadable.__doc__) from error
    return Checkpoint(lines[0], int(lines[1]), root)


def verify(text: str, vkey: str) -> Checkpoint:
    """What a note says, when the key of `vkey` signed it; raises `NoteUnreadable`, `NoteNotSigned`."""
    checkpoint = parse(text)
    try:
        name, _, encoded = vkey.strip().split("+", 2)
        material = base64.b64decode(encoded, validate=True)
        public = Ed25519PublicKey.from_public_bytes(material[1:])
    except ValueError as error:
        raise NoteNotSigned("the public key cannot be read") from error
    if name != checkpoint.origin:
        raise NoteNotSigned("the checkpoint is of another log than the key")
    for line in text.split("\n\n", 1)[1].splitlines():
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "—" or parts[1] != name:
            continue
        try:
            blob = base64.b64decode(parts[2], validate=True)
            if blob[:4] == _key_id(name, material[1:]):
                public.verify(blob[4:], checkpoint.body().encode("utf-8"))
                return checkpoint
        except (ValueError, InvalidSignature) as error:
            raise NoteNotSigned(NoteNotSigned.__doc__) from error
    raise NoteNotSigned(NoteNotSigned.__doc__)
