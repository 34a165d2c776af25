"""Purchases of blocks, and how they end: picked up, expired, cancelled."""
