"""Which pages may make the calls that need no session."""

import pytest
from starlette.requests import Request

from backend import settings
from backend.cors import AllowedOrigins
from contract.errors import Reason, RefusedRequest
from tests.functions.test_settings import GOOD

APP, FRIEND = "https://app.example", "https://friend.example"


def refused(*origins: str, **more: str) -> bool:
    headers = [("origin", o) for o in origins] + [(name.replace("_", "-"), value) for name, value in more.items()]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    request = Request({"type": "http", "method": "POST", "path": "/signIn", "headers": raw})
    try:
        AllowedOrigins(frozenset({FRIEND}), frozenset({APP})).check(request)
    except RefusedRequest as refusal:
        return refusal.reason is Reason.FOREIGN_ORIGIN and refusal.status == "PERMISSION_DENIED"
    return False


def test_programs_send_no_origin() -> None:
    assert not refused()


@pytest.mark.parametrize("origin", [APP, FRIEND])
def test_the_apps_own_pages_and_allowed_ones(origin: str) -> None:
    assert not refused(origin)


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "http://app.example", f"{APP}:8443", f"{APP}.evil.example", f"{APP}/", "APP"],
)
def test_any_other_page(origin: str) -> None:
    assert refused(origin)
    assert refused(origin, host=origin.removeprefix("https://"), x_forwarded_host=origin.removeprefix("https://"))


def test_a_second_origin_does_not_hide_the_first() -> None:
    assert refused(APP, "https://evil.example")
    assert refused("https://evil.example", APP)


def asked(origin: str, headers: str) -> int | None:
    lines = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": headers}
    raw = [(name.encode(), value.encode()) for name, value in lines.items()]
    request = Request({"type": "http", "method": "OPTIONS", "path": "/signIn", "headers": raw})
    answer = AllowedOrigins(frozenset({FRIEND}), frozenset({APP})).preflight(request)
    return None if answer is None else answer.status_code


def test_a_page_that_sets_a_header_of_the_proxies_asks_first_and_is_not_let() -> None:
    """X-Forwarded-Host is no forbidden header: a page may set it, after a preflight."""
    assert asked("https://evil.example", "content-type,x-forwarded-host") is None
    assert asked(FRIEND, "content-type") == 204


def test_the_apps_own_origins_are_those_of_its_redirect_uris() -> None:
    uris = "https://a.example/oauth/callback https://b.example:8443/x app://oauth http://127.0.0.1:5717/oauth/callback"
    read = settings.load(GOOD | {"REDIRECT_URIS": uris})
    assert read.own_origins == {"https://a.example", "https://b.example:8443"}


def test_on_a_laptop_a_page_may_name_the_machine_as_it_likes() -> None:
    local = GOOD | {"REDIRECT_URIS": "http://127.0.0.1:5000/oauth/callback app://back", "FUNCTIONS_EMULATOR": "true"}
    assert settings.load(local).own_origins == {
        "http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000",
    }  # fmt: skip
