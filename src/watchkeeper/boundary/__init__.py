"""All that the operated system and the control room share: the gate, the lease, the published views, the cures."""
