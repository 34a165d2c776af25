"""How many rounds a test runs: about 5 % of the full count, or all of it under ./test --long."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

LONG = os.environ.get("WATCHKEEPER_TEST_LONG") == "1"


@pytest.fixture(scope="session")
def rounds() -> Callable[[int], int]:
    """`rounds(1000)`: 1000 in the long form, 50 in the short one."""
    return lambda full: full if LONG else max(1, full // 20)
