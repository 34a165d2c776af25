"""What people are told inside the market."""
