"""`make desktop`, as far as it goes without a screen: what it says when something is missing, and the window's icon."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from devtools import desktop, ports
from devtools.paths import ROOT
from devtools.screen import Screen


class Healthy(BaseHTTPRequestHandler):
    """What says that it is this app's backend."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/__/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def hosting() -> Iterator[int]:
    """The port of a backend."""
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def make_desktop(home: Path, hosting: int, **environment: str) -> tuple[int, str]:
    """Runs what `make desktop` runs, with a home of its own. Returns the exit code and the output."""
    kept = {k: v for k, v in os.environ.items() if k != "FLET_VIEW_PATH"}
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "desktop"],
        cwd=ROOT, env={**kept, "HOME": str(home), "HOSTING_PORT": str(hosting), "DISPLAY": ":nowhere", **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_it_says_in_one_line_to_start_make_run_first(tmp_path: Path) -> None:
    (nobody,) = ports.some(1)
    code, said = make_desktop(tmp_path, nobody)
    assert (code, said.count("\n")) == (1, 1), said
    assert "start it with make run" in said


def test_another_program_at_the_port_is_not_taken_for_the_app(tmp_path: Path) -> None:
    def speak() -> None:
        talking, _ = other.accept()
        with talking:
            talking.recv(1000)
            talking.sendall(b"220 no HTTP here\r\n")

    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=speak, daemon=True).start()
        code, said = make_desktop(tmp_path, other.getsockname()[1])
    assert (code, said.count("\n")) == (1, 1), said


def test_a_client_that_cannot_be_downloaded_is_told_with_what_to_do(tmp_path: Path, hosting: int) -> None:
    (nobody,) = ports.some(1)
    code, said = make_desktop(tmp_path, hosting, FLET_CLIENT_URL=f"http://127.0.0.1:{nobody}/")
    assert code == 1
    assert "could not be downloaded from github.com" in said
    assert "set FLET_VIEW_PATH" in said
    assert "Traceback" not in said


def test_a_folder_without_a_client_is_told(tmp_path: Path, hosting: int) -> None:
    code, said = make_desktop(tmp_path, hosting, FLET_VIEW_PATH=str(tmp_path))
    assert (code, "has no client of Flet in it" in said) == (1, True), said


def test_the_client_gets_the_apps_icon_and_stays_as_it_is(tmp_path: Path) -> None:
    client = tmp_path / "client"
    (client / "data/flutter_assets").mkdir(parents=True)
    (client / "data/app_icon.png").write_text("Flet's")
    (client / "lib").mkdir()
    (client / "flet").write_text("the program")
    dressed = desktop.dressed(client, tmp_path / "dressed")
    assert (dressed / "flet").read_text() == "the program"
    assert (dressed / "data/app_icon.png").read_bytes() == (ROOT / "app/src/assets/icon.png").read_bytes()
    assert (dressed / "data/flutter_assets").is_dir()
    assert (client / "data/app_icon.png").read_text() == "Flet's"
    assert desktop.dressed(client, tmp_path / "dressed") == dressed
    assert [path.name for path in (tmp_path / "dressed").iterdir()] == [dressed.name]


def test_what_the_tests_of_the_window_lack_is_told_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match=r"no Xvfb, openbox, .*apt-get install xvfb openbox"):
        Screen()
