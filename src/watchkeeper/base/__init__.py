"""What everything stands on and what knows nothing of us: money, time, identifiers, bytes, databases."""
