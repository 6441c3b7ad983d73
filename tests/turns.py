"""Which worker of `make test` gets which files of tests, and when.

The third worker gets only what needs no emulators: starting them once more would cost it more than it helps.
"""

from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

WITH_EMULATORS = (
    "tests/e2e/", "tests/integration/", "tests/desktop/test_window.py",
    "tests/operations/test_abuse.py", "tests/operations/test_alerts.py",
    "tests/operations/test_check_org.py",
    "tests/operations/test_telemetry.py", "tests/app/test_app_check.py", "tests/app/test_session.py",
    "tests/devtools/test_editors.py",
    "tests/functions/adapters/test_firebase_users.py", "tests/functions/adapters/test_firestore.py",
)  # fmt: skip
_WITHOUT = "gw2"
# What takes longest begins first, so that no worker ends long after the others; the rest follows in its usual order.
_LONGEST_FIRST = (
    "tests/e2e/test_bad_days.py", "tests/e2e/test_story.py", "tests/e2e/test_start.py",
    "tests/e2e/test_accessibility.py",
    "tests/e2e/test_engines.py", "tests/e2e", "tests/integration", "tests/devtools/test_run.py",
    "tests/localorg/test_salesforce_cli.py",
    "tests/operations", "tests/localorg",
)  # fmt: skip
# Some of its alerts are of slow calls, and nothing heavy runs beside it at the end.
_LAST = "tests/operations/test_alerts.py"


def from_another_end(collected: list[pytest.Item | pytest.Collector], worker: str) -> None:
    """Puts what a folder holds into another order for each worker, so that each finds compiled what the others began
    with. Compiling the tests is the most of collecting them.
    """
    if worker.endswith("1"):
        collected.reverse()
    elif worker.endswith("2"):
        half = len(collected) // 2
        collected[:] = collected[half:] + collected[:half]


def by_file(items: list[pytest.Item]) -> None:
    """Puts the tests into one order for all workers: of their files, and within one as it was collected."""
    items.sort(key=lambda item: item.path)


def in_turn(items: list[pytest.Item]) -> None:
    """Puts the tests into the order in which they are handed out.

    Raises UsageError for one that uses the emulators unannounced.
    """
    for item in items:
        if "suite" in getattr(item, "fixturenames", ()) and not item.nodeid.startswith(WITH_EMULATORS):
            raise pytest.UsageError(f"{item.nodeid} uses the emulators: name its file in tests/turns.py")

    def turn(item: pytest.Item) -> int:
        if item.nodeid.startswith(_LAST):
            return len(_LONGEST_FIRST) + 1
        return next((n for n, path in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(path)), len(_LONGEST_FIRST))

    items.sort(key=turn)


class Turns(LoadFileScheduling):
    """A file of tests stays in one worker."""

    def _assign_work_unit(self, node: "WorkerController") -> None:
        if node.gateway.id != _WITHOUT:
            super()._assign_work_unit(node)
        elif (light := self._light()) is not None:
            self.workqueue.move_to_end(light, last=False)
            super()._assign_work_unit(node)

    def _reschedule(self, node: "WorkerController") -> None:
        if node.gateway.id == _WITHOUT and self._light() is None:
            if not node.shutting_down:
                node.shutdown()
        else:
            super()._reschedule(node)

    def _light(self) -> str | None:
        """The next file for the worker without emulators."""
        return next((scope for scope in self.workqueue if not scope.startswith(WITH_EMULATORS)), None)
