"""The HTML of the control page and of the External Client App page."""

from collections.abc import Sequence
from html import escape

from localorg.oauth.apps import App
from localorg.pages import page
from localorg.settings import POSTURES


def controls(usernames: Sequence[str]) -> str:
    """The control page: a form for each control request, the counters, and the last requests. `usernames` can be chosen
    in it.
    """
    people = "".join(f"<option>{escape(name)}</option>" for name in usernames)
    kinds = ("rest.*", "rest.query", "rest.update", "token.refresh_token", "userinfo")
    faults = "".join(f"<option>{kind}</option>" for kind in kinds)
    statuses = "".join(f"<option>{status}</option>" for status in ("", 401, 403, 429, 500, 503))
    return page(
        "Control | Local Org",
        f"""<h1>What should go wrong?</h1>
<form data-path="expire"><label for="who">Someone's sessions</label><select id="who" name="username">{people}</select>
<button>Expire the access tokens now</button><button class="plain" data-path="rotate">Rotate the refresh token out</button>
<button class="plain" data-path="revoke">Revoke everything</button><button class="plain" data-path="deactivate">Deactivate the user</button></form>
<form data-path="faults"><label for="kind">The next requests of kind</label><select id="kind" name="kind">{faults}</select>
<label for="times">how many</label><input id="times" name="times" type="number" value="1" min="1">
<label for="status">answer</label><select id="status" name="status">{statuses}</select>
<label for="cut">or cut the connection</label><select id="cut" name="cut"><option></option><option>before</option><option>after</option></select>
<label for="nonce">or, for proofs of DPoP, the nonces are</label><select id="nonce" name="nonce"><option></option><option>forgotten</option><option>rotated</option></select>
<label for="delay">wait first (milliseconds)</label><input id="delay" name="delayMs" type="number" value="0" min="0">
<button>Make it go wrong</button><button class="plain" data-path="faults/clear">Take all faults back</button></form>
<form data-path="clock"><label for="seconds">Move the clock on by seconds</label><input id="seconds" name="advanceSeconds" type="number" value="7201" min="0">
<button class="plain">Move the clock</button></form>
<form data-path="limit"><label for="left">Requests left today</label><input id="left" name="remaining" type="number" value="0" min="0">
<button class="plain">Set the limit</button></form>
<p><a href="/localorg/app">The External Client App</a>: callback URLs, scopes, policies</p>
<p id="said" role="status"></p><h1>What clients asked last</h1><ol id="requests"></ol><h1>What the org has counted</h1><pre id="seen"></pre><button class="plain" id="reset">Back to zero</button>
<script>{_CONTROL_SCRIPT}</script>""",
    )


