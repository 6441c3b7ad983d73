"""The page on which a learner makes something go wrong."""

from collections.abc import Sequence
from html import escape

from localorg.pages import page


def controls(usernames: Sequence[str]) -> str:
    """The learners' page: everything that the control API can do, and what the org has seen."""
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
<label for="delay">wait first (milliseconds)</label><input id="delay" name="delayMs" type="number" value="0" min="0">
<button>Make it go wrong</button><button class="plain" data-path="faults/clear">Take all faults back</button></form>
<form data-path="clock"><label for="seconds">Move the clock on by seconds</label><input id="seconds" name="advanceSeconds" type="number" value="7201" min="0">
<button class="plain">Move the clock</button></form>
<form data-path="limit"><label for="left">Requests left today</label><input id="left" name="remaining" type="number" value="0" min="0">
<button class="plain">Set the limit</button></form>
<p id="said" role="status"></p><h1>What clients asked last</h1><ol id="requests"></ol><h1>What the org has counted</h1><pre id="seen"></pre><button class="plain" id="reset">Back to zero</button>
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
