from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from watchkeeper.operation.incidents import keys, sshsig

MESSAGE = b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nwords\n"


def test_openssh_accepts_our_signature(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "signature").write_bytes(sshsig.sign(MESSAGE, key=key) + b"\n")
    (tmp_path / "allowed").write_text(keys.allowed_signers(key.public_key()), encoding="ascii")
    command = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        "allowed",
        "-I",
        keys.PRINCIPAL,
        "-n",
        "git",
        "-s",
        "signature",
    ]
    ended = subprocess.run(command, cwd=tmp_path, input=MESSAGE, capture_output=True, check=False, timeout=30)
    assert ended.returncode == 0, ended


def test_we_accept_the_signature_of_openssh(tmp_path: Path) -> None:
    key = keys.create(tmp_path)
    (tmp_path / "message").write_bytes(MESSAGE)
    command = ["ssh-keygen", "-Y", "sign", "-f", str(tmp_path / keys.PRIVATE_FILE), "-n", "git", "message"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=30)
    sshsig.check(MESSAGE, (tmp_path / "message.sig").read_bytes(), key=key.public_key())


def test_one_message_has_one_signature() -> None:
    key = Ed25519PrivateKey.generate()
    assert sshsig.sign(MESSAGE, key=key) == sshsig.sign(MESSAGE, key=key)


def test_another_message_and_another_key_are_refused() -> None:
    key = Ed25519PrivateKey.generate()
    signature = sshsig.sign(MESSAGE, key=key)
    with pytest.raises(sshsig.SignatureWrong):
        sshsig.check(MESSAGE + b" ", signature, key=key.public_key())
    with pytest.raises(sshsig.SignatureWrong, match="another key"):
        sshsig.check(MESSAGE, signature, key=Ed25519PrivateKey.generate().public_key())


def test_no_bent_signature_passes() -> None:
    key = Ed25519PrivateKey.generate()
    signature = sshsig.sign(MESSAGE, key=key)
    for position in range(len(signature)):
        for bent in (signature[:position], signature[:position] + b"!" + signature[position + 1 :]):
            with pytest.raises((sshsig.SignatureWrong, sshsig.SignatureMalformed)):
                sshsig.check(MESSAGE, bent, key=key.public_key())


def test_the_key_files_are_their_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    made = keys.create(tmp_path)
    assert (tmp_path / keys.PRIVATE_FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        keys.create(tmp_path)
    assert keys.public_line(keys.load(tmp_path).public_key()) == keys.public_line(made.public_key())


def test_a_damaged_or_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(keys.KeyUnreadable):
        keys.load(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / keys.PRIVATE_FILE).write_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(keys.KeyUnreadable):
        keys.load(tmp_path)


def test_a_public_key_is_read_from_either_file(tmp_path: Path) -> None:
    key = keys.create(tmp_path).public_key()
    for text in (
        (tmp_path / keys.PUBLIC_FILE).read_text(encoding="ascii"),
        "# old\n" + keys.allowed_signers(key),
    ):
        assert [keys.public_line(found) for found in keys.read_public(text)] == [keys.public_line(key)]


@pytest.mark.parametrize("text", ["", "# ssh-ed25519 AAAA", "ssh-rsa AAAAB3", "ssh-ed25519 " + "A" * 60])
def test_text_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(keys.NoKeyGiven):
        keys.read_public(text)
