"""The connection cut at every point of a transaction, COMMIT included: nothing answered is lost, nothing runs twice."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.waiting import until
from tests.worlds.books import Market
from tests.worlds.proxy import Proxy, proxy
from tests.worlds.server import Cluster
from watchkeeper.base.database import places
from watchkeeper.market.commands import Act, Answer, Command, CreateListing, Deposit, PayToLock
from watchkeeper.market.refusals import Refusal


def rows(market: Market, key: str) -> list[tuple[object, ...]]:
    with psycopg.connect(places.addresses(market.data)["owner"]) as connection:
        return connection.execute("SELECT utid FROM journal WHERE idempotency_key = %s", (key,)).fetchall()


def acted(market: Market, trader: int, command: Command, key: str) -> Answer | Refusal:
    market.keep_lease()
    return market.executor.run(
        [
            Act(
                command=command,
                actor_id=trader,
                command_id=f"c-{key}-{market.counted()}",
                idempotency_key=key,
                body_digest="b",
            )
        ]
    )[0]


def answered(market: Market, trader: int, command: Command, key: str) -> Answer | None:
    """The answer; None when it is told to come again, as it may be and for no other reason."""
    outcome = acted(market, trader, command, key)
    if isinstance(outcome, Answer):
        return outcome
    assert outcome.code == "busy"
    return None


@pytest.mark.parametrize("after", [False, True], ids=["before the message", "after the message"])
def test_at_every_message_of_a_command(postgresql: Cluster, tmp_path: Path, after: bool) -> None:
    data = tmp_path / "data"
    postgresql.prepare(data)
    with proxy(postgresql.port) as wire:
        _through(data, wire, postgresql.port)
        market = Market(data)
        wire.arm(10**9, after=False)
        assert isinstance(
            acted(market, market.tina, Deposit(amount_ugx=1, provider="mtn", external_ref="0"), "first"),
            Answer,
        )
        messages = wire.queries
        assert messages > 10
        # Opened anew, a transaction is a message or two longer.
        for number in range(1, messages + 3):
            key = f"cut-{number}"
            # Nobody deposits more than ten times an hour.
            trader = market.trader(capital_ugx=1000)
            command = Deposit(amount_ugx=1, provider="mtn", external_ref=key)
            wire.arm(number, after=after)
            outcome = acted(market, trader, command, key)
            wire.disarm()
            written = rows(market, key)
            assert len(written) <= 1, f"ran twice, cut at {number}"
            if isinstance(outcome, Answer):
                assert written == [(outcome.utid,)], f"lost after its answer, cut at {number}"
            else:
                assert outcome.code == "busy", f"{outcome.code}, cut at {number}"
            # What the cut transaction held is let go by the server after two seconds; until then one is told to come again.
            again = until(
                partial(answered, market, trader, command, key), what=f"it is answered, cut at {number}"
            )
            assert rows(market, key) == [(again.utid,)]
            assert market.books.wallet(trader).capital_ugx == 1001
        assert wire.cuts >= messages - 1
        market.close()


def test_at_every_message_of_a_batch(postgresql: Cluster, tmp_path: Path) -> None:
    data = tmp_path / "data"
    postgresql.prepare(data)
    with proxy(postgresql.port) as wire:
        _through(data, wire, postgresql.port)
        market = Market(data)
        for number in range(1, 40, 3):
            listing = market.one(
                CreateListing(produce="Maize", grams=30_000, price_ugx_per_kg=100), market.person("farmer")
            )
            units = listing.body["unit_ids"]
            assert isinstance(units, list)
            trader = market.trader(capital_ugx=10_000)
            acts = [market.act(PayToLock(unit_id=unit), trader) for unit in units]
            market.keep_lease()
            wire.arm(number, after=True)
            outcomes = market.executor.run(acts)
            wire.disarm()
            # What the cut transaction held is let go by the server after two seconds; until then some are told to come
            # again, and have left nothing.
            refused = [
                act for act, outcome in zip(acts, outcomes, strict=True) if isinstance(outcome, Refusal)
            ]
            assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} <= {"busy"}

            def settled(refused: list[Act] = refused) -> bool:
                market.keep_lease()
                return all(isinstance(outcome, Answer) for outcome in market.executor.run(refused))

            until(settled, what="those who were told to come again are answered")
            assert market.books.wallet(trader).locked_ugx == 1000 * len(units), f"cut at {number}"
        market.close()


def _through(data: Path, wire: Proxy, port: int) -> None:
    """Only what the market itself says goes over the wire that is cut."""
    roles = dict(places.addresses(data))
    roles["market"] = roles["market"].replace(f":{port}/", f":{wire.port}/")
    places.write_addresses(data, roles)
