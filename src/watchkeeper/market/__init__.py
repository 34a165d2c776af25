"""The operated system: a produce market in which farmers list, traders pay to lock, and an admin verifies."""
