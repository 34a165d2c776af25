"""Passkeys (WebAuthn) beside the six digits: a device signs a challenge once its owner has shown to be there.

The key must be kept on the device with the account's name (discoverable), so that a sign-in needs no list of an account's
keys before the password was checked. Attestation is not asked for: what maker a device has decides nothing here.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import webauthn
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, encode_cbor, parse_client_data_json
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from watchkeeper.base.clock import Instant
from watchkeeper.base.database import Database
from watchkeeper.base.utid import base36
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.signin import challenges
from watchkeeper.market.signin.challenges import LIFE_SECONDS
from watchkeeper.market.signin.sessions import Session
from watchkeeper.market.signin.site import Site

PER_ACCOUNT_MAX = 10
ID_LENGTH = 12
NAME_MAX = 60
_ALGORITHMS = [
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_TIMEOUT_MILLISECONDS = LIFE_SECONDS * 1000


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey as its owner sees it."""

    id: str
    name: str
    created_at: Instant
    last_used_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a browser answers when a passkey is made; all in base64url."""

    credential_id: str
    client_data: str
    attestation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a browser answers when a passkey signs; all in base64url."""

    credential_id: str
    client_data: str
    authenticator_data: str
    signature: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A passkey has signed; its count is still to be taken."""

    credential_id: str
    sign_count: int


def check_offered(site: Site) -> None:
    """Raise `Refusal` capability-blocked where no address is configured that a passkey could be made for."""
    if not site.name:
        raise Refusal(
            "capability-blocked",
            "Passkeys are not offered here: the market's public_address in the settings is not right. Use the six digits.",
        )


def of_user(database: Database, user_id: int) -> list[Passkey]:
    """The passkeys of an account, the oldest first."""
    rows = database.query(
        "SELECT id, name, created_at, last_used_at FROM passkeys WHERE user_id = ? ORDER BY created_at, id LIMIT ?",
        (user_id, PER_ACCOUNT_MAX),
    )
    return [
        Passkey(str(r[0]), str(r[1]), Instant(number(r[2])), None if r[3] is None else Instant(number(r[3])))
        for r in rows
    ]


def _descriptors(database: Database, user_id: int) -> list[PublicKeyCredentialDescriptor]:
    rows = database.query(
        "SELECT credential_id FROM passkeys WHERE user_id = ? ORDER BY created_at, id LIMIT ?",
        (user_id, PER_ACCOUNT_MAX),
    )
    return [PublicKeyCredentialDescriptor(base64url_to_bytes(str(row[0]))) for row in rows]


def registration_options(
    database: Database, session: Session, *, site: Site, at: Instant
) -> dict[str, object]:
    """What `navigator.credentials.create` takes, with a challenge of this session. Raises `Refusal`."""
    check_offered(site)
    challenge = challenges.give(database, session.user.id, purpose="register", asked_by=session.id, at=at)
    options = webauthn.generate_registration_options(
        rp_id=site.name,
        rp_name="Farm2Market Uganda",
        user_id=hashlib.sha256(session.user.alias.encode()).digest(),
        user_name=session.user.alias,
        challenge=challenge,
        timeout=_TIMEOUT_MILLISECONDS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(database, session.user.id),
        supported_pub_key_algs=_ALGORITHMS,
    )
    return dict(webauthn.helpers.options_to_json_dict(options))


def sign_in_options(
    database: Database, user_id: int | None, *, site: Site, asked_by: str, at: Instant
) -> dict[str, object]:
    """What `navigator.credentials.get` takes at sign-in; the same for every account and for none. Raises `Refusal`."""
    check_offered(site)
    challenge = challenges.give(database, user_id, purpose="sign_in", asked_by=asked_by, at=at)
    return _request(site, challenge, [])


def second_factor_options(
    database: Database, session: Session, *, site: Site, at: Instant
) -> dict[str, object]:
    """The same for a fresh second factor of a session, with the account's passkeys. Raises `Refusal`."""
    check_offered(site)
    challenge = challenges.give(
        database, session.user.id, purpose="second_factor", asked_by=session.id, at=at
    )
    return _request(site, challenge, _descriptors(database, session.user.id))


