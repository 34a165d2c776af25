"""The metrics as time series of bounded size: sampled beside the watch, summed up by the hour, read by everyone who shows them."""
