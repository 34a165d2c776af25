"""Wires everything: set-up of a data folder, the three processes, and the supervisor that keeps them alive."""
