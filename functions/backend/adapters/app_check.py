"""Firebase App Check: whether a call comes from the app itself, by the token that the callable protocol's header
carries.

Source: Firebase documentation, "Verify App Check tokens from a custom backend". firebase-admin verifies them too, but
has no choice of the key server, needs Google credentials for it, and asks Google each time whether a token was used
before.
"""

import asyncio
import hashlib
import time
from typing import Any

import jwt
from cachetools import TLRUCache

from backend.values import CLOCK_SKEW_SECONDS
from contract.errors import Misconfigured, Reason, RefusedRequest

_ISSUER = "https://firebaseappcheck.googleapis.com/"
_KEYS_SECONDS = 6 * 3600.0  # no longer, says the documentation
_MAX_VERIFIED = 10_000
_LONGEST = 8192  # characters; Firebase's have less than a thousand
# What was taken once is remembered for an hour (firestore/codes.py), so a token that is to count once may not be older.
# App Check may give tokens that live for a week.
ONCE_SECONDS = 55 * 60


def _until_it_expires(_key: bytes, times: tuple[float, float], _now: float) -> float:
    return times[1]


class AppCheck:
    """`apps` are the Firebase apps (`1:1234:web:abcd`) whose tokens count; `keys_url` is where Google publishes its
    keys.
    """

    def __init__(self, project_id: str, apps: frozenset[str], keys_url: str) -> None:
        numbers = {app.split(":")[1] for app in apps}
        self._issuers = [f"{_ISSUER}{number}" for number in numbers]
        self._audience = f"projects/{project_id}"  # a token names its project twice, by number and by name
        self._apps = apps
        # Asks anew for an unknown key every 30 s at most.
        self._keys = jwt.PyJWKClient(keys_url, lifespan=_KEYS_SECONDS, timeout=5)
        # When each was issued and when it expires, in seconds since 1970.
        self._verified = TLRUCache[bytes, tuple[float, float]](
            _MAX_VERIFIED, _until_it_expires, timer=lambda: time.time()
        )

    async def verify(self, token: str, *, once: bool = False) -> str:
        """The fingerprint of a valid App Check token, by which a caller can see that it comes a second time. `once`: it
        is for one call only, so it has to be newer than ONCE_SECONDS.

        Raises RefusedRequest(not-the-app), or Misconfigured when Google's keys cannot be read.
        """
        if len(token) > _LONGEST:
            raise RefusedRequest(Reason.NOT_THE_APP)
        digest = hashlib.sha256(token.encode()).digest()
        if digest not in self._verified:
            claims = await asyncio.to_thread(self._claims, token)
            if claims.get("sub") not in self._apps:
                raise RefusedRequest(Reason.NOT_THE_APP)
            self._verified[digest] = issued, _ = float(claims["iat"]), float(claims["exp"])
        else:
            issued, _ = self._verified[digest]
        if once and time.time() - issued > ONCE_SECONDS:
            raise RefusedRequest(Reason.NOT_THE_APP)
        return digest.hex()

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            if jwt.get_unverified_header(token).get("typ") != "JWT":
                raise RefusedRequest(Reason.NOT_THE_APP)
            key = self._keys.get_signing_key_from_jwt(token)
            options: Any = {"require": ["exp", "iat", "aud", "iss", "sub"]}
            return jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuers,
                options=options,
                leeway=CLOCK_SKEW_SECONDS,
            )
        except jwt.PyJWKClientConnectionError:
            raise Misconfigured(Reason.INTERNAL) from None
        except (jwt.PyJWKClientError, jwt.InvalidTokenError):  # "from None": the text may quote the token
            raise RefusedRequest(Reason.NOT_THE_APP) from None


class AppCheckGate:
    """App Check as the settings want it. Without `app_check` tokens are not looked at; `required` refuses calls that
    bring no token.
    """

    def __init__(self, app_check: AppCheck | None, *, required: bool = False) -> None:
        self._app_check = app_check
        self._required = required

    @property
    def asks(self) -> bool:
        """Whether tokens are looked at."""
        return self._app_check is not None

    async def attest(self, token: str | None, *, once: bool = False) -> str | None:
        """The fingerprint of a call's App Check token; None for a call without one, and when tokens are not looked at.
        `once`: the token is for this call only.

        Raises RefusedRequest(not-the-app), Misconfigured.
        """
        if self._app_check is None:
            return None
        if not token:
            if self._required:
                raise RefusedRequest(Reason.NOT_THE_APP)
            return None
        return await self._app_check.verify(token, once=once)
