"""What the market offers to the operator's playbooks: repair, acknowledgement, restored state and defences."""
