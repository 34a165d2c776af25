"""The drill of odd hours finds one at whatever hour it is played."""

from __future__ import annotations

import pytest

from watchkeeper.bootstrap.drills.signals.people import night


@pytest.mark.parametrize("made", range(24))
def test_it_is_near_no_hour_at_which_somebody_signed_in(made: int) -> None:
    """It failed for three hours of each night: the market's own day had a sign-in then. It may have been made an hour earlier."""
    for usual in (made, (made - 1) % 24, 9):
        assert min((night(made) - usual) % 24, (usual - night(made)) % 24) > 1