def _request(site: Site, challenge: bytes, allowed: list[PublicKeyCredentialDescriptor]) -> dict[str, object]:
    options = webauthn.generate_authentication_options(
        rp_id=site.name,
        challenge=challenge,
        timeout=_TIMEOUT_MILLISECONDS,
        allow_credentials=allowed,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(webauthn.helpers.options_to_json_dict(options))


def challenge_in(client_data: str) -> bytes:
    """The challenge that a browser's answer names; empty when it names none, or comes out of a foreign frame."""
    try:
        found = parse_client_data_json(base64url_to_bytes(client_data))
    except Exception:
        # Bytes from outside, in a parser that is not ours: whatever it stumbles over is no challenge.
        return b""
    return b"" if found.cross_origin else found.challenge


def register(
    database: Database, session: Session, answer: Registration, *, name: str, site: Site, at: Instant
) -> Passkey:
    """Keep a new passkey of the session's account; opens its own transactions. Raises `Refusal`."""
    check_offered(site)
    called = " ".join(name.split())
    if not 0 < len(called) <= NAME_MAX or not called.isprintable():
        raise Refusal("validation-failed", "Give the passkey a name by which you know it.", field="name")
    user_id = session.user.id
    challenge = challenge_in(answer.client_data)
    spent = challenges.spend(database, challenge, user_id, purpose="register", session=session.id, at=at)
    try:
        verified = webauthn.verify_registration_response(
            credential={
                "id": answer.credential_id,
                "rawId": answer.credential_id,
                "type": "public-key",
                "response": {"clientDataJSON": answer.client_data, "attestationObject": answer.attestation},
            },
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=_ALGORITHMS,
        )
        credential_id = bytes_to_base64url(verified.credential_id)
        known = credential_id == answer.credential_id and spent
    except Exception:
        # As in `challenge_in`.
        known = False
    if not known:
        raise Refusal(
            "validation-failed",
            "This is no new passkey for this site, or its five minutes are over. Begin again.",
            field="attestation",
        )
    passkey = Passkey(base36(ID_LENGTH), called, at, None)
    with database.transaction("write"):
        # Holds the account's row: passkeys are counted one after the other, and one that was erased gets none.
        if _hold(database, user_id) != 1:
            raise Refusal("session-expired", "Your session has ended. Sign in again.")
        if len(of_user(database, user_id)) >= PER_ACCOUNT_MAX:
            raise Refusal(
                "account-state", f"An account has at most {PER_ACCOUNT_MAX} passkeys. Remove one first."
            )
        if database.one("SELECT 1 FROM passkeys WHERE credential_id = ?", (credential_id,)) is not None:
            raise Refusal("validation-failed", "This passkey is registered already.", field="credential_id")
        database.execute(
            "INSERT INTO passkeys (id, user_id, name, credential_id, public_key, sign_count, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                passkey.id,
                user_id,
                called,
                credential_id,
                bytes_to_base64url(verified.credential_public_key),
                verified.sign_count,
                at,
            ),
        )
    return passkey


def _hold(database: Database, user_id: int) -> int:
    return database.execute(
        "UPDATE credentials SET totp_last_step = totp_last_step WHERE user_id = ?", (user_id,)
    )


def remove(database: Database, user_id: int, passkey: str) -> None:
    """Remove a passkey of the account, unless it is the last second factor. Opens its own transaction; raises `Refusal`."""
    with database.transaction("write"):
        _hold(database, user_id)
        found = of_user(database, user_id)
        if passkey not in [one.id for one in found]:
            raise Refusal("passkey-not-found", "You have no such passkey.")
        digits = database.one(
            "SELECT 1 FROM credentials WHERE user_id = ? AND totp_secret IS NOT NULL", (user_id,)
        )
        if digits is None and len(found) == 1:
            raise Refusal("account-state", "This is your last second factor. Add another one first.")
        database.execute("DELETE FROM passkeys WHERE id = ? AND user_id = ?", (passkey, user_id))


def proven(database: Database, user_id: int | None, answer: Assertion, *, site: Site) -> Proof | None:
    """Whether a passkey of this account signed this answer; takes as long when there is no such passkey."""
    row = database.one(
        "SELECT public_key, sign_count FROM passkeys WHERE credential_id = ? AND user_id = ?",
        (answer.credential_id, challenges.NOBODY if user_id is None else user_id),
    )
    try:
        verified = webauthn.verify_authentication_response(
            credential={
                "id": answer.credential_id,
                "rawId": answer.credential_id,
                "type": "public-key",
                "response": {
                    "clientDataJSON": answer.client_data,
                    "authenticatorData": answer.authenticator_data,
                    "signature": answer.signature,
                },
            },
            expected_challenge=challenge_in(answer.client_data),
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=_nobodys_key() if row is None else base64url_to_bytes(str(row[0])),
            credential_current_sign_count=0 if row is None else number(row[1]),
            require_user_verification=True,
        )
    except Exception:
        # As in `challenge_in`.
        return None
    return None if row is None else Proof(answer.credential_id, verified.new_sign_count)


def counted(database: Database, user_id: int, proof: Proof, *, at: Instant) -> bool:
    """Take the count of a proof, in the caller's transaction; False when a copy of the key was there first.

    A device that does not count says 0 each time.
    """
    changed = database.execute(
        "UPDATE passkeys SET sign_count = ?, last_used_at = ? WHERE credential_id = ? AND user_id = ? "
        "AND (sign_count < ? OR (sign_count = 0 AND ? = 0))",
        (proof.sign_count, at, proof.credential_id, user_id, proof.sign_count, proof.sign_count),
    )
    return changed == 1


@functools.cache
def _nobodys_key() -> bytes:
    """A public key whose private half nobody has."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    kty, alg, curve, x, y = 1, 3, -1, -2, -3
    return bytes(
        encode_cbor(
            {kty: 2, alg: -7, curve: 1, x: point.x.to_bytes(32, "big"), y: point.y.to_bytes(32, "big")}
        )
    )
