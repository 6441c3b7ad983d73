"""The commands behind the Makefile. The project's own Python runs them: `python -m devtools run`."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from devtools import deployed_python, lock, openapi, ports, run, typescript, web
from devtools.function_settings import FunctionSettings
from devtools.paths import OWN_SETTINGS, PYTHON, ROOT, STATE, tool_path
from devtools.suite import EMULATORS, Plan, function_environment


def main(arguments: Sequence[str]) -> int:
    """Runs the command that `arguments` name and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m devtools", description="What the Makefile runs.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, takes_more, _) in COMMANDS.items():
        commands.add_parser(
            name,
            help=text,
            description=text,
            usage=f"python -m devtools {name}" + (" [ARGUMENT …]" if takes_more else ""),
        )
    name = next(iter(arguments), "")
    takes_more = name in COMMANDS and COMMANDS[name][1]
    # The other arguments are for pytest and the like.
    parser.parse_args(arguments[:1] if takes_more else arguments)
    return COMMANDS[name][2](arguments[1:])


def _run(_: Sequence[str]) -> int:
    emulators = tuple(os.environ.get("EMULATORS", ",".join(EMULATORS)).split(","))
    return run.run(
        Plan(
            ports.chosen(),
            _project(),
            STATE,
            own=OWN_SETTINGS,
            emulators=emulators,
            loopback=ports.loopback(),
            shape=os.environ.get("SHAPE", ""),
        ),
        observe=os.environ.get("OBSERVE", "") not in ("", "0"),
    )


def _desktop(_: Sequence[str]) -> int:
    """Shows the app in a window of its own, until that is closed."""
    from devtools import desktop

    try:
        return desktop.run(ports.chosen(running=True).hosting, ports.loopback())
    except desktop.DesktopError as missing:
        print(f"✗ {missing}", file=sys.stderr)
        return 1


# Two workers may start emulators, each its own; the third gets only files that need none (tests/turns.py).
TEST_WORKERS = 3


def _test(rest: Sequence[str]) -> int:
    pytest = [sys.executable, "-m", "pytest"]
    if rest:
        return _call([*pytest, *rest])
    if web.is_stale():
        # All tests are compiled once, beside the build; on a clean clone each worker would compile them for itself.
        compiling = [*pytest, "--collect-only", "-qq"]
        with subprocess.Popen(compiling, cwd=ROOT, env=_environment({}), stdout=subprocess.DEVNULL):
            web.build()
    # A file stays in one worker, in the order that tests/turns.py gives: what takes longest first.
    return _call([*pytest, "-n", str(TEST_WORKERS), "--dist", "loadfile", "--no-loadscope-reorder", "--durations=20"])


def _quick(rest: Sequence[str]) -> int:
    """Runs for at most a minute the tests that concern the changed files."""
    from devtools import quick

    return quick.run(rest)


def _test_deep(rest: Sequence[str]) -> int:
    depth = os.environ.get("TEST_DEPTH", "20")
    return _call([sys.executable, "-m", "pytest", "-m", "hypothesis or wide", *rest], {"TEST_DEPTH": depth})


def _coverage(rest: Sequence[str]) -> int:
    from devtools import coverage

    return coverage.main(rest, _call)


def _check(_: Sequence[str]) -> int:
    return _all(["ruff", "format", "--check"], ["ruff", "check"], ["pyright"])


def _format(_: Sequence[str]) -> int:
    return _all(["ruff", "format"], ["ruff", "check", "--fix"])


def _bench(rest: Sequence[str]) -> int:
    return _with_the_app(["bench", *rest])


def _with_the_app(module: Sequence[str]) -> int:
    """Runs a module, with its arguments, that imports from the app and the backend too."""
    path = os.pathsep.join((str(ROOT / "functions"), str(ROOT / "app/src")))
    return _call([sys.executable, "-m", *module], {"PYTHONPATH": path})


def _soak(rest: Sequence[str]) -> int:
    return _call([sys.executable, "-m", "bench.soak", *rest])


def _deploy_check(_: Sequence[str]) -> int:
    return _call(["node", "devtools/deploy_check.js", "."])


def _runtime(_: Sequence[str]) -> int:
    return deployed_python.main()


def _deploy(rest: Sequence[str]) -> int:
    from devtools.deploy import command

    return command.main("deploy", rest)


def _deploy_plan(_: Sequence[str]) -> int:
    from devtools.deploy import command

    return command.main("deploy-plan")


