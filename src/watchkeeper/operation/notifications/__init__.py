"""Notifications: an outbox of rows, claimed, sent, retried and kept with their receipts."""
