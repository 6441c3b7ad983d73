"""A request to Salesforce as one user: identical reads in flight go once, a burst waits for its first request, and the
authentication flow: send with the credential; rejected → renew → replay once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Protocol

import msgspec

from backend import deadline, hosts, telemetry
from backend.adapters.salesforce_answers import error_code, refuses_the_api
from backend.adapters.salesforce_http import Answer, Http
from backend.adapters.salesforce_soap import fault_of
from backend.connections.connection import Credential
from backend.connections.renewal import Renewed
from backend.failures import NotSent, OutcomeUnknown, SendAgain
from backend.transfer import Sink, Upload
from backend.values import Clock, Uid
from contract.calls import CALL_SECONDS
from contract.errors import ConnectionLost, Reason
from contract.files import FILE_SECONDS

RETRY_PAUSES = (0.2, 0.8)  # seconds, each with jitter of a half to one and a half
JOIN_SECONDS = 2.0  # a read joins one that was begun at most this long ago
PROBE_SECONDS = 0.5  # how long the calls of a burst wait for the answer to its first one
_PASSING = (502, 503, 504)
_BAD_TOKEN = b"Bad_OAuth_Token"
_TOKEN_REFUSED = ("INVALID_SESSION_ID", "INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT")


class Credentials(Protocol):
    """Where credentials come from."""

    async def get(self, uid: Uid) -> Credential:
        """The newest credential of a user; waits for one that is being made. Raises CallErrors."""
        ...

    async def renew(self, uid: Uid, rejected: Credential) -> Renewed:
        """A newer credential than the one that Salesforce rejected. Raises CallErrors."""
        ...

    async def end(self, uid: Uid, refused: Credential, reason: Reason) -> None:
        """Ends the connection of a user whose credential Salesforce takes and who may do nothing with it."""
        ...


class RequestBudget(Protocol):
    """How many requests to Salesforce a user and an org may still make."""

    async def take(self, uid: Uid) -> None:
        """Takes one request from the user's budget. Raises BudgetReached."""
        ...

    def observe(self, org_id: str, limit_info: str | None) -> None:
        """Takes note of an answer's Sforce-Limit-Info header; None when it has none."""
        ...


class Request(msgspec.Struct, frozen=True):
    """A request to the user's instance URL: `path` begins with a slash, `body` is sent as JSON, `writes` says that it
    changes something and is never sent twice, `aside` that its API may be off for a user who may use the others;
    `headers` go along. What answers a `custom` one is Apex of the org's own, which may say 401 itself. `soap` is a call
    of the SOAP API, an element of XML, in place of a body. `upload` is sent in place of a body, and `sink` gets that of
    a good answer: both once, so that such a request is not sent again.
    """

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: object = None
    writes: bool = False
    aside: bool = False
    headers: Mapping[str, str] | None = None
    custom: bool = False
    soap: str = ""
    upload: Upload | None = None
    sink: Sink | None = None


_Read = tuple[Uid, str, tuple[tuple[str, str], ...], bytes]  # user, path, query, body


class _Burst(msgspec.Struct):
    """Requests of one user that are under way or wait at the same time; the first one's answer lets the others go."""

    under_way: int = 0
    is_answered: asyncio.Event = msgspec.field(default_factory=asyncio.Event)


class _Flight(msgspec.Struct):
    """A read under way, that others may join."""

    begun: float
    answer: asyncio.Future[Answer]


