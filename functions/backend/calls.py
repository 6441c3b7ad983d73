"""From an HTTP request to a flow and back: find the call, verify and admit who calls, decode, run, encode, log one line."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast

import structlog
from starlette.requests import Request
from starlette.responses import Response

from backend import callable as protocol
from backend.adapters.firebase_auth import Caller, FirebaseAuth
from backend.core.lifecycle import Lifecycle
from backend.core.records import Records
from backend.core.sign_in import SignInFlow
from backend.core.stops import KillSwitch
from backend.core.vault import Vault
from contract.calls import CALLS, Call, Created, Empty, SignedIn, SignInOptions, SignOut
from contract.codec import DecodeError, decode
from contract.errors import CallError, Misconfigured, Reason, RefusedRequest, SessionInvalid

_log = structlog.get_logger("calls")
Work = Callable[[str, Any], Awaitable[object]]
_NOBODY = Caller("", "")
_LEAVING = ("signOut", "eraseMe")


class Calls:
    """What both functions answer. One for each process."""

    def __init__(self, sign_in: SignInFlow, lifecycle: Lifecycle, records: Records, firebase: FirebaseAuth, switch: KillSwitch, vault: Vault) -> None:
        self._firebase = firebase
        self._switch = switch
        self._vault = vault
        self._sign_in = sign_in
        self._lifecycle = lifecycle
        self._records = records
        self._work: dict[str, Work] = {
            "getSignInOptions": self._get_sign_in_options,
            "signIn": self._sign_in_call,
            "eraseMe": lambda uid, _: lifecycle.erase(uid),
            "getConnection": lambda uid, _: lifecycle.status(uid),
            "updateConnection": lambda uid, asked: lifecycle.stay_signed_in(uid, asked.stay_signed_in),
            "getProfile": lambda uid, _: records.get_profile(uid),
            "getDashboard": lambda uid, _: records.get_dashboard(uid),
            "describe": lambda uid, asked: records.describe(uid, asked.sobject),
            "listRecords": records.list_records,
            "search": records.search,
            "getRecord": records.get_record,
            "createRecord": self._create_record,
            "updateRecord": records.update_record,
            "deleteRecord": self._delete_record,
        }
        self._calls = {(c.function, c.name): c for c in CALLS}

    async def answer(self, function: Literal["auth", "api"], request: Request) -> Response:
        """Answers one request to a function; never raises."""
        name = protocol.call_name(request.url.path, function)
        if request.method == "GET" and name == "__/health":  # the emulator asks when a worker starts
            return Response("ok")
        call = self._calls.get((function, name))
        started = time.perf_counter()
        caller = _NOBODY
        try:
            if call is None or request.method != "POST":
                raise RefusedRequest(Reason.UNKNOWN_CALL)
            if not call.public:
                caller = await self._firebase.verify(protocol.bearer(request))
                await self._admit(call, caller)
            response = protocol.result(await self._run(call, caller, request))
            outcome = "ok"
        except CallError as refused:
            response, outcome = protocol.error(refused), refused.reason.value
        except Exception as failure:
            # Only the kind and place: an exception's text may hold what must not be logged.
            _log.error("failed", call=name[:40], kind=type(failure).__name__, place=_place(failure))
            response, outcome = protocol.error(Misconfigured(Reason.INTERNAL)), Reason.INTERNAL.value
        shown = name if call is not None else "unknown"
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        _log.info("call", call=shown, uid=caller.uid or None, outcome=outcome, status=response.status_code, ms=milliseconds)
        return response

    async def _admit(self, call: Call, caller: Caller) -> None:
        """Refuses one whom an administrator has shut out, and a device that has signed out. Leaving is open to everyone."""
        if call.name not in _LEAVING:
            await self._switch.check(caller.uid)
        if not await self._vault.admits(caller.uid, caller.session):
            raise SessionInvalid(Reason.SIGNED_OUT)

    async def _run(self, call: Call, caller: Caller, request: Request) -> object:
        data = await protocol.read_data(request)
        try:
            asked = decode(cast(type[object], call.request), {} if data is None else data)
        except DecodeError as wrong:
            raise RefusedRequest(Reason.MALFORMED_REQUEST, str(wrong)) from None
        if isinstance(asked, SignOut):
            await self._lifecycle.sign_out(caller.uid, caller.session, everywhere=asked.everywhere)
            return Empty()
        return await self._work[call.name](caller.uid, asked)

    async def _get_sign_in_options(self, _uid: str, _asked: Empty) -> SignInOptions:
        return self._sign_in.options()

    async def _sign_in_call(self, _uid: str, asked: Any) -> SignedIn:
        return await self._sign_in.sign_in(asked)

    async def _create_record(self, uid: str, asked: Any) -> Created:
        return await self._records.create_record(uid, asked)

    async def _delete_record(self, uid: str, asked: Any) -> Empty:
        await self._records.delete_record(uid, asked)
        return Empty()


def _place(failure: BaseException) -> str:
    at = failure.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "" if at is None else f"{at.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{at.tb_lineno}"
