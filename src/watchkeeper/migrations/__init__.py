"""Dated SQL, a folder for each store; `base.database.migrations` runs it."""
