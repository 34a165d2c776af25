"""Measurements on this machine, with everything real: files, syncs, processes, sockets."""
