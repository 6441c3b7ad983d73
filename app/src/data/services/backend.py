"""The backend's calls over Firebase's callable protocol."""

import secrets
from typing import Any, TypeVar, cast

from contract.calls import GET_SIGN_IN_OPTIONS, Call, Empty, SignInOptions
from contract.codec import DecodeError, decode, encode
from contract.errors import Misconfigured, OrgUnavailable, Reason, RefusedRequest, from_wire
from data.services.app_check import AppCheck
from data.services.http import Http, TimedOut, Unreachable
from data.services.messages import OFFLINE, SILENT, TOO_OLD

Q = TypeVar("Q")
A = TypeVar("A")


class Backend:
    """Sends calls to the backend. Stateless: the ID token is handed in with each call."""

    def __init__(self, base_url: str, http: Http, app_check: AppCheck) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._app_check = app_check

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        """Sends a call and returns its answer. Raises the contract's CallErrors; OrgUnavailable(org-unreachable) with
        `offline` in its details when nothing came through."""
        try:
            answer = await self._send(call, request, id_token, await self._app_check.token(call))
        except RefusedRequest as refused:
            if refused.reason is not Reason.NOT_THE_APP:
                raise
            # The backend asks for App Check since this app heard of it last, or the token has had its day.
            await self._send(GET_SIGN_IN_OPTIONS, Empty(), None, None)
            token = await self._app_check.token(call, fresh=True)
            if token is None:
                raise
            answer = await self._send(call, request, id_token, token)
        return answer

    async def _send(self, call: Call[Q, A], request: Q, id_token: str | None, app_check: str | None) -> A:
        # A trace begins with the tap (W3C Trace Context): what the call does in the backend is found by its id.
        headers = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
        if id_token is not None:
            headers["Authorization"] = f"Bearer {id_token}"
        if app_check is not None:
            headers["X-Firebase-AppCheck"] = app_check
        try:
            response = await self._http.post(
                f"{self._base_url}/{call.path}", body={"data": encode(request)}, headers=headers
            )
        except Unreachable:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, OFFLINE, {"offline": True}) from None
        except TimedOut:
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN if call.writes else Reason.ORG_TIMEOUT) from None
        body = cast(dict[str, Any], response.body) if isinstance(response.body, dict) else {}
        if response.status == 200 and "result" in body:
            try:
                answer = decode(call.answer, body["result"], at="result", lenient=True)
            except DecodeError as wrong:
                raise Misconfigured(Reason.INTERNAL, TOO_OLD, {"at": str(wrong)}) from None
            if isinstance(answer, SignInOptions):
                await self._app_check.learn(answer.app_check)
            return answer
        error = body.get("error")
        if not isinstance(error, dict):
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, SILENT)
        named = cast(dict[str, Any], error)
        details = cast(dict[str, Any], named.get("details") or {})
        rest = {k: v for k, v in details.items() if k != "reason"}
        raise from_wire(details.get("reason"), str(named.get("message") or ""), rest)
