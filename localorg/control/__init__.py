"""What tests and learners tell the org to do: expire, revoke, go wrong, move its clock."""
