"""While `make run` runs: an edit of the client is built, and seen when the page is loaded again."""

import subprocess
import threading
import time
from collections.abc import Callable

from devtools import web


class LiveClient:
    """Builds the client again when its sources have changed. `say` gets a line about each build."""

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
        """To be called often.

        A build begins when files have changed, none since the last look, and no build is under way.
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
