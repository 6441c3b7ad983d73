"""Builds the client during `make run` whenever its sources change. Loading the page again shows the change."""

import subprocess
import threading
import time
from collections.abc import Callable

from devtools import web


class LiveClient:
    """Builds the client when its sources have changed. `say` gets a line about each build."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        sources: Callable[[], object] = web.sources,
        build: Callable[[], None] = web.build_quickly,
    ) -> None:
        self._say = say
        self._sources = sources
        self._build = build
        self._built = self._seen = sources()
        self._building = threading.Thread()

    def look(self) -> None:
        """Looks for changed files; call it often.

        It starts a build in the background when files have changed since the last build, but not since the last look.
        """
        seen, self._seen = self._seen, self._sources()
        if self._seen != self._built and self._seen == seen and not self._building.is_alive():
            self._built = self._seen
            self._building = threading.Thread(target=self._build_and_say, daemon=True)
            self._building.start()

    def _build_and_say(self) -> None:
        begun = time.monotonic()
        try:
            self._build()
        except (web.SourceError, OSError, RuntimeError, subprocess.SubprocessError) as wrong:
            self._say(f"✗ {wrong}; the page stays as it was")
        else:
            self._say(f"built in {time.monotonic() - begun:.1f} s: load the page again")
