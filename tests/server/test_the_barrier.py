"""The gate on PostgreSQL: a change waits for whoever is inside, ends who stays too long, and is never in force before."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from tests.waiting import until
from tests.worlds.books import REASON, Market
from watchkeeper.base.database import places
from watchkeeper.boundary import gatebarrier, restrict
from watchkeeper.boundary.gate import EVERYTHING, OperationClass, Switch
from watchkeeper.boundary.gatebarrier import lock_key
from watchkeeper.boundary.gates import open_gate
from watchkeeper.boundary.gatestore import GateUnreadable
from watchkeeper.market.commands import InviteUser
from watchkeeper.market.switching import Switching


def holder(market: Market) -> psycopg.Connection[tuple[object, ...]]:
    """A command that was decided under the gate as it is and does not come to its end."""
    connection = psycopg.connect(places.addresses(market.data)["market"])
    connection.execute("SET idle_in_transaction_session_timeout = 0")
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (lock_key(market.market.system_id),))
    connection.execute("UPDATE commit_count SET commits = commits + 1")
    return connection


def test_a_holder_that_stays_is_ended_and_the_flip_is_in_force_only_then(market: Market) -> None:
    stuck = holder(market)
    admin = market.books.user(market.admin_id)
    assert admin is not None
    switching = Switching(
        market.data, system_id=market.market.system_id, books=market.books.database, clock=market.clock
    )
    begun = time.monotonic()
    flip = switching.flip(switch=Switch.PILOT_MODE, action="engage", actor=admin, reason=REASON)
    waited = time.monotonic() - begun
    assert flip.engaged_after
    # It never leaves by itself, so that it is over at all says that it was ended.
    assert waited > 2.5
    with pytest.raises(psycopg.OperationalError):
        stuck.commit()
    switching.close()


def test_while_a_change_waits_nobody_new_is_let_in(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    # It waits for as long as the test looks.
    monkeypatch.setattr(gatebarrier, "HOLDER_SECONDS_MAX", 120.0)
    stuck = holder(market)
    gate = open_gate(market.data, system_id=market.market.system_id, role="control")

    def impose() -> None:
        restrict.impose(
            gate,
            rule="2.3",
            scope=EVERYTHING,
            classes=frozenset({OperationClass.ACCOUNTS}),
            cause="BROKEN",
            reason="t",
            imposed_by="t",
            clock=market.clock,
        )

    imposing = threading.Thread(target=impose)
    imposing.start()
    with psycopg.connect(places.addresses(market.data)["owner"], autocommit=True) as look:
        until(
            lambda: look.execute(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ).fetchone(),
            what="the change waits",
        )
    invite = InviteUser(role="farmer", reason=REASON)
    assert market.code(invite, market.admin_id) == "busy"
    stuck.rollback()
    imposing.join(60)
    assert market.code(invite, market.admin_id) == "operation-restricted"
    gate.close()


def test_a_gate_of_another_system_and_one_older_than_the_books_are_refused(
    market: Market, tmp_path: Path
) -> None:
    del tmp_path
    gate = open_gate(market.data, system_id="f2m-another", role="control")
    with pytest.raises(GateUnreadable, match="another system"), gate.shared():
        pass
    gate.close()
    with psycopg.connect(places.addresses(market.data)["owner"], autocommit=True) as connection:
        connection.execute("UPDATE boundary.gate SET generation = 1")
        connection.execute("ALTER TABLE market.journal DISABLE TRIGGER USER")
        connection.execute("UPDATE market.journal SET gate_generation = 5")
    assert market.code(InviteUser(role="farmer", reason=REASON), market.admin_id) == "capability-blocked"


def test_the_market_may_flip_its_switches_and_never_restrict(market: Market) -> None:
    gate = open_gate(market.data, system_id=market.market.system_id, role="market")
    with pytest.raises(GateUnreadable, match="permission denied"):
        restrict.impose(
            gate,
            rule="2.3",
            scope=EVERYTHING,
            classes=frozenset({OperationClass.LOCK}),
            cause="BROKEN",
            reason="t",
            imposed_by="t",
            clock=market.clock,
        )
    gate.close()
