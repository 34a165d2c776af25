"""Detectors of threats: rates, habits, probes and what goes together; what no check of rows against rows can see."""
