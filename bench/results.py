"""The newest figures of each benchmark, with the machine and the day: in build/bench, with WRITE=1 in
bench/results.json.
"""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from devtools.paths import ROOT


def file() -> Path:
    """Where figures go."""
    return ROOT / ("bench" if os.environ.get("WRITE", "") not in ("", "0") else "build/bench") / "results.json"


def keep(name: str, figures: object) -> None:
    """Writes one benchmark's figures; those of the others stay."""
    into = file()
    known = json.loads(into.read_text()) if into.exists() else {}
    machine = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    known[name] = {"day": datetime.now(UTC).date().isoformat(), "machine": machine, "figures": figures}
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    print(f"\nThe figures are in {into.relative_to(ROOT)}.")
