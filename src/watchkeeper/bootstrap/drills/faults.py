"""The faults: what somebody with the database file would do, as SQL, and what must be seen and stopped for it.

Placeholders name people and rows of the drill's own market: {trader} the wronged trader's id, {alias} their alias.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.base.database import Engine

#: What comes before a ledger entry's id, an SQL expression: its digest is worked out, as a forger would.
DIGEST_OF = "@digest of "
#: Where that digest stands in the statements that follow.
DIGEST = "DIGEST-OF-THE-ENTRY"
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
    DIGEST_OF + _OWN_LAST,
    "INSERT INTO journal (n, command_id, utid, command, actor_id, actor, role, decision, subject, amount_ugx, arguments, "
    "effects_digest, answer, gate_generation, at) SELECT max(n) + 1, 'forged', "
    + _NEW_UTID
    + ", 'deposit', {trader}, "
    "'{alias}', 'trader', 'accepted', '{alias}', 500000, '{{}}', '"
    + DIGEST
    + "', '{{}}', max(gate_generation), max(at) FROM journal",
)

_FIRST_OF_TWO = "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {trader} AND id < " + _OWN_LAST + ")"
#: The last deposit but one was larger, and all that follows from it, or tells of it, tells the same.
_REWRITTEN = (
    "UPDATE wallet_ledger SET amount_ugx = amount_ugx + 1000, capital_after = capital_after + 1000 WHERE id = "
    + _FIRST_OF_TWO,
    "UPDATE wallet_ledger SET capital_after = capital_after + 1000 WHERE id = " + _OWN_LAST,
    DIGEST_OF + _FIRST_OF_TWO,
    "UPDATE journal SET arguments = replace(arguments, ':' || amount_ugx, ':' || (amount_ugx + 1000)), "
    "answer = replace(answer, ':' || amount_ugx, ':' || (amount_ugx + 1000)), amount_ugx = amount_ugx + 1000, "
    "effects_digest = '"
    + DIGEST
    + "' WHERE utid = (SELECT utid FROM wallet_ledger WHERE id = "
    + _FIRST_OF_TWO
    + ")",
    DIGEST_OF + _OWN_LAST,
    "UPDATE journal SET effects_digest = '"
    + DIGEST
    + "' WHERE utid = (SELECT utid FROM wallet_ledger WHERE id = "
    + _OWN_LAST
    + ")",
)

#: Classes, spelled out here a second time: what the catalogue says must stop is not asked of the code that stops it.
_WALLET = frozenset(["deposit", "withdraw", "lock", "delivered", "reversal", "pickup", "payout"])
_MONEY = _WALLET | {"purchase", "purchase_cancellation"}
_ACCOUNT = _MONEY | {"offer", "offer_end", "listing", "listing_end", "write_off", "storage_fee"}
_ALL = "everything"
_ONE = "account"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A restriction that must be there: by which rule, on everyone or on the wronged account alone, which classes."""

    rule: str
    scope: str
    classes: frozenset[str]


_WALLETS_STOP = Stopped("1.2", _ALL, _WALLET)


@dataclass(frozen=True, slots=True)
class Fault:
    """A sabotage: its statements, the invariant that must see it, and all that stops for it, no more and no less."""

    name: str
    proves: str
    statements: tuple[str, ...]
    stops: tuple[Stopped, ...]
    pilot_mode: bool = False

    @property
    def breaks(self) -> frozenset[str]:
        """The invariants that this rightly breaks."""
        return frozenset(stopped.rule for stopped in self.stops)

    def stops_class(self, name: str, *, wronged: bool) -> bool:
        """Whether an act of this class stops, for the wronged account or for its neighbour."""
        return any(name in s.classes and (s.scope == _ALL or wronged) for s in self.stops)


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
        (_WALLETS_STOP,),
    ),
    Fault(
        "edited instant",
        "1.2",
        _without(
            "wallet_ledger_refuses_update",
            "UPDATE wallet_ledger SET at = at - 60000000 WHERE id = " + _OWN_LAST,
        ),
        (_WALLETS_STOP,),
    ),
    Fault(
        "last row deleted, state patched",
        "1.2",
        (
            *_without("wallet_ledger_refuses_delete", "DELETE FROM wallet_ledger WHERE id = " + _OWN_LAST),
            _PATCH,
        ),
        (_WALLETS_STOP,),
    ),
    Fault(
        "tail rewritten",
        "1.2",
        (f"{WITHOUT}wallet_ledger_refuses_update", f"{WITHOUT}journal_refuses_update", *_REWRITTEN),
        (_WALLETS_STOP, Stopped("2.3", _ONE, _ACCOUNT)),
    ),
    Fault(
        "row past the journal",
        "2.3",
        (_ADDED.replace("{utid}", _NEW_UTID),),
        (Stopped("2.3", _ONE, _ACCOUNT),),
    ),
    Fault(
        "row under an old UTID, state patched",
        "2.3",
        (_ADDED.replace("{utid}", _OLD_UTID), _PATCH),
        (Stopped("2.3", _ONE, _ACCOUNT),),
    ),
    Fault(
        "lock's instant edited",
        "2.3",
        _without(
            "locks_refuses_update",
            "UPDATE locks SET locked_at = locked_at - 60000000, deadline_at = deadline_at - 60000000 "
            "WHERE id = (SELECT max(id) FROM locks WHERE trader_id = {trader})",
        ),
        (Stopped("2.3", _ONE, _ACCOUNT), _WALLETS_STOP),
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
        (Stopped("6.1", _ONE, frozenset({"lock"})), Stopped("2.3", _ONE, _ACCOUNT)),
    ),
    Fault(
        "deposit while pilot mode is on",
        "7.1",
        (_ADDED.replace("{utid}", _NEW_UTID),),
        (Stopped("7.1", _ALL, _MONEY), Stopped("2.3", _ONE, _ACCOUNT)),
        pilot_mode=True,
    ),
    Fault(
        "deposit with a forged journal row while pilot mode is on",
        "7.1",
        (_ADDED.replace("{utid}", _NEW_UTID), *_JOURNAL, _PATCH),
        (Stopped("7.1", _ALL, _MONEY),),
        pilot_mode=True,
    ),
    Fault(
        "entry that does not follow, with a forged journal row",
        "1.1",
        (
            _ADDED.replace("{utid}", _NEW_UTID).replace("capital_after + 500000", "capital_after + 700000"),
            *_JOURNAL,
            _PATCH,
        ),
        (Stopped("1.1", _ONE, _WALLET),),
    ),
)
