"""`make bench`: what one waits five minutes for; with ARGS=all everything, with ARGS="start call" what is named."""

import asyncio
import importlib
import os
import sys
import time

from bench import charts, results
from bench.noise import Watch

QUICK = ("proxy", "floor", "taps", "cold", "charts")
_ALL = (
    *(
        "proxy",
        "instructions",
        "floor",
        "flame",
        "taps",
        "cold",
        "runtimes",
        "concurrency",
        "growth",
        "http",
        "call",
        "localorg",
    ),
    *(
        "memory",
        "uploads",
        "first_frame",
        "observables",
        "block",
        "start",
        "telemetry",
        "flood",
        "dpop",
        "cost",
        "charts",
    ),
)


def main(names: list[str]) -> None:
    if not names:
        os.environ.setdefault(results.SHORT, "1")
    for name in _ALL if names == ["all"] else names or QUICK:
        if name not in _ALL:
            raise SystemExit(f"unknown benchmark {name!r}; there are all, {', '.join(_ALL)}")
        began = time.monotonic()
        with Watch() as watch:
            result = importlib.import_module(f"bench.{name}").main()
            if asyncio.iscoroutine(result):
                asyncio.run(result)
        if name != "charts":
            results.add_noise(name, watch.noise.figures())
            print(f"\n{watch.noise}. {name}: {time.monotonic() - began:.0f} s.\n", flush=True)
    charts.draw()


if __name__ == "__main__":
    main(sys.argv[1:])
