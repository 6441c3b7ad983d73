"""Access tokens that are JSON Web Tokens, where an app's settings say so.

Source: Salesforce Help "JWT-Based Access Tokens" (jwt_access_tokens): `token_format` in the answer is `jwt`; they live
for at most thirty minutes, and use does not extend that. The claims are as public examples show them; whether `cnf` is
among them for a bound token is not documented, so it is not.
"""

from dataclasses import replace

from localorg.oauth.apps import App
from localorg.oauth.grants import TokenResponse, token_key
from localorg.org import Org

_SECONDS = 1800


def as_jwt(org: Org, app: App, base: str, tokens: TokenResponse) -> TokenResponse:
    """The same answer with a JSON Web Token in place of its opaque access token. `base` is the org's address."""
    from localorg.oauth.signing import sign  # here, because it takes a tenth of a second to load

    key, now = token_key(tokens.access_token), org.clock.now()
    row = org.db.execute("SELECT expires FROM session WHERE token_hash = ?", (key,)).fetchone()
    expires = min(float(row["expires"]), now + _SECONDS)
    claims: dict[str, object] = {
        "iss": base,
        "aud": [base],
        "sub": f"uid:{tokens.user_id}",
        "client_id": app.consumer_key,
        "scp": tokens.scope,
        "mty": "oauth",
        "nbf": int(now),
        "iat": int(now),
        "exp": int(expires),
        "jti": key[:32],
    }
    token = sign(org, claims)
    with org.write() as db:
        db.execute(
            "UPDATE session SET token_hash = ?, expires = ? WHERE token_hash = ?", (token_key(token), expires, key)
        )
    return replace(tokens, access_token=token)