def external_client_app(app: App, policies: Sequence[str]) -> str:
    """The settings of an External Client App as a form, with the labels of Salesforce's Setup.

    It has the settings that this org acts on. `policies` are the refresh token policies that can be chosen.
    """

    def box(name: str, label: str, on: bool) -> str:
        return f'<label class="box"><input type="checkbox" name="{name}"{" checked" if on else ""}> {label}</label>'

    def lines(values: Sequence[str]) -> str:
        return escape("\n".join(values))

    choices = "".join(
        f'<option value="{p}"{" selected" if p == app.refresh_policy else ""}>{_POLICY_WORDS[p]}</option>'
        for p in policies
    )
    postures = "".join(
        f'<option value="{p}"{" selected" if p == app.dpop else ""}>{_POSTURE_WORDS[p]}</option>' for p in POSTURES
    )
    return page(
        "External Client App | Local Org",
        f"""<h1>External Client App</h1><p>{escape(app.name)}</p>
<form id="app"><h2>OAuth Settings</h2>
<label for="key">Consumer Key</label><input id="key" value="{escape(app.consumer_key)}" readonly>
<label for="callbacks">Callback URLs, one a line</label><textarea id="callbacks" name="callbacks" rows="4">{lines(app.callbacks)}</textarea>
<label for="scopes">OAuth Scopes, one a line</label><textarea id="scopes" name="scopes" rows="7">{lines(app.scopes)}</textarea>
<h2>Security</h2>
{box("secretRequired", "Require secret for Web Server Flow and Refresh Token Flow", app.secret_required)}
{box("secretAccepted", "Accept the consumer secret (not set: the app shows who it is by assertions alone)", app.secret_accepted)}
{box("pkceRequired", "Require Proof Key for Code Exchange (PKCE)", app.pkce_required)}
{box("jwtTokens", "Issue JSON Web Token (JWT)-based access tokens for named users", app.jwt_tokens)}
{box("rotation", "Enable Refresh Token Rotation", app.rotation)}
<label for="dpop">Require DPoP (Demonstrating Proof-of-Possession)</label><select id="dpop" name="dpop">{postures}</select>
<h2>OAuth Policies</h2>
<label for="policy">Refresh Token Policy</label><select id="policy" name="refreshPolicy">{choices}</select>
<label for="life">after so many seconds</label><input id="life" name="refreshSeconds" type="number" min="0" value="{app.refresh_seconds}">
<label for="session">Session Timeout in seconds (0: the org's)</label>
<input id="session" name="sessionSeconds" type="number" min="0" value="{app.session_seconds or 0}">
<h2>Flows without a browser</h2>
<label for="run-as">Client Credentials Flow: Run As (a username; empty: not enabled)</label>
<input id="run-as" name="clientCredentialsUser" value="{escape(app.client_credentials_user)}">
<label for="certificate">Certificate (PEM) of client assertions and of the JWT Bearer Flow</label>
<textarea id="certificate" name="certificate" rows="3" data-whole="">{escape(app.certificate)}</textarea>
{box("preauthorized", "Admin approved users are pre-authorized", app.preauthorized)}
{box("deviceFlow", "Enable Device Flow", app.device_flow)}
<button>Save</button></form><p id="said" role="status"></p><small>In an org this is Setup › External Client App Manager. <a href="/localorg">Control page</a></small>
<script>{_APP_SCRIPT}</script>""",
    )


_POLICY_WORDS = {
    "until-revoked": "Refresh token is valid until revoked",
    "immediate": "Immediately expire refresh token",
    "idle": "Expire refresh token if not used for …",
    "fixed": "Expire refresh token after …",
}

_POSTURE_WORDS = {
    "off": "DPoP is not known (as before 2026)",
    "allowed": "Not required: bound tokens for clients that ask for them",
    "required": "Required: bound tokens only",
}

_APP_SCRIPT = """
const form = document.getElementById("app"), said = document.getElementById("said");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") body[field.name] = field.checked;
    else if (field.type === "number") body[field.name] = Number(field.value);
    else if (field.type === "textarea" && !("whole" in field.dataset)) body[field.name] = field.value.split("\\n").map((line) => line.trim()).filter(Boolean);
    else body[field.name] = field.value;
  }
  const answer = await fetch("/localorg/control/app", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
  said.textContent = answer.ok ? "Saved" : (await answer.json())[0].message;
});
"""

_CONTROL_SCRIPT = """
const base = "/localorg/control/", said = document.getElementById("said"), seen = document.getElementById("seen");
async function send(path, body) {
  const answer = await fetch(base + path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
  const result = await answer.json();
  said.textContent = answer.ok ? path + ": " + JSON.stringify(result) : result[0].message;
  look();
}
async function look() {
  const counters = await (await fetch(base + "counters")).json();
  const recent = await (await fetch(base + "requests")).json();
  document.getElementById("requests").replaceChildren(...recent.reverse().map(asked));
  seen.textContent = Object.entries(counters).map(([kind, n]) => kind.padEnd(28) + n).join("\\n") || "nothing yet";
}
function asked(one) {
  const item = document.createElement("li"), head = document.createElement("code");
  head.textContent = `${new Date(1000 * one.at).toLocaleTimeString()} ${one.status} ${one.method} ${one.path} ${one.milliseconds} ms`;
  item.append(head);
  for (const reason of one.reasons) {
    const said = document.createElement("p");
    said.className = "error";
    said.textContent = `${reason.code}: ${reason.message}`;
    const advice = document.createElement("p");
    advice.textContent = reason.advice;
    item.append(said, advice);
  }
  return item;
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
