"""`payment`: money that stands on one side only, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from watchkeeper.base.clock import iso, kampala
from watchkeeper.base.money import ugx
from watchkeeper.boundary.cures import Transfer
from watchkeeper.interfaces.cli.shared import (
    DEFAULT_DATA,
    AsJson,
    Code,
    Data,
    Reason,
    actor,
    answer,
    room,
    say,
    table,
)
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.operation.catalogue import unexplained
from watchkeeper.operation.playbooks.correcting import Difference
from watchkeeper.operation.playbooks.deskwork import DeskRefused

payment_app = typer.Typer(
    no_args_is_help=True,
    help="Payments that stand in the books or in a provider's statement alone: list them, and explain each that no statement will match.",
)
_LISTED_MAX = 200
_WHERE = {unexplained.UNMATCHED: "books", unexplained.UNBOOKED: "statement"}


@payment_app.command("list")
def list_(
    provider: Annotated[str, typer.Option("--provider", help="Only those of one provider.")] = "",
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """List payments older than a day that one side has and the other lacks, as of the control room's last look.

    Of what differs, the books' side is listed, and the statement's once the books' is matched or explained otherwise. `watchkeeper reconcile` compares a newer statement.
    """
    with room(data) as control:
        rows = [
            {
                "provider": one.provider,
                "reference": one.reference,
                "stands in": _WHERE[condition],
                "way": one.way,
                "amount_ugx": one.amount_ugx,
                "since": iso(one.since) if as_json else kampala(one.since),
            }
            for condition, one in unexplained.listed(control.database, provider=provider, limit=_LISTED_MAX)
        ]
        left = unexplained.counted(control.database, provider=provider) - len(rows)
        text = table(list(rows), ("provider", "reference", "stands in", "way", "amount_ugx", "since"))
        answer(
            {"payments": rows, "left_out": left},
            as_json=as_json,
            text=f"{text}\n... and {left:,} more" if left else text,
        )


@payment_app.command("explain")
def explain(
    provider: Annotated[str, typer.Argument(help="mtn, airtel or bank")],
    reference: Annotated[str, typer.Argument(help="The provider's reference.")],
    reason: Reason,
    bucket: Annotated[
        str,
        typer.Option(
            help="Which balance of the payment's account is corrected, if any: capital, profit, earnings."
        ),
    ] = "",
    amount: Annotated[int, typer.Option(help="By how much, in UGX, with its sign: --amount=-90000.")] = 0,
    predicted: Annotated[
        int | None,
        typer.Option(help="The balance afterwards; left out, the prediction is shown and nothing done."),
    ] = None,
    said: Annotated[
        int | None,
        typer.Option(
            help="Which of several things that statements say of it is meant: in UGX, below zero for what went out."
        ),
    ] = None,
    incident: Annotated[str, typer.Option(help="Its incident, when no alert of this provider is open.")] = "",
    code: Code = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say why a payment stands otherwise in the books than in its provider's statement, or in one of them alone.

    A fee of the provider's, a wrong amount, money that never came: no later statement will match it. The alert about it
    ends when each of its payments is explained or matched. Where the books are wrong, the balance of the payment's own account
    is corrected in the same act; what is not there any more to be taken stays shown as unrecovered.

    Example: watchkeeper payment explain mtn MP1234 --reason "paid 10,000, declared 100,000" --bucket capital --amount=-90000
    """
    with room(data) as control:
        if bool(bucket) != bool(amount):
            raise typer.BadParameter("a correction names both its --bucket and its --amount")
        if bucket and predicted is None:
            _predict(control, provider, reference, bucket=bucket, amount_ugx=amount)
            return
        difference = Difference(bucket, amount, predicted) if bucket and predicted is not None else None
        receipt = control.explain_payment(
            actor(control, data, code=code, fresh=True),
            provider=provider,
            reference=reference,
            reason=reason,
            said_ugx=said,
            difference=difference,
            incident=incident,
        )
        say("It had been explained already." if receipt is None else f"Explained ({receipt.utid}).")


def _predict(control: ControlRoom, provider: str, reference: str, *, bucket: str, amount_ugx: int) -> None:
    known = control.desk.transfers(provider=provider, reference=reference)
    account = next((one.account for one in known if one.account is not None), None)
    if account is None:
        raise DeskRefused(
            "not-found", "No book has such a payment, so there is no account to correct for it."
        )
    found = control.desk.predict(account=account, bucket=bucket, amount_ugx=amount_ugx)
    say(_sides(next((one for one in known if one.open), known[0])))
    say(predicted_text(found, account=account, bucket=bucket))


def _sides(transfer: Transfer) -> str:
    def side(way: str | None, amount_ugx: int | None) -> str:
        return "nothing" if way is None or amount_ugx is None else f"{way} {ugx(amount_ugx)}"

    return (
        f"The books say {side(transfer.way, transfer.amount_ugx)}, "
        f"the statement {side(transfer.their_way, transfer.their_amount_ugx)}."
    )


def predicted_text(found: dict[str, dict[str, int]], *, account: str, bucket: str) -> str:
    """A prediction for a person, and how to go on."""
    rest = found["unrecovered"][bucket]
    lines = [f"{bucket} of {account}: {found['before'][bucket]:,} -> {found['after'][bucket]:,} UGX"]
    if rest:
        lines.append(f"{ugx(rest)} are not there any more and would stay unrecovered, until they are waived.")
    lines.append(f"Nothing was done. To do it: --predicted {found['after'][bucket]}")
    return "\n".join(lines)
