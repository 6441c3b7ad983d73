"""An org inside a test: the same code as `localorg serve`, on a free port, in a thread of its own."""

import asyncio
import threading
from types import TracebackType
from typing import Self, cast

from localorg.org import Org
from localorg.provision import open_org
from localorg.server import listen, make_app, make_server
from localorg.settings import OrgSettings


class EmbeddedOrg:
    """A running org for a `with` block: it starts on entering and ends on leaving.

     with EmbeddedOrg(OrgSettings(accounts=20)) as org:
         httpx.get(org.url + "/services/data")

    `port` 0 takes a free port. Entering raises what `open_org` raises; creating it raises OSError when the port is
    taken.
    """

    def __init__(self, settings: OrgSettings | None = None, port: int = 0) -> None:
        self._settings = settings or OrgSettings()
        self._socket = listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, name="localorg", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self.org: Org | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def save(self, name: str = "saved") -> None:
        """Keeps the org's whole state under a name."""
        self._control("snapshot/save", name)

    def restore(self, name: str = "saved") -> None:
        """Brings the state back that was saved under this name. Raises LookupError when there is none."""
        self._control("snapshot/restore", name)

    def sign_in(self, username: str = "sales@localorg.test") -> str:
        """An access token of the demo app for a user, without the login page. Raises ValueError for an unknown user."""
        from localorg.control.client import control

        return str(cast(dict[str, object], control(self.url, "token", {"username": username}))["access_token"])

    def _control(self, what: str, name: str) -> None:
        from localorg.control.client import control  # here, because serving does not need it

        control(self.url, what, {"name": name})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def _serve(self) -> None:
        try:
            self.org = open_org(self._settings)
            self._server = make_server(make_app(self.org))
        except BaseException as failure:
            self._failure = failure
            self._ready.set()
            return
        self._ready.set()
        asyncio.run(self._server.serve(sockets=[self._socket]))
        self.org.close()
