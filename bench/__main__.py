"""`make bench`: what one waits five minutes for; with ARGS=all everything, with ARGS="start call" what is named."""

import asyncio
import importlib
import os
import sys
import time

from bench import charts, results
from bench.noise import Watch
from devtools.steps import SetupError

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
    if not names and not results.written():  # what is checked in is measured whole
        os.environ.setdefault(results.SHORT, "1")
    chosen = _ALL if names == ["all"] else names or QUICK
    for name in chosen:
        if name not in _ALL:
            raise SystemExit(f"unknown benchmark {name!r}; there are all, {', '.join(_ALL)}")
    failed: list[str] = []
    for name in chosen:
        began = time.monotonic()
        with Watch() as watch:
            try:
                result = importlib.import_module(f"bench.{name}").main()
                if asyncio.iscoroutine(result):
                    asyncio.run(result)
            except (SystemExit, SetupError) as ended:  # something is missing; the others go on
                print(f"✗ {name}: {ended}\n", file=sys.stderr, flush=True)
                failed.append(name)
        if name != "charts" and name not in failed:
            results.add_noise(name, watch.noise.figures())
            print(f"\n{watch.noise}. {name}: {time.monotonic() - began:.0f} s.\n", flush=True)
    charts.draw()
    if failed:
        raise SystemExit(f"✗ not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
