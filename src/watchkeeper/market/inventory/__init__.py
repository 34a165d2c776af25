"""What a trader has in store."""
