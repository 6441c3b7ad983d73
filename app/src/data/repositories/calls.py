"""The one door to the backend for whoever is signed in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from contract.calls import Call, User
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason, SessionInvalid
from data.repositories.session import SessionRepository
from data.services.backend import Backend

Q = TypeVar("Q")
A = TypeVar("A")
SLOW_SECONDS = 2.5  # a call that takes longer is called slow


class AnotherUser(Exception):
    """The user has changed since the call began: its answer belongs to somebody else and must not be used."""


class Network:
    """How calls to the backend go at present. `offline` is whether it cannot be reached, `slow` whether a call waits
    longer than SLOW_SECONDS for its answer. `changed` is called after each change of the two, `reached` after each call
    that came through."""

    def __init__(self) -> None:
        self.offline = False
        self.slow = False
        self.changed: Callable[[], None] = lambda: None
        self.reached: Callable[[], None] = lambda: None
        self._waiting = 0

    def tell(self, *, offline: bool | None = None, slow: bool | None = None) -> None:
        """Sets `offline` and `slow`; None leaves the value as it is."""
        before = (self.offline, self.slow)
        self.offline = self.offline if offline is None else offline
        self.slow = self.slow if slow is None else slow
        if before != (self.offline, self.slow):
            self.changed()

    async def watch(self, work: Awaitable[A], *, tells_slow: bool = True) -> A:
        """Waits for a call and sets `offline` and `slow` by how it goes; `slow` only where it `tells_slow`. Returns or
        raises what the call does."""
        loop = asyncio.get_running_loop()
        timer = loop.call_later(SLOW_SECONDS, lambda: self.tell(slow=True) if tells_slow else None)
        self._waiting += 1
        try:
            answer = await work
        except CallError as failed:
            self.tell(offline=is_offline(failed))
            raise
        else:
            self.tell(offline=False)
            self.reached()
            return answer
        finally:
            timer.cancel()
            self._waiting -= 1
            if self._waiting == 0:
                self.tell(slow=False)


class Calls:
    """Makes calls for whoever is signed in: adds the ID token, keeps `network` up to date, and ends the session when
    the backend says that it is over."""

    def __init__(self, backend: Backend, session: SessionRepository) -> None:
        self._backend = backend
        self._session = session
        self.network = Network()

    async def __call__(self, call: Call[Q, A], request: Q) -> A:
        """The call's answer. Raises the contract's CallErrors, and AnotherUser when the user has changed meanwhile.

        A call that changes nothing and did not get through is made once more.
        """
        user = self._session.user
        try:
            answer = await self.regardless(call, request)
        except CallError:
            if self._session.user not in (user, None):  # what is done about a failure would be done as somebody else
                raise AnotherUser from None
            raise
        if self._session.user != user:
            raise AnotherUser
        return answer

    async def regardless(self, call: Call[Q, A], request: Q) -> A:
        """Like a call, but returns the answer also when the user has changed since it was sent. Raises the contract's
        CallErrors; AnotherUser when the user changed before that."""
        return await self._watched(self._send(call, request))

    async def upload(self, call: Call[Q, A], request: Q, content: bytes, progress: Callable[[float], None]) -> A:
        """A call that brings a file; `progress` is told which share of it has been sent. Raises as a call does.

        It is sent once more when Salesforce has refused the token, which the backend has renewed by then: the bytes are
        here, and not there."""
        user = self._session.user

        async def send() -> A:
            return await self._backend.upload(call, request, content, await self._id_token(user), progress)

        async def send_again() -> A:
            try:
                return await send()
            except OrgUnavailable as failed:
                if failed.reason is not Reason.SEND_AGAIN:
                    raise
            return await send()

        answer = await self._watched(send_again(), bytes_=True)
        if self._session.user != user:
            raise AnotherUser
        return answer

    async def download(self, call: Call[Q, bytes], request: Q) -> bytes:
        """A call that is answered with a file. Raises as a call does."""
        user = self._session.user

        async def send() -> bytes:
            return await self._backend.download(call, request, await self._id_token(user))

        content = await self._watched(send(), bytes_=True)
        if self._session.user != user:
            raise AnotherUser
        return content

    async def _watched(self, work: Awaitable[A], *, bytes_: bool = False) -> A:
        """Waits for a call, and ends the session when the backend says that it is over. `bytes_`: it carries a file, of
        which nobody says that it is slow."""
        began = self._session.user, self._session.sign_in
        try:
            return await self.network.watch(work, tells_slow=not bytes_)
        except (SessionInvalid, ConnectionLost) as ended:
            has_begun_anew = (self._session.user, self._session.sign_in) != began
            if self._session.user is not None and not has_begun_anew:
                await self._session.forget(ended)
            raise

    async def last(self, call: Call[Q, A], request: Q) -> A | None:
        """A call with which the user leaves this device; it does not end the session, which is left to the caller.
        Returns None when the session had ended already. Raises the other CallErrors."""
        try:
            return await self.network.watch(self._send(call, request))
        except (SessionInvalid, ConnectionLost):
            return None

    async def _send(self, call: Call[Q, A], request: Q) -> A:
        user = self._session.user
        try:
            return await self._backend.call(call, request, await self._id_token(user))
        except OrgUnavailable as failed:
            if not call.reads or not is_offline(failed):
                raise
        return await self._backend.call(call, request, await self._id_token(user))

    async def _id_token(self, user: User | None) -> str:
        """The ID token of this user. Raises AnotherUser when another one has taken over while it was renewed: nothing
        of theirs may be sent as somebody else."""
        token = await self._session.id_token()
        if self._session.user != user:
            raise AnotherUser
        return token


def is_offline(failed: CallError) -> bool:
    """Whether a call failed because the backend could not be reached."""
    return failed.reason is Reason.ORG_UNREACHABLE and failed.details.get("offline") is True
