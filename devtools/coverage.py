"""`make coverage`: which lines the tests run, in this process and in the processes that they start.

It does not see the client in a browser (Pyodide) and processes that are killed with SIGKILL. So it leaves out the tests
in browsers and of a release.
"""

import contextlib
import io
import shutil
import sys
from collections.abc import Callable, Sequence

from coverage import Coverage

from devtools.paths import ROOT

# Left out: two test files that run a copy of this checkout, whose lines do not count here.
_OF_A_COPY = ("--ignore=tests/devtools/test_live.py", "--ignore=tests/devtools/test_workers.py")
TESTS = (
    "tests/app",
    "tests/functions",
    "tests/operations",
    "tests/integration",
    "tests/localorg",
    "tests/devtools",
    *_OF_A_COPY,
)
AT_LEAST = {"functions/backend": 95.0, "functions/contract": 95.0}  # percent of lines
REPORTED = ("functions/main.py", "app/src/data", "app/src/ui", "app/src", "localorg", "devtools")
_FOLDER = ROOT / ".local/coverage"


def main(arguments: Sequence[str], call: Callable[[Sequence[str]], int]) -> int:
    """Runs the tests in `arguments` (by default all that can be measured) and prints a table.

    Returns 1 when a test fails or an area has too few lines covered. `call` runs a command in the project's
    environment.
    """
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    failed = call([sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q", *(arguments or TESTS)])
    measured = Coverage(config_file=str(ROOT / "pyproject.toml"))
    measured.combine(strict=True)
    measured.save()
    missed = [area for area in (*AT_LEAST, *REPORTED) if _report(measured, area) < AT_LEAST.get(area, 0)]
    for area in missed:
        print(f"\n✗ {area} has less than {AT_LEAST[area]:.0f} % of its lines covered; without a test are:\n")
        measured.report(include=_files(area), show_missing=True, skip_covered=True)
    return int(bool(failed or missed))


def _report(measured: Coverage, area: str) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        percent = measured.report(include=_files(area))
    print(f"{percent:6.1f} %  {area}" + (f"  (at least {AT_LEAST[area]:.0f})" if area in AT_LEAST else ""))
    return percent


def _files(area: str) -> list[str]:
    return [area if area.endswith(".py") else f"{area}/*"]
