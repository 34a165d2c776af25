"""Incident records: rows while it happens, signed files in Git for ever after (catalogue, Incidents)."""
