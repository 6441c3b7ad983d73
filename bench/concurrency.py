"""How many calls at once one instance should be given."""

from bench.proxy import concurrency as main

__all__ = ["main"]
