"""The org's own pages: login, consent, and errors. Plain HTML, nothing from elsewhere."""

from collections.abc import Mapping
from html import escape

_STYLE = """
:root{color-scheme:light dark}*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f3f3f3;font:16px/1.45 system-ui,sans-serif;color:#181818}
main{width:min(24rem,calc(100vw - 2rem));background:#fff;border-radius:.75rem;padding:2rem;box-shadow:0 2px 14px #0002}
h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:#444}.mark{display:flex;gap:.6rem;align-items:center;margin-bottom:1.25rem;font-weight:600}
.mark span{width:2rem;height:2rem;border-radius:50%;background:#0b5cab;display:grid;place-items:center;color:#fff;font-size:.9rem}
label{display:block;font-size:.85rem;margin:.75rem 0 .25rem}input{width:100%;padding:.7rem;border:1px solid #aaa;border-radius:.4rem;font:inherit;background:inherit;color:inherit}
button{width:100%;padding:.75rem;border:1px solid #0b5cab;border-radius:.4rem;font:inherit;font-weight:600;cursor:pointer;margin-top:1rem;background:#0b5cab;color:#fff}
button.plain{background:transparent;color:#0b5cab}ul{padding-left:1.2rem}.error{color:#b3261e;font-weight:600}small{display:block;margin-top:1.25rem;color:#666}
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


def start() -> str:
    """The org's front page."""
    return _page(
        "Local Org",
        "<h1>A Salesforce org on your machine</h1><p>OAuth under <code>/services/oauth2/</code>, REST under <code>/services/data/</code>, "
        "faults and counters under <code>/localorg/control/</code>.</p>",
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><div class="mark"><span>LO</span>Local Org</div>{body}</main></body></html>'
    )
