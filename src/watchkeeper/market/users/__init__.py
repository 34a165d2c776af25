"""Accounts: their roles, their states and their aliases. Never who somebody is."""
