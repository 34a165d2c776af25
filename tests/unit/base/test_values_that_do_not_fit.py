"""A value that an engine cannot take is an error of its own: nobody's account is suspected for it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.worlds.books import REASON, Market
from watchkeeper.base.database import ValueUnfit
from watchkeeper.market.commands import VerifyDelivery


def test_numbers_and_texts_beyond_the_engine_do_not_fit(data: Path) -> None:
    market = Market(data)
    with contextlib.suppress(ValueUnfit):
        # One engine has numbers of any length, the other says that this is none of its.
        assert market.books.listings(after=10**30) == []
    with pytest.raises(ValueUnfit):
        market.books.database.one("SELECT 1 FROM users WHERE alias = ?", ("\ud800",))
    assert market.books.listings() == []
    market.close()


def test_a_command_with_such_a_value_is_refused_and_its_actor_goes_on(data: Path) -> None:
    market = Market(data)
    for utid in ("\x00", "\ud800"):
        command = VerifyDelivery(lock_utid=utid, outcome="late", reason=REASON)
        assert market.code(command, market.admin_id) in ("validation-failed", "lock-not-found")
    assert market.lease_reports() == []
    assert market.person("farmer") > 0
    market.close()
