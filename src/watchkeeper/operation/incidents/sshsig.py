"""Signatures as OpenSSH makes them over files, which is what Git's `gpg.format = ssh` stores in a commit.

The format is OpenSSH's PROTOCOL.sshsig, version 1, with Ed25519 and SHA-512. Nothing is run to make or to
check one, so a clone can be checked on a machine that has no OpenSSH.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAMESPACE = b"git"
_MAGIC = b"SSHSIG"
_VERSION = 1
_HASH = b"sha512"
_KEY_TYPE = b"ssh-ed25519"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_END = b"-----END SSH SIGNATURE-----"
_LINE_BYTES = 70
#: An Ed25519 signature has about 300 bytes in its armour.
_ARMOUR_BYTES_MAX = 4_096


class SignatureMalformed(ValueError):
    """This is no SSH signature by an Ed25519 key over a commit."""


class SignatureWrong(Exception):
    """The signature is not one of this key over these bytes."""


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _take_string(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:
        raise SignatureMalformed(SignatureMalformed.__doc__)
    length = struct.unpack(">I", data[:4])[0]
    if length > len(data) - 4:
        raise SignatureMalformed(SignatureMalformed.__doc__)
    return data[4 : 4 + length], data[4 + length :]


def key_blob(key: Ed25519PublicKey) -> bytes:
    """The public key as SSH writes it on the wire."""
    return _string(_KEY_TYPE) + _string(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def _signed(message: bytes) -> bytes:
    digest = hashlib.sha512(message).digest()
    return _MAGIC + _string(NAMESPACE) + _string(b"") + _string(_HASH) + _string(digest)


def sign(message: bytes, *, key: Ed25519PrivateKey) -> bytes:
    """The armoured signature of `message`, no newline at its end. Equal input gives equal bytes."""
    signature = _string(_KEY_TYPE) + _string(key.sign(_signed(message)))
    blob = (
        _MAGIC
        + struct.pack(">I", _VERSION)
        + _string(key_blob(key.public_key()))
        + _string(NAMESPACE)
        + _string(b"")
        + _string(_HASH)
        + _string(signature)
    )
    text = base64.b64encode(blob)
    lines = [text[start : start + _LINE_BYTES] for start in range(0, len(text), _LINE_BYTES)]
    return b"\n".join([_BEGIN, *lines, _END])


def check(message: bytes, armoured: bytes, *, key: Ed25519PublicKey) -> None:
    """Accept the signature of `message` by `key`; raises `SignatureMalformed` or `SignatureWrong`."""
    signer, signature = _read(armoured)
    if signer != key_blob(key):
        msg = "the signature is another key's"
        raise SignatureWrong(msg)
    try:
        key.verify(signature, _signed(message))
    except InvalidSignature as error:
        raise SignatureWrong(SignatureWrong.__doc__) from error


def _read(armoured: bytes) -> tuple[bytes, bytes]:
    """The signer's key blob and the raw signature."""
    lines = armoured.strip().split(b"\n")
    if len(armoured) > _ARMOUR_BYTES_MAX or lines[0] != _BEGIN or lines[-1] != _END:
        raise SignatureMalformed(SignatureMalformed.__doc__)
    try:
        blob = base64.b64decode(b"".join(lines[1:-1]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureMalformed(SignatureMalformed.__doc__) from error
    head = _MAGIC + struct.pack(">I", _VERSION)
    if not blob.startswith(head):
        raise SignatureMalformed(SignatureMalformed.__doc__)
    signer, rest = _take_string(blob[len(head) :])
    namespace, rest = _take_string(rest)
    reserved, rest = _take_string(rest)
    hash_name, rest = _take_string(rest)
    wrapped, rest = _take_string(rest)
    key_type, tail = _take_string(wrapped)
    signature, tail = _take_string(tail)
    if rest or tail or reserved or (namespace, hash_name, key_type) != (NAMESPACE, _HASH, _KEY_TYPE):
        raise SignatureMalformed(SignatureMalformed.__doc__)
    return signer, signature
