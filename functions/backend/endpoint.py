"""From an HTTP request to a flow and back: find the call, verify and admit the caller, decode, run, encode, log one
line.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Literal

import structlog
from starlette.requests import Request
from starlette.responses import Response

from backend import callable_protocol, deadline, file_protocol, telemetry
from backend.adapters.app_check import AppCheckGate
from backend.adapters.firebase_auth import FirebaseAuth
from backend.connections.blocks import BlockList
from backend.connections.vault import Vault
from backend.cors import AllowedOrigins
from backend.failures import forget_frames
from backend.log import place_of
from backend.routes import Route
from backend.transfer import Outgoing
from backend.values import Caller, Uid, Visitor
from backend.visitors import Proxies
from contract.calls import CALLS, SIGN_IN, SIGN_OUT, Call
from contract.errors import (
    CallError,
    ConnectionLost,
    Misconfigured,
    OrgUnavailable,
    Reason,
    RefusedRequest,
    SessionInvalid,
)

_log = structlog.get_logger("calls")
_NOBODY = Caller(Uid(), "")
# With these nobody got past the door. Whoever sends such calls must not make a share of failing calls look small.
_AT_THE_DOOR = frozenset(
    (
        Reason.UNKNOWN_CALL,
        Reason.NOT_THE_APP,
        Reason.FOREIGN_ORIGIN,
        Reason.ID_TOKEN_MISSING,
        Reason.ID_TOKEN_INVALID,
        Reason.ID_TOKEN_EXPIRED,
        Reason.SIGNED_OUT,
        Reason.NOT_CONNECTED,
        Reason.ACCESS_STOPPED,
    )
)


class Endpoint:
    """Answers the requests of both functions. One for each process."""

    def __init__(
        self,
        routes: Iterable[Route],
        firebase: FirebaseAuth,
        blocks: BlockList,
        vault: Vault,
        gate: AppCheckGate,
        origins: AllowedOrigins,
        proxies: Proxies,
    ) -> None:
        self._routes = {(r.call.function, r.call.name): r for r in routes}
        missing = [call.path for call in CALLS if (call.function, call.name) not in self._routes]
        if missing:
            raise ValueError(f"routes.py has no line for {', '.join(missing)}")
        self._firebase = firebase
        self._blocks = blocks
        self._vault = vault
        self._gate = gate
        self._origins = origins
        self._proxies = proxies

    async def answer(self, function: Literal["auth", "api"], request: Request) -> Response:
        """Answers one request to a function, within its call's `answer_seconds`; never raises."""
        name = callable_protocol.call_name(request.scope["path"], function)
        if request.method == "GET" and name == "__/health":  # the emulator asks when a worker starts
            return Response("ok")
        preflight = self._origins.preflight(request)
        if preflight is not None:
            return preflight
        route = self._routes.get((function, name))
        label = "unknown" if route is None else name
        parent = telemetry.incoming(request.headers)
        with (
            telemetry.span(f"{function}/{label}", "server", parent=parent, rpc__method=label) as span,
            telemetry.logged_as(span.context or parent),
        ):
            answer = callable_protocol.as_asked(request, await self._answered(route, request, label, span))
            return self._origins.open(request, answer)

    async def _answered(self, route: Route | None, request: Request, label: str, span: telemetry.span) -> Response:
        started = time.perf_counter()
        caller, attestation, too_late = _NOBODY, None, Reason.ORG_TIMEOUT

        def tell(status: int, outcome: str) -> None:
            milliseconds = round(1000 * (time.perf_counter() - started), 1)
            telemetry.count("calls", call=label, outcome=outcome)
            telemetry.took("call.duration", started, call=label, outcome=outcome)
            more = {"attested": attestation is not None} if self._gate.asks else {}
            _log.info(
                "call",
                call=label,
                uid=str(caller.uid) or None,
                caller=_who(route, outcome),
                outcome=outcome,
                status=status,
                ms=milliseconds,
                **more,
            )

        try:
            if route is None or request.method != "POST":
                raise RefusedRequest(Reason.UNKNOWN_CALL)
            call = route.call
            too_late = Reason.OUTCOME_UNKNOWN if call.writes else Reason.ORG_TIMEOUT
            # One deadline for a whole call: requests to Salesforce get what is left of its `seconds`, and whatever else
            # waits is cut off after its `answer_seconds`.
            async with asyncio.timeout(call.answer_seconds):
                with deadline.within(call.seconds):
                    if call.public:
                        self._origins.check(request)
                    if call.attested:
                        app_check = request.headers.get("x-firebase-appcheck")
                        attestation = await self._gate.attest(app_check, once=call is SIGN_IN)
                    if call.public:
                        who: Caller | Visitor = self._proxies.visitor(request, attestation)
                    else:
                        who = caller = await self._firebase.verify(callable_protocol.bearer(request))
                        await self._admit(call, caller)
                    if call.file == "up":
                        answer = await route.work(who, file_protocol.read_upload(call, request))
                    else:
                        answer = await route.work(who, await callable_protocol.read_request(call, request))
            if isinstance(answer, Outgoing):
                span.set(http__response__status_code=200)
                return file_protocol.FileAnswer(answer, lambda why: tell(200, "ok" if why is None else why.reason))
            response, outcome = callable_protocol.result(answer), "ok"
        except CallError as refused:
            response, outcome = callable_protocol.error(refused), refused.reason.value
            forget_frames(refused)
        except TimeoutError as over:
            late = OrgUnavailable(too_late)
            response, outcome = callable_protocol.error(late), late.reason.value
            forget_frames(over)
        except Exception as failure:
            # A deployed function logs only the kind and place: an exception's text may hold what must not be logged.
            _log.error("failed", call=label, kind=type(failure).__name__, place=place_of(failure), exc_info=failure)
            response, outcome = callable_protocol.error(Misconfigured(Reason.INTERNAL)), Reason.INTERNAL.value
            forget_frames(failure)
        span.set(http__response__status_code=response.status_code)
        if outcome != "ok":
            span.fail(outcome)
        tell(response.status_code, outcome)
        return response

    async def _admit(self, call: Call[Any, Any], caller: Caller) -> None:
        """Refuses a blocked user, a device that has signed out, and who has no connection; signing out needs none."""
        if not call.while_blocked:
            await self._blocks.check(caller.uid)
        try:
            admitted = await self._vault.admits(caller)
        except ConnectionLost:
            if call is SIGN_OUT:
                return
            raise
        if not admitted:
            raise SessionInvalid(Reason.SIGNED_OUT)


def _who(route: Route | None, outcome: str) -> Literal["user", "visitor", "stranger"]:
    """Who called, for the shares that alerts watch: somebody who is signed in (also when it was our fault that this was
    not found out), anybody with a public call, or somebody who was refused at the door.
    """
    if route is None or outcome in _AT_THE_DOOR:
        return "stranger"
    return "visitor" if route.call.public else "user"
