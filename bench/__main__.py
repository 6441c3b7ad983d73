"""`make bench`: all tables, or the named ones: `python -m bench start first_frame memory http call`."""

import asyncio
import importlib
import sys

from bench import charts

_ALL = (
    *("proxy", "taps", "cold", "runtimes", "concurrency", "growth", "http", "call", "localorg", "memory", "uploads"),
    *("first_frame", "observables", "block", "start", "telemetry", "flood", "dpop", "cost", "charts"),
)


def main(names: list[str]) -> None:
    for name in names or _ALL:
        if name not in _ALL:
            raise SystemExit(f"unknown benchmark {name!r}; there are {', '.join(_ALL)}")
        result = importlib.import_module(f"bench.{name}").main()
        if asyncio.iscoroutine(result):
            asyncio.run(result)
        print(flush=True)
    charts.draw()


if __name__ == "__main__":
    main(sys.argv[1:])
