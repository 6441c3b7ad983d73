"""What the page's headers keep browsers from, on Hosting and on the laptop."""

import json
import re
from typing import Any

import pytest

from devtools import suite
from devtools.deploy import hosting
from devtools.paths import ROOT
from devtools.ports import Ports

PORTS = Ports(5100, 5101, 5102, 5103, 5104, 5105, 5106, 5107, 5108, 5109)
# What may see, hear, find or pay: none of it belongs to this app.
NEVER = {"camera", "microphone", "geolocation", "display-capture", "payment", "usb", "hid", "serial", "midi",
         "publickey-credentials-get", "identity-credentials-get", "browsing-topics"}  # fmt: skip


def _firebase_json() -> dict[str, Any]:
    return json.loads((ROOT / "firebase.json").read_text())


def _laptops() -> dict[str, Any]:
    config: Any = suite._config(PORTS, ROOT / "functions")  # pyright: ignore[reportPrivateUsage]
    return config


def _with_app_check() -> dict[str, Any]:
    return hosting.with_app_check(_firebase_json())


def _headers(config: dict[str, Any]) -> dict[str, str]:
    """Those of every address."""
    return {
        h["key"]: h["value"] for rule in config["hosting"]["headers"] if rule["source"] == "**" for h in rule["headers"]
    }


def _allowed(config: dict[str, Any]) -> dict[str, str]:
    """The features that the policy names, with who may use them."""
    return dict(re.findall(r"([a-z-]+)=(\([a-z ]*\))", _headers(config)["Permissions-Policy"]))


EVERYWHERE = pytest.mark.parametrize(
    "config", [_firebase_json, _laptops, _with_app_check], ids=["Hosting", "make run", "with App Check"]
)


@EVERYWHERE
def test_no_form_of_the_page_is_sent_anywhere(config: Any) -> None:
    """What is typed leaves by the page's own calls; a form that somebody smuggles in leads nowhere."""
    assert "form-action 'none'" in _headers(config())["Content-Security-Policy"].split("; ")


@EVERYWHERE
def test_the_page_may_not_use_what_it_does_not_need(config: Any) -> None:
    allowed = _allowed(config())
    assert {name for name in NEVER if allowed.get(name) != "()"} == set()
    assert {name for name, who in allowed.items() if who != "()"} == {"clipboard-read", "clipboard-write"}
    assert {allowed["clipboard-read"], allowed["clipboard-write"]} == {"(self)"}
    assert re.fullmatch(r"[a-z-]+=\((self)?\)(, [a-z-]+=\((self)?\))*", _headers(config())["Permissions-Policy"])


def test_the_laptop_says_what_hosting_says_but_for_where_one_signs_in() -> None:
    here, there = _headers(_laptops()), _headers(_firebase_json())
    here["Content-Security-Policy"] = here["Content-Security-Policy"].replace(f" {PORTS.url('auth')}", "")
    assert here == there


def test_what_app_check_adds_is_in_the_contents_policy_alone() -> None:
    differing = {k for k, v in _headers(_with_app_check()).items() if v != _headers(_firebase_json())[k]}
    assert differing == {"Content-Security-Policy"}


@EVERYWHERE
def test_no_window_of_another_site_holds_the_page(config: Any) -> None:
    assert _headers(config())["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("config", [_firebase_json, _laptops], ids=["Hosting", "make run"])
def test_no_plain_text_names_a_script(config: Any) -> None:
    """Trusted Types: a script comes from Flutter's loader, its engine, or the page's own start. The default policy
    knows one address, which script-src refuses.
    """
    policy = _headers(config())["Content-Security-Policy"].split("; ")
    assert "require-trusted-types-for 'script'" in policy
    assert "trusted-types default start flutter-js flutter-engine 'allow-duplicates'" in policy
