"""Flipping a switch, from the market's pages, the control room or the host's command line.

The gate comes first and is in force when `flip` returns; the journal row follows under the same UTID.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from watchkeeper.base import utid as utids
from watchkeeper.base.clock import Clock, Instant, iso
from watchkeeper.base.database import Database
from watchkeeper.boundary import gate, switches
from watchkeeper.boundary.flips import Flip, standing
from watchkeeper.boundary.gate import GateState, Hold, OperationClass, Refused, Switch
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GENERATION_STEP, GateBusy, GateUnreadable
from watchkeeper.market import reasons
from watchkeeper.market.load.before import taken_utids
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import number
from watchkeeper.market.state import User

_log = structlog.get_logger()

#: Who may engage and release which switch (catalogue, Switches).
_ROLES = {
    Switch.PILOT_MODE: frozenset({"admin", "operator"}),
    Switch.PURCHASE_WINDOW: frozenset({"admin", "operator"}),
    Switch.SHUTDOWN: frozenset({"operator"}),
}
#: A market whose switches were flipped more often than this has its whole history in the seals.
_FLIPS_MAX = 100_000
_OWN_HOLD = {"admin": Hold.ADMIN, "operator": Hold.OPERATOR}


@dataclass(frozen=True, slots=True)
class SwitchState:
    """A switch as it stands: engaged or not, and by which holds."""

    switch: Switch
    engaged: bool
    holds: tuple[Hold, ...]


class Switching:
    """One thread's handle for looking at and flipping switches. `books` is a reader of the market's database."""

    def __init__(self, data: Path, *, system_id: str, books: Database, clock: Clock) -> None:
        self._gatefile = open_gate(data, system_id=system_id, role="market")
        self._books = books
        self._clock = clock

    def close(self) -> None:
        """Give the gate back."""
        self._gatefile.close()

    def states(self) -> list[SwitchState]:
        """All switches; raises `Refusal` capability-blocked when the gate cannot be read."""
        try:
            with self._gatefile.shared() as database:
                _, standing, _ = self._gatefile.read(database)
        except (GateUnreadable, GateBusy) as error:
            raise _blocked() from error
        return [
            SwitchState(
                switch,
                any(held is switch for held, _ in standing),
                tuple(sorted(hold for held, hold in standing if held is switch)),
            )
            for switch in Switch
        ]

    def flip(
        self, *, switch: Switch, action: str, actor: User, reason: str, hold: Hold | None = None
    ) -> Flip:
        """Engage or release one hold; in force for every commit after this returns.

        `hold` is the actor's own unless the operator names another to release. Raises `Refusal`.
        """
        text = reasons.checked(reason)
        if actor.role not in _ROLES[switch]:
            raise Refusal("not-authorized", "Your role may not flip this switch.")
        chosen = hold or _OWN_HOLD[actor.role]
        if chosen is not _OWN_HOLD[actor.role] and not (actor.role == "operator" and action == "release"):
            raise Refusal("not-authorized", "This hold belongs to somebody else.")
        if action not in ("engage", "release"):
            raise Refusal("validation-failed", "An action is engage or release.", field="action")

        def check(state: GateState) -> None:
            row = self._books.one("SELECT role, status FROM user_state WHERE user_id = ?", (actor.id,))
            if row is None or (str(row[0]), str(row[1])) != (actor.role, "active"):
                raise Refusal("account-not-active", "This account is not active in this role any more.")
            if action == "release" and (switch, chosen) not in state.holds:
                raise Refusal(
                    "validation-failed", f"There is no {chosen.value} hold on this switch.", field="hold"
                )
            if action == "release" and actor.role == "admin":
                gate.decide(
                    state,
                    command=None,
                    classes=frozenset({OperationClass.RELEASE}),
                    touched=(gate.account(actor.alias),),
                )

        return self._flip(
            switch, chosen, action, alias=actor.alias, role=actor.role, reason=text, check=check
        )

    def engage_for_stop_file(self) -> Flip:
        """The stop file lies in the data folder: keep shutdown engaged after it is removed."""
        return self._flip(
            Switch.SHUTDOWN,
            Hold.OPERATOR,
            "engage",
            alias="system",
            role="system",
            reason="authority:stop-file, it was found in the data folder",
            check=lambda _: None,
        )

    def rebuild(self, *, actor: User, reason: str, features_off: Collection[str] = ()) -> list[Flip]:
        """Make a lost gate anew, with everything engaged by the operator; the flips that did it.

        Every flip that the books know of is in it again; the features named are off, as the caller knows them to be. Restrictions are not: the watch imposes those of open findings,
        and what was restricted by hand must be again. Raises `Refusal`, also when the gate is well.
        """
        text = reasons.checked(reason)
        if actor.role != "operator":
            raise Refusal("not-authorized", "Only the operator makes the gate anew.")
        try:
            with self._gatefile.shared():
                pass
        except GateBusy as error:
            raise Refusal("busy", "The gate is busy. Try again.", retry_after_seconds=1) from error
        except GateUnreadable:
            pass
        else:
            raise Refusal("validation-failed", "The gate can be read; there is nothing to make anew.")
        past = self._recorded()
        generation = self._gatefile.decided_under() + GENERATION_STEP
        taken = {flip.utid for flip in past}
        fresh: list[Flip] = []
        for switch in Switch:
            at = self._clock.now()
            name = utids.draw(
                role=actor.role,
                at=at,
                taken=lambda text: text in taken or bool(taken_utids(self._books, {text})),
            )
            taken.add(name)
            fresh.append(
                Flip(
                    number=len(past) + len(fresh) + 1,
                    utid=name,
                    switch=switch,
                    hold=Hold.OPERATOR,
                    action="engage",
                    actor=actor.alias,
                    role=actor.role,
                    reason=text,
                    journal_n=self._tail(),
                    engaged_after=True,
                    generation=generation,
                    at=at,
                )
            )
        self._gatefile.rebuild(
            generation=generation, flips=[*past, *fresh], features_off=features_off, clock=self._clock
        )
        return fresh

    def _recorded(self) -> list[Flip]:
        """The flips that the journal knows of, oldest first, numbered anew."""
        rows = self._books.query(
            "SELECT arguments, actor, role, gate_generation, at FROM journal WHERE command = 'record_flip' "
            "ORDER BY n LIMIT ?",
            (_FLIPS_MAX,),
        )
        found: list[Flip] = []
        for arguments, alias, role, generation, at in rows:
            try:
                said = json.loads(str(arguments))
                flip = Flip(
                    number=len(found) + 1,
                    utid=str(said["flip_utid"]),
                    switch=Switch(said["switch"]),
                    hold=Hold(said["hold"]),
                    action=str(said["action"]),
                    actor=str(alias),
                    role=str(role),
                    reason=str(said["reason"]),
                    journal_n=int(said["journal_n"]),
                    engaged_after=True,
                    generation=number(generation),
                    at=number(at),
                )
            except (ValueError, KeyError, TypeError):
                # A row that somebody tampered with is the watch's to find; the gate has to come back all the same.
                _log.warning("flip.unreadable", arguments=str(arguments)[:200])
                continue
            engaged = any(switch is flip.switch for switch, _ in standing([*found, flip]))
            found.append(replace(flip, engaged_after=engaged))
        return found

    def _flip(
        self,
        switch: Switch,
        hold: Hold,
        action: str,
        *,
        alias: str,
        role: str,
        reason: str,
        check: Callable[[GateState], None],
    ) -> Flip:
        name = utids.draw(
            role=role, at=self._clock.now(), taken=lambda text: bool(taken_utids(self._books, {text}))
        )
        try:
            return switches.flip(
                self._gatefile,
                switch=switch,
                hold=hold,
                action=action,
                actor=alias,
                role=role,
                reason=reason,
                utid=name,
                check=check,
                journal_tail=self._tail,
                clock=self._clock,
            )
        except Refused as refused:
            raise Refusal(refused.code, refused.detail) from refused
        except GateBusy as error:
            raise Refusal(
                "busy",
                "Commands that began before are still ending; the switch is not flipped yet. Try again now.",
                retry_after_seconds=1,
            ) from error
        except GateUnreadable as error:
            raise _blocked() from error

    def _tail(self) -> int:
        row = self._books.one("SELECT coalesce(max(n), 0) FROM journal")
        return number(row[0]) if row else 0


def _blocked() -> Refusal:
    return Refusal("capability-blocked", "The gate cannot be read; everything that it guards stands still.")


def described(flip: Flip) -> dict[str, object]:
    """A flip as an answer shows it."""
    return {
        "utid": flip.utid,
        "switch": flip.switch.value,
        "hold": flip.hold.value,
        "action": flip.action,
        "engaged": flip.engaged_after,
        "journal_n": flip.journal_n,
        "at": iso(Instant(flip.at)),
    }
