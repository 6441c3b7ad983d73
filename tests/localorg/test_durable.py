"""The org's file: many clients at once, a hard kill in between, and everything that was acknowledged is there."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx

from devtools import loopback, ports
from devtools.clients import ADMIN, authorize, exchange
from localorg.cli import main
from localorg.server import listen

CLIENTS, ROUNDS = 64, 3


def serve(data: Path, port: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "localorg.cli",
        "serve",
        "--data",
        str(data),
        "--port",
        str(port),
        "--accounts",
        "20",
    ]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while True:
        try:
            loopback.get(f"http://127.0.0.1:{port}/services/data")
            return running
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.05)


def test_what_was_acknowledged_survives_a_hard_kill(tmp_path: Path) -> None:
    (port,) = ports.some(1)
    url = f"http://127.0.0.1:{port}"
    running = serve(tmp_path, port)
    token = exchange(url, authorize(url, ADMIN))["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    acknowledged: set[str] = set()

    def write(n: int) -> None:
        with loopback.Client(base_url=url, headers=bearer) as http:
            for m in range(200):
                try:
                    made = http.post("/services/data/v68.0/sobjects/Account", json={"Name": f"Durable {n}-{m}"})
                except httpx.HTTPError:
                    return
                if made.status_code == 201:
                    acknowledged.add(made.json()["id"])

    for _ in range(ROUNDS):
        with ThreadPoolExecutor(CLIENTS) as pool:
            writers = [pool.submit(write, n) for n in range(CLIENTS)]
            wanted = len(acknowledged) + 20 * CLIENTS
            while len(acknowledged) < wanted:
                time.sleep(0.01)
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
            for writer in writers:
                writer.result()
        running = serve(tmp_path, port)
    try:
        found: set[str] = set()
        page = loopback.get(
            f"{url}/services/data/v68.0/query", params={"q": "SELECT Id, Name FROM Account"}, headers=bearer
        ).json()
        while True:
            found |= {r["Id"] for r in page["records"]}
            if "nextRecordsUrl" not in page:
                break
            page = loopback.get(url + page["nextRecordsUrl"], headers=bearer).json()
    finally:
        running.terminate()
        running.wait()
    assert len(acknowledged) > 100
    assert acknowledged <= found


def test_a_file_of_another_version_is_told_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "org.sqlite3").touch()
    with sqlite3.connect(tmp_path / "org.sqlite3") as db:
        db.execute("CREATE TABLE something (x)")
    command = [sys.executable, "-m", "localorg.cli", "serve", "--data", str(tmp_path), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"localorg reset --data {tmp_path}" in done.stderr


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "localorg.cli", "serve", "--data", str(tmp_path), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_reset_and_users(tmp_path: Path) -> None:
    (tmp_path / "org.sqlite3").write_text("old")
    assert main(["reset", "--data", str(tmp_path)]) == 0
    assert not (tmp_path / "org.sqlite3").exists()
    assert main(["users"]) == 0