def _operate(what: str) -> Callable[[Sequence[str]], int]:
    def run(_: Sequence[str]) -> int:
        from devtools.deploy import operate

        return operate.main(what)

    return run


def _openapi(_: Sequence[str]) -> int:
    openapi.write()
    typescript.write()
    return 0


def _web(_: Sequence[str]) -> int:
    web.build()
    print(f"✓ web client in {web.OUT.relative_to(ROOT)}")
    return 0


def _languages(new: Sequence[str]) -> int:
    from devtools import languages

    try:
        begun = [languages.add(language) for language in new]
    except ValueError as wrong:
        print(f"✗ {wrong}")
        return 2
    for path in begun:
        print(f"✓ {path.relative_to(ROOT)}: translate its texts, then run make languages")
    return languages.report(languages.update())


def _brand(_: Sequence[str]) -> int:
    from devtools import brand

    try:
        changed = brand.apply()
    except brand.BrandError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    print("\n".join((*changed, f"✓ {brand.SOURCE} stands everywhere")))
    return 0


def _app(rest: Sequence[str]) -> int:
    from devtools import apps

    try:
        file = apps.build(next(iter(rest), ""), rest[1:])
    except apps.BuildError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    print(f"✓ {file.relative_to(ROOT)}")
    return 0


def _screenshots(rest: Sequence[str]) -> int:
    return _with_the_app(["devtools.pictures", "gallery", *(rest or ["en"])])


def _demo(_: Sequence[str]) -> int:
    return _with_the_app(["devtools.pictures", "story"])


def _release(_: Sequence[str]) -> int:
    from devtools import release

    try:
        release.main()
    except release.ReleaseError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    print("\n".join(f"✓ build/release/{file.name}" for file in sorted(release.OUT.iterdir())))
    return 0


def _site(_: Sequence[str]) -> int:
    return _call([sys.executable, "-m", "mkdocs", "build", "-q"], {"NO_MKDOCS_2_WARNING": "1"})


def _reset(_: Sequence[str]) -> int:
    shutil.rmtree(STATE, ignore_errors=True)
    print("✓ the emulators and the local org have forgotten everything; the next make run starts anew")
    if own := FunctionSettings(_project(), OWN_SETTINGS, STATE).named():
        print(f"  Your own settings stay: {own}")
    return 0


def _admin(rest: Sequence[str]) -> int:
    """Runs a command of `backend.admin` on the deployed PROJECT, else on what `make run` runs.

    With GCLOUD_PROJECT set, and no PROJECT named, it runs in the environment as it is.
    """
    environment: dict[str, str] = {}
    as_it_is = "GCLOUD_PROJECT" in os.environ and not os.environ.get("PROJECT")
    if not as_it_is and list(rest[:1]) not in ([], ["keyset"], ["--help"]):
        if _project().startswith("demo-"):  # a project of the emulators
            plan = Plan(ports.chosen(running=True), _project(), STATE, own=OWN_SETTINGS)
            if not ports.answers(plan.ports.firestore):
                print(
                    "✗ nothing runs here: make run starts it; a deployed project is named with PROJECT=…"
                    " (docs/operations.md)",
                    file=sys.stderr,
                )
                return 2
            environment = function_environment(plan)
        else:
            from devtools.deploy import cloud, command

            try:
                where = command.target()
                environment = command.administration(where, cloud.Cloud(where.project))
            except cloud.DeployError as wrong:
                print(f"✗ {wrong}", file=sys.stderr)
                return 2
    return _call([sys.executable, "-m", "backend.admin", *rest], environment, ROOT / "functions")


def _firebase(rest: Sequence[str]) -> int:
    from devtools.deploy.cloud import FIREBASE

    return _call(["node", str(FIREBASE), *rest])


def _keyset(_: Sequence[str]) -> int:
    """Prints a new keyset, as the deployed PROJECT has it: wrapped where its settings name a key of Cloud KMS."""
    from devtools.deploy import cloud, command

    wrapped: list[str] = []
    if os.environ.get("PROJECT") and not _project().startswith("demo-"):
        try:
            key = command.target().kms_key
        except cloud.DeployError as wrong:
            print(f"✗ {wrong}", file=sys.stderr)
            return 2
        wrapped = ["--kms-key", f"gcp-kms://{key}"] if key else []
    return _admin(["keyset", "new", *wrapped])


