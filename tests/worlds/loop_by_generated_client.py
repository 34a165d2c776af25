"""From deposit to payout with a client that was generated from the document; runs in that client's own environment.

Reads from standard input where the market is and who signs in, and says `done` at the end.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from farm_2_market_uganda_client import AuthenticatedClient, Client
from farm_2_market_uganda_client.api.accounts import accounts_current, accounts_sign_in, accounts_sign_out
from farm_2_market_uganda_client.api.money_out import (
    money_out_earnings,
    money_out_pay_out,
    money_out_withdraw,
)
from farm_2_market_uganda_client.api.statements import statements_as_csv
from farm_2_market_uganda_client.api.trade import (
    trade_create_listing,
    trade_deposit,
    trade_pay_to_lock,
    trade_trace_utid,
    trade_verify,
    trade_wallet,
)
from farm_2_market_uganda_client.models import (
    Chain,
    DeliveryVerified,
    DepositMade,
    EarningsNow,
    ListingMade,
    LockMade,
    NewDeposit,
    NewListing,
    NewLock,
    NewPayout,
    NewWithdrawal,
    PayoutMade,
    Problem,
    SignedInAs,
    SignIn,
    TraderWallet,
    Verification,
)

REASON = "the client that was generated says so"
PRICE, GRAMS = 731, 20_000
AMOUNT = PRICE * 10


def parsed(answer: Any, status: int, kind: type) -> Any:
    """What was answered, as the shape that the document names for this status."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.content!r}"
    assert type(answer.parsed) is kind, f"{answer.parsed!r} is no {kind.__name__}"
    return answer.parsed


def refused(answer: Any, status: int, code: str) -> None:
    """The answer is a problem of this kind."""
    problem = parsed(answer, status, Problem)
    assert problem.type_.endswith(f"/{code}"), problem
    assert problem.status == status
    assert problem.detail


class Signed:
    """Somebody who signs in."""

    def __init__(self, base: str, who: dict[str, str]) -> None:
        arguments = {"raise_on_unexpected_status": True, "httpx_args": {"trust_env": False}}
        stranger = Client(base_url=base, **arguments)
        wrong = SignIn(alias=who["alias"], password="not the password of anybody")
        refused(accounts_sign_in.sync_detailed(client=stranger, body=wrong), 401, "unauthenticated")
        answer = accounts_sign_in.sync_detailed(client=stranger, body=SignIn(**who))
        session = parsed(answer, 201, SignedInAs)
        assert session.alias == who["alias"]
        self.alias = session.alias
        self.client = AuthenticatedClient(base_url=base, token=session.token, **arguments)
        self._keys = 0

    def key(self) -> dict[str, Any]:
        """The client, and a key of its own."""
        self._keys += 1
        return {"client": self.client, "idempotency_key": f"{self.alias}-{self._keys}-generated"}


def main() -> None:
    """The whole loop; each status and each answer as the document says."""
    given = json.load(sys.stdin)
    base = given["base"]
    farmer, trader, admin, operator = (
        Signed(base, given["people"][role]) for role in ("farmer", "trader", "admin", "operator")
    )
    assert accounts_current.sync_detailed(client=operator.client).parsed["role"] == "operator"

    def wallet() -> TraderWallet:
        found: TraderWallet = parsed(trade_wallet.sync_detailed(client=trader.client), 200, TraderWallet)
        return found

    def earned() -> int:
        found = parsed(money_out_earnings.sync_detailed(client=farmer.client), 200, EarningsNow)
        return int(found.earnings_ugx)

    capital, earnings = wallet().capital_ugx, earned()
    paid_in = NewDeposit(amount_ugx=3 * AMOUNT, provider="mtn", external_ref=f"{trader.alias}-in")
    deposit = parsed(trade_deposit.sync_detailed(body=paid_in, **trader.key()), 201, DepositMade)
    assert deposit.capital_ugx == capital + 3 * AMOUNT
    refused(trade_deposit.sync_detailed(body=paid_in, **trader.key()), 409, "reference-already-used")
    produce = NewListing(produce="Millet", grams=GRAMS, price_ugx_per_kg=PRICE)
    refused(trade_create_listing.sync_detailed(body=produce, **trader.key()), 403, "invalid-role")
    listing = parsed(trade_create_listing.sync_detailed(body=produce, **farmer.key()), 201, ListingMade)
    assert len(listing.unit_ids) == GRAMS // 10_000
    unit = NewLock(unit_id=listing.unit_ids[0])
    lock = parsed(trade_pay_to_lock.sync_detailed(body=unit, **trader.key()), 201, LockMade)
    assert lock.amount_ugx == AMOUNT
    refused(trade_pay_to_lock.sync_detailed(body=unit, **trader.key()), 409, "unit-not-available")
    refused(
        trade_pay_to_lock.sync_detailed(body=NewLock(unit_id=2**40), **trader.key()), 404, "unit-not-found"
    )
    refused(
        trade_pay_to_lock.sync_detailed(body=NewLock(unit_id=-1), **trader.key()), 422, "validation-failed"
    )
    between = wallet()
    assert (between.capital_ugx, between.entries[0].type_) == (capital + 2 * AMOUNT, "capital_lock")
    said = Verification(outcome="delivered", reason=REASON)
    refused(trade_verify.sync_detailed(lock.utid, body=said, **trader.key()), 403, "not-admin")
    delivery = parsed(trade_verify.sync_detailed(lock.utid, body=said, **admin.key()), 200, DeliveryVerified)
    assert (delivery.lock, delivery.outcome, delivery.minutes_late) == (lock.utid, "delivered", 0)
    assert earned() == earnings + AMOUNT
    assert wallet().locked_ugx == between.locked_ugx - AMOUNT
    paid_out = NewPayout(
        amount_ugx=AMOUNT,
        provider="airtel",
        external_ref=f"{trader.alias}-out",
        account=farmer.alias,
        reason=REASON,
    )
    payout = parsed(money_out_pay_out.sync_detailed(body=paid_out, **admin.key()), 201, PayoutMade)
    assert payout.earnings_ugx == earned() == earnings
    profit = NewWithdrawal(amount_ugx=1, provider="mtn", external_ref=f"{trader.alias}-profit")
    refused(money_out_withdraw.sync_detailed(body=profit, **trader.key()), 409, "insufficient-profit")
    chain = parsed(trade_trace_utid.sync_detailed(lock.utid, client=admin.client), 200, Chain)
    acts = [act.command for act in (*chain.earlier, chain.act, *chain.later)]
    assert {"pay_to_lock", "verify_delivery"} <= set(acts)
    assert chain.complete
    refused(
        trade_trace_utid.sync_detailed(lock.utid, client=operator_of_nothing(base)), 401, "unauthenticated"
    )
    statement = statements_as_csv.sync_detailed(client=trader.client)
    assert statement.status_code == 200
    assert lock.utid in statement.parsed
    for one in (farmer, trader, admin, operator):
        assert accounts_sign_out.sync_detailed(client=one.client).status_code == 204
    refused(trade_wallet.sync_detailed(client=trader.client), 401, "session-expired")
    print("done")


def operator_of_nothing(base: str) -> AuthenticatedClient:
    """A client with a token of nobody."""
    return AuthenticatedClient(
        base_url=base, token="nobody", raise_on_unexpected_status=True, httpx_args={"trust_env": False}
    )


if __name__ == "__main__":
    main()
