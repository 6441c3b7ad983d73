"""bench/results.json: the newest figures of each benchmark, with the machine and the day."""

import json
import os
import platform
from datetime import UTC, datetime

from devtools.paths import ROOT

FILE = ROOT / "bench/results.json"


def keep(name: str, figures: object) -> None:
    """Writes one benchmark's figures; those of the others stay."""
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    machine = f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}"
    known[name] = {"day": datetime.now(UTC).date().isoformat(), "machine": machine, "figures": figures}
    FILE.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
