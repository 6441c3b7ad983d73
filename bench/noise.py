"""How noisy the machine is when something is measured: what others took of its processors meanwhile, and how much
longer the same piece of work takes at times, just before and just after.
"""

import os
import time
from dataclasses import asdict, dataclass
from statistics import median
from types import TracebackType
from typing import Any, Self

import psutil

_TRIES, _WORK = 15, 100_000  # of additions: some milliseconds


@dataclass(frozen=True, slots=True)
class Noise:
    """`load` is the load average before; `stolen` the share of the processors' time that the host gave to other
    machines, in percent; `slowest` and `drift` are how much longer, in percent, the same work took at the worst than at
    the median, and afterwards than before.
    """

    load: float
    stolen: float
    slowest: float
    drift: float

    def __str__(self) -> str:
        return (
            f"Noise: load {self.load:.1f} before, {self.stolen:.1f} % stolen by the host; the same work took up to"
            f" {self.slowest:.0f} % longer, and {self.drift:+.0f} % afterwards"
        )

    def figures(self) -> dict[str, Any]:
        """As it is kept with the figures."""
        return {name: round(value, 1) for name, value in asdict(self).items()}


class Watch:
    """Measures the noise of a `with` block; `noise` is there afterwards."""

    noise: Noise

    def __enter__(self) -> Self:
        self._load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        self._before = _work()
        self._times = psutil.cpu_times()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spent = [now - then for now, then in zip(psutil.cpu_times(), self._times, strict=True)]
        stolen = getattr(psutil.cpu_times(), "steal", 0.0) - getattr(self._times, "steal", 0.0)
        after = _work()
        middle = median(self._before + after)
        self.noise = Noise(
            self._load,
            100 * stolen / max(sum(spent), 0.001),
            100 * (max(self._before + after) / middle - 1),
            100 * (median(after) / median(self._before) - 1),
        )


def _work() -> list[float]:
    """Seconds that the same work takes, several times."""
    times: list[float] = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        total = 0
        for n in range(_WORK):
            total += n
        times.append(time.perf_counter() - began)
    return times
