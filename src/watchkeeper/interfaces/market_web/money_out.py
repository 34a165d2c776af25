"""Withdrawals, payouts, and what farmers and traders see of their money."""

from __future__ import annotations

from concurrent.futures import TimeoutError as FutureTimeout

from fastapi import APIRouter

from watchkeeper.interfaces.market_web.answers import (
    EarningsNow,
    PayoutMade,
    WithdrawalMade,
)
from watchkeeper.interfaces.market_web.auth import IdempotencyKey, Services, SignedIn, may, run
from watchkeeper.interfaces.market_web.services import ANSWER_SECONDS_MAX, MarketServices
from watchkeeper.interfaces.market_web.shapes import After, Before, Limit, NewPayout, NewWithdrawal
from watchkeeper.interfaces.market_web.strict import StrictRoute
from watchkeeper.interfaces.market_web.trade import shown
from watchkeeper.market import boards
from watchkeeper.market.commands import Payout, Withdraw
from watchkeeper.market.refusals import Refusal
from watchkeeper.market.rows import marks
from watchkeeper.market.signin.sessions import Session

router = APIRouter(route_class=StrictRoute, prefix="/v1", tags=["money out"])


@router.post("/withdrawals", status_code=201, response_model=WithdrawalMade, openapi_extra=may("trader"))
def withdraw(
    body: NewWithdrawal, session: SignedIn, services: Services, key: IdempotencyKey
) -> dict[str, object]:
    """Book profit that was paid out; capital stays."""
    command = Withdraw(amount_ugx=body.amount_ugx, provider=body.provider, external_ref=body.external_ref)
    return run(services, session, command, key).body


@router.post("/payouts", status_code=201, response_model=PayoutMade, openapi_extra=may("admin"))
def pay_out(body: NewPayout, session: SignedIn, services: Services, key: IdempotencyKey) -> dict[str, object]:
    """Confirm that a farmer was paid, outside."""
    command = Payout(
        account=body.account,
        amount_ugx=body.amount_ugx,
        provider=body.provider,
        external_ref=body.external_ref,
        reason=body.reason,
    )
    return run(services, session, command, key).body


@router.get("/payouts", openapi_extra=may("operator"))
def payouts(session: SignedIn, services: Services, after: After = 0, limit: Limit = 50) -> dict[str, object]:
    """Whom to pay, with name and telephone number; that they were read is written down before they leave."""
    handles = services.handles()
    due = boards.to_be_paid(handles.books.database, after=after, limit=limit)
    people: dict[int, tuple[str, str]] = {}
    if due:
        note_reading(services, session, due, fields="name phone")
        rows = handles.identities.query(
            f"SELECT user_id, name, phone FROM identities WHERE user_id IN ({marks(due)})",
            tuple(user_id for user_id, _, _ in due),
        )
        people = {int(str(row[0])): (str(row[1]), str(row[2])) for row in rows}
    return {
        "payouts": [
            {
                "account": alias,
                "earnings_ugx": balance,
                "name": people.get(user_id, ("", ""))[0],
                "phone": people.get(user_id, ("", ""))[1],
            }
            for user_id, alias, balance in due
        ],
        "next": due[-1][0] if due else None,
    }


def payouts_by_alias(
    session: Session, services: MarketServices, *, after: int, limit: int
) -> dict[str, object]:
    """The same for an admin, who sees no identity; that it was read is written down all the same."""
    due = boards.to_be_paid(services.handles().books.database, after=after, limit=limit)
    if due:
        note_reading(services, session, due, fields="earnings")
    return {
        "payouts": [{"account": alias, "earnings_ugx": balance} for _, alias, balance in due],
        "next": due[-1][0] if due else None,
    }


def note_reading(
    services: MarketServices, session: Session, due: list[tuple[int, str, int]], *, fields: str
) -> None:
    """Write down who reads these fields of whom, before they leave; raises `Refusal` busy."""
    noted = services.intake.note_query(
        actor=session.user.alias,
        query="payouts",
        fields=fields,
        subjects=" ".join(alias for _, alias, _ in due),
        restrictable=session.user.role != "operator",
    )
    try:
        noted.result(ANSWER_SECONDS_MAX)
    except FutureTimeout as error:
        raise Refusal("busy", "The market is busy. Ask again.", retry_after_seconds=5) from error


@router.get("/earnings", response_model=EarningsNow, openapi_extra=may("farmer"))
def earnings(
    session: SignedIn, services: Services, before: Before = None, limit: Limit = 50
) -> dict[str, object]:
    """A farmer's balance, payments, deadlines, and listings by status."""
    books, now = services.handles().books, services.clock.now()
    with books.database.transaction("read"):
        rows = boards.payments(books.database, session.user.id, before=before, limit=limit)
        return {
            "earnings_ugx": books.earnings(session.user.id).balance_ugx,
            "listings": boards.listings_by_status(books.database, session.user.id),
            "deadlines": [
                shown(row, now=now) for row in boards.deadlines(books.database, session.user.id, limit=limit)
            ],
            "payments": [shown(row) for row in rows],
            "next": rows[-1]["number"] if rows else None,
        }


@router.get("/exposure", openapi_extra=may("trader"))
def exposure(session: SignedIn, services: Services) -> dict[str, object]:
    """A trader's exposure, what it is made of, and how much is left."""
    return {**boards.exposure(services.handles().books.database, session.user.id)}
