"""The device's bodies as far as they can be tried without a phone: the way back by a port, names."""

import asyncio
import locale

import flet as ft
import pytest
from flet.messaging.session import Session

from data.services import loopback
from data.services.device import CALLBACK_PATH, Loopback, browser_name, make_device
from devtools import ports
from devtools.loopback import AsyncClient
from tests.app.test_guard import NoWindow
from ui.table import Table


async def test_the_way_back_comes_to_a_port_of_this_machine_once() -> None:
    (port,) = ports.some(1)
    async with Loopback(port).expects("s") as coming, AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        assert (await http.get("/favicon.ico")).status_code == 404
        assert (await http.post(f"{CALLBACK_PATH}?code=c&state=s")).status_code == 404
        for forged in (
            "",
            "?code=c",
            "?code=c&state=",
            "?code=c&state=forged",
            "?error=access_denied&state=S",
            "?state=other&state=s",
        ):
            assert (await http.get(CALLBACK_PATH + forged)).status_code == 404
        answer = await http.get(f"{CALLBACK_PATH}?code=c&state=s")
        assert answer.status_code == 200
        assert answer.headers["referrer-policy"] == "no-referrer"
        await http.get(f"{CALLBACK_PATH}?code=other&state=s")
        assert await coming == f"{CALLBACK_PATH}?code=c&state=s"
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def _answers(port: int, head: str) -> str:
    """The first line of the answer to a request that is sent as it stands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode("latin-1"))
    await writer.drain()
    answer = (await reader.read()).decode()
    writer.close()
    return answer.partition("\r\n")[0]


async def test_the_page_that_says_to_go_back_shows_any_name_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_PAGE", page := "<!doctype html><title>日本 Äcme</title><p>Go back.</p>")
    (port,) = ports.some(1)
    async with Loopback(port).expects("s"), AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        answer = await http.get(f"{CALLBACK_PATH}?code=c&state=s")
    assert answer.content.decode() == page
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_nothing_but_the_way_back_itself_ends_the_waiting() -> None:
    """Any page may send the browser here. One that has bent its own name to this machine (DNS rebinding) is known by
    the Host header."""
    (port,) = ports.some(1)
    here, right = f"Host: 127.0.0.1:{port}\r\n", f"{CALLBACK_PATH}?code=c&state=s"
    forged = [
        f"HEAD {right} HTTP/1.1\r\n{here}\r\n",
        f"OPTIONS {right} HTTP/1.1\r\n{here}\r\n",
        f"GET /other?code=c&state=s HTTP/1.1\r\n{here}\r\n",
        f"GET {CALLBACK_PATH}/?code=c&state=s HTTP/1.1\r\n{here}\r\n",
        f"GET {CALLBACK_PATH}?error=access_denied&state=wrong HTTP/1.1\r\n{here}\r\n",
        f"GET {CALLBACK_PATH}?code=c HTTP/1.1\r\n{here}\r\n",
        f"GET {CALLBACK_PATH}?state=s HTTP/1.1\r\n{here}\r\n",
        f"GET {CALLBACK_PATH}?code=c&state=s&state=other HTTP/1.1\r\n{here}\r\n",
        f"GET {CALLBACK_PATH}?code=c&code=d&state=s HTTP/1.1\r\n{here}\r\n",
        f"GET {right} HTTP/1.1\r\n\r\n",
        f"GET {right} HTTP/1.1\r\nHost: rebound.example:{port}\r\n\r\n",
        f"GET {right} HTTP/1.1\r\nHost: 127.0.0.1:{port + 1}\r\n\r\n",
        f"GET {right} HTTP/1.1\r\n{here}Host: rebound.example\r\n\r\n",
        f"GET http://rebound.example{right} HTTP/1.1\r\n{here}\r\n",
        f"GET {right} HTTP/1.1\r\n{here}{''.join(f'X-{n}: {n}' + chr(13) + chr(10) for n in range(200))}\r\n",
    ]
    async with Loopback(port).expects("s") as coming:
        for head in forged:
            assert await _answers(port, head) in ("HTTP/1.1 404 Not Found", ""), head
            assert not coming.done(), head
        assert await _answers(port, f"GET {right} HTTP/1.1\r\n{here.lower()}\r\n") == "HTTP/1.1 200 OK"
        assert await coming == right


async def test_a_refusal_with_the_right_state_is_a_way_back_too() -> None:
    (port,) = ports.some(1)
    back = f"{CALLBACK_PATH}?error=access_denied&error_description=no&state=s"
    async with Loopback(port).expects("s") as coming, AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        answer = await http.get(back)
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["cache-control"] == "no-store"
        assert await coming == back


async def test_who_says_nothing_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.services.loopback.READ_SECONDS", 0.05)
    (port,) = ports.some(1)
    async with Loopback(port).expects("s") as coming, AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        await http.get(f"{CALLBACK_PATH}?code=c&state=s")
        assert await coming == f"{CALLBACK_PATH}?code=c&state=s"
        for reader, writer in silent:
            assert await reader.read() == b""
            writer.close()


async def test_who_begins_again_is_brought_back_by_either_attempt() -> None:
    """Somebody has closed Salesforce's page, and taps again: the first attempt still waits."""
    (port,) = ports.some(1)
    loopback = Loopback(port)
    async with loopback.expects("first") as first, AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        async with loopback.expects("second") as second:
            await http.get(f"{CALLBACK_PATH}?code=c&state=second")
            assert await second == f"{CALLBACK_PATH}?code=c&state=second"
        await http.get(f"{CALLBACK_PATH}?code=c&state=first")
        assert await first == f"{CALLBACK_PATH}?code=c&state=first"