def _how_true(_: Sequence[str]) -> int:
    from devtools import how_true

    how_true.write()
    return 0


def _lock(_: Sequence[str]) -> int:
    lock.main()
    return 0


# name → (what it does, whether it takes arguments of its own, the work)
COMMANDS: dict[str, tuple[str, bool, Callable[[Sequence[str]], int]]] = {
    "run": ("start everything on this machine and print where to look", False, _run),
    "desktop": ("show the app in a window of its own, against what `run` runs", False, _desktop),
    "test": ("run the tests (pytest)", True, _test),
    "quick": ("a minute of the tests that what you changed concerns, without emulators", True, _quick),
    "test-deep": ("the random searches alone, TEST_DEPTH times as wide as `test` makes them", True, _test_deep),
    "coverage": (
        "which lines the tests run; fails when backend or contract have less than 95 percent",
        True,
        _coverage,
    ),
    "check": ("lint, format, types", False, _check),
    "format": ("put the code into its format", False, _format),
    "bench": ("measure, and print the tables of docs/performance.md", True, _bench),
    "soak": ("kill function processes while tokens expire, and count", True, _soak),
    "admin": ("an administrator's command", True, _admin),
    "firebase": ("run the firebase-tools that this project pins", True, _firebase),
    "runtime": ("how long Google supports the Python of the functions; fails a year before its end", False, _runtime),
    "deploy-check": ("what `firebase deploy` would validate, without a network", False, _deploy_check),
    "deploy-plan": ("tell every change that a deployment to PROJECT would make, and make none", False, _deploy_plan),
    "deploy": ("set PROJECT up where something is missing, and upload (--adopt, --delete)", True, _deploy),
    "rollback": ("list the deployments of PROJECT, or go back to TO after a plan", False, _operate("rollback")),
    "rollback-plan": ("tell what going back to TO would change, and change nothing", False, _operate("rollback-plan")),
    "preview": ("show this tree's client at an address of its own, CHANNEL", False, _operate("preview")),
    "preview-end": ("end the preview CHANNEL", False, _operate("preview-end")),
    "federation": ("let a workflow of REPOSITORY upload to PROJECT", False, _operate("federation")),
    "openapi": ("write docs/openapi.json and a TypeScript client from the contract", False, _openapi),
    "how-true": ("write docs/how-true.md from the tests of the local org", False, _how_true),
    "languages": (
        "bring the app's catalogues up to date with its texts (ARGS: a new language, such as fr)",
        True,
        _languages,
    ),
    "app": ("build an app to install (ARGS: apk, aab, ipa, macos, windows or linux)", True, _app),
    "brand": ("write name, colours, icons and ids of app/brand.toml wherever they stand", False, _brand),
    "web": ("build the web client into build/web", False, _web),
    "screenshots": (
        "write a picture of every place into build/pictures (ARGS: languages, such as de ja)",
        True,
        _screenshots,
    ),
    "demo": ("record the story that README shows", False, _demo),
    "release": ("make what a release consists of, into build/release", False, _release),
    "site": ("build the docs as a site, into build/site", False, _site),
    "reset": ("forget the state of the emulators and of the local org", False, _reset),
    "keyset": ("print a new key for sealing tokens", False, _keyset),
    "lock": ("pin the newest allowed versions of all Python packages", False, _lock),
}


_ENDS_SECONDS = 60  # that a command has after Ctrl-C


def _project() -> str:
    return os.environ.get("PROJECT", "demo-salesforce-app")


def _all(*commands: Sequence[str]) -> int:
    """Runs every command, so that all complaints are seen at once. Returns the highest exit code."""
    return max([_call([str(PYTHON.parent / c[0]), *c[1:]]) for c in commands])


def _call(command: Sequence[str], extra: dict[str, str] | None = None, cwd: Path = ROOT) -> int:
    process = subprocess.Popen(command, cwd=cwd, env=_environment(extra or {}))
    try:
        return process.wait()
    except KeyboardInterrupt:  # Ctrl-C reaches it as well: it has to end what it has started
        try:
            return process.wait(_ENDS_SECONDS)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            process.kill()
            raise


def _environment(extra: dict[str, str]) -> dict[str, str]:
    environment = {**os.environ, **extra}
    return environment | {"PATH": tool_path(environment)}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (ports.PortsError, web.SourceError) as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        sys.exit(1)
