"""The shapes of requests and answers. Amounts are whole UGX, weights grams, instants RFC 3339 in UTC."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[int, Field(strict=True, gt=0, le=1_000_000_000_000)]
Text = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=10, max_length=500, description="Why, in your own words.")]
Secret = Annotated[str, Field(min_length=1, max_length=1024)]
Code = Annotated[str, Field(max_length=64)]


class Shape(BaseModel):
    """Unknown fields and other types are refused, never coerced."""

    model_config = ConfigDict(strict=True, extra="forbid")


class SignIn(Shape):
    """Sign in with alias and password; admins and the operator add the six digits or a recovery code."""

    alias: Text
    password: Secret
    code: Code = ""


class SecondFactor(Shape):
    """The six digits as they are now."""

    code: Annotated[str, Field(min_length=6, max_length=64)]


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

    produce: Annotated[str, Field(min_length=1, max_length=60)]
    grams: Annotated[int, Field(strict=True, gt=0, le=2_000_000, multiple_of=10_000)]
    price_ugx_per_kg: Annotated[int, Field(strict=True, gt=0, le=10_000_000)]


class NewDeposit(Shape):
    """Capital paid in, as the provider's message names it."""

    amount_ugx: Amount
    provider: Annotated[str, Field(pattern="^(mtn|airtel|bank|cash)$")]
    external_ref: Annotated[str, Field(min_length=1, max_length=64)]


class NewLock(Shape):
    """The unit to pay for."""

    unit_id: Annotated[int, Field(strict=True, gt=0, lt=2**62)]


class Verification(Shape):
    """What became of a delivery."""

    outcome: Annotated[str, Field(pattern="^(delivered|late|cancelled)$")]
    reason: Reason


class Because(Shape):
    """A reason, and nothing else."""

    reason: Reason


class Flip(Shape):
    """A change of a switch. For the window, engaged means closed."""

    engaged: Annotated[bool, Field(strict=True)]
    reason: Reason


class Problem(BaseModel):
    """An error, after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
