"""The ports of a run: fixed ones that the environment can replace for people, free ones for tests."""

import os
import random
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_DEFAULTS = {"hosting": ("HOSTING_PORT", 5000), "functions": ("FUNCTIONS_PORT", 5001), "firestore": ("FIRESTORE_PORT",
    8080),
             "auth": ("AUTH_PORT", 9099), "localorg": ("LOCALORG_PORT", 8800)}  # fmt: skip

_FIRST, _LAST = 20000, 32000


class PortsError(Exception):
    """A port cannot be used. The text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of each part, all on 127.0.0.1."""

    hosting: int
    functions: int
    firestore: int
    auth: int
    localorg: int
    hub: int
    logging: int
    websocket: int
    eventarc: int
    tasks: int

    def url(self, part: str) -> str:
        """The address of a part, by its name here."""
        return f"http://127.0.0.1:{getattr(self, part)}"

    def environment(self) -> dict[str, str]:
        """The environment variables with which `make run` takes these ports."""
        return {variable: str(getattr(self, part)) for part, (variable, _) in _DEFAULTS.items()}


def chosen(environment: Mapping[str, str] = os.environ, *, running: bool = False) -> Ports:
    """The usual ports, replaced by those in the environment.

    Raises PortsError when one is no number, or (unless `running`) is taken.
    """
    ports: dict[str, int] = {}
    for part, (variable, default) in _DEFAULTS.items():
        text = environment.get(variable, str(default))
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise PortsError(f"{variable}={text} is not a port")
        ports[part] = int(text)
        if not running and not _is_free(ports[part]):
            raise PortsError(
                f"port {text} ({part}) is taken: end the program that holds it, or choose another with {variable}=…"
                " make run"
            )
    hub, logging, websocket, eventarc, tasks = some(5)
    return Ports(**ports, hub=hub, logging=logging, websocket=websocket, eventarc=eventarc, tasks=tasks)


def loopback(environment: Mapping[str, str] = os.environ) -> int:
    """The port on which an installed app waits for Salesforce's way back. Raises PortsError when it is no number."""
    text = environment.get("LOOPBACK_PORT", "5717")
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise PortsError(f"LOOPBACK_PORT={text} is not a port")
    return int(text)


def free() -> Ports:
    """Free ports for all parts."""
    return Ports(*some(10))


def answers(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as sock:
        sock.settimeout(2)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def some(count: int) -> list[int]:
    """Free ports, which no other call in any process on this machine gets soon.

    They are below the range of outgoing connections (from 32768 on Linux, 49152 elsewhere), so that no connection takes
    one before its server starts.
    """
    import fcntl  # not on Windows, which builds its app with the rest of these commands at hand

    turn = Path(tempfile.gettempdir()) / f"salesforce-sample-app-ports.{os.getuid()}"
    with turn.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        port = int(text) if text.isdigit() else random.randrange(_FIRST, _LAST)  # noqa: S311  where to begin, not a secret
        free_ports: list[int] = []
        for _ in range(_LAST - _FIRST):
            if len(free_ports) == count:
                break
            port = port + 1 if _FIRST <= port < _LAST else _FIRST
            if _is_free(port):
                free_ports.append(port)
        file.truncate(0)
        file.write(str(port))
    if len(free_ports) < count:
        raise PortsError(f"no {count} free ports between {_FIRST} and {_LAST}")
    return free_ports


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
