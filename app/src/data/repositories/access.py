"""This app's access to the user's Salesforce: its state, the devices that are signed in, and how all of it ends."""

import asyncio

from contract.calls import (
    ERASE_ME,
    GET_ACCESS,
    SIGN_OUT,
    UPDATE_CONNECTION,
    Access,
    ConnectionStatus,
    Empty,
    SignOut,
    UpdateConnection,
)
from contract.errors import CallError
from data.repositories.calls import AnotherUser, Calls
from data.repositories.session import SessionRepository
from data.repositories.shelf import Fetch, Shelf
from data.repositories.sign_outs import SignOuts

SIGN_OUT_SECONDS = 8.0  # for the backend to confirm that this device is signed out


class AccessRepository:
    """Every method raises the contract's CallErrors, and AnotherUser when the user has changed meanwhile."""

    def __init__(self, calls: Calls, session: SessionRepository, shelf: Shelf, sign_outs: SignOuts) -> None:
        self._call = calls
        self._session = session
        self._shelf = shelf
        self._sign_outs = sign_outs

    def access(self) -> Fetch[Access]:
        """The state of the access, the devices and the history."""
        return Fetch(self._shelf, "access", Access, lambda: self._call(GET_ACCESS, Empty()))

    async def stay_signed_in(self, wanted: bool) -> ConnectionStatus:
        """Says whether the connection is to be renewed while the user is away (`wanted`). Returns its state
        afterwards."""
        return await self._call(UPDATE_CONNECTION, UpdateConnection(wanted))

    async def sign_out_device(self, device: str) -> None:
        """Ends the session of another device of the user's, by the device's id."""
        await self._call(SIGN_OUT, SignOut(device=device))

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """Ends the session of this device; with `everywhere` those of all the user's devices. A session that has ended
        already is no error.

        This device's ends here whatever the backend says; what that has not heard of, it hears of later. Only with
        `everywhere` it raises: whoever signs out a device that is lost must know whether it was done."""
        user, leave = self._session.user, self._session.leaving()
        if user is None:
            return
        await self._session.follow()
        if self._session.user == user:  # else it has been ended in another window
            try:
                if everywhere:
                    await self._call.last(SIGN_OUT, SignOut(everywhere))
                else:
                    await self._tell()
            except AnotherUser:
                pass  # it has been just now
        await leave()

    async def _tell(self) -> None:
        """Tells the backend that this device signs out, or has it told later. Raises AnotherUser."""
        parting = self._session.parting
        try:
            async with asyncio.timeout(SIGN_OUT_SECONDS):
                await self._call.last(SIGN_OUT, SignOut())
        except (CallError, TimeoutError):
            if parting is not None:
                await self._sign_outs.owe(parting)

    async def erase(self) -> None:
        """Has the backend erase everything that it keeps of the user, also when another window ends the session
        meanwhile. The receipt is then in the session's `erased`."""
        leave = self._session.leaving()
        erased = await self._call.regardless(ERASE_ME, Empty())
        await leave()
        self._session.erased = erased
