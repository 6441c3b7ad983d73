"""How tests and learners control a running org: expire and revoke tokens, make requests fail, move the clock."""
