"""The backend behind the functions: a room for each flow, `adapters` for each outside thing, `wiring` joins them."""
