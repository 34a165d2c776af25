"""What the market is told and tells: flips of switches, notices."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.boundary.gate import OperationClass as Class
from watchkeeper.market.commands.base import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFlip(Command):
    """The journal's row of a switch that the gate has already flipped, under the flip's UTID."""

    name = "record_flip"
    roles = frozenset({"admin", "operator", "system"})
    is_admin_action = True
    flip_utid: str
    switch: str
    hold: str
    action: str
    reason: str
    #: The last journal number before it was in force; a lost gate is made anew from this.
    journal_n: int

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NEVER_STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class SendNotice(Command):
    """Tell everyone, one role, or the parties of one act something; `role` and `about_utid` as the kind asks."""

    name = "send_notice"
    roles = frozenset({"admin", "operator", "system"})
    is_admin_action = True
    kind: str
    text: str
    reason: str
    role: str | None = None
    about_utid: str | None = None

    @property
    def classes(self) -> frozenset[Class]:
        return frozenset({Class.NOTICE})
