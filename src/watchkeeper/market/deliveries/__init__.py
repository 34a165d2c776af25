"""What becomes of a lock: delivered, late, cancelled, reversed."""
