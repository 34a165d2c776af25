"""2.1 server-side authorization: acts that nobody would have been let do, each with a journal row whose digest agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from watchkeeper.bootstrap.drills.faults.model import COMMAND, Fault, Stopped
from watchkeeper.bootstrap.drills.faults.parts import (
    NEW_UTID,
    OWN_LAST,
    PATCH,
    STOPPABLE,
    journal_row,
    logged,
)
from watchkeeper.market.commands import Deposit, SuspendUser

if TYPE_CHECKING:
    from watchkeeper.bootstrap.drills.world import World

_OF_A_FARMER = "'20261124-120000-far-zzzzzz'"
_PESTS_LAST = "(SELECT max(id) FROM wallet_ledger WHERE trader_id = {pest})"
#: A unit that nobody asked for, below the asking price: 10 kg at 50 shillings.
_UNIT = "(SELECT min(id) FROM units WHERE listing_id = (SELECT max(id) FROM listings))"
_UGX = 500
_CORRECTED, _EXPLAINED, _WAIVED = (f"'20261124-120000-opr-zzzzz{n}'" for n in range(3))
_INCIDENT = {
    "finding": "1.1 {alias}",
    "incident": "INC-20261124-000000",
    "reason": "as the forger would have it",
}


def _suspended(world: World) -> None:
    world.bench.one(
        SuspendUser(account=str(world.names["pest_alias"]), reason="a drill: suspended before the fault"),
        world.bench.market.admin.id,
    )


def _paid(world: World) -> None:
    paid = Deposit(amount_ugx=1000, provider="mtn", external_ref="EXPLAINED-1")
    world.names["paid_in"] = world.bench.one(paid, int(str(world.names["trader"]))).utid


def _by_the_operator(
    utid: str, command: str, asked: Mapping[str, str | int | None], *, subject: str, target: str, amount: str
) -> tuple[str, ...]:
    return (
        logged(utid, action=command, actor_id="{operator}", subject=subject, target=target),
        *journal_row(
            utid=utid,
            command_id=f"forged {command}",
            command=command,
            actor_id="{operator}",
            actor="{operator_alias}",
            role="operator",
            subject=subject,
            target=target,
            reason="'as the forger would have it'",
            amount=amount,
            arguments=_INCIDENT | dict(asked),
        ),
    )


def _stops(command: str) -> tuple[Stopped, ...]:
    return (Stopped("2.1", COMMAND, STOPPABLE, key=command),)


FAULTS = (
    Fault(
        "deposit of a suspended account",
        "2.1",
        (
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            f"profit_after, provider, external_ref, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {NEW_UTID}, "
            "trader_id, number + 1, 'capital_deposit', 500000, capital_after + 500000, locked_after, profit_after, "
            f"'mtn', 'FOUND-1', at FROM wallet_ledger WHERE id = {_PESTS_LAST}",
            PATCH.replace("{trader}", "{pest}"),
            *journal_row(actor_id="{pest}", actor="{pest_alias}", subject="{pest_alias}", amount="500000"),
        ),
        _stops("deposit"),
        before=_suspended,
    ),
    Fault(
        "listing in a role that the actor does not have",
        "2.1",
        (
            "INSERT INTO listings (id, utid, farmer_id, produce, grams, price_ugx_per_kg, at) "
            f"SELECT max(id) + 1, {_OF_A_FARMER}, {{pest}}, 'Beans', 10000, 100, max(at) FROM listings",
            "INSERT INTO units (id, utid, listing_id, number, grams) SELECT (SELECT max(id) + 1 FROM units), "
            f"{_OF_A_FARMER}, max(id), 1, 10000 FROM listings",
            "INSERT INTO unit_state (unit_id, status, lock_utid) SELECT max(id), 'available', NULL FROM units",
            *journal_row(
                utid=_OF_A_FARMER,
                command="create_listing",
                actor_id="{pest}",
                actor="{pest_alias}",
                role="farmer",
                subject="Beans",
            ),
        ),
        _stops("create_listing"),
    ),
    Fault(
        "another's offer taken back",
        "2.1",
        (
            "INSERT INTO offer_steps (id, utid, offer_utid, step, price_ugx_per_kg, at) "
            f"SELECT max(id) + 1, {NEW_UTID}, '{{paid_offer}}', 'withdrawn', NULL, max(at) FROM offer_steps",
            "UPDATE offer_state SET status = 'withdrawn', expires_at = (SELECT max(at) + 86400000000 FROM offer_steps) "
            "WHERE offer_id = (SELECT id FROM offers WHERE utid = '{paid_offer}')",
            *journal_row(
                command="withdraw_offer",
                actor_id="{neighbour_trader}",
                actor="{neighbour_alias}",
                subject="unit",
                target="'{paid_offer}'",
            ),
        ),
        _stops("withdraw_offer"),
    ),
    Fault(
        "goods paid for at a price that nobody agreed",
        "2.1",
        (
            "INSERT INTO locks (id, utid, unit_id, trader_id, farmer_id, price_ugx_per_kg, amount_ugx, exposure_before_ugx, "
            f"exposure_after_ugx, locked_at, deadline_at) SELECT (SELECT max(id) + 1 FROM locks), {NEW_UTID}, {_UNIT}, "
            "t.trader_id, (SELECT farmer_id FROM listings WHERE id = (SELECT max(id) FROM listings)), "
            f"50, {_UGX}, t.exposure_ugx, t.exposure_ugx + {_UGX}, j.at, j.at + 21600000000 FROM trader_state t, "
            "(SELECT max(at) AS at FROM journal) j WHERE t.trader_id = {trader}",
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            f"profit_after, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {NEW_UTID}, trader_id, number + 1, "
            f"'capital_lock', {_UGX}, capital_after - {_UGX}, locked_after + {_UGX}, profit_after, at FROM wallet_ledger "
            f"WHERE id = {OWN_LAST}",
            PATCH,
            f"UPDATE trader_state SET exposure_ugx = exposure_ugx + {_UGX} WHERE trader_id = {{trader}}",
            f"UPDATE unit_state SET status = 'locked', lock_utid = {NEW_UTID} WHERE unit_id = {_UNIT}",
            *journal_row(command="pay_to_lock", subject="unit", amount=str(_UGX)),
        ),
        _stops("pay_to_lock"),
    ),
    Fault(
        "correction that left to be recovered what was there to take",
        "2.1",
        (
            "INSERT INTO wallet_ledger (id, utid, trader_id, number, type, amount_ugx, capital_after, locked_after, "
            f"profit_after, incident, at) SELECT (SELECT max(id) + 1 FROM wallet_ledger), {_CORRECTED}, trader_id, number + 1, "
            "'capital_correction', -1000, capital_after - 1000, locked_after, profit_after, 'INC-20261124-000000', at "
            f"FROM wallet_ledger WHERE id = {OWN_LAST}",
            PATCH,
            "INSERT INTO unrecovered (id, utid, finding, incident, account, amount_ugx, at) SELECT coalesce((SELECT max(id) "
            f"FROM unrecovered), 0) + 1, {_CORRECTED}, '1.1 {{alias}}', 'INC-20261124-000000', '{{alias}}', 500, max(at) "
            "FROM journal",
            *_by_the_operator(
                _CORRECTED,
                "correct",
                {"account": "{alias}", "bucket": "capital", "amount_ugx": -1500},
                subject="{alias}",
                target="NULL",
                amount="-1000",
            ),
        ),
        _stops("correct"),
    ),
    Fault(
        "payment explained by another amount than is booked, and nothing waived",
        "2.1",
        (
            "INSERT INTO payment_explanations (id, utid, provider, external_ref, our_utid, our_direction, our_amount_ugx, "
            f"incident, at) SELECT coalesce((SELECT max(id) FROM payment_explanations), 0) + 1, {_EXPLAINED}, 'mtn', "
            "'EXPLAINED-1', '{paid_in}', 'in', 2000, 'INC-20261124-000000', max(at) FROM journal",
            *_by_the_operator(
                _EXPLAINED,
                "explain_payment",
                {
                    "provider": "mtn",
                    "external_ref": "EXPLAINED-1",
                    "our_utid": "{paid_in}",
                    "their_direction": None,
                    "their_amount_ugx": None,
                    "account": None,
                    "bucket": None,
                    "amount_ugx": 0,
                },
                subject="mtn",
                target="'{paid_in}'",
                amount="NULL",
            ),
            *_by_the_operator(
                _WAIVED,
                "waive_unrecovered",
                {"correction_utid": "{paid_in}"},
                subject="{paid_in}",
                target="'{paid_in}'",
                amount="1000",
            ),
        ),
        (*_stops("explain_payment"), *_stops("waive_unrecovered")),
        before=_paid,
    ),
)
