"""What several faults are put together from: the classes that stop, spelled out a second time, and forged rows."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.base import canonical
from watchkeeper.bootstrap.drills.faults.model import DIGEST, DIGEST_OF, EVERYTHING, Stopped

#: Classes, spelled out here a second time: what the catalogue says must stop is not asked of the code that stops it.
WALLET = frozenset(["deposit", "withdraw", "lock", "delivered", "reversal", "pickup", "payout"])
MONEY = WALLET | {"purchase", "purchase_cancellation"}
OF_AN_ACCOUNT = MONEY | {"offer", "offer_end", "listing", "listing_end", "write_off", "storage_fee"}
ADMIN = frozenset(
    [
        "verification",
        "delivered",
        "reversal",
        "write_off",
        "pickup",
        "payout",
        "accounts",
        "notice",
        "release",
        "reconciliation",
    ]
)
STOPPABLE = OF_AN_ACCOUNT | ADMIN | {"block_forming", "read"}
#: What a full pass says nothing of while rows of a trader's account or goods are not as they were sealed.
UNSAID = frozenset(["1.1", "3.2", "6.2"])
WALLETS_STOP = Stopped("1.2", EVERYTHING, WALLET)

NEW_UTID = "'20261124-120000-tra-zzzzzz'"
OLD_UTID = "(SELECT utid FROM journal WHERE command = 'deposit' ORDER BY n LIMIT 1)"
#: The wronged trader's last ledger entry, and the one before it.
OWN_LAST = "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader})"
OWN_LAST_BUT_ONE = "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader} AND id < " + OWN_LAST + ")"
#: The wronged trader's state follows the entry that was added or taken away.
PATCH = (
    "UPDATE trader_state SET last_number = (SELECT max(number) FROM wallet_ledger WHERE trader_id = {trader}) "
    "WHERE trader_id = {trader}"
)


def utid_of(entry: str) -> str:
    """The UTID of a ledger entry, as an SQL expression of its id."""
    return f"(SELECT utid FROM wallet_ledger WHERE id = {entry})"


def deposit(*, utid: str = NEW_UTID, more_capital: int = 0, more_locked: int = 0) -> str:
    """An entry that nobody paid for: 500,000 shillings more of capital, and `more_capital` and `more_locked` that do not follow."""
    return (
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
        f"profit_after, provider, external_ref, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {utid}, trader_id, "
        f"number + 1, 'capital_deposit', 500000, capital_after + {500_000 + more_capital}, locked_after + {more_locked}, profit_after, "
        "'mtn', 'FOUND-1', at FROM wallet_ledger WHERE id = " + OWN_LAST
    )


def journal_row(
    *,
    utid: str = NEW_UTID,
    command: str = "deposit",
    actor_id: str = "{trader}",
    actor: str = "{alias}",
    role: str = "trader",
    decision: str = "accepted",
    subject: str = "{alias}",
    target: str = "NULL",
    reason: str = "NULL",
    amount: str = "NULL",
    command_id: str = "forged",
    at: str = "max(at)",
    arguments: Mapping[str, str | int | None] | None = None,
) -> tuple[str, ...]:
    """A forged journal row whose digest agrees with every row that carries its UTID by now; insert those first.

    `utid`, `actor_id`, `target`, `reason`, `amount` and `at` are SQL expressions, the others plain text; `arguments` is what
    the command is said to have asked for, where a check reads it.
    """
    asked = _written(arguments or {})
    return (
        DIGEST_OF + utid,
        "INSERT INTO journal (n, command_id, utid, command, actor_id, actor, role, decision, subject, target_utid, reason, "
        "amount_ugx, arguments, effects_digest, answer, gate_generation, at) SELECT max(n) + 1, "
        f"'{command_id}', {utid}, '{command}', {actor_id}, '{actor}', '{role}', '{decision}', '{subject}', {target}, "
        f"{reason}, {amount}, '{asked}', '{DIGEST}', '{{{{}}}}', max(gate_generation), {at} FROM journal",
    )


def _written(arguments: Mapping[str, str | int | None]) -> str:
    """Canonical JSON in which the braces are text and the placeholders in the values are placeholders."""
    text = canonical.encode(dict(arguments)).decode("utf-8")
    return "{{" + text[1:-1] + "}}"


def notice(utid: str, *, kind: str = "admin_broadcast", about: str = "NULL") -> str:
    """A notice to nobody in particular. `utid` and `about` are SQL expressions."""
    return (
        "INSERT INTO notices (id, utid, kind, role, about_utid, text, at) "
        f"SELECT max(id) + 1, {utid}, '{kind}', NULL, {about}, 'The store is closed.', max(at) FROM notices"
    )


def logged(
    utid: str,
    *,
    action: str,
    actor_id: str = "{admin}",
    subject: str = "everybody",
    target: str = "NULL",
    reason: str = "as the forger would have it",
) -> str:
    """A row of the admin log. `utid`, `actor_id` and `target` are SQL expressions."""
    return (
        "INSERT INTO admin_actions (id, utid, actor_id, action, subject, target_utid, reason, at) "
        f"SELECT max(id) + 1, {utid}, {actor_id}, '{action}', '{subject}', {target}, '{reason}', max(at) FROM admin_actions"
    )


def notice_row(utid: str, *, command_id: str = "forged") -> tuple[str, ...]:
    """The forged journal row of a notice by the admin."""
    return journal_row(
        utid=utid,
        command_id=command_id,
        command="send_notice",
        actor_id="{admin}",
        actor="{admin_alias}",
        role="admin",
        subject="everybody",
        reason="'as the forger would have it'",
    )


_LOCK_UTID = "'20261124-120000-tra-yyyyyy'"


def lock(*, unit: str, price: int, before: str) -> tuple[str, ...]:
    """A lock of the wronged trader with its entry and its journal row, and all states as they then ought to be.

    It records `before`, an SQL expression over the trader's state, as the exposure before it. `unit` is one as well.
    """
    amount = 10 * price
    return (
        "INSERT INTO locks (id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, "
        f"exposure_after_ugx, locked_at, deadline_at) SELECT (SELECT max(id) + 1 FROM locks), {_LOCK_UTID}, u.id, "
        f"{{trader}}, l.farmer_id, {price}, {amount}, {before}, {before} + {amount}, j.at, j.at + 21600000000 "
        "FROM units u JOIN listings l ON l.id = u.listing_id, trader_state, (SELECT max(at) AS at FROM journal) j "
        f"WHERE u.id = {unit} AND trader_id = {{trader}}",
        "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
        f"profit_after, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {_LOCK_UTID}, trader_id, number + 1, "
        f"'capital_lock', {amount}, capital_after - {amount}, locked_after + {amount}, profit_after, "
        "(SELECT max(at) FROM journal) FROM wallet_ledger WHERE id = " + OWN_LAST,
        *journal_row(utid=_LOCK_UTID, command="pay_to_lock", amount=str(amount)),
        PATCH,
        f"UPDATE trader_state SET exposure_ugx = exposure_ugx + {amount} WHERE trader_id = {{trader}}",
        f"UPDATE unit_state SET status = 'locked', lock_utid = {_LOCK_UTID} WHERE unit_id = {unit}",
    )
