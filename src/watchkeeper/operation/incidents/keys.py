"""The key that signs incident records: an Ed25519 pair in OpenSSH's own format, made once at set-up."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

PRINCIPAL = "watchkeeper@localhost"
PRIVATE_FILE = "keys/incidents"
PUBLIC_FILE = "keys/incidents.pub"
_PUBLIC_KEY = re.compile(r"(?:^|[\s])ssh-ed25519\s+([A-Za-z0-9+/=]{40,200})")
_FILE_BYTES_MAX = 16_384


class KeyUnreadable(Exception):
    """The key that signs incident records is missing or is no Ed25519 key in OpenSSH's format."""


class NoKeyGiven(ValueError):
    """This names no ssh-ed25519 key: hand over incidents.pub or the allowed_signers file."""


def create(data: Path, *, key: Ed25519PrivateKey | None = None) -> Ed25519PrivateKey:
    """Make the pair in the data folder, or store `key`; refuses to replace one (`FileExistsError`)."""
    made = Ed25519PrivateKey.generate() if key is None else key
    (data / "keys").mkdir(mode=0o700, exist_ok=True)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    _write_new(data / PRIVATE_FILE, private)
    _write_new(data / PUBLIC_FILE, f"{public_line(made.public_key())} {PRINCIPAL}\n".encode("ascii"))
    return made


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load(data: Path) -> Ed25519PrivateKey:
    """The private key of this data folder; raises `KeyUnreadable`."""
    try:
        with open(data / PRIVATE_FILE, "rb") as file:
            key = load_ssh_private_key(file.read(_FILE_BYTES_MAX), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnreadable(KeyUnreadable.__doc__) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnreadable(KeyUnreadable.__doc__)
    return key


def public_line(key: Ed25519PublicKey) -> str:
    """The public key as one line, without a comment."""
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def allowed_signers(key: Ed25519PublicKey) -> str:
    """The file that stock Git wants in `gpg.ssh.allowedSignersFile`."""
    return f'{PRINCIPAL} namespaces="git" {public_line(key)}\n'


def read_public(text: str) -> tuple[Ed25519PublicKey, ...]:
    """Every Ed25519 key in a public key file or an allowed_signers file; raises `NoKeyGiven`."""
    found: list[Ed25519PublicKey] = []
    for line in text[:_FILE_BYTES_MAX].splitlines():
        match = None if line.lstrip().startswith("#") else _PUBLIC_KEY.search(line)
        if match is None:
            continue
        try:
            base64.b64decode(match[1], validate=True)
            key = load_ssh_public_key(f"ssh-ed25519 {match[1]}".encode("ascii"))
        except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
            raise NoKeyGiven(NoKeyGiven.__doc__) from error
        if isinstance(key, Ed25519PublicKey):
            found.append(key)
    if not found:
        raise NoKeyGiven(NoKeyGiven.__doc__)
    return tuple(found)
