"""The backend's calls over Firebase's callable protocol."""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast
from urllib.parse import quote

from contract.calls import GET_SIGN_IN_OPTIONS, Call, Empty, SignInOptions
from contract.codec import DecodeError, decode, encode
from contract.errors import Misconfigured, OrgUnavailable, Reason, RefusedRequest, from_wire
from contract.files import BYTES, DATA_HEADER
from data.services.app_check import AppCheck
from data.services.http import Answer, FileHttp, Progress, TimedOut, Unreachable
from data.services.messages import OFFLINE, SILENT, TOO_OLD

Q = TypeVar("Q")
A = TypeVar("A")


class Backend:
    """Sends calls to the backend. Stateless: the ID token is handed in with each call."""

    def __init__(self, base_url: str, http: FileHttp, app_check: AppCheck) -> None:
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._app_check = app_check

    async def call(self, call: Call[Q, A], request: Q, id_token: str | None = None) -> A:
        """Sends a call and returns its answer. Raises the contract's CallErrors; OrgUnavailable(org-unreachable) with
        `offline` in its details when nothing came through."""
        return await self._attested(call, lambda token: self._send(call, request, id_token, token))

    async def upload(self, call: Call[Q, A], request: Q, content: bytes, id_token: str, progress: Progress) -> A:
        """Sends a call that brings a file; `progress` is told how much of it has been sent. As `call` otherwise."""
        data = quote(json.dumps(encode(request), ensure_ascii=False))

        async def send(app_check: str | None) -> A:
            headers = {**_headers(id_token, app_check), "Content-Type": BYTES, DATA_HEADER: data}
            sent = self._http.upload(f"{self._base_url}/{call.path}", content, headers, progress)
            return await self._read(call, await self._got(call, sent))

        return await self._attested(call, send)

    async def download(self, call: Call[Q, bytes], request: Q, id_token: str) -> bytes:
        """Sends a call that is answered with a file, and returns its bytes. As `call` otherwise."""

        async def send(app_check: str | None) -> bytes:
            body = {"data": encode(request)}
            sent = self._http.download(f"{self._base_url}/{call.path}", body, _headers(id_token, app_check))
            answer = await self._got(call, sent)
            return await self._read(call, answer) if answer.content is None else answer.content

        return await self._attested(call, send)

    async def _attested(self, call: Call[Any, Any], send: Callable[[str | None], Awaitable[A]]) -> A:
        """Sends with an App Check token, where there is to be one."""
        try:
            return await send(await self._app_check.token(call))
        except RefusedRequest as refused:
            if refused.reason is not Reason.NOT_THE_APP:
                raise
            # The backend asks for App Check since this app heard of it last, or the token has had its day.
            await self._send(GET_SIGN_IN_OPTIONS, Empty(), None, None)
            token = await self._app_check.token(call, fresh=True)
            if token is None:
                raise
            return await send(token)

    async def _send(self, call: Call[Q, A], request: Q, id_token: str | None, app_check: str | None) -> A:
        url, body = f"{self._base_url}/{call.path}", {"data": encode(request)}
        sent = self._http.post(url, body=body, headers=_headers(id_token, app_check))
        return await self._read(call, await self._got(call, sent))

    async def _got(self, call: Call[Any, Any], sent: Awaitable[Answer]) -> Answer:
        """The answer to what was sent. Raises OrgUnavailable when none came."""
        try:
            return await sent
        except Unreachable:
            raise OrgUnavailable(Reason.ORG_UNREACHABLE, OFFLINE, {"offline": True}) from None
        except TimedOut:
            raise OrgUnavailable(Reason.OUTCOME_UNKNOWN if call.writes else Reason.ORG_TIMEOUT) from None

    async def _read(self, call: Call[Any, A], response: Answer) -> A:
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


def _headers(id_token: str | None, app_check: str | None) -> dict[str, str]:
    # A trace begins with the tap (W3C Trace Context): what the call does in the backend is found by its id.
    headers = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
    if id_token is not None:
        headers["Authorization"] = f"Bearer {id_token}"
    if app_check is not None:
        headers["X-Firebase-AppCheck"] = app_check
    return headers
