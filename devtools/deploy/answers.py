"""Whether the deployed app answers, and whether people can sign in: asked without anybody signing in.

The first sign-in that begins in an instance of `auth` makes it mint a custom token, which it throws away
(functions/backend/sign_in/flow.py). So the answer to `beginSignIn` tells whether its account may sign.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from devtools.deploy.cloud import DeployError
from devtools.deploy.place import Place
from devtools.deploy.wanted import SIGNER, SIGNER_ROLE, account

_TRIES, _PAUSE = 10, 20.0  # a new role may count only after minutes (IAM documentation, "Access change propagation")
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636's example: no sign-in is finished with it


def look(where: Place, say: Callable[[str], None]) -> None:
    """Asks the deployed app. Raises DeployError when it does not answer, or when its account may not sign."""
    options = _options(where)
    say(f"✓ {where.address} answers")
    hosts = [h["host"] for h in options.get("loginHosts", []) if "*" not in h["host"]]
    reason = begin(where.address, hosts[0], where.redirect_uri) if hosts else "no login host to ask with"
    if reason == "misconfigured":
        raise DeployError(
            f"nobody can sign in: {account(SIGNER, where.project)} may not sign tokens; it needs {SIGNER_ROLE} on"
            " itself and iamcredentials.googleapis.com (make deploy gives it both; an organisation may forbid it)"
        )
    if reason:
        say(f"? whether its account may sign tokens could not be asked ({reason}): sign in there once")
    else:
        say("✓ its account may sign tokens; now sign in there once")


def begin(address: str, login_host: str, redirect_uri: str, sleep: Callable[[float], None] = time.sleep) -> str:
    """Begins a sign-in that nobody finishes. Returns "", or the reason why the backend does not begin it."""
    body = {"loginHost": login_host, "redirectUri": redirect_uri, "codeChallenge": _CHALLENGE}
    for attempt in range(_TRIES):
        try:
            ask(f"{address}/auth/beginSignIn", body)
        except urllib.error.HTTPError as refused:
            reason = _reason(refused)
            if reason != "misconfigured" or attempt == _TRIES - 1:
                return reason
            sleep(_PAUSE)
        except OSError as failed:
            return str(failed)
        else:
            break
    return ""


def ask(url: str, body: Mapping[str, Any]) -> Any:
    """The result of a call of the backend. Raises OSError, of which HTTPError is one."""
    data, headers = json.dumps({"data": body}).encode(), {"Content-Type": "application/json"}
    asked = urllib.request.Request(url, data, headers)  # noqa: S310  https, or a test's
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["result"]


def _options(where: Place) -> Mapping[str, Any]:
    try:
        return ask(f"{where.address}/auth/getSignInOptions", {})
    except (OSError, ValueError, KeyError) as failed:
        connect = (
            f"connect {where.domain} to the site {where.site} in the Firebase console › Hosting, which takes DNS"
            " records and up to a day; or "
            if where.domain
            else ""
        )
        raise DeployError(
            f"{where.address} does not answer yet ({failed}): {connect}its log names what is wrong (gcloud logging"
            " read, or the console)"
        ) from None


def _reason(refused: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(refused)["error"]["details"]["reason"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {refused.code}"
