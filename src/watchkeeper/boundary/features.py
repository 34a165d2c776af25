"""The manifest: what belongs to each feature of the market, so that it is all on or all refused.

A feature is what people use as one: its commands, what the market does for it by itself, the views in which the watch
sees it, and the checks that judge it. Every command that can be stopped belongs to exactly one; a command that nothing
stops, and a cure, belong to none and are never off. A test compares this with the market's commands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature. `commands`, `jobs`, `views` and `checks` are names: of commands, of the market's own rounds, of
    published tables, of invariants. `in_words` completes "This is where ..."; the operator reads it before turning it.
    """

    name: str
    in_words: str
    commands: tuple[str, ...]
    views: tuple[str, ...]
    checks: tuple[str, ...]
    jobs: tuple[str, ...] = ()


class NoSuchFeature(LookupError):
    """There is no feature of this name."""


PURCHASE = "purchase"
DELIVERY_VERIFICATION = "delivery_verification"
STORAGE_FEE = "storage_fee"

#: The market's own rounds, each with the command that it sends (catalogue, Documented authority).
JOBS: Mapping[str, str] = {
    "storage fee": "storage_fee",
    "block forming": "form_block",
    "offer expiry": "expire_offer",
}

#: Every row has its journal row, its UTID, and its seal; what an admin did is logged; money adds up.
_ROWS = ("2.3", "4.1", "4.2", "8.2")
_ADMINS = (*_ROWS, "5.1", "8.1")
_MONEY = (*_ROWS, "1.1", "1.2", "7.1")

FEATURES: tuple[Feature, ...] = (
    Feature(
        "accounts",
        "people are invited, get another role, are let act again, are deleted; the pilot's phase",
        ("invite_user", "change_role", "unsuspend_user", "delete_user", "set_phase"),
        ("users", "user_steps", "role_history", "phases"),
        _ADMINS,
    ),
    Feature(
        "deposits_and_locks",
        "traders pay capital in, and pay for units",
        ("deposit", "pay_to_lock"),
        ("wallet_ledger", "locks"),
        (*_MONEY, "6.1"),
    ),
    Feature(
        "listings",
        "farmers list produce and take it back, and admins take it off",
        ("create_listing", "cancel_listing", "remove_listing"),
        ("listings", "units", "unit_steps"),
        (*_ROWS, "7.1"),
    ),
    Feature(
        "offers",
        "prices are offered, answered, withdrawn, and end after a day",
        ("make_offer", "answer_offer", "withdraw_offer", "expire_offer"),
        ("offers", "offer_steps"),
        (*_ROWS, "7.1"),
        ("offer expiry",),
    ),
    Feature(
        DELIVERY_VERIFICATION,
        "an admin says what became of a lock, and gives back what was not delivered",
        ("verify_delivery", "reverse_lock"),
        ("locks", "lock_outcomes", "lots", "wallet_ledger", "farmer_ledger", "admin_actions"),
        (*_ROWS, "1.1", "1.2", "5.1", "8.1"),
    ),
    Feature(
        "stored_goods",
        "lots become blocks, and goods that are lost are written off",
        ("form_block", "write_off", "write_off_block"),
        ("lots", "blocks", "block_lots", "write_offs"),
        (*_ROWS, "1.1"),
        ("block forming",),
    ),
    Feature(
        STORAGE_FEE,
        "each day in store takes its weight",
        ("storage_fee",),
        ("lots", "block_lots", "storage_fee_deductions", "purchases", "purchase_outcomes", "write_offs"),
        (*_ROWS, "5.2", "7.1"),
        ("storage fee",),
    ),
    Feature(
        PURCHASE,
        "buyers buy blocks and give them back, and admins record the pickup or the expiry",
        ("purchase", "cancel_purchase", "pickup", "purchase_expiry"),
        (
            "blocks",
            "block_lots",
            "purchases",
            "purchase_outcomes",
            "pickups",
            "wallet_ledger",
            "admin_actions",
        ),
        (*_MONEY, "5.1", "7.2", "8.1"),
    ),
    Feature(
        "payouts_and_withdrawals",
        "farmers are paid out, and traders draw their profit",
        ("payout", "withdraw"),
        ("payouts", "wallet_ledger", "farmer_ledger"),
        _MONEY,
    ),
    Feature(
        "notices",
        "notices are sent",
        ("send_notice",),
        ("notices", "notice_recipients"),
        _ROWS,
    ),
    Feature(
        "reconciliation",
        "a provider's statement is compared with the books",
        ("reconcile", "reconcile_part"),
        ("reconciliations", "reconciliation_items"),
        _ROWS,
    ),
)

BY_NAME: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}
#: Command -> the name of its feature.
FEATURE_OF: Mapping[str, str] = {
    command: feature.name for feature in FEATURES for command in feature.commands
}


def named(name: str) -> Feature:
    """The feature of this name; raises `NoSuchFeature`, naming those that there are."""
    try:
        return BY_NAME[name]
    except KeyError:
        raise NoSuchFeature(
            f"There is no feature {name!r:.60}. There are: {', '.join(sorted(BY_NAME))}."
        ) from None


def state_of(feature: Feature, enabled: Collection[str]) -> str:
    """`on`, `off`, or `half on`: what the gate's rows say of its commands taken together."""
    passing = [command for command in feature.commands if command in enabled]
    if len(passing) == len(feature.commands):
        return "on"
    return "half on" if passing else "off"
