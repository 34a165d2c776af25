"""What the operator sees and may do, whichever way they come in: the page and the command line are thin on top."""
