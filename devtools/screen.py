"""A screen without a monitor, and the app in a window on it; for tests and pictures.

The window is used by what assistive technology reads of it (AT-SPI): Flutter gives nodes names and actions, which no
theme and no size moves. It must not be asked where a node is: for that Flutter's Linux window waits 25 seconds for
itself (flutter/flutter, issue 153560). Flet keeps text fields from being read for the same reason
(flet-dev/flet, issue 3934), so they are reached by the keyboard.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil
from PIL import Image, ImageChops, ImageGrab

from data.services.dbus import Bus, BusError
from devtools import desktop, window_tools
from devtools.paths import ROOT

FAILED = ROOT / ".local/window-failed.png"  # what the screen showed when a test failed last
WAIT = 60.0  # seconds for something to come; it takes one or two
_PASSWORD = b"password"  # of the keyring
_ACCESSIBLE = "org.a11y.atspi.Accessible"
_ROOT = "/org/a11y/atspi/accessible/root"
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={folder}/bus</listen>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>
"""
_BROWSER = """[Desktop Entry]
Type=Application
Name=Writes addresses down
Exec={program} %u
MimeType=x-scheme-handler/http;
"""


def until(what: str, come: Callable[[], object], *, seconds: float = WAIT) -> None:
    """Waits until `come` returns something true. Raises TimeoutError, which says `what` did not come."""
    deadline = time.monotonic() + seconds
    while not come():
        if time.monotonic() > deadline:
            raise TimeoutError(f"this did not come: {what}")
        time.sleep(0.05)


