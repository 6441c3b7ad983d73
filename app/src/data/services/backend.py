"""The backend's calls over Firebase's callable protocol."""

import secrets
from typing import Any, TypeVar, cast

from contract.calls import Call
from contract.codec import DecodeError, decode, encode
from contract.errors import Misconfigured, OrgUnavailable, Reason, from_wire
from data.services.http import Http, TimedOut, Unreachable
from data.services.messages import OFFLINE, SILENT, TOO_OLD

Q = TypeVar("Q")
A = TypeVar("A")


class Backend:
    """Stateless: the ID token is handed in with each call."""

    def __init__(self, base_url: str, http: Http) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = http

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        """One call. Raises the contract's CallErrors; being offline is OrgUnavailable(org-unreachable)."""
        # A trace begins with the tap (W3C Trace Context): what the call does in the backend is found by its id.
        headers = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
        if id_token is not None:
            headers["Authorization"] = f"Bearer {id_token}"
        try:
            response = await self._http.post(f"{self._base_url}/{call.path}", body={"data": encode(request)}, headers=headers)
        except Unreachable:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, OFFLINE, {"offline": True}) from None
        except TimedOut:
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN if call.writes else Reason.ORG_TIMEOUT) from None
        body = cast(dict[str, Any], response.body) if isinstance(response.body, dict) else {}
        if response.status == 200 and "result" in body:
            try:
                return decode(call.answer, body["result"], at="result", lenient=True)
            except DecodeError as wrong:
                raise Misconfigured(Reason.INTERNAL, TOO_OLD, {"at": str(wrong)}) from None
        error = body.get("error")
        if not isinstance(error, dict):
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, SILENT)
        named = cast(dict[str, Any], error)
        details = cast(dict[str, Any], named.get("details") or {})
        rest = {k: v for k, v in details.items() if k != "reason"}
        raise from_wire(details.get("reason"), str(named.get("message") or ""), rest)
