"""What is kept for ever names nobody: reasons, references, and what the operator writes into the records (domain, Roles)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market, digest
from watchkeeper.boundary.gate import Switch
from watchkeeper.market import commands
from watchkeeper.market.commands import (
    Acknowledge,
    ChangeRole,
    Command,
    ConfirmPickup,
    Correct,
    CureReversal,
    CureVerification,
    DeleteUser,
    Deposit,
    EndSessions,
    ExpirePurchase,
    ExplainPayment,
    InviteUser,
    IssueReset,
    Payout,
    RemoveListing,
    Repair,
    ResetSecondFactor,
    RestoreDefences,
    RestoreState,
    ReverseLock,
    SendNotice,
    SetPhase,
    SuspendUser,
    UnsuspendUser,
    VerifyDelivery,
    WaiveUnrecovered,
    Withdraw,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.ledgers.rules import plain_reference
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.switching import Switching

NAMED = (
    "Okello did not come, call 0772 123456",
    "Okello did not come, call +256-772-123-456",
    "ask okello@example.org why it is late",
    "ask okello (at) example.org why it is late",
)
UTID = "20261123-140509-tra-4k9x2a"


def with_reason(alias: str, reason: str) -> list[Command]:
    """A command of every kind that takes a reason, each fit but for the reason."""
    cure = {"finding": "1", "incident": "INC-20261126-140509", "reason": reason}
    paid = {"provider": "mtn", "external_ref": "R-1", "reason": reason}
    return [
        InviteUser(role="farmer", reason=reason),
        ChangeRole(account=alias, role="buyer", reason=reason),
        SuspendUser(account=alias, reason=reason),
        UnsuspendUser(account=alias, reason=reason),
        DeleteUser(account=alias, reason=reason),
        EndSessions(account=alias, reason=reason),
        IssueReset(account=alias, reason=reason),
        ResetSecondFactor(account=alias, reason=reason),
        SetPhase(phase="pilot", reason=reason),
        VerifyDelivery(lock_utid=UTID, outcome="late", reason=reason),
        ReverseLock(lock_utid=UTID, reason=reason),
        WriteOff(lot_id=1, reason=reason),
        WriteOffBlock(block_id=1, reason=reason),
        RemoveListing(listing_id=1, reason=reason),
        ExpirePurchase(purchase_utid=UTID, reason=reason),
        ConfirmPickup(purchase_utid=UTID, proceeds_ugx=5, **paid),
        Payout(account=alias, amount_ugx=5, **paid),
        SendNotice(kind="admin_broadcast", text="The store is closed.", reason=reason),
        Correct(account=alias, bucket="capital", amount_ugx=5, **cure),
        ExplainPayment(provider="mtn", external_ref="R-1", our_utid=UTID, their_direction=None, their_amount_ugx=None, finding="1", incident="INC-1", reason=reason),
        WaiveUnrecovered(correction_utid=UTID, **cure),
        Acknowledge(table_name="wallet_ledger", row_key="1", row_digest="0" * 64, account=alias, capital_delta_ugx=0, locked_delta_ugx=0, profit_delta_ugx=0, earnings_delta_ugx=0, **cure),
        Repair(sealed_leaf="{}", sealed_head=1, **cure),
        RestoreDefences(**cure),
        RestoreState(table_name="user_state", row_key="1", **cure),
        CureVerification(lock_utid=UTID, outcome="late", **cure),
        CureReversal(lock_utid=UTID, **cure),
    ]  # fmt: skip


@pytest.fixture
def market(data: Path) -> Iterator[Market]:
    found = Market(data)
    yield found
    found.close()


def test_no_command_that_takes_a_reason_is_left_out() -> None:
    kinds: list[type[Command]] = [getattr(commands, name) for name in commands.__all__]
    found = {
        kind.name
        for kind in kinds
        if "name" in vars(kind) and "reason" in getattr(kind, "__dataclass_fields__", {})
    }
    # What a switch's flip says was checked before the gate took it.
    assert found - {"record_flip"} == {command.name for command in with_reason("tra_000000", REASON)}


@pytest.mark.rule("reason.names-nobody")
def test_a_reason_holds_no_telephone_number_and_no_address_and_its_refusal_says_what_to_do(
    market: Market,
) -> None:
    user = market.books.user(market.tom)
    assert user is not None
    before = digest(market.data)
    for reason in NAMED:
        for command in with_reason(user.alias, reason):
            actor = market.admin_id if "admin" in command.roles else market.market.operator.id
            answer = market.tried(command, actor)
            assert isinstance(answer, Refusal), command
            if isinstance(command, Repair):
                # The leaf is read before anything else; where the operator asks for a repair is tested in `test_overrides`.
                continue
            assert (answer.code, answer.field) == ("validation-failed", "reason"), command
            assert "name people by their alias" in answer.detail, command
    assert digest(market.data) == before


@pytest.mark.rule("reason.names-nobody")
def test_a_switch_is_not_flipped_for_a_reason_that_names_somebody(market: Market) -> None:
    admin = market.books.user(market.admin_id)
    assert admin is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    with pytest.raises(Refusal, match="name people by their alias") as refused:
        switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=admin, reason=NAMED[0])
    assert refused.value.field == "reason"
    assert not {state.switch for state in switching.states() if state.engaged} & {Switch.PILOT_MODE}
    switching.close()


@pytest.mark.parametrize(
    "reason",
    [
        f"{UTID} was late by two days, see INC-20261126-140509",
        "the lorry came on 2026-11-26 14:05 and not before",
        "paid UGX 1,000,000 too much, units 101, 102, 103",
    ],
)
def test_a_reason_may_name_acts_days_and_numbers(market: Market, reason: str) -> None:
    assert market.code(InviteUser(role="farmer", reason=reason), market.admin_id) == "accepted"


@pytest.mark.rule("reason.names-nobody")
def test_a_reference_may_be_digits_and_is_no_address(market: Market) -> None:
    assert (
        market.code(
            Deposit(amount_ugx=500, provider="mtn", external_ref="0772123456 12345678901"), market.tina
        )
        == "accepted"
    )
    user = market.books.user(market.farmer)
    assert user is not None
    before = digest(market.data)
    address = {"provider": "mtn", "external_ref": "okello@example.org"}
    pay: list[tuple[Callable[[], Command], int]] = [
        (lambda: Deposit(amount_ugx=500, **address), market.tina),
        (lambda: Withdraw(amount_ugx=500, **address), market.tina),
        (lambda: Payout(account=user.alias, amount_ugx=500, reason=REASON, **address), market.admin_id),
    ]
    for make, actor in pay:
        answer = market.tried(make(), actor)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.field) == ("validation-failed", "external_ref")
    assert digest(market.data) == before
    with pytest.raises(Refusal, match="Give the number of the provider's message"):
        plain_reference("mtn", "okello@example.org")
