"""The org's own pages: login, consent, and errors. Plain HTML, nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape

_STYLE = """
:root{color-scheme:light dark}*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f3f3f3;font:16px/1.45 system-ui,sans-serif;color:#181818}
main{width:min(24rem,calc(100vw - 2rem));background:#fff;border-radius:.75rem;padding:2rem;box-shadow:0 2px 14px #0002}
h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:#444}.mark{display:flex;gap:.6rem;align-items:center;margin-bottom:1.25rem;font-weight:600}
.mark span{width:2rem;height:2rem;border-radius:50%;background:#0b5cab;display:grid;place-items:center;color:#fff;font-size:.9rem}
label{display:block;font-size:.85rem;margin:.75rem 0 .25rem}input{width:100%;padding:.7rem;border:1px solid #aaa;border-radius:.4rem;font:inherit;background:inherit;color:inherit}
button{width:100%;padding:.75rem;border:1px solid #0b5cab;border-radius:.4rem;font:inherit;font-weight:600;cursor:pointer;margin-top:1rem;background:#0b5cab;color:#fff}
button.plain{background:transparent;color:#0b5cab}ul{padding-left:1.2rem}select{width:100%;padding:.7rem;border:1px solid #aaa;border-radius:.4rem;font:inherit}form{margin-bottom:1.5rem}pre{overflow:auto}.error{color:#b3261e;font-weight:600}small{display:block;margin-top:1.25rem;color:#666}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}main{background:#1d1d1f}p,small{color:#bbb}button.plain{color:#8cc2ff}}
"""
_SCOPES = {
    "api": "Access and manage your data",
    "id": "Know who you are",
    "profile": "Know who you are",
    "email": "See your e-mail address",
    "openid": "Know who you are",
    "refresh_token": "Do this until you take it back",
    "offline_access": "Do this until you take it back",
    "web": "Open web pages as you",
    "full": "Do everything that you may do",
}


def login(fields: Mapping[str, str], *, username: str = "", failed: bool = False) -> str:
    """The login page; `fields` come back with the form."""
    error = (
        '<p class="error" role="alert">Please check your username and password. If you still can\'t log in, contact your Salesforce administrator.</p>'
        if failed
        else ""
    )
    return _page(
        "Login | Local Org",
        f"""<h1>Log in</h1>{error}<form method="post" action="/login">{_hidden(fields)}
<label for="username">Username</label><input id="username" name="username" type="email" autocomplete="username" value="{escape(username)}" required autofocus>
<label for="password">Password</label><input id="password" name="pw" type="password" autocomplete="current-password" required>
<button id="Login" type="submit">Log In</button></form>
<small>This is the local org. Log in as sales@localorg.test or admin@localorg.test with the password localorg1.</small>""",
    )


def consent(fields: Mapping[str, str], app: str, user: str, scopes: tuple[str, ...]) -> str:
    """The consent page: what the app asks for, Allow or Deny."""
    items = "".join(f"<li>{escape(line)}</li>" for line in dict.fromkeys(_SCOPES.get(s, s) for s in scopes))
    return _page(
        "Allow Access? | Local Org",
        f"""<h1>Allow Access?</h1><p><strong>{escape(app)}</strong> is asking to:</p><ul>{items}</ul>
<p>Do you want to allow access for {escape(user)}?</p><form method="post" action="/consent">{_hidden(fields)}
<button id="oaapprove" name="answer" value="allow" type="submit">Allow</button>
<button id="oadeny" class="plain" name="answer" value="deny" type="submit">Deny</button></form>""",
    )


def oauth_error(error: str, description: str) -> str:
    """An authorize request that cannot be answered with a redirect."""
    return _page(
        "OAuth Error | Local Org", f'<h1>OAuth Error</h1><p class="error">error={escape(error)}&amp;error_description={escape(description)}</p>'
    )


def controls(usernames: Sequence[str]) -> str:
    """The learners' page: everything that the control API can do, and what the org has seen."""
    people = "".join(f"<option>{escape(name)}</option>" for name in usernames)
    kinds = ("rest.*", "rest.query", "rest.update", "token.refresh_token", "userinfo")
    faults = "".join(f"<option>{kind}</option>" for kind in kinds)
    statuses = "".join(f"<option>{status}</option>" for status in ("", 401, 403, 429, 500, 503))
    return _page(
        "Control | Local Org",
        f"""<h1>What should go wrong?</h1>
<form data-path="expire"><label for="who">Someone's sessions</label><select id="who" name="username">{people}</select>
<button>Expire the access tokens now</button><button class="plain" data-path="rotate">Rotate the refresh token out</button>
<button class="plain" data-path="revoke">Revoke everything</button><button class="plain" data-path="deactivate">Deactivate the user</button></form>
<form data-path="faults"><label for="kind">The next requests of kind</label><select id="kind" name="kind">{faults}</select>
<label for="times">how many</label><input id="times" name="times" type="number" value="1" min="1">
<label for="status">answer</label><select id="status" name="status">{statuses}</select>
<label for="cut">or cut the connection</label><select id="cut" name="cut"><option></option><option>before</option><option>after</option></select>
<label for="delay">wait first (milliseconds)</label><input id="delay" name="delayMs" type="number" value="0" min="0">
<button>Make it go wrong</button><button class="plain" data-path="faults/clear">Take all faults back</button></form>
<form data-path="clock"><label for="seconds">Move the clock on by seconds</label><input id="seconds" name="advanceSeconds" type="number" value="7201" min="0">
<button class="plain">Move the clock</button></form>
<form data-path="limit"><label for="left">Requests left today</label><input id="left" name="remaining" type="number" value="0" min="0">
<button class="plain">Set the limit</button></form>
<p id="said" role="status"></p><h1>What the org has seen</h1><pre id="seen"></pre><button class="plain" id="reset">Back to zero</button>
<script>{_CONTROL_SCRIPT}</script>""",
    )


_CONTROL_SCRIPT = """
const base = "/localorg/control/", said = document.getElementById("said"), seen = document.getElementById("seen");
async function send(path, body) {
  const answer = await fetch(base + path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
  const told = await answer.json();
  said.textContent = answer.ok ? path + ": " + JSON.stringify(told) : told[0].message;
  look();
}
async function look() {
  const counters = await (await fetch(base + "counters")).json();
  seen.textContent = Object.entries(counters).map(([kind, n]) => kind.padEnd(28) + n).join("\\n") || "nothing yet";
}
for (const form of document.forms) form.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = {};
  for (const field of form.elements) if (field.name && field.value !== "")
    body[field.name] = field.type === "number" || field.name === "status" ? Number(field.value) : field.value;
  send(event.submitter?.dataset.path || form.dataset.path, body);
});
document.getElementById("reset").addEventListener("click", () => send("counters/reset", {}));
look();
setInterval(look, 1000);
"""


def start() -> str:
    """The org's front page."""
    return _page(
        "Local Org",
        "<h1>A Salesforce org on your machine</h1><p>OAuth under <code>/services/oauth2/</code>, REST under <code>/services/data/</code>, "
        'faults and counters on <a href="/localorg">the control page</a>.</p>',
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><div class="mark"><span>LO</span>Local Org</div>{body}</main></body></html>'
    )
