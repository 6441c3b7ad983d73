"""Sign-in, vault, renewal and records, without Firebase or HTTP: only the contract and the standard library."""
