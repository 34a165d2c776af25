"""Notices (domain, Notices): no identity ever, no amount where a buyer is among the recipients. Pure.

What a text says is judged strictly, by its form: better that somebody rephrases than that somebody reads a price.
"""

from __future__ import annotations

import unicodedata

from watchkeeper.base import disclosure
from watchkeeper.market import reasons
from watchkeeper.market.commands import SendNotice
from watchkeeper.market.decision import Context, Decision
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.state import State

TEXT_LENGTH_MAX = 500
ROLES = ("farmer", "trader", "buyer", "admin", "operator")
#: Which role sends which kind.
_SENDERS = {
    "admin_broadcast": ("admin",),
    "role_based": ("admin",),
    "utid_specific": ("admin",),
    "system": ("operator", "system"),
}


def send(command: SendNotice, state: State, context: Context) -> Decision:
    """A notice to everyone, to one role, or to those who took part in one act."""
    reason = reasons.checked(command.reason)
    if command.kind not in _SENDERS:
        raise Refusal("validation-failed", f"A kind is one of {', '.join(_SENDERS)}.", field="kind")
    if context.actor.role not in _SENDERS[command.kind]:
        raise Refusal("not-authorized", "Your role does not send notices of this kind.")
    if (command.kind == "role_based") != (command.role is not None) or command.role not in (None, *ROLES):
        raise Refusal(
            "validation-failed", f"A role_based notice names one of {', '.join(ROLES)}.", field="role"
        )
    if (command.kind == "utid_specific") != (command.about_utid is not None):
        raise Refusal("validation-failed", "A utid_specific notice names its act.", field="about_utid")
    people = frozenset[int]()
    if command.about_utid is not None:
        people = frozenset(
            user_id
            for user_id in state.parties.get(command.about_utid, frozenset())
            if state.user(user_id).role != "system"
        )
        if not people:
            raise Refusal("utid-not-found", "There is no such act, or nobody took part in it.")
    text = _checked(command.text)
    if _reaches_a_buyer(command, state, people) and disclosure.speaks_of_money(text):
        raise Refusal(
            "validation-failed",
            "A buyer would read this, and buyers see no amounts. Leave numbers out where money is spoken of, or send it to "
            "a role.",
            field="text",
        )
    decision = Decision(utid=context.utid, reason=reason, target_utid=command.about_utid)
    notice_id = decision.add(
        state,
        "notices",
        kind=command.kind,
        role=command.role,
        about_utid=command.about_utid,
        text=text,
        at=context.at,
    )
    for user_id in sorted(people):
        decision.add(state, "notice_recipients", notice_id=notice_id, user_id=user_id)
    decision.subject = f"notice {notice_id}"
    decision.answer = {"notice_id": notice_id}
    return decision


def _reaches_a_buyer(command: SendNotice, state: State, people: frozenset[int]) -> bool:
    if command.kind == "role_based":
        return command.role == "buyer"
    if command.kind == "utid_specific":
        return any(state.user(user_id).role == "buyer" for user_id in people)
    return True


def _checked(text: str) -> str:
    found = " ".join(unicodedata.normalize("NFC", text).split())
    if not 0 < len(found) <= TEXT_LENGTH_MAX:
        raise Refusal("validation-failed", f"Say it in 1 to {TEXT_LENGTH_MAX} characters.", field="text")
    if disclosure.names_somebody(found):
        raise Refusal(
            "validation-failed",
            "A notice names nobody: leave telephone numbers and addresses out and use the alias.",
            field="text",
        )
    return found
