"""Who somebody is, for that person alone: name, phone and e-mail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from watchkeeper.base.database import Database
from watchkeeper.market.refusals import Refusal

_TEXT_MAX = 200
_PHONE = re.compile(r"\+?[0-9 ()-]{7,20}")
_EMAIL = re.compile(r"[^@\s]{1,100}@[^@\s]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What a person has told about themselves."""

    name: str
    phone: str
    email: str


def checked(contact: Contact) -> Contact:
    """The contact as it is kept, or `Refusal` validation-failed with the field."""
    name = " ".join(contact.name.split())
    if not 0 < len(name) <= _TEXT_MAX or not name.isprintable():
        raise Refusal("validation-failed", "Give your name.", field="name")
    if not _PHONE.fullmatch(contact.phone):
        raise Refusal("validation-failed", "Give a phone number, for example +256 700 000000.", field="phone")
    if contact.email and not _EMAIL.fullmatch(contact.email):
        raise Refusal("validation-failed", "This is no e-mail address.", field="email")
    return Contact(name=name, phone=contact.phone, email=contact.email)


def check_free(database: Database, user_id: int, contact: Contact) -> None:
    """Raise `Refusal` validation-failed when somebody else has this phone or address; in the caller's transaction."""
    taken = database.one(
        "SELECT 1 FROM identities WHERE user_id <> ? AND (phone = ? OR (email <> '' AND email = ?))",
        (user_id, contact.phone, contact.email),
    )
    if taken is not None:
        raise Refusal(
            "validation-failed", "This phone number or e-mail address is enrolled already.", field="phone"
        )


def of(database: Database, user_id: int) -> Contact:
    """What the account's owner told; empty when there is nothing."""
    row = database.one("SELECT name, phone, email FROM identities WHERE user_id = ?", (user_id,))
    if row is None:
        return Contact(name="", phone="", email="")
    return Contact(name=str(row[0]), phone=str(row[1]), email=str(row[2]))


def change(database: Database, user_id: int, contact: Contact) -> Contact:
    """Put new contact data in the place of the old; opens its own transaction. Never brings an erased person back."""
    new = checked(contact)
    with database.transaction("write"):
        check_free(database, user_id, new)
        database.execute(
            "UPDATE identities SET name = ?, phone = ?, email = ? WHERE user_id = ?",
            (new.name, new.phone, new.email, user_id),
        )
    return new
