"""The backend behind the two functions: `core` has the three flows, `adapters` one outside thing each, `bootstrap` joins them."""
