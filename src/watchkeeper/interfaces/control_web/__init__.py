"""The control room's page: live, readable on a phone, behind the operator's session."""
