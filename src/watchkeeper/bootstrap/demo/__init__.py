"""The demonstration: a market day through the real API, and three sabotages to try on it."""
