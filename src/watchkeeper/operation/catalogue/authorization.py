"""The policy asked anew about one journal row: would this have been accepted, of this actor, then?

Pure of the market's rules. Every answer comes from the journal row, its effect rows, the history of the accounts and the
rows that the effects refer to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from watchkeeper.base import canonical
from watchkeeper.base.canonical import Value
from watchkeeper.boundary.views import Row
from watchkeeper.operation.catalogue import corrected, flipped, references
from watchkeeper.operation.catalogue.books import integer
from watchkeeper.operation.catalogue.context import Context, Found, News
from watchkeeper.operation.catalogue.people import People, Standing
from watchkeeper.operation.catalogue.policy import (
    ANOTHER,
    POLICIES,
    REASON_LENGTH_MIN,
    SYSTEM,
    Policy,
)
from watchkeeper.operation.catalogue.referred import AsSealed, AsTheyStand, Rows

_GRAMS_PER_KG = 1000
#: Tables of rows about an account: who does something to one does it to another's.
_OF_ACCOUNTS = frozenset({"user_steps", "role_history"})
#: 8.1 looks after the admins' log.
_ELSEWHERE = frozenset({"admin_actions"})


@dataclass(frozen=True, slots=True)
class Case:
    """A journal row with what belongs to it, and the rows that it may refer to."""

    context: Context
    people: People
    standing: AsTheyStand
    entry: Found
    effects: Sequence[Found]

    @property
    def actor_id(self) -> Value:
        """Who did it, by the journal."""
        return self.entry.row["actor_id"]

    @property
    def number(self) -> int:
        """Its journal number."""
        return self.entry.key


def referred(context: Context, news: News) -> AsTheyStand:
    """The rows that these journal rows may refer to; those that nearly every row asks for are read already."""
    standing = AsTheyStand(context)
    locks = [one.row for effects in news.effects.values() for one in effects if one.table == "locks"]
    units = standing.foresee("units", [lock["unit_id"] for lock in locks])
    standing.foresee("listings", [unit["listing_id"] for unit in units])
    return standing


def refused(case: Case) -> str | None:
    """Why the policy does not accept this row; None when it does."""
    row = case.entry.row
    policy = POLICIES.get(str(row["command"]))
    if policy is None:
        return f"there is no command {row['command']!s:.40}"
    return _by_whom(case, policy) or _reason(row, policy) or _what(case, policy)


def said_why(text: Value) -> bool:
    """Whether this is a reason at all."""
    return isinstance(text, str) and len(text.strip()) >= REASON_LENGTH_MIN


def _by_whom(case: Case, policy: Policy) -> str | None:
    row = case.entry.row
    if row["command"] == "set_up":
        return None if case.number == 1 and row["role"] == SYSTEM else "a market is set up once, first of all"
    first = _standing_refused(case, policy, case.people.at(case.actor_id, case.number))
    if first is None:
        return _alias(case)
    # What speaks against somebody is asked once more, with what the operator let stand.
    return _standing_refused(case, policy, case.people.acknowledged(case.actor_id, case.number))


def _standing_refused(case: Case, policy: Policy, standing: Standing) -> str | None:
    role = case.entry.row["role"]
    if standing.role is None:
        return "nobody knows the account that did it"
    if role != standing.role:
        return f"it says that a {role!s:.20} did it, who was a {standing.role}"
    if role == SYSTEM:
        return None if policy.by_itself else "the system does not do this"
    if role not in policy.roles:
        return f"a {role} may not do this"
    if standing.status != policy.status:
        return f"the account was {standing.status}, not {policy.status}"
    return None


def _alias(case: Case) -> str | None:
    said = case.entry.row["actor"]
    if said == case.context.alias(case.actor_id):
        return None
    found = AsSealed(case.context).by_key("users", case.actor_id)
    return None if found is not None and found["alias"] == said else "it names another account"


def _reason(row: Row, policy: Policy) -> str | None:
    return "it does not say why" if policy.needs_reason and not said_why(row["reason"]) else None


def _what(case: Case, policy: Policy) -> str | None:
    if case.entry.row["command"] == "record_flip":
        return flipped.refused(case.context, case.people, case.entry)
    found = next(_effects_refused(case, policy), None)
    if found is None:
        found = _referring(case, case.standing)
        if found is not None:
            found = None if _of_what_is_gone(case) else _referring(case, AsSealed(case.context))
    # Rows that are not those of the command say nothing about it; that they are there is 2.3's.
    return found if found is None or _own_rows(case) else None


def _of_what_is_gone(case: Case) -> bool:
    """Whether it refers to an act that is not as it was sealed: nobody can be asked what it said, and its seal speaks of it."""
    cited = {utid for one in (case.entry, *case.effects) for utid in references.cited(one)}
    gone = not cited.isdisjoint(case.context.unsound.utids)
    if gone:
        case.context.unsound.unsaid.add("2.1")
    return gone


def _own_rows(case: Case) -> bool:
    digest = canonical.effects_digest((one.table, one.key, one.row) for one in case.effects)
    return digest == case.entry.row["effects_digest"]


def _effects_refused(case: Case, policy: Policy) -> Iterator[str]:
    for found in case.effects:
        if found.table not in policy.tables | _ELSEWHERE:
            yield f"this command writes no {found.table}"
        column = policy.own.get(found.table)
        if column is not None and found.row[column] != case.actor_id:
            yield f"its {found.table} is in another's name"
        if (
            policy.touches == ANOTHER
            and found.table in _OF_ACCOUNTS
            and found.row.get("user_id") == case.actor_id
        ):
            yield "nobody does this to their own account"
    row = case.entry.row
    silent = ("end_sessions", "issue_reset", "reset_second_factor")
    if row["command"] in silent and row["subject"] == row["actor"]:
        yield "nobody does this to their own account"


def _referring(case: Case, rows: Rows) -> str | None:
    match case.entry.row["command"]:
        case "pay_to_lock":
            found = _price(case, rows)
        case "answer_offer":
            found = _turn(case, rows)
        case "withdraw_offer":
            found = next(
                (
                    "the offer was another's"
                    for step in _of(case, "offer_steps")
                    if not _is(rows.by_utid("offers", step["offer_utid"]), "trader_id", case.actor_id)
                ),
                None,
            )
        case "cancel_purchase":
            found = next(
                (
                    "the order was another's"
                    for outcome in _of(case, "purchase_outcomes")
                    if outcome["outcome"] != "cancelled"
                    or not _is(rows.by_utid("purchases", outcome["purchase_utid"]), "buyer_id", case.actor_id)
                ),
                None,
            )
        case "cancel_listing":
            found = next(
                (
                    "the goods were another's"
                    for step in _of(case, "unit_steps")
                    if not _is(_listing(rows, step["unit_id"]), "farmer_id", case.actor_id)
                ),
                None,
            )
        case _:
            found = corrected.refused(case.entry, case.effects, rows)
    return found


def _of(case: Case, table: str) -> Iterator[Row]:
    return (one.row for one in case.effects if one.table == table)


def _is(row: Row | None, column: str, actor_id: Value) -> bool:
    return row is not None and row[column] == actor_id


def _listing(rows: Rows, unit_id: Value) -> Row | None:
    unit = rows.by_key("units", unit_id)
    return None if unit is None else rows.by_key("listings", unit["listing_id"])


def _turn(case: Case, rows: Rows) -> str | None:
    """The owner of the goods answers first; a counter is answered by whoever made the offer."""
    for step in _of(case, "offer_steps"):
        offer = rows.by_utid("offers", step["offer_utid"])
        before = rows.steps(step["offer_utid"], before=integer(step["id"]))
        last = before[-1]["step"] if before else None
        if offer is None or last not in (None, "countered"):
            return "there was no open offer"
        if offer["farmer_id" if last is None else "trader_id"] != case.actor_id:
            return "it was another's turn to answer"
    return None


def _price(case: Case, rows: Rows) -> str | None:
    """The asking price, or that of the payer's own accepted offer for this unit."""
    for lock in _of(case, "locks"):
        unit = rows.by_key("units", lock["unit_id"])
        listing = None if unit is None else rows.by_key("listings", unit["listing_id"])
        if unit is None or listing is None:
            return "there are no such goods"
        if lock["farmer_id"] != listing["farmer_id"]:
            return "the goods were another's"
        price = lock["price_ugx_per_kg"]
        if integer(lock["amount_ugx"]) * _GRAMS_PER_KG != integer(unit["grams"]) * integer(price):
            return "the amount is not price times weight"
        target = case.entry.row["target_utid"]
        if target is None:
            if price != listing["price_ugx_per_kg"]:
                return "the price was neither asked nor agreed"
            continue
        offer = rows.by_utid("offers", target)
        if offer is None or (offer["trader_id"], offer["unit_id"]) != (case.actor_id, lock["unit_id"]):
            return "the offer was another's, or for other goods"
        own = {integer(step["id"]) for step in _of(case, "offer_steps")}
        steps = rows.steps(target, before=min(own, default=2**62))
        agreed = next(
            (s["price_ugx_per_kg"] for s in reversed(steps) if s["step"] == "countered"),
            offer["price_ugx_per_kg"],
        )
        if not steps or steps[-1]["step"] != "accepted" or price != agreed:
            return "the price was not agreed"
    return None
