"""This app's access to the user's Salesforce: its state, the devices that are signed in, and how all of it ends."""

from contextlib import suppress

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
from data.repositories.calls import AnotherUser, Calls
from data.repositories.session import SessionRepository
from data.repositories.shelf import Fetch, Shelf


class AccessRepository:
    """Every method raises the contract's CallErrors, and AnotherUser when the user has changed meanwhile."""

    def __init__(self, calls: Calls, session: SessionRepository, shelf: Shelf) -> None:
        self._call = calls
        self._session = session
        self._shelf = shelf

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
        already is no error."""
        user, leave = self._session.user, self._session.leaving()
        if user is None:
            return
        await self._session.follow()
        if self._session.user == user:  # else it has been ended in another window
            with suppress(AnotherUser):  # it has been just now
                await self._call.last(SIGN_OUT, SignOut(everywhere))
        await leave()

    async def erase(self) -> None:
        """Has the backend erase everything that it keeps of the user, also when another window ends the session
        meanwhile. The receipt is then in the session's `erased`."""
        leave = self._session.leaving()
        erased = await self._call.regardless(ERASE_ME, Empty())
        await leave()
        self._session.erased = erased
