"""The benchmarks: every figure of docs/performance.md, measured by `make bench`."""
