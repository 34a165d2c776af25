"""A passkey's device in software: real keys, real signatures, and the bytes that a browser passes on."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url, encode_cbor

PRESENT, VERIFIED, HAS_KEY = 0x01, 0x04, 0x40
_ZEROS = bytes(16)


class Authenticator:
    """One device with one key; what it says can be bent for a test."""

    def __init__(self, origin: str, *, counts: bool = True) -> None:
        self.origin = origin
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count = 0
        self._counts = counts

    def _client_data(self, kind: str, options: dict[str, Any], **bent: Any) -> bytes:
        said = {
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(said | bent).encode()

    def _data(self, site: str, flags: int, rest: bytes = b"") -> bytes:
        if self._counts:
            self.count += 1
        return hashlib.sha256(site.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + rest

    def public_key(self) -> bytes:
        """The public key as COSE writes it: ES256 on P-256."""
        point = self.key.public_key().public_numbers()
        return encode_cbor(
            {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        )

    def create(
        self,
        options: dict[str, Any],
        *,
        site: str | None = None,
        flags: int = PRESENT | VERIFIED,
        **bent: Any,
    ) -> dict[str, str]:
        """What `navigator.credentials.create` answers to these options."""
        key = self.public_key()
        attested = _ZEROS + len(self.id).to_bytes(2, "big") + self.id + key
        data = self._data(site or options["rp"]["id"], flags | HAS_KEY, attested)
        attestation = encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return {
            "credential_id": bytes_to_base64url(self.id),
            "client_data": bytes_to_base64url(self._client_data("webauthn.create", options, **bent)),
            "attestation": bytes_to_base64url(attestation),
        }

    def get(
        self,
        options: dict[str, Any],
        *,
        site: str | None = None,
        flags: int = PRESENT | VERIFIED,
        **bent: Any,
    ) -> dict[str, str]:
        """What `navigator.credentials.get` answers to these options."""
        client_data = self._client_data("webauthn.get", options, **bent)
        data = self._data(site or options["rpId"], flags)
        signed = data + hashlib.sha256(client_data).digest()
        return {
            "credential_id": bytes_to_base64url(self.id),
            "client_data": bytes_to_base64url(client_data),
            "authenticator_data": bytes_to_base64url(data),
            "signature": bytes_to_base64url(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
        }
