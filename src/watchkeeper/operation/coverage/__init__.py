"""What of the catalogue is proven, by which drill and when; what is UNKNOWN, and why."""