class SalesforceSession:
    """Sends requests to Salesforce as a user. One for each process; `random` gives numbers from 0 to 1, for jitter;
    `local` also allows a local org over http.
    """

    def __init__(
        self,
        http: Http,
        credentials: Credentials,
        budget: RequestBudget,
        clock: Clock,
        random: Callable[[], float],
        *,
        local: bool,
    ) -> None:
        self._http = http
        self._credentials = credentials
        self._budget = budget
        self._clock = clock
        self._random = random
        self._local = local
        self._flights: dict[_Read, _Flight] = {}
        self._bursts: dict[Uid, _Burst] = {}

    async def send(self, uid: Uid, request: Request) -> Answer:
        """The answer to a request, whatever its status; a rejected token is renewed and the request replayed first.

        Raises CallErrors; SendAgain in place of replaying an upload.
        """
        payload = b"" if request.body is None else msgspec.json.encode(request.body)
        if request.writes:
            try:
                if request.upload is not None:  # nobody else waits for a file
                    return await self._authenticated(uid, request, payload)
                return await self._as_one_of_a_burst(uid, request, payload)
            finally:
                self._part_from_reads(uid)
        if request.sink is not None:
            return await self._authenticated(uid, request, payload)
        return await self._joined(uid, request, payload)

    async def site(self, uid: Uid) -> str:
        """The address of the user's org, such as https://acme.my.salesforce.com. Raises CallErrors."""
        return (await self._credentials.get(uid)).instance_url

    # Identical reads

    async def _joined(self, uid: Uid, request: Request, payload: bytes) -> Answer:
        """One answer for all identical reads of a user that are asked for while the first of them is under way."""
        query = () if request.query is None else tuple(request.query.items())
        key, loop = (uid, request.path, query, payload), asyncio.get_running_loop()
        flight = self._flights.get(key)
        while flight is not None and loop.time() - flight.begun < JOIN_SECONDS:
            done, _ = await asyncio.wait({flight.answer}, timeout=deadline.left(CALL_SECONDS))
            if not done:
                raise OutcomeUnknown(writes=False, timed_out=True)
            if not flight.answer.cancelled():
                return flight.answer.result()
            flight = self._flights.get(key)  # whoever sent it went away
        flight = self._flights[key] = _Flight(loop.time(), loop.create_future())
        try:
            answer = await self._as_one_of_a_burst(uid, request, payload)
        except BaseException as failed:
            self._land(key, flight)
            if isinstance(failed, Exception):
                flight.answer.set_exception(failed)
                flight.answer.exception()  # whoever joined raises it; nobody has to
            else:
                flight.answer.cancel()
            # Else the failure has this frame and this frame the failure, with all that was read before it.
            del flight
            raise
        self._land(key, flight)
        flight.answer.set_result(answer)
        return answer

    def _land(self, key: _Read, flight: _Flight) -> None:
        """Nobody joins a read any more; a later one of the same name stays."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _part_from_reads(self, uid: Uid) -> None:
        """After a write, successful or not, nobody joins a read that may have been answered before it."""
        for key in [k for k in self._flights if k[0] == uid]:
            del self._flights[key]

    # Bursts

    async def _as_one_of_a_burst(self, uid: Uid, request: Request, payload: bytes) -> Answer:
        """Of many requests at once the first goes alone: when its token has expired, the others do not send it as
        well.
        """
        burst = self._bursts.get(uid)
        is_first = burst is None
        if burst is None:
            burst = self._bursts[uid] = _Burst()
        burst.under_way += 1
        try:
            if not is_first and not burst.is_answered.is_set():
                await _wait(burst.is_answered, deadline.left(PROBE_SECONDS))
            return await self._authenticated(uid, request, payload)
        finally:
            burst.is_answered.set()
            burst.under_way -= 1
            if not burst.under_way:
                del self._bursts[uid]

    # The authentication flow

    async def _authenticated(self, uid: Uid, request: Request, payload: bytes) -> Answer:
        async def send(credential: Credential) -> Answer:
            token, key = credential.access_token, credential.key
            url, writes = credential.instance_url + request.path, request.writes
            url = hosts.confined(url, credential.instance_url, local=self._local)
            answer = await self._http.send(
                request.method,
                url,
                seconds=CALL_SECONDS if request.upload is None and request.sink is None else FILE_SECONDS,
                writes=writes,
                token=token,
                key=key,
                headers=request.headers,
                query=request.query,
                json=payload,
                soap=request.soap,
                upload=request.upload,
                sink=request.sink,
            )
            telemetry.count("salesforce.requests", org=uid.org_id, status=answer.status)
            return answer

        credential, refreshed = await self._credentials.get(uid), False
        await self._budget.take(uid)
        once = request.writes or request.sink is not None
        answer = await self._deliver(send, credential, once=once)
        while _rejected(answer, request):
            if refreshed:
                # A token just made is refused too: refreshing again cannot help.
                raise ConnectionLost(Reason.ORG_POLICY)
            # A rejected request was not carried out, so a write is replayed like a read. A newer token that another
            # instance had stored may have expired as well; then this instance refreshes, once.
            renewed = await self._credentials.renew(uid, rejected=credential)
            if request.upload is not None:
                raise SendAgain
            credential, refreshed = renewed.credential, renewed.refreshed
            answer = await self._deliver(send, credential, once=once)
        self._budget.observe(uid.org_id, answer.headers.get("Sforce-Limit-Info"))
        if answer.status == 403 and not request.aside and refuses_the_api(answer.status, answer.json()):
            with suppress(Exception):  # what cannot be stored now is with the next such answer
                await self._credentials.end(uid, credential, Reason.API_NOT_ENABLED)
        return answer

    async def _deliver(
        self, send: Callable[[Credential], Awaitable[Answer]], credential: Credential, *, once: bool
    ) -> Answer:
        """Sends a write `once`: what broke off may have been carried out. A read goes again after a passing fault, with
        growing pauses, as long as the call's deadline leaves time for it."""
        pauses = iter(() if once else RETRY_PAUSES)
        while True:
            answer, failure = None, None
            try:
                answer = await send(credential)
            except (NotSent, OutcomeUnknown) as failed:
                failure = failed
            if answer is not None and answer.status not in _PASSING:
                return answer
            pause = next(pauses, None)
            jittered = 0.0 if pause is None else pause * (0.5 + self._random())
            if pause is None or deadline.left(CALL_SECONDS) <= jittered:
                if answer is None:
                    assert failure is not None
                    try:
                        raise failure
                    finally:
                        del failure  # which has this frame
                return answer
            await self._clock.sleep(jittered)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass


def _rejected(answer: Answer, request: Request) -> bool:
    """Whether Salesforce refused the token, and so did nothing. Of a `custom` answer it is only certain where the error
    code is one of Salesforce's own; the SOAP API says it in a fault. Sources: REST API Developer Guide, "Status Codes
    and Error Responses"; SOAP API Developer Guide, ExceptionCode.
    """
    if request.soap and answer.status == 500:
        return fault_of(answer.body)[0] in _TOKEN_REFUSED
    if request.custom and answer.status == 401:
        return error_code(answer.json()) in _TOKEN_REFUSED
    return answer.status == 401 or (answer.status == 403 and answer.body.strip() == _BAD_TOKEN)
