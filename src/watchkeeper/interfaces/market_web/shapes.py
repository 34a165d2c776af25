"""The shapes of requests and answers. Amounts are whole UGX, weights grams, instants RFC 3339 in UTC."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from watchkeeper.base.utid import UTID_FORM

Amount = Annotated[int, Field(strict=True, gt=0, le=1_000_000_000_000)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=10, max_length=500, description="Why, in your own words.")]
Secret = Annotated[str, Field(min_length=1, max_length=1024)]
Code = Annotated[str, Field(max_length=64)]
Base64 = Annotated[str, Field(min_length=1, max_length=8192, pattern="^[A-Za-z0-9_-]+$")]
Alias = Annotated[str, Path(pattern="^[a-z]{3}_[0-9a-z]{6}$", description="For example tra_a3k9x2.")]
SessionId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="The id in the list of sessions.")]
PasskeyId = Annotated[str, Path(pattern="^[0-9a-z]{12}$", description="The id in the list of passkeys.")]

#: Larger than any key or number of a row.
_KEY_MAX = 2**62
After = Annotated[int, Query(ge=0, lt=_KEY_MAX, description="Rows after this key; the last answer's `next`.")]
Before = Annotated[
    int | None, Query(ge=0, lt=_KEY_MAX, description="Rows before this number; the last answer's `next`.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many rows.")]
Key = Annotated[int, Path(gt=0, lt=_KEY_MAX)]
Utid = Annotated[str, Path(pattern=UTID_FORM, description="For example 20261123-140509-tra-4k9x2a.")]


class Shape(BaseModel):
    """Unknown fields and other types are refused, never coerced."""

    model_config = ConfigDict(strict=True, extra="forbid")


class PasskeyAnswer(Shape):
    """What `navigator.credentials.get` answered, its bytes in base64url without padding."""

    credential_id: Base64
    client_data: Base64
    authenticator_data: Base64
    signature: Base64


class NewPasskey(Shape):
    """What `navigator.credentials.create` answered, its bytes in base64url without padding, and a name for it."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    credential_id: Base64
    client_data: Base64
    attestation: Base64


class ChallengeFor(Shape):
    """Who wants to sign in with a passkey."""

    alias: Text


class SignIn(Shape):
    """Sign in with alias and password; admins and the operator add the six digits, a recovery code or a passkey."""

    alias: Text
    password: Secret
    code: Code = ""
    passkey: PasskeyAnswer | None = None


class SecondFactor(Shape):
    """The six digits as they are now, or a passkey; one of the two."""

    code: Annotated[str, Field(min_length=6, max_length=64)] | None = None
    passkey: PasskeyAnswer | None = None


class Enrolment(Shape):
    """What a person enters behind an enrolment link."""

    name: Text
    phone: Annotated[str, Field(min_length=7, max_length=20)]
    email: Annotated[str, Field(max_length=200)] = ""
    password: Secret
    code: Code = ""


class Invitation(Shape):
    """An account to be made."""

    role: Annotated[str, Field(pattern="^(farmer|trader|buyer|admin)$")]
    reason: Reason


class NewRole(Shape):
    """The role that an account is given."""

    role: Annotated[str, Field(pattern="^(farmer|trader|buyer|admin)$")]
    reason: Reason


class NewPhase(Shape):
    """The phase that begins."""

    phase: Annotated[str, Field(pattern="^(pilot|production)$")]
    reason: Reason


class PasswordReset(Shape):
    """A new password, with the code that was handed over."""

    alias: Text
    code: Annotated[str, Field(min_length=1, max_length=64)]
    password: Secret


class NewPassword(Shape):
    """A new password, with the old one."""

    old_password: Secret
    password: Secret


class ContactData(Shape):
    """Name, phone and e-mail as they are now."""

    name: Text
    phone: Annotated[str, Field(min_length=7, max_length=20)]
    email: Annotated[str, Field(max_length=200)] = ""


class NewListing(Shape):
    """Produce to be offered, in units of 10 kg."""

    produce: Annotated[
        str,
        Field(min_length=1, max_length=40, description="What it is, in one to four words of letters alone."),
    ]
    grams: Annotated[int, Field(strict=True, gt=0, le=2_000_000, multiple_of=10_000)]
    price_ugx_per_kg: Annotated[int, Field(strict=True, gt=0, le=10_000_000)]


class NewDeposit(Shape):
    """Capital paid in, as the provider's message names it."""

    amount_ugx: Amount
    provider: Annotated[str, Field(pattern="^(mtn|airtel|bank|cash)$")]
    external_ref: Annotated[str, Field(min_length=1, max_length=64)]


