"""Watchkeeper keeps the watch over a system that moves money and that one person operates."""

__version__ = "0.1.0"
