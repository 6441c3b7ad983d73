"""Ports for servers that start later: nobody else may get them in between."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devtools import ports
from devtools.paths import ROOT


def test_no_two_processes_or_threads_get_the_same_port() -> None:
    ask = "from devtools import ports; print(*ports.some(10), *ports.some(10))"

    def of_another_process(_: int) -> list[int]:
        done = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()]

    with ThreadPoolExecutor(6) as pool:
        given = [*pool.map(of_another_process, range(3)), *pool.map(lambda _: ports.some(10), range(10))]
    everything = [port for some in given for port in some]
    assert len(everything) == len(set(everything)) == 160


def test_none_is_a_port_that_an_outgoing_connection_may_take() -> None:
    taken_by_system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(taken_by_system.read_text().split()[0]) if taken_by_system.exists() else 49152  # RFC 6335, section 6
    assert max(ports.some(100)) < first


def test_the_port_of_the_way_back_is_the_usual_one_or_the_one_that_is_given() -> None:
    assert (ports.loopback({}), ports.loopback({"LOOPBACK_PORT": "6717"})) == (5717, 6717)
    with pytest.raises(ports.PortsError, match="LOOPBACK_PORT=none is not a port"):
        ports.loopback({"LOOPBACK_PORT": "none"})
