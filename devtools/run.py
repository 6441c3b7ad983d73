"""`make run`: starts everything, prints the addresses, shows the log, and ends everything when it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType

from devtools import web
from devtools.live import LiveClient
from devtools.ports import PortsError
from devtools.processes import adopt_orphans, descendants, end_all
from devtools.saved_state import StateError
from devtools.suite import Plan, Suite, SuiteError

SAVE_EVERY = float(os.environ.get("SAVE_EVERY", "60"))  # seconds between two saves: a crash loses no more
_NOISE = ("hub: ", "logging: ", "MOTD", "You are not currently authenticated", "emulators: It seems", "Emulator UI",
          "WARNING: ", "Issues? Report",
          "Beginning execution of", "Finished ", "Received export request", "Export complete",
          "Env variable override")  # fmt: skip
_NAMES = {"org": "org     ", "firebase": "firebase", "traces": "traces  ", "client": "client  "}
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Ended(BaseException):
    """The runner was asked to end: by Ctrl-C, a closed terminal, or a signal."""


def run(plan: Plan, *, observe: bool = False) -> int:
    """Runs everything until it is asked to end (returns 0) or a part ends by itself (returns 1).

    With `observe` every call is printed as a tree of spans, or sent to the collector at OTEL_EXPORTER_OTLP_ENDPOINT.
    """
    adopt_orphans()
    for number in _SIGNALS:
        signal.signal(number, _end)
    started = time.monotonic()
    talking = False

    def say(part: str, line: str) -> None:
        if talking and line.strip() and not any(noise in line for noise in _NOISE):
            _print(f"{_NAMES[part]} │ {_tidy(line)}")

    live = LiveClient(lambda line: say("client", line))
    try:
        if web.is_stale():
            _print("… web client")
            begun = time.monotonic()
            web.build()
            _print(f"✓ web client ({time.monotonic() - begun:.0f} s)")
        _print("… local org and Firebase emulators")
        with ExitStack() as stack:
            watching = ""
            if observe:
                plan, watching = _observed(plan, stack, say)
            suite = stack.enter_context(Suite(plan, say))
            _print(f"✓ everything runs ({time.monotonic() - started:.0f} s)\n")
            _print(f"  Open     {plan.app_url}")
            _print("  Sign in  sales@localorg.test   password localorg1   (admin@localorg.test too)")
            _print(f"  Window   {_desktop(plan)} in another terminal shows it in one of its own")
            if own := plan.settings.named():
                _print(f"  Settings of your own, from {own}, are in force")
            for note in suite.notes:
                _print(f"  Note     {note}")
            _print(
                f"  The org  {plan.ports.url('localorg')}{watching}\n\n  Ctrl-C ends everything and keeps its state;"
                " make reset clears it.\n"
            )
            talking = True
            suite.warm()
            try:
                _watch(suite, live)
            finally:
                talking = False
            return 1
    except Ended:
        _print("\nstopped")
        return 0
    except (PortsError, StateError, SuiteError, web.SourceError, subprocess.CalledProcessError) as failed:
        _print(f"✗ {failed}", error=True)
        return 1
    finally:
        end_all(descendants())


def _desktop(plan: Plan) -> str:
    """The command that shows the app of this run in a window."""
    ports = (("HOSTING_PORT", plan.ports.hosting, 5000), ("LOOPBACK_PORT", plan.loopback, 5717))
    return "".join(f"{name}={port} " for name, port, usual in ports if port != usual) + "make desktop"


def _observed(plan: Plan, stack: ExitStack, say: Callable[[str, str], None]) -> tuple[Plan, str]:
    """The plan with a collector for its spans, and a text that says where the spans go."""
    elsewhere = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if elsewhere:
        return replace(plan, telemetry=elsewhere), f"\n  Traces   go to {elsewhere}"
    from devtools.traces import Collector

    collector = stack.enter_context(Collector(say=lambda line: say("traces", line)))
    return replace(plan, telemetry=collector.url), "\n  Traces   below, each a few seconds after its call"


def _watch(suite: Suite, live: LiveClient) -> None:
    """Builds the client after edits, until a part has ended. Raises Ended when make was ended without passing
    that on.
    """
    make = _make()
    save_at = time.monotonic() + SAVE_EVERY
    while (dead := suite.dead_part()) is None:
        time.sleep(0.5)
        live.look()
        if _make() != make:
            _end(0, None)
        if time.monotonic() > save_at:
            suite.save()
            save_at = time.monotonic() + SAVE_EVERY
    _print(f"✗ {dead} has ended; stopping the rest", error=True)


def _make() -> tuple[int, str] | None:
    """The process id of the make that started this runner and (Linux) a text of the signals it catches; None without
    make.

    Killed with SIGKILL, make is no longer the parent. When only make gets SIGINT or SIGHUP, GNU make stops catching
    that signal and waits for its recipe without passing the signal on.
    """
    if "MAKELEVEL" not in os.environ:
        return None
    status = Path(f"/proc/{os.getppid()}/status")
    caught = (
        [line for line in status.read_text().splitlines() if line.startswith("SigCgt")] if status.exists() else [""]
    )
    return os.getppid(), caught[0]


def _end(_signal: int, _frame: FrameType | None) -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # it is ending already: a second signal must not interrupt the save
    raise Ended


def _print(line: str, *, error: bool = False) -> None:
    try:
        print(line, file=sys.stderr if error else sys.stdout, flush=True)
    except OSError:
        pass  # the terminal is gone


def _tidy(line: str) -> str:
    """A function's log line without firebase-tools' prefix. Tracebacks keep their indentation."""
    return line.removeprefix(">  ").removeprefix("i  ").removeprefix("functions: ") if line.startswith(">") else line
