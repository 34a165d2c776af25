"""SSH signatures over Git commits, as OpenSSH's `PROTOCOL.sshsig` describes them; Ed25519 only.

The library that writes our commits can verify such signatures and does not make them without an external
program; this is the small part that is missing.
"""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAGIC = b"SSHSIG"
_NAMESPACE = b"git"
_HASH = b"sha512"
_TYPE = b"ssh-ed25519"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_END = b"-----END SSH SIGNATURE-----"
_LINE = 70


class SignatureWrong(ValueError):
    """The signature is missing, malformed, or not by this key."""


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def public_blob(key: Ed25519PublicKey) -> bytes:
    """The public key as SSH writes it."""
    return _string(_TYPE) + _string(key.public_bytes_raw())


def public_line(key: Ed25519PublicKey) -> str:
    """`ssh-ed25519 AAAA...`"""
    return f"{_TYPE.decode()} {base64.b64encode(public_blob(key)).decode('ascii')}"


def key_of_line(line: str) -> Ed25519PublicKey:
    """The key of an `ssh-ed25519` or allowed-signers line; raises `SignatureWrong`."""
    parts = line.split()
    try:
        blob = base64.b64decode(parts[parts.index(_TYPE.decode()) + 1], validate=True)
        return Ed25519PublicKey.from_public_bytes(blob[-32:])
    except (ValueError, IndexError) as error:
        raise SignatureWrong("there is no Ed25519 key in this line") from error


def _signed(payload: bytes) -> bytes:
    digest = hashlib.sha512(payload).digest()
    return _MAGIC + _string(_NAMESPACE) + _string(b"") + _string(_HASH) + _string(digest)


def sign(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The armoured signature of a commit's bytes."""
    signature = _string(_TYPE) + _string(key.sign(_signed(payload)))
    blob = (
        _MAGIC
        + struct.pack(">I", 1)
        + _string(public_blob(key.public_key()))
        + _string(_NAMESPACE)
        + _string(b"")
        + _string(_HASH)
        + _string(signature)
    )
    text = base64.b64encode(blob)
    lines = [text[begin : begin + _LINE] for begin in range(0, len(text), _LINE)]
    return b"\n".join([_BEGIN, *lines, _END])


def verify(payload: bytes, armoured: bytes, key: Ed25519PublicKey) -> None:
    """Check an armoured signature; raises `SignatureWrong`."""
    lines = armoured.strip().split(b"\n")
    if len(lines) < 3 or lines[0].strip() != _BEGIN or lines[-1].strip() != _END:
        raise SignatureWrong(SignatureWrong.__doc__)
    try:
        blob = base64.b64decode(b"".join(line.strip() for line in lines[1:-1]), validate=True)
        expected = (
            _MAGIC
            + struct.pack(">I", 1)
            + _string(public_blob(key))
            + _string(_NAMESPACE)
            + _string(b"")
            + _string(_HASH)
        )
        if not blob.startswith(expected):
            raise SignatureWrong("signed by another key or for another purpose")
        key.verify(blob[-64:], _signed(payload))
    except (ValueError, InvalidSignature) as error:
        raise SignatureWrong(SignatureWrong.__doc__) from error
