"""Where the processor time of a data call goes: py-spy looks at the process 500 times a second while wrk asks."""

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.proxy import LIST, Server, load, need, stage
from bench.results import keep
from devtools.fleet import FreshFleet

_SECONDS, _RATE = 10, 500
_ROOT = "run_asgi"  # uvicorn's: above it is the event loop
_LEAST = 0.006  # of all samples: what is less is not kept


@dataclass
class Frame:
    """A function as it was called from one place: samples in it and in what it called."""

    samples: int = 0
    callees: dict[str, "Frame"] = field(default_factory=dict[str, "Frame"])


def _named(frame: str) -> tuple[str, str]:
    """`_answered (backend/endpoint.py:120)` as its name and the package or folder that it is in."""
    name, _, place = frame.rpartition(" (")
    parts = place.rstrip(")").rsplit(":", 1)[0].split("site-packages/")[-1].split("/")
    return name or frame, parts[-2] if len(parts) == 2 else parts[0]


def tree(stacks: str) -> Frame:
    """The tree of the stacks that py-spy has counted, one a line, from the function that uvicorn calls."""
    counted = Counter[tuple[str, ...]]()
    for line in stacks.splitlines():
        text, _, number = line.rpartition(" ")
        frames = text.split(";")
        begins = next((n for n, frame in enumerate(frames) if _ROOT in frame), None)
        if begins is not None:
            counted[tuple(frames[begins:])] += int(number)
    root = Frame()
    for frames, samples in counted.items():
        at = root
        at.samples += samples
        for frame in frames:
            name, package = _named(frame)
            at = at.callees.setdefault(f"{name}|{package}", Frame())
            at.samples += samples
    return root


def boxes(root: Frame) -> list[list[Any]]:
    """[depth, where it begins, how wide it is, name, package] of each function, in thousandths of the whole."""
    found: list[list[Any]] = []

    def place(frame: Frame, depth: int, begins: float) -> None:
        for key, callee in sorted(frame.callees.items(), key=lambda named: -named[1].samples):
            share = callee.samples / root.samples
            if share >= _LEAST:
                found.append([depth, round(1000 * begins), round(1000 * share), *key.split("|")])
                place(callee, depth + 1, begins)
            begins += share

    place(root, 0, 0.0)
    return found


def main() -> None:
    wrk, spy = need("wrk", "wrk"), shutil.which("py-spy")
    if spy is None:
        raise SystemExit("✗ py-spy is missing: pip install py-spy (the picture in the docs is of 0.4.3)")
    with (
        stage() as on,
        FreshFleet(on.plan, "api", 1, READABLE_LOG="no") as fleet,
        tempfile.TemporaryDirectory() as folder,
    ):
        member = fleet.members[0]
        server = Server("ours", f"{member.url}/listRecords", LIST, member.process.pid)
        load(wrk, server, on.token, 64, _SECONDS)
        of = psutil.Process(member.process.pid)
        worker = max([of, *of.children(recursive=True)], key=lambda process: process.cpu_times().user)
        stacks = Path(folder) / "stacks"
        command = [spy, "record", "-r", str(_RATE), "-d", str(_SECONDS), "-f", "raw", "-o", str(stacks)]
        with subprocess.Popen(
            [*command, "-p", str(worker.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as spying:
            load(wrk, server, on.token, 64, _SECONDS + 2)
            _, said = spying.communicate()
        if not stacks.exists():
            raise SystemExit(f"✗ py-spy found nothing (it may have to be run as root): {said.strip()[-300:]}")
        root = tree(stacks.read_text())
    keep("flame", {"samples": root.samples, "boxes": boxes(root)})
    print(json.dumps({"samples": root.samples, "functions": len(boxes(root))}))


if __name__ == "__main__":
    main()