class Screen:
    """A screen with a window manager, a bus, and a home of its own, for a `with` block. No service starts by itself on
    the bus, so there is a keyring only while one is started. Addresses that programs open are written down.
    """

    def __init__(self, width: int = 1300, height: int = 780) -> None:
        missing = window_tools.lacking()
        if missing or not (window_tools.CLIENT / "flet").exists():
            raise RuntimeError(
                f"the app's window cannot be shown, because there is no {', '.join(missing) or 'client of Flet'}: make"
                f" test installs it where it may (on Debian apt-get install {' '.join(window_tools.PACKAGES)})"
            )
        self._size = (width, height)
        self._running: list[subprocess.Popen[bytes]] = []
        self._keyring: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="screen-"))  # short: sockets stand in it
        self.log = (self.folder / "log").open("wb")
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        folder = self.folder
        (folder / "bus.conf").write_text(_BUS.format(folder=folder))
        for name in ("applications", "config", "run"):
            (folder / name).mkdir(mode=0o700)
        catch = folder / "open"
        catch.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >> {folder}/opened\n')
        catch.chmod(0o755)
        (folder / "opened").touch()
        (folder / "applications/catch.desktop").write_text(_BROWSER.format(program=catch))
        (folder / "config/mimeapps.list").write_text("[Default Applications]\nx-scheme-handler/http=catch.desktop\n")
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "DBUS_", "WAYLAND", "GTK_", "GNOME_"))},
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
            "LANG": "en_US.UTF-8",
        }
        try:
            self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def _begin(self) -> None:
        reading, writing = os.pipe()
        size = f"{self._size[0]}x{self._size[1]}x24"
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp", "-noreset"]
        self._running.append(self._start(command, pass_fds=(writing,)))
        os.close(writing)
        with os.fdopen(reading) as number:
            self.environment["DISPLAY"] = f":{number.readline().strip()}"
        self._running.append(self._start(["dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork"]))
        until("the bus", (self.folder / "bus").exists)
        self._running.append(self._start(["openbox"]))
        launcher = window_tools.launcher()
        assert launcher is not None
        self._running.append(self._start([launcher, "--launch-immediately"]))
        bus = Bus(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        until("the bus of assistive technology", lambda: self._read_from(bus))

    def _read_from(self, bus: Bus) -> bool:
        try:
            (address,) = bus.call("org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
            self.read = Bus(address)
        except BusError:
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything that runs on the screen."""
        self.stop_keyring()
        for program in reversed(self._running):
            _end(program)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(
        self, command: list[str], pass_fds: tuple[int, ...] = (), stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env=self.environment, stdin=stdin, stdout=self.log, stderr=self.log, pass_fds=pass_fds
        )

    # The keyring

    def start_keyring(self, *, unlocked: bool = True) -> None:
        """Starts the person's keyring. The first time it has to be `unlocked`, which makes one."""
        command = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        self._keyring = self._start([*command, "--unlock"] if unlocked else command, stdin=subprocess.PIPE)
        assert self._keyring.stdin is not None
        if unlocked:
            self._keyring.stdin.write(_PASSWORD)
        self._keyring.stdin.close()
        bus = Bus(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        has_owner = "('org.freedesktop.secrets',)"
        dbus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", has_owner)
        until("the keyring", lambda: bus.call(*dbus)[0])

    def unlock_keyring(self) -> None:
        """Unlocks the keyring that runs, as GNOME does when a person has typed its password."""
        bus = Bus(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        service = ("org.freedesktop.secrets", "/org/freedesktop/secrets")
        _, session = bus.call(*service, "org.freedesktop.Secret.Service", "OpenSession", "('plain', <''>)")
        keyring = "objectpath '/org/freedesktop/secrets/collection/login'"
        password = f"(objectpath '{session}', @ay [], @ay {list(_PASSWORD)}, 'text/plain')"
        internal = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
        bus.call(*service, internal, "UnlockWithMasterPassword", f"({keyring}, {password})")

    def stop_keyring(self) -> None:
        """Ends the keyring, if one runs. What is in it stays."""
        if self._keyring is not None:
            _end(self._keyring)
            self._keyring = None

    # What is seen and opened

    def picture(self) -> Image.Image:
        """What the screen shows."""
        return ImageGrab.grab(xdisplay=self.environment["DISPLAY"])

    def box_of(self, color: str) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom of all pixels on the screen that have exactly this colour; None without one."""
        picture = self.picture().convert("RGB")
        other = ImageChops.difference(picture, Image.new("RGB", picture.size, color)).convert("L")
        return other.point(lambda value: 255 if value == 0 else 0).getbbox()

    def titles(self) -> list[str]:
        """The titles of all windows that are shown."""
        search = ["xdotool", "search", "--onlyvisible", "--name", ".", "getwindowname", "%@"]
        done = subprocess.run(search, env=self.environment, capture_output=True, text=True, timeout=WAIT, check=False)
        return [title for title in done.stdout.splitlines() if title != "Openbox"]

    def count_opened(self) -> int:
        """How many addresses programs have opened."""
        return (self.folder / "opened").read_text().count("\n")

    def opened(self, before: int) -> str:
        """The address that a program has opened, after so many others before it. Waits for it."""
        until("an address that was opened", lambda: self.count_opened() > before)
        return (self.folder / "opened").read_text().splitlines()[before]

    def press(self, *keys: str) -> None:
        """Presses keys (X's names for them) in the window that has the focus."""
        subprocess.run(["xdotool", "key", *keys], env=self.environment, timeout=WAIT, check=True)

    def type(self, text: str, come: Callable[[], object]) -> None:
        """Types a text into what has the focus, in place of what is there, until `come` returns something true.

        It types again after some seconds, because a field may get the focus a moment after it is seen.
        """
        for _ in range(6):
            self.press("ctrl+a")
            subprocess.run(["xdotool", "type", "--delay", "20", text], env=self.environment, timeout=WAIT, check=True)
            with suppress(TimeoutError):
                until(f"what typing {text} does", come, seconds=WAIT / 6)
                return
        raise TimeoutError(f"typing {text} did nothing")


@dataclass(frozen=True, slots=True)
class Node:
    """Something in a window that assistive technology reads: where it is asked, and what it reads."""

    owner: str
    path: str
    name: str


class Window:
    """The app in a window on a screen, for a `with` block. `url` is its backend's, `loopback` the port of the way back.

    The methods wait for what they need; when it does not come they raise TimeoutError.
    """

    def __init__(self, screen: Screen, url: str, loopback: int, **environment: str) -> None:
        self._screen = screen
        bridge = screen.folder / "bridge"
        bridge.mkdir(exist_ok=True)
        program = bridge / "flet"
        script, client = ROOT / "tests/desktop/bridge.py", window_tools.CLIENT / "flet"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {client} "$@"\n')
        program.chmod(0o755)
        shown = {**desktop.app_environment(url, loopback), **screen.environment, "FLET_VIEW_PATH": str(bridge)}
        self._output = screen.folder / f"app-{time.monotonic_ns()}"
        with self._output.open("wb") as output:
            self.app = subprocess.Popen(
                desktop.app_command(),
                env={**shown, **environment}, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._owner = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.said(), "\n".join(n.name for n in self.nodes()), sep="\n")  # shown when a test fails
            self._screen.picture().save(FAILED)
        for part in self._parts():
            with suppress(psutil.NoSuchProcess):
                part.kill()
        _end(self.app)

    def said(self) -> str:
        """What the app and its window have written."""
        return self._output.read_text(errors="replace")

    def nodes(self) -> list[Node]:
        """What is read of the window now; nothing while it is not there."""
        try:
            return list(self._walk(Node(self._owned(), _ROOT, "")))
        except (BusError, StopIteration, psutil.Error):
            return []  # something has gone while it was read

    def find(self, text: str, *, last: bool = False) -> Node:
        """The first or the last node of this name, when it is there; else one that has this text in its name."""
        found: list[Node] = []

        def come() -> bool:
            assert self.app.poll() is None, f"the app has ended:\n{self.said()}"
            found[:] = [node for node in self.nodes() if text in node.name]
            found[:] = [node for node in found if text == node.name] or found
            return bool(found)

        until(text, come)
        return found[-1 if last else 0]

    def has(self, text: str) -> bool:
        """Whether this text is in the window now."""
        return any(text in node.name for node in self.nodes())

    def sees(self, text: str) -> None:
        """Waits until this text is in the window."""
        self.find(text)

    def misses(self, text: str) -> None:
        """Waits until the window has something else than this text."""
        until(f"a window without {text}", lambda: (all_ := self.nodes()) and not any(text in n.name for n in all_))

    def tap(self, text: str, then: str = "", *, last: bool = False) -> None:
        """Does what a tap on this button does, on the last one of that name if it is to be the `last`. With `then` it
        waits for that text, and taps again after some seconds, because a window that is just changing may lose a tap.
        """
        if not then:
            self._tap(text, last=last)
            return
        for _ in range(6):
            until(f"{text} or {then}", lambda: self.has(text) or self.has(then))
            if not self.has(then):
                self._tap(text, last=last)
            with suppress(TimeoutError):
                until(then, lambda: self.has(then), seconds=WAIT / 6)
                return
        raise TimeoutError(f"tapping {text} did not bring {then}")

    def _tap(self, text: str, *, last: bool) -> None:
        node = self.find(text, last=last)
        at = (node.owner, node.path, "org.a11y.atspi.Action")
        read = self._screen.read
        names = [read.call(*at, "GetName", f"({n},)")[0] for n in range(read.property(*at, "NActions"))]
        wanted = next(names.index(name) for name in ("Tap", "Expand") if name in names)
        read.call(*at, "DoAction", f"({wanted},)", seconds=WAIT)

    def close(self) -> int:
        """Closes the window as a person does. Returns the app's exit code."""
        search = ["search", "--all", "--onlyvisible", "--pid", str(self.client().pid), "--name", "."]
        subprocess.run(
            ["xdotool", *search, "windowactivate", "--sync"], env=self._screen.environment, timeout=WAIT, check=True
        )
        self._screen.press("alt+F4")
        return self.app.wait(WAIT)

    def client(self) -> psutil.Process:
        """The process of the window, when it runs."""
        program = str(window_tools.CLIENT / "flet")
        found: list[psutil.Process] = []

        def come() -> bool:
            with suppress(psutil.Error):
                found[:] = [part for part in self._parts() if part.exe() == program]
            return bool(found)

        until("Flet's client", come)
        return found[0]

    def _parts(self) -> list[psutil.Process]:
        """The processes that the app has started."""
        try:
            return psutil.Process(self.app.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _owned(self) -> str:
        """The name of the window's connection to the bus of assistive technology."""
        if not self._owner:
            mine = {part.pid for part in self._parts()}
            dbus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
            (windows,) = self._screen.read.call("org.a11y.atspi.Registry", _ROOT, _ACCESSIBLE, "GetChildren")
            for owner, _path in windows:
                (pid,) = self._screen.read.call(*dbus, "GetConnectionUnixProcessID", f"('{owner}',)")
                if pid in mine:
                    self._owner = owner
            if not self._owner:
                raise BusError("the window is not there yet")
        return self._owner

    def _walk(self, node: Node) -> Iterator[Node]:
        read, at = self._screen.read, (node.owner, node.path)
        if name := read.property(*at, _ACCESSIBLE, "Name"):
            yield Node(node.owner, node.path, name)
        for n in range(read.property(*at, _ACCESSIBLE, "ChildCount")):
            ((owner, path),) = read.call(*at, _ACCESSIBLE, "GetChildAtIndex", f"({n},)")
            yield from self._walk(Node(owner, path, ""))


def _end(program: subprocess.Popen[bytes]) -> None:
    if program.poll() is None:
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(5)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
