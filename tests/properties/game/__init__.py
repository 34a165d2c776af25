"""Somebody who does with one market whatever comes to mind, and says beforehand what a plain model makes of it."""

from tests.properties.game.play import Game

__all__ = ["Game"]
