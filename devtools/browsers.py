"""How tests and benchmarks drive the browsers."""

# Headless, quiet, and without a try at the network.
CHROMIUM_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
