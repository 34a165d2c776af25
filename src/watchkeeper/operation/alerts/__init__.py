"""Alerts: one for each condition and scope, with a clock, until its cause is gone and a person says so."""
