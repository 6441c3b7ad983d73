"""The commands behind the Makefile, run by the project's own Python: `python -m devtools run`."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from devtools import ports, web
from devtools.processes import adopt_orphans, end_descendants
from devtools.setup_machine import ROOT, TOOLS, tool_path
from devtools.suite import Plan, Suite, SuiteError, function_environment

STATE = Path(os.environ.get("STATE_DIR", ROOT / ".local/state"))
_NOISE = ("hub: ", "logging: ", "MOTD", "You are not currently authenticated", "emulators: It seems", "Emulator UI", "WARNING: ", "Issues? Report",
          "Beginning execution of", "Finished ")  # fmt: skip
_NAMES = {"org": "org     ", "firebase": "firebase"}


def main(arguments: Sequence[str]) -> int:
    command, rest = (arguments[0] if arguments else "run"), list(arguments[1:])
    match command:
        case "run":
            return run()
        case "web":
            web.build()
            print(f"✓ web client in {web.OUT.relative_to(ROOT)}")
        case "reset":
            shutil.rmtree(STATE, ignore_errors=True)
            (ROOT / "functions/.secret.local").unlink(missing_ok=True)
            print("✓ the emulators and the local org have forgotten everything; the next make run starts anew")
        case "test":
            return _call([sys.executable, "-m", "pytest", *rest])
        case "check":
            return _all(["ruff", "format", "--check"], ["ruff", "check"], ["pyright"])
        case "format":
            return _all(["ruff", "format"], ["ruff", "check", "--fix"])
        case "deploy-check":
            return _call(["node", "devtools/deploy_check.js", "."], {"PYTHON_MINOR": str(sys.version_info.minor)})
        case "bench":
            return _call([sys.executable, "-m", "bench", *rest])
        case "openapi":
            return _call([sys.executable, "-m", "devtools.openapi"], {"PYTHONPATH": "functions"})
        case "admin":
            return admin(rest)
        case "soak":
            return _call([sys.executable, "-m", "bench.soak", *rest])
        case "keyset":
            return admin(["keyset", "new"])
        case "lock":
            return _call([sys.executable, "devtools/lock.py", str(TOOLS / "uv/bin/uv")])
        case _:
            print(f"unknown command {command!r}", file=sys.stderr)
            return 2
    return 0


def run() -> int:
    """Starts everything, prints where to look, streams the log until Ctrl-C."""
    started = time.monotonic()
    adopt_orphans()
    talking = False

    def say(part: str, line: str) -> None:
        if talking and line.strip() and not any(noise in line for noise in _NOISE):
            print(f"{_NAMES[part]} │ {_tidy(line)}", flush=True)

    try:
        plan = Plan(ports.chosen(), os.environ.get("PROJECT", "demo-salesforce-app"), STATE)
        if web.is_stale():
            print("… web client", flush=True)
            begun = time.monotonic()
            web.build()
            print(f"✓ web client ({time.monotonic() - begun:.0f} s)", flush=True)
        print("… local org and Firebase emulators", flush=True)
        suite = Suite(plan, say)
        with suite:
            print(f"✓ everything runs ({time.monotonic() - started:.0f} s)\n")
            print(f"  Open     {plan.app_url}")
            print("  Sign in  sales@localorg.test   password localorg1   (admin@localorg.test too)")
            print(f"  The org  {plan.ports.url('localorg')}\n\n  Ctrl-C ends everything and keeps its state; make reset clears it.\n", flush=True)
            talking = True
            while (dead := suite.dead_part()) is None:
                time.sleep(0.5)
            print(f"✗ {dead} has ended; stopping the rest", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 0
    except (ports.PortsError, SuiteError, subprocess.CalledProcessError) as failed:
        print(f"✗ {failed}", file=sys.stderr)
        return 1
    finally:
        end_descendants()


def admin(arguments: Sequence[str]) -> int:
    """An administrator's command: on what `make run` runs, or on the project that GCLOUD_PROJECT names."""
    plan = Plan(ports.chosen(running=True), os.environ.get("PROJECT", "demo-salesforce-app"), STATE)
    local = "GCLOUD_PROJECT" not in os.environ and arguments[:1] not in ([], ["keyset"], ["--help"])
    if local and not ports.answers(plan.ports.firestore):
        print("✗ nothing runs here: make run starts it; for a deployed project set GCLOUD_PROJECT (docs/operations.md)", file=sys.stderr)
        return 2
    extra = function_environment(plan) if local else {}
    return _call([sys.executable, "-m", "backend.admin", *arguments], {**extra, "PYTHONPATH": "functions"})


def _tidy(line: str) -> str:
    """A function's own line without the mark that firebase-tools puts before it."""
    return line.lstrip("> ").removeprefix("i  ").removeprefix("functions: ") if line.startswith(">") else line


def _all(*commands: Sequence[str]) -> int:
    """Runs every command, so that all complaints are seen at once; fails if one failed."""
    codes = [_call([str(Path(sys.executable).parent / c[0]), *c[1:]]) for c in commands]
    return max(codes)


def _call(command: Sequence[str], extra: dict[str, str] | None = None) -> int:
    environment = {**os.environ, **(extra or {})}
    environment["PATH"] = tool_path(environment)
    return subprocess.call(command, cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
