"""The page before Flutter does what the app does: its JavaScript runs in Node, and the app's Python finishes what it began."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from contract.calls import FirebaseProject, LoginHost, SignInOptions
from contract.codec import encode
from contract.errors import CallError, Reason
from data.repositories.session import challenge_of
from devtools import languages
from devtools.paths import ROOT, tool_path
from tests.app.world import World
from tests.device import Drawer
from ui.shared import theme
from ui.sign_in.view_model import full_my_domain

PAGE = ROOT / "app/web/start"
OPTIONS = SignInOptions(
    "the-consumer-key", "api id profile email refresh_token", (LoginHost("login.salesforce.com", "Production"),), FirebaseProject("k", "i", "t")
)


def _node(script: str) -> Any:
    """What a module that has sign_in.js as `page` prints as JSON."""
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None, "Node is missing: make test installs it"
    module = f"import * as page from {json.dumps((PAGE / 'sign_in.js').as_uri())};\n{script}"
    done = subprocess.run([node, "--input-type=module", "-e", module], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_its_challenge_is_the_one_of_the_app_and_of_the_standard() -> None:
    verifiers = ["dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "a" * 43, "-._~" * 32, "Z9" * 40]  # the first is of RFC 7636, appendix B
    found = _node(f"console.log(JSON.stringify(await Promise.all({json.dumps(verifiers)}.map(page.challengeOf))));")
    assert found == [challenge_of(v) for v in verifiers]
    assert found[0] == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_the_app_finishes_what_the_page_began() -> None:
    options = json.dumps(encode(OPTIONS))
    begun = _node(
        f"const options = {options};"
        'console.log(JSON.stringify(await page.begin(options, options.loginHosts[0], "https://app.example/oauth/callback", "/records/Account")));'
    )
    pending, asked = begun["pending"], {k: v[0] for k, v in parse_qs(urlsplit(begun["url"]).query).items()}

    device = Drawer()
    device.redirect_uri = "https://app.example/oauth/callback"
    world = World(device=device)
    await world.session.begin(OPTIONS, OPTIONS.login_hosts[0], route="/records/Account")
    by_app = json.loads(device.kept["pending-sign-in"])
    asked_by_app = {k: v[0] for k, v in parse_qs(urlsplit(device.opened).query).items()}

    secrets = {"state", "verifier", "begun"}
    assert {k: v for k, v in pending.items() if k not in secrets} == {k: v for k, v in by_app.items() if k not in secrets}
    assert {k: len(str(pending[k])) for k in ("state", "verifier")} == {k: len(by_app[k]) for k in ("state", "verifier")}
    assert urlsplit(begun["url"])[:3] == urlsplit(device.opened)[:3]
    assert set(asked) == set(asked_by_app)
    own = {"state", "code_challenge"}
    assert {k: v for k, v in asked.items() if k not in own} == {k: v for k, v in asked_by_app.items() if k not in own}
    assert asked["code_challenge"] == challenge_of(pending["verifier"])

    device.kept["pending-sign-in"] = json.dumps(pending)
    back = f"https://app.example/oauth/callback?{urlencode({'code': 'c', 'state': asked['state']})}"
    assert await world.session.finish(back) == "/records/Account"
    device.kept["pending-sign-in"] = json.dumps(pending)
    with pytest.raises(CallError) as refused:
        await world.session.finish(back.replace("state=", "state=x"))
    assert refused.value.reason is Reason.VERIFIER_REJECTED


def test_two_sign_ins_share_no_secret() -> None:
    options = json.dumps(encode(OPTIONS))
    once = f'(await page.begin({options}, {options}.loginHosts[0], "r", "/")).pending'
    one, other = _node(f"console.log(JSON.stringify([{once}, {once}]));")
    assert one["state"] != other["state"]
    assert one["verifier"] != other["verifier"]


def test_it_reads_a_my_domain_as_the_app_does() -> None:
    typed = [
        "acme",
        " ACME ",
        "https://acme.my.salesforce.com/x",
        "acme--dev.sandbox",
        "acme.my.salesforce.com",
        "",
        "-acme",
        "a b",
        "acme.evil/",
        "ä",
    ]
    each = '(typed) => page.fullMyDomain(typed, "*.my.salesforce.com")'
    found = _node(f"console.log(JSON.stringify({json.dumps(typed)}.map({each})));")
    assert found == [full_my_domain(t, "*.my.salesforce.com") for t in typed]


def test_its_words_and_colours_are_the_apps() -> None:
    html, script, style = ((PAGE / name).read_text() for name in ("start.html", "start.js", "start.css"))
    known = {str(m.id) for m in languages.texts()}
    shown = {*re.findall(r'data-words="([^"]+)"', html), *re.findall(r'say\("([^"]+)"\)', script)}
    assert len(shown) > 5
    assert shown <= known
    loose = re.sub(r"<[^>]+>", "\n", html).split("\n")
    assert {text.strip() for text in loose if text.strip()} <= known
    colours = {str(getattr(scheme, f.name)).upper() for scheme in (theme.LIGHT, theme.DARK) for f in fields(scheme)}
    assert {c.upper() for c in re.findall(r"#[0-9A-Fa-f]{6}\b", style)} <= colours
