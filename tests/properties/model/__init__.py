"""The market in plain words: a second account of its rules, with nothing of the market's own code in it.

Each command is a method that answers `accepted` or the refusal's code, and moves the model on when it accepts. Money in
UGX, weight in grams, time in microseconds.
"""

from tests.properties.model.base import ACCEPTED, DAY, HOUR, Account, Unit
from tests.properties.model.people import Plain

__all__ = ["ACCEPTED", "DAY", "HOUR", "Account", "Plain", "Unit"]
