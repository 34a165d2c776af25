"""Money in and out, and what the providers say of it."""

from __future__ import annotations

from datetime import datetime

from watchkeeper.base.clock import KAMPALA
from watchkeeper.bootstrap.demo.client import Person
from watchkeeper.bootstrap.demo.floor import REFERENCE, Floor, Row

#: Who has more capital than this pays nothing in, in UGX.
_CAPITAL_UGX_MAX = 2_000_000
#: A page of an account's entries; what one statement tells of an account.
_ENTRIES = 200
#: Statements go through the API, which takes so many characters.
_LINES_MAX = 800
_WAYS = {"capital_deposit": 1, "profit_withdrawal": -1, "payout": -1}


def deposit(floor: Floor) -> bool:
    """The trader with the least capital pays some in."""
    may = [one for one in floor.people.traders if floor.may(one, "deposits-and-withdrawals")]
    capital = {one.alias: _balance(one, "capital_ugx") for one in may}
    trader = min(may, key=lambda one: capital[one.alias], default=None)
    if trader is None or capital[trader.alias] > _CAPITAL_UGX_MAX:
        return False
    return pay_in(floor, trader, 1000 * floor.draw.randrange(100, 400))


def pay_in(floor: Floor, trader: Person, amount_ugx: int) -> bool:
    """A trader pays this much in."""
    body = {"amount_ugx": amount_ugx, **floor.payment()}
    floor.paced(trader, "deposits-and-withdrawals", "/v1/deposits", body)
    return True


def take_profit(floor: Floor) -> bool:
    """A trader takes the profit out."""
    for trader in floor.in_turn(floor.people.traders):
        profit = _balance(trader, "profit_ugx")
        if profit and floor.may(trader, "deposits-and-withdrawals"):
            body = {"amount_ugx": profit, **floor.payment()}
            floor.paced(trader, "deposits-and-withdrawals", "/v1/withdrawals", body)
            return True
    return False


def pay_out(floor: Floor) -> bool:
    """A farmer is paid what was earned."""
    farmer = floor.draw.choice(floor.people.farmers)
    earned = farmer.get("/v1/earnings?limit=1")["earnings_ugx"]
    if not isinstance(earned, int) or not earned:
        return False
    reason = {"reason": "paid out at the end of the week"}
    paid = {"account": farmer.alias, "amount_ugx": earned, **floor.payment(), **reason}
    floor.people.admin.post("/v1/payouts", paid)
    return True


def reconcile(floor: Floor) -> bool:
    """The admin compares what both providers say with the books: all that came in and went out since the last time."""
    lines, upto = _stated(floor)
    told = False
    for provider in ("mtn", "airtel"):
        rows = [line for line in lines if line["provider"] == provider][:_LINES_MAX]
        if rows:
            body = {"statement": _HEADS[provider] + "".join(map(_AS[provider], rows)), "map": provider}
            floor.people.admin.post("/v1/reconciliations", body)
            told = True
    floor.stated.update(upto)
    return told


def _balance(trader: Person, name: str) -> int:
    found = trader.get("/v1/wallet?limit=1")[name]
    return found if isinstance(found, int) else 0


def _stated(floor: Floor) -> tuple[list[Row], dict[str, int]]:
    """Payments that no statement of this day had yet, with signed amounts, and how far each account was read."""
    lines: list[Row] = []
    upto: dict[str, int] = {}
    wallets = [(one, f"/v1/wallet?limit={_ENTRIES}", "entries") for one in floor.people.traders]
    earnings = [(one, f"/v1/earnings?limit={_ENTRIES}", "payments") for one in floor.people.farmers]
    for who, path, name in wallets + earnings:
        rows = floor.some(who, path, name)
        before = floor.stated.get(who.alias, 0)
        for row in rows:
            if row["number"] > before:
                lines.extend(_paid(floor, row))
        upto[who.alias] = rows[0]["number"] if rows else before
    # What a pickup brought stands in two entries, and was one payment. A provider knows nothing of what was never paid.
    paid = {line["external_ref"]: line for line in lines if str(line["external_ref"]).startswith(REFERENCE)}
    return list(paid.values()), upto


def _paid(floor: Floor, row: Row) -> list[Row]:
    way = _WAYS.get(row["type"])
    if way is not None:
        return [_line(row, way * int(row["amount_ugx"]), row["at"])]
    if row["type"] not in ("sale_return", "profit_credit"):
        return []
    act = floor.people.admin.get(f"/v1/trace/{row['utid']}")["act"]
    found = act["rows"] if isinstance(act, dict) else []
    return [_line(one, int(one["proceeds_ugx"]), row["at"]) for one in found if one["table"] == "pickups"]


def _line(row: Row, signed: int, at: str) -> Row:
    when = datetime.fromisoformat(at).astimezone(KAMPALA).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "provider": row["provider"],
        "external_ref": row["external_ref"],
        "amount_ugx": signed,
        "when": when,
    }


_HEADS = {
    "mtn": "Id,Date,Status,Amount,Currency,Fee\n",
    "airtel": "Transaction ID,Transaction Date,Status,Credit,Debit,Currency\n",
}
_AS = {
    "mtn": lambda row: f"{row['external_ref']},{row['when']},Successful,{row['amount_ugx']},UGX,0\n",
    "airtel": lambda row: (
        f"{row['external_ref']},{row['when']},Success,{max(0, row['amount_ugx']) or ''},"
        f"{max(0, -row['amount_ugx']) or ''},UGX\n"
    ),
}
