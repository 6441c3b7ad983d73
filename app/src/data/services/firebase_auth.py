"""Firebase Authentication over its REST API: custom token in, ID token out, renewed when it runs out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from contract.calls import FirebaseProject
from contract.errors import OrgUnavailable, Reason, SessionInvalid
from data.services.http import Answer, Http, TimedOut, Unreachable
from data.services.messages import OFFLINE, SILENT


@dataclass(frozen=True, slots=True, repr=False)
class FirebaseTokens:
    """An ID token, the refresh token that renews it, and when it expires (seconds since the epoch)."""

    id_token: str
    refresh_token: str
    expires: float


class FirebaseAuth:
    """Stateless. Raises SessionInvalid when Firebase refuses the token, OrgUnavailable when it cannot be reached or
    answers something else.

    Source: Firebase Auth REST API, "Common error codes" of both calls.
    """

    def __init__(self, http: Http, now: Callable[[], float] = time.time) -> None:
        self._http = http
        self._now = now

    async def sign_in(self, project: FirebaseProject, custom_token: str) -> FirebaseTokens:
        """Signs in with a custom token."""
        body = {"token": custom_token, "returnSecureToken": True}
        answer = await self._post(
            f"{project.identity_url}/v1/accounts:signInWithCustomToken?key={project.api_key}", body=body
        )
        return self._tokens(answer, "idToken", "refreshToken", "expiresIn")

    async def renew(self, project: FirebaseProject, refresh_token: str) -> FirebaseTokens:
        """A new ID token for a refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        answer = await self._post(f"{project.token_url}/v1/token?key={project.api_key}", form=form)
        return self._tokens(answer, "id_token", "refresh_token", "expires_in")

    async def _post(self, url: str, **content: Any) -> Answer:
        try:
            return await self._http.post(url, **content)
        except Unreachable:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, OFFLINE, {"offline": True}) from None
        except TimedOut:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, SILENT) from None

    def _tokens(self, answer: Answer, id_token: str, refresh_token: str, expires_in: str) -> FirebaseTokens:
        if answer.status == 400:  # every refusal of a token; what else it answers (a limit, a proxy in between) passes
            raise SessionInvalid(Reason.ID_TOKEN_EXPIRED)
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, SILENT)
        body = cast(dict[str, Any], answer.body)
        return FirebaseTokens(str(body[id_token]), str(body[refresh_token]), self._now() + float(body[expires_in]))
