"""Whose address counts: what Google's front end says, and what Hosting says."""

from collections.abc import Sequence

import pytest
from starlette.requests import Request

from backend.values import Visitor
from backend.visitors import GOOGLES_OWN, Proxies, parsed

HOSTING, HOSTING6 = "66.102.8.9", "2001:4860:7::9"


def visitor(*headers: tuple[str, str], proxies: str = GOOGLES_OWN) -> Visitor:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": raw, "client": ("127.0.0.1", 1)})
    return Proxies(parsed(proxies)).visitor(request, None)


def forwarded(text: str) -> tuple[str, str]:
    return "x-forwarded-for", text


FASTLY = "fastly-client-ip", "192.0.2.7"


@pytest.mark.parametrize(
    "headers",
    [
        [forwarded("198.51.100.9")],
        [forwarded("192.0.2.7, 198.51.100.9")],
        [forwarded(f"192.0.2.7, {HOSTING}, 198.51.100.9"), FASTLY],
        [forwarded(f"192.0.2.7, {HOSTING}"), forwarded("198.51.100.9"), FASTLY],
        [forwarded("198.51.100.9, "), ("x-forwarded-host", "app.example"), ("via", "1.1 varnish"), FASTLY],
    ],
)
def test_who_calls_the_functions_own_address_is_whoever_googles_front_end_says(
    headers: Sequence[tuple[str, str]],
) -> None:
    assert visitor(*headers) == Visitor("198.51.100.9", "198.51.100.9")


@pytest.mark.parametrize(
    "headers",
    [
        [forwarded(f"192.0.2.7,{HOSTING}"), FASTLY],
        [forwarded(HOSTING), FASTLY],
        [forwarded(f"10.0.0.1, 192.0.2.7, {HOSTING}")],
        [forwarded(f"10.0.0.1, {HOSTING}"), FASTLY],
    ],
)
def test_hosting_is_believed(headers: Sequence[tuple[str, str]]) -> None:
    assert visitor(*headers) == Visitor("192.0.2.7", HOSTING)


def test_an_ipv6_address_of_hostings_too() -> None:
    assert visitor(forwarded(HOSTING6), FASTLY) == Visitor("192.0.2.7", HOSTING6)


@pytest.mark.parametrize(
    "headers",
    [
        [forwarded(HOSTING)],
        [forwarded(HOSTING), ("fastly-client-ip", "")],
        [forwarded(HOSTING), ("fastly-client-ip", "somebody")],
        [forwarded(HOSTING), ("fastly-client-ip", "fe80::1%" + "x" * 999)],
        [forwarded(HOSTING), FASTLY, ("fastly-client-ip", "192.0.2.8")],
        [forwarded(f"somebody, {HOSTING}")],
    ],
)
def test_whom_hosting_does_not_name_is_hosting_itself(headers: Sequence[tuple[str, str]]) -> None:
    assert visitor(*headers) == Visitor(HOSTING, HOSTING)


def test_without_a_front_end_it_is_the_connection() -> None:
    """On a laptop: the Hosting emulator adds no address."""
    assert visitor() == Visitor("127.0.0.1", "127.0.0.1")
    assert visitor(FASTLY) == Visitor("127.0.0.1", "127.0.0.1")
    assert visitor(forwarded(" , ")) == Visitor("127.0.0.1", "127.0.0.1")


def test_nobody_is_believed_when_the_settings_say_so() -> None:
    assert visitor(forwarded(HOSTING), FASTLY, proxies="") == Visitor(HOSTING, HOSTING)


@pytest.mark.parametrize("peer", ["x" * 5000, "198.51.100.9:4711"])
def test_what_is_no_address_is_cut_and_believed_by_nobody(peer: str) -> None:
    assert visitor(forwarded(peer), FASTLY) == Visitor(peer[:45], peer[:45])
