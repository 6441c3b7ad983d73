"""A connection's whole life: stored and unsealed, remembered, renewed, ended; and the record of what happened to it."""
