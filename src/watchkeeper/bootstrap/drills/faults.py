"""The faults: what somebody with the database file would do, as SQL, and what must be seen and stopped for it.

Placeholders name people and rows of the drill's own market: {trader} the wronged trader's id, {alias} their alias.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.database import Engine

#: What comes before a trigger's name: it is taken away first, each engine in its own words.
WITHOUT = "@without "
_OWN_LAST = "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader})"
_PATCH = (
    "UPDATE trader_state SET last_number = (SELECT max(number) FROM wallet_ledger WHERE trader_id = {trader}) "
    "WHERE trader_id = {trader}"
)
_ADDED = (
    "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
    "profit_after, provider, external_ref, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {utid}, trader_id, "
    "number + 1, 'capital_deposit', 500000, capital_after + 500000, locked_after, profit_after, 'mtn', 'FOUND-1', at "
    "FROM wallet_ledger WHERE id = " + _OWN_LAST
)
_NEW_UTID = "'20261124-120000-tra-zzzzzz'"
_OLD_UTID = "(SELECT utid FROM journal WHERE command = 'deposit' ORDER BY n LIMIT 1)"
_JOURNAL = (
    "INSERT INTO journal (n, command_id, utid, command, actor_id, actor, role, decision, subject, amount_ugx, arguments, "
    "effects_digest, answer, gate_generation, at) SELECT max(n) + 1, 'forged', "
    + _NEW_UTID
    + ", 'deposit', {trader}, "
    "'{alias}', 'trader', 'accepted', '{alias}', 500000, '{{}}', '{digest}', '{{}}', max(gate_generation), max(at) FROM journal"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A sabotage: its statements, the invariant that must see it, whom it stops, and how it is cured."""

    name: str
    proves: str
    statements: tuple[str, ...]
    #: `account` stops the wronged trader alone; `wallets` and `money` stop those of everyone.
    stops: str
    #: `repair`, `acknowledge`, or `unwind` after an acknowledgement.
    cure: str
    pilot_mode: bool = False
    #: What else this fault rightly breaks.
    also: tuple[str, ...] = ()


def _without(trigger: str, statement: str) -> tuple[str, ...]:
    return (f"{WITHOUT}{trigger}", statement)


def spoken(statement: str, engine: Engine) -> str:
    """A statement of a fault as its engine says it."""
    if not statement.startswith(WITHOUT):
        return statement
    trigger = statement.removeprefix(WITHOUT)
    if engine == "sqlite":
        return f"DROP TRIGGER {trigger}"
    return f"ALTER TABLE market.{trigger.partition('_refuses_')[0]} DISABLE TRIGGER USER"


FAULTS = (
    Fault(
        "edited amount",
        "1.2",
        _without(
            "wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 90000 WHERE id = " + _OWN_LAST,
        ),
        "wallets",
        "repair",
    ),
    Fault(
        "edited instant",
        "1.2",
        _without(
            "wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET at = at - 60000000 WHERE id = " + _OWN_LAST,
        ),
        "wallets",
        "repair",
    ),
    Fault(
        "last row deleted, state patched",
        "1.2",
        (
            *_without("wallet_ledger_refuses_delete", "DELETE FROM wallet_ledger WHERE id = " + _OWN_LAST),
            _PATCH,
        ),
        "wallets",
        "repair",
    ),
    Fault(
        "tail rewritten",
        "1.2",
        (
            f"{WITHOUT}wallet_ledger_refuses_update",
            f"{WITHOUT}journal_refuses_update",
            "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1000, capital_after = capital_after + 1000 WHERE id = "
            + _OWN_LAST,
            "UPDATE journal SET amount_ugx = amount_ugx + 1000 WHERE utid = "
            "(SELECT utid FROM wallet_ledger WHERE id = " + _OWN_LAST + ")",
        ),
        "wallets",
        "repair",
        also=("2.3",),
    ),
    Fault(
        "row past the journal",
        "2.3",
        (_ADDED.replace("{utid}", _NEW_UTID),),
        "account",
        "acknowledge",
    ),
    Fault(
        "row under an old UTID, state patched",
        "2.3",
        (_ADDED.replace("{utid}", _OLD_UTID), _PATCH),
        "account",
        "acknowledge",
    ),
    Fault(
        "lock's instant edited",
        "2.3",
        _without(
            "locks_refuses_update",
            "UPDATE locks SET locked_at = locked_at - 60000000, deadline_at = deadline_at - 60000000 "
            "WHERE id = (SELECT max(id) FROM locks WHERE trader_id = {trader})",
        ),
        "account",
        "repair",
        also=("1.2",),
    ),
    Fault(
        "forged lock over the limit",
        "6.1",
        (
            "INSERT INTO locks (id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, "
            "exposure_after_ugx, locked_at, deadline_at) SELECT (SELECT max(id) + 1 FROM locks), '20261124-120000-tra-yyyyyy', "
            "(SELECT max(id) FROM units), {trader}, farmer_id, 130000, 1300000, 0, 900000, locked_at, deadline_at "
            "FROM locks WHERE id = (SELECT max(id) FROM locks)",
        ),
        "account",
        "unwind",
        also=("2.3",),
    ),
    Fault(
        "deposit while pilot mode is on",
        "7.1",
        (_ADDED.replace("{utid}", _NEW_UTID),),
        "money",
        "acknowledge",
        pilot_mode=True,
        also=("2.3",),
    ),
    Fault(
        "deposit with a forged journal row while pilot mode is on",
        "7.1",
        (_ADDED.replace("{utid}", _NEW_UTID), _JOURNAL, _PATCH),
        "money",
        "acknowledge",
        pilot_mode=True,
    ),
    Fault(
        "entry that does not follow, with a forged journal row",
        "1.1",
        (
            _ADDED.replace("{utid}", _NEW_UTID).replace("capital_after + 500000", "capital_after + 700000"),
            _JOURNAL,
            _PATCH,
        ),
        "account",
        "acknowledge",
    ),
)
