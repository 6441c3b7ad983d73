"""The page before Flutter does what the app does: its JavaScript runs in Node, and the app's Python finishes what it
began.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

import brand
from contract.calls import FirebaseProject, LoginHost, SignInOptions
from contract.codec import encode
from contract.errors import CallError, Reason, RefusedRequest
from data.repositories.sign_in import MAX_PENDING, PENDING, challenge_of
from devtools import languages
from devtools.paths import ROOT, tool_path
from tests.app.world import World
from tests.device import Drawer
from ui.shared import theme
from ui.sign_in.view_model import full_my_domain

PAGE = ROOT / "app/web/start"
OPTIONS = SignInOptions(
    "the-consumer-key",
    "api id profile email refresh_token",
    (LoginHost("login.salesforce.com", "Production"),),
    FirebaseProject("k", "i", "t"),
)


_LOCAL_STORAGE = """const items = new Map();
Object.defineProperty(globalThis, "localStorage", { value: {
  getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value),
  removeItem: (key) => void items.delete(key),
  key: (at) => [...items.keys()][at] ?? null, get length() { return items.size; },
} });
const value = async (name) => [name, JSON.stringify(await storage.read(name))];
const kept = async () => Object.fromEntries(await Promise.all(storage.names("").map(value)));"""


def _node(script: str) -> Any:
    """What a module that has sign_in.js as `page` and storage.js as `storage` prints as JSON; what it keeps ends with
    it.
    """
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None, "Node is missing: make test installs it"
    imports = [
        f"import * as {name} from {json.dumps((PAGE / file).as_uri())};"
        for name, file in (("page", "sign_in.js"), ("storage", "storage.js"))
    ]
    module = "\n".join([*imports, _LOCAL_STORAGE, script])
    done = subprocess.run(
        [node, "--input-type=module", "-e", module], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_its_challenge_is_the_one_of_the_app_and_of_the_standard() -> None:
    # The first is of RFC 7636, appendix B.
    verifiers = [
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "a" * 43,
        "-._~" * 32,
        "Z9" * 40,
    ]
    found = _node(f"console.log(JSON.stringify(await Promise.all({json.dumps(verifiers)}.map(page.challengeOf))));")
    assert found == [challenge_of(v) for v in verifiers]
    assert found[0] == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


# A backend as tests.app.world has it.
_BACKEND = """const requests = [];
globalThis.fetch = async (url, { body, headers }) => {
  const { data } = JSON.parse(body);
  requests.push({ url, data, proof: headers["X-Firebase-AppCheck"] ?? "" });
  const result = { dpopJkt: `key for ${data.codeChallenge}`, begun: `sealed for ${data.codeChallenge}` };
  return { json: async () => answer ?? { result } };
};"""
_OLD = {"error": {"status": "NOT_FOUND", "message": "", "details": {"reason": "unknown-call"}}}


@pytest.mark.parametrize("answer", [None, _OLD], ids=["bound", "a backend from before"])
async def test_the_app_finishes_what_the_page_began(answer: object) -> None:
    options = json.dumps(encode(OPTIONS))
    begun = _node(
        f"const answer = {json.dumps(answer)}; {_BACKEND} const options = {options};"
        "const begun = await page.begin(options, options.loginHosts[0],"
        ' "https://app.example/oauth/callback", "/records/Account", (request) => page.bind(request, ""));'
        "await page.keep(begun.pending);"
        " console.log(JSON.stringify({ ...begun, kept: await kept(), requests }));"
    )
    pending, asked = begun["pending"], {k: v[0] for k, v in parse_qs(urlsplit(begun["url"]).query).items()}

    device = Drawer()
    device.redirect_uri = "https://app.example/oauth/callback"
    world = World(device=device)
    if answer is not None:
        world.backend.fails["beginSignIn"] = RefusedRequest(Reason.UNKNOWN_CALL)
    await world.data.sign_in.begin(OPTIONS, OPTIONS.login_hosts[0], route="/records/Account")
    by_app = device.pending()
    asked_by_app = {k: v[0] for k, v in parse_qs(urlsplit(device.opened).query).items()}

    secrets = {"state", "verifier", "begun", "boundTo"}
    assert {k: v for k, v in pending.items() if k not in secrets} == {
        k: v for k, v in by_app.items() if k not in secrets
    }
    assert {k: len(str(pending[k])) for k in ("state", "verifier")} == {
        k: len(by_app[k]) for k in ("state", "verifier")
    }
    assert urlsplit(begun["url"])[:3] == urlsplit(device.opened)[:3]
    assert set(asked) == set(asked_by_app)
    own = {"state", "code_challenge", "dpop_jkt"}
    assert {k: v for k, v in asked.items() if k not in own} == {k: v for k, v in asked_by_app.items() if k not in own}
    assert asked["code_challenge"] == challenge_of(pending["verifier"])
    (request,) = begun["requests"]
    assert request == {"url": "/auth/beginSignIn", "proof": "", "data": {
        "loginHost": pending["loginHost"], "redirectUri": pending["redirectUri"],
        "codeChallenge": asked["code_challenge"],
    }}  # fmt: skip
    for one, url in ((pending, asked), (by_app, asked_by_app)):
        challenge = challenge_of(one["verifier"])
        bound = {} if answer is not None else {"boundTo": f"sealed for {challenge}", "dpop_jkt": f"key for {challenge}"}
        assert {k: v for k, v in (one | url).items() if k in ("boundTo", "dpop_jkt")} == bound

    device.kept.update(begun["kept"])
    back = f"https://app.example/oauth/callback?{urlencode({'code': 'c', 'state': asked['state']})}"
    with pytest.raises(CallError) as refused:
        await world.data.sign_in.finish(back.replace("state=", "state=x"))
    assert refused.value.reason is Reason.VERIFIER_REJECTED
    assert await world.data.sign_in.finish(back) == "/records/Account"
    assert not begun["kept"].keys() & device.kept.keys()
    assert asked["state"] not in str(begun["kept"].keys())
    assert world.backend.asked[-1][1].begun == pending.get("boundTo")


def test_it_says_why_a_sign_in_cannot_begin() -> None:
    """By a word of the contract, or that nothing came through, or nothing that it understands."""
    refused = {"error": {"status": "RESOURCE_EXHAUSTED", "message": "", "details": {"reason": "too-many-sign-ins"}}}
    answers = {
        "too-many-sign-ins": f"({{ json: async () => ({json.dumps(refused)}) }})",
        "offline": "Promise.reject(new TypeError('Failed to fetch'))",
        "silent": "Promise.reject(new DOMException('', 'TimeoutError'))",
        "silent ": "({ json: async () => { throw new SyntaxError(); } })",
        "silent  ": "({ json: async () => ({ error: 'a proxy' }) })",
        "silent   ": "({ json: async () => null })",
    }
    tries = ", ".join(f"[{json.dumps(reason.strip())}, () => {answer}]" for reason, answer in answers.items())
    told = _node(
        f"const told = []; for (const [reason, answer] of [{tries}]) {{ globalThis.fetch = async () => await answer();"
        " await page.bind({}, 'proof').then(() => told.push([reason, 'none']), (e) => told.push([reason, e.reason])); }"
        " console.log(JSON.stringify(told));"
    )
    assert len(told) == len(answers)
    assert all(expected == reason for expected, reason in told), told


def test_it_proves_itself_to_begin_where_that_is_asked() -> None:
    requests = _node(
        f"const answer = null; {_BACKEND} await page.bind({{ codeChallenge: 'c' }}, 'a token');"
        " await page.call('getSignInOptions', {}); console.log(JSON.stringify(requests));"
    )
    assert [(r["url"], r["proof"]) for r in requests] == [
        ("/auth/beginSignIn", "a token"),
        ("/auth/getSignInOptions", ""),
    ]


async def test_what_nobody_will_finish_is_cleared_away_as_the_app_does_it() -> None:
    """Too old, from a clock that was wrong, not to be read, and the oldest of too many."""
    device = Drawer()
    world = World(device=device)
    await world.data.sign_in.begin(OPTIONS, OPTIONS.login_hosts[0])
    one = device.pending()
    device.kept.clear()
    ages = [-1000.0, -1.0, *(float(n) for n in range(20)), 599.0, 601.0, 5000.0]
    texts = {f"{PENDING}{n}": json.dumps({**one, "begun": world.time - age}) for n, age in enumerate(ages)} | {
        f"{PENDING}spoilt": "{}",
        "settings": "{}",
    }
    device.kept.update(texts)
    await world.data.sign_in.begin(OPTIONS, OPTIONS.login_hosts[0])
    by_app = device.kept.keys() & texts.keys()
    by_page = _node(
        f"for (const [name, text] of Object.entries({json.dumps(texts)})) await storage.write(name, JSON.parse(text));"
        f'await page.keep({{ state: "new", begun: {world.time} }}); console.log(JSON.stringify(storage.names("")));'
    )
    assert by_app == set(by_page) & texts.keys() == {"settings", *(f"{PENDING}{n}" for n in range(1, MAX_PENDING))}
    assert len(by_page) == len(device.kept) == MAX_PENDING + 1


def test_two_sign_ins_share_no_secret() -> None:
    options = json.dumps(encode(OPTIONS))
    once = f'(await page.begin({options}, {options}.loginHosts[0], "r", "/", async () => ({{}}))).pending'
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
    assert {text.strip() for text in loose if text.strip()} <= {*known, brand.NAME}
    colours = {str(getattr(scheme, f.name)).upper() for scheme in (theme.LIGHT, theme.DARK) for f in fields(scheme)}
    assert {c.upper() for c in re.findall(r"#[0-9A-Fa-f]{6}\b", style)} <= colours
