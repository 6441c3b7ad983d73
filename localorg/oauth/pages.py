"""The HTML of the sign-in pages: login, consent, and error."""

from collections.abc import Mapping
from html import escape

from localorg.pages import page

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
    "content": "See your files in web pages",
    "lightning": "Open Lightning pages as you",
    "visualforce": "Open Visualforce pages as you",
}


def login(fields: Mapping[str, str], *, below: str = "", username: str = "", failed: bool = False) -> str:
    """The login page. `fields` are hidden form fields, `failed` shows that the last try was wrong; the form goes to
    the org, or `below` its site.
    """
    error = (
        '<p class="error" role="alert">Please check your username and password. If you still can\'t log in, contact your Salesforce administrator.</p>'
        if failed
        else ""
    )
    return page(
        "Login | Local Org",
        f"""<h1>Log in</h1>{error}<form method="post" action="{below}/login">{_hidden(fields)}
<label for="username">Username</label><input id="username" name="username" type="email" autocomplete="username" value="{escape(username)}" required autofocus>
<label for="password">Password</label><input id="password" name="pw" type="password" autocomplete="current-password" required>
<button id="Login" type="submit">Log In</button></form>
<small>This is the local org. Log in as sales@localorg.test or admin@localorg.test with the password localorg1.</small>""",
    )


def consent(fields: Mapping[str, str], action: str, app: str, user: str, scopes: tuple[str, ...]) -> str:
    """The consent page, with Allow and Deny. `fields` are hidden form fields, `action` is the path of the form."""
    items = "".join(f"<li>{escape(line)}</li>" for line in dict.fromkeys(_SCOPES.get(s, s) for s in scopes))
    return page(
        "Allow Access? | Local Org",
        f"""<h1>Allow Access?</h1><p><strong>{escape(app)}</strong> is asking to:</p><ul>{items}</ul>
<p>Do you want to allow access for {escape(user)}?</p><form method="post" action="{action}">{_hidden(fields)}
<button id="oaapprove" name="answer" value="allow" type="submit">Allow</button>
<button id="oadeny" class="plain" name="answer" value="deny" type="submit">Deny</button></form>""",
    )


def device(user_code: str, *, failed: bool = False) -> str:
    """The page at which somebody enters the code of a device. `failed` shows that the last one was wrong."""
    error = '<p class="error" role="alert">This code is not valid, or no longer.</p>' if failed else ""
    return page(
        "Connect a Device | Local Org",
        f"""<h1>Connect a device</h1>{error}<form method="post" action="/setup/connect">
<label for="code">The code that the device shows</label><input id="code" name="user_code" value="{escape(user_code)}" autocomplete="off" required autofocus>
<button type="submit">Connect</button></form>""",
    )


def device_answered(app: str, *, allowed: bool) -> str:
    """The page that says what was answered to a device."""
    said = "is allowed in. You may close this page." if allowed else "was turned away."
    return page("Connect a Device | Local Org", f"<h1>Thank you</h1><p><strong>{escape(app)}</strong> {said}</p>")


def oauth_error(error: str, description: str) -> str:
    """The page for an authorize request that must not be answered with a redirect."""
    return page(
        "OAuth Error | Local Org",
        f'<h1>OAuth Error</h1><p class="error">error={escape(error)}&amp;error_description={escape(description)}</p>',
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{escape(k)}" value="{escape(v)}">' for k, v in fields.items())