async def test_a_port_that_another_program_has_is_told_and_free_again_later() -> None:
    (port,) = ports.some(1)
    loopback = Loopback(port)
    async with Loopback(port).expects("another program's"):
        with pytest.raises(OSError, match="address already in use"):
            async with loopback.expects("s"):
                pass
    async with loopback.expects("s"):
        (await asyncio.open_connection("127.0.0.1", port))[1].close()


async def test_what_is_no_request_does_no_harm() -> None:
    (port,) = ports.some(1)
    async with Loopback(port).expects("s") as coming, AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        for sent in (b"\x00\xff\r\n", b"GET\r\n", b"\r\n", b"GET  HTTP/1.1\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await writer.drain()
            await reader.read()
            writer.close()
        await http.get(f"{CALLBACK_PATH}?code=c&state=s")
        assert await coming


@pytest.mark.parametrize(("agent", "name"), [
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
     "Chrome, Linux"),
    ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0",
     "Edge, Windows"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/26.0 Safari/604.1",
     "Safari, iPhone"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, macOS"),
    ("curl/8", "Browser"),
])  # fmt: skip
def test_a_device_has_a_name_that_its_owner_knows(agent: str, name: str) -> None:
    assert browser_name(agent) == name


@pytest.mark.parametrize("left", ["/callback", "/oauth/callback"])
def test_both_that_a_phone_leaves_of_the_way_back_are_known(left: str) -> None:
    """Flet's client keeps path and query: the host is gone (packages/flet, FletRouteInformationProvider)."""
    assert Table().place(f"{left}?code=c&state=s").name == "callback"


@pytest.mark.parametrize(("system", "tag"), [("en_SC", "en-SC"), ("de_AT.UTF-8", "de-AT"), ("C", "en")])
async def test_a_computer_has_a_language_also_where_python_does_not_know_its_locale(
    monkeypatch: pytest.MonkeyPatch, system: str, tag: str
) -> None:
    """The window begins hidden, and would stay so."""
    monkeypatch.setattr(locale, "_setlocale", lambda _category, _locale=None: system)
    assert make_device(ft.Page(Session(NoWindow()))).languages == [tag]
