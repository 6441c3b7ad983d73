"""The newest figures of each benchmark, with the machine and the day: in build/bench, with WRITE=1 in
bench/results.json.
"""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.paths import ROOT

SHORT = "BENCH_QUICK"  # set to 1: fewer rounds, one number of connections


def written() -> bool:
    """Whether what is measured goes into files that are checked in."""
    return os.environ.get("WRITE", "") not in ("", "0")


def file() -> Path:
    """Where figures go."""
    return ROOT / ("bench" if written() else "build/bench") / "results.json"


def latest() -> dict[str, Any]:
    """The figures of each benchmark: those that are checked in, and without WRITE=1 newer ones of this machine."""
    files = [ROOT / "bench/results.json", *(() if written() else (ROOT / "build/bench/results.json",))]
    kept: dict[str, Any] = {}
    for path in files:
        kept |= json.loads(path.read_text()) if path.exists() else {}
    return kept


def keep(name: str, figures: object) -> None:
    """Writes one benchmark's figures; those of the others stay."""
    into = file()
    known = json.loads(into.read_text()) if into.exists() else {}
    machine = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    known[name] = {"day": datetime.now(UTC).date().isoformat(), "machine": machine, "figures": figures}
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    print(f"\nThe figures are in {into.relative_to(ROOT)}.")


def add_noise(name: str, noise: dict[str, Any]) -> None:
    """Writes beside one benchmark's newest figures how noisy the machine was; nothing where it keeps none."""
    into = file()
    known = json.loads(into.read_text()) if into.exists() else {}
    if name in known and known[name]["day"] == datetime.now(UTC).date().isoformat():
        known[name]["noise"] = noise
        into.write_text(json.dumps(known, indent=1) + "\n")