class NewLock(Shape):
    """The unit to pay for, and the accepted offer that gives its price where it is not the asking price."""

    unit_id: Annotated[int, Field(strict=True, gt=0, lt=2**62)]
    offer: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Verification(Shape):
    """What became of a delivery."""

    outcome: Annotated[str, Field(pattern="^(delivered|late|cancelled)$")]
    reason: Reason


class Because(Shape):
    """A reason, and nothing else."""

    reason: Reason


class NewPurchase(Shape):
    """The block to buy."""

    block_id: Annotated[int, Field(strict=True, gt=0, lt=2**62)]


class Pickup(Shape):
    """What a pickup brought, as the provider's message names it, and why it is confirmed."""

    proceeds_ugx: Amount
    provider: Annotated[str, Field(pattern="^(mtn|airtel|bank|cash)$")]
    external_ref: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Reason


class Flip(Shape):
    """A change of a switch. For the window, engaged means closed."""

    engaged: Annotated[bool, Field(strict=True)]
    reason: Reason


class NewOffer(Shape):
    """A price for one unit."""

    unit_id: Annotated[int, Field(strict=True, gt=0, lt=2**62)]
    price_ugx_per_kg: Annotated[int, Field(strict=True, gt=0, le=10_000_000)]


class OfferAnswer(Shape):
    """What is answered; a counter names its price."""

    answer: Annotated[str, Field(pattern="^(accept|reject|counter)$")]
    price_ugx_per_kg: Annotated[int, Field(strict=True, gt=0, le=10_000_000)] | None = None


class Cancellation(Shape):
    """Why a listing goes off the market; an admin must say it, its farmer need not."""

    reason: Annotated[str, Field(max_length=500)] = ""


class NewWithdrawal(NewDeposit):
    """Profit paid out, as the provider's message names it."""


class NewPayout(NewDeposit):
    """A farmer who was paid, as the provider's message names it."""

    account: Text
    reason: Reason


class NewNotice(Shape):
    """What is said to whom: `role` for one role, `about_utid` for those who took part in an act."""

    kind: Annotated[str, Field(pattern="^(admin_broadcast|role_based|utid_specific|system)$")]
    text: Annotated[str, Field(min_length=1, max_length=500)]
    reason: Reason
    role: Annotated[str, Field(pattern="^(farmer|trader|buyer|admin|operator)$")] | None = None
    about_utid: Annotated[str, Field(pattern="^[0-9a-z-]{1,40}$")] | None = None


Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=100)]
Names = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=20)
]


class StatementColumns(Shape):
    """The names that the columns of a statement may have; either an amount, or credit and debit."""

    reference: Names
    date: Names
    amount: Names | None = None
    credit: Names | None = None
    debit: Names | None = None
    type: Names | None = None
    status: Names | None = None
    currency: Names | None = None
    fee: Names | None = None


class StatementMap(Shape):
    """How a statement is written; the same words as in a map's file."""

    provider: Annotated[str, Field(pattern="^(mtn|airtel|bank)$")]
    columns: StatementColumns
    date_formats: Names
    signed: Annotated[bool, Field(strict=True)] = False
    money_in: Words = []
    money_out: Words = []
    left_out: Words = []
    statuses_counted: Words = []
    statuses_left_out: Words = []
    thousands: Annotated[str, Field(max_length=1)] = ","
    decimal: Annotated[str, Field(max_length=1)] = "."
    delimiter: Annotated[str, Field(max_length=1)] = ","
    utc_offset_minutes: Annotated[int, Field(strict=True, ge=-840, le=840)] = 180


Day = Annotated[
    str,
    Field(
        pattern="^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        description="YYYY-MM-DD in Kampala, itself included; the statement's own time when left out.",
    ),
]


class NewReconciliation(Shape):
    """A provider's statement as CSV, and the map by which it is read: a built-in one or one of your own."""

    statement: Annotated[str, Field(min_length=1, max_length=60_000)]
    map: Annotated[str, Field(pattern="^(mtn|airtel)$")] | None = None
    own_map: StatementMap | None = None
    first_day: Day = ""
    last_day: Day = ""


class Problem(BaseModel):
    """An error, after RFC 9457.

    Where a limit was reached: which one, how many it takes in how many seconds, and when it takes the next.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
    limit: str | None = None
    limit_max: int | None = None
    window_seconds: int | None = None
    resets_at: str | None = None
