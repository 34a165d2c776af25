"""Playbooks at work: from an alert, step by step, to a cure that the same check confirms."""
