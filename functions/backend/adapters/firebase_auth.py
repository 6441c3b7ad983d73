"""Firebase Authentication: verifies ID tokens, mints custom tokens, ends Firebase sessions.

The Admin SDK is synchronous and its certificate and signBlob requests may take long, so it runs in threads.
"""

# The library has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import asyncio
import hashlib
import time
from typing import Any, cast

import firebase_admin
from cachetools import LRUCache
from firebase_admin import auth, exceptions

from backend import telemetry
from backend.values import CLOCK_SKEW_SECONDS, Caller, Uid
from contract.errors import Misconfigured, Reason, SessionInvalid

_MAX_VERIFIED = 10_000
_LONGEST = 8192  # characters; Firebase's have about a thousand, and custom claims add a thousand at most


class FirebaseAuth:
    """Firebase Authentication by the Admin SDK. One for each process. `app` sets the project, and the account that
    signs custom tokens."""

    def __init__(self, app: firebase_admin.App) -> None:
        self._app = app
        self._verified = LRUCache[bytes, tuple[Caller, float]](_MAX_VERIFIED)  # with the time at which it expires

    async def verify(self, id_token: str) -> Caller:
        """The user and device that a Firebase ID token belongs to. Raises SessionInvalid for any other token,
        Misconfigured when Google's certificates cannot be read.

        A verified token is remembered until it expires, so that its signature is checked once.
        """
        if len(id_token) > _LONGEST:
            raise SessionInvalid(Reason.ID_TOKEN_INVALID)
        key = hashlib.sha256(id_token.encode()).digest()
        remembered = self._verified.get(key)
        if remembered is not None and remembered[1] <= time.time():
            remembered = None
        telemetry.count("cache.lookups", cache="id-tokens", hit=remembered is not None)
        if remembered is not None:
            return remembered[0]
        try:
            with telemetry.span("verify ID token"):
                claims = await asyncio.to_thread(self._claims, id_token)
        except auth.ExpiredIdTokenError:
            raise SessionInvalid(Reason.ID_TOKEN_EXPIRED) from None
        except auth.CertificateFetchError:
            raise Misconfigured(Reason.INTERNAL) from None
        except (auth.InvalidIdTokenError, ValueError, RecursionError):
            raise SessionInvalid(Reason.ID_TOKEN_INVALID) from None
        caller = Caller(Uid(claims["uid"]), str(claims.get("device") or ""))
        self._verified[key] = (caller, float(claims["exp"]))
        return caller

    def _claims(self, id_token: str) -> dict[str, Any]:
        skew = CLOCK_SKEW_SECONDS
        return cast(dict[str, Any], auth.verify_id_token(id_token, app=self._app, clock_skew_seconds=skew))

    async def custom_token(self, caller: Caller) -> str:
        """A token with which `caller` signs in to Firebase (signInWithCustomToken), valid for an hour.

        Raises Misconfigured when the account may not sign.
        """
        uid = caller.uid
        # Every ID token of this sign-in carries them.
        claims = {
            "orgId": uid.org_id,
            "userId": uid.user_id,
            "device": caller.device,
        }
        try:
            with telemetry.span("mint custom token"):
                token = cast(bytes, await asyncio.to_thread(auth.create_custom_token, str(uid), claims, app=self._app))
        except (auth.TokenSignError, ValueError) as failed:
            raise Misconfigured(
                Reason.MISCONFIGURED, "The sign-in function's service account may not sign tokens."
            ) from failed
        return token.decode()

    async def end_firebase_sessions(self, uid: Uid) -> None:
        """Revokes the user's Firebase refresh tokens; a user that Firebase does not know has none."""
        try:
            await asyncio.to_thread(auth.revoke_refresh_tokens, uid, app=self._app)
        except exceptions.NotFoundError:
            pass

    async def delete_user(self, uid: Uid) -> None:
        """Deletes the Firebase user; one that Firebase does not know is deleted already."""
        try:
            await asyncio.to_thread(auth.delete_user, uid, app=self._app)
        except exceptions.NotFoundError:
            pass
