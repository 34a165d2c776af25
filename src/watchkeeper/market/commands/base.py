"""What every command shares, who sent it, and how it is answered."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from watchkeeper.boundary.gate import OperationClass as Class


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command shares."""

    name: ClassVar[str]
    roles: ClassVar[frozenset[str]]
    #: An admin action leaves a row in admin_actions, with its reason.
    is_admin_action: ClassVar[bool] = False
    #: The entry of the documented authority that lets the system do it by itself; the journal's row cites it as its reason.
    by_authority: ClassVar[str] = ""

    @property
    def classes(self) -> frozenset[Class]:
        """The operation classes that this command belongs to."""
        raise TypeError(type(self).__name__)

    def arguments(self) -> dict[str, int | str | None]:
        """The command as the journal keeps it; never an identity."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A command as somebody sent it.

    `session_generation` is that of the session it came in by: when the account's own has moved on
    (suspension, role or password change), the session is over. None for acts of the host itself.
    """

    command: Command
    actor_id: int
    command_id: str
    session_generation: int | None = None
    idempotency_key: str | None = None
    body_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an accepted command is answered; the same again for the same idempotency key."""

    utid: str
    n: int
    body: dict[str, object]
    replayed: bool = False
