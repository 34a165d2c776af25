"""The wallets of traders and the earnings of farmers."""
