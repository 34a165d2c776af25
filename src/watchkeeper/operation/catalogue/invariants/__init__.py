"""One file for each invariant: what holds, why it matters, what is contained, what it is blind to, what proves it."""
