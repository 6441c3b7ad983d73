"""Profile: who is signed in, as Salesforce knows them, and how they stay or leave."""

import asyncio
from collections.abc import Awaitable, Callable

from contract.calls import ConnectionStatus, Profile
from contract.errors import CallError
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository


class ProfileViewModel:
    def __init__(self, records: RecordsRepository, session: SessionRepository, changed: Callable[[], None]) -> None:
        self._records = records
        self._session = session
        self._changed = changed
        self.profile: Profile | None = None
        self.connection: ConnectionStatus | None = None
        self.problem: CallError | None = None
        self.leaving = False
        self.asks_to_erase = False

    async def load(self) -> None:
        try:
            self.profile, self.connection = await asyncio.gather(self._records.profile(), self._records.connection())
            self.problem = None
        except CallError as failed:
            self.problem = failed
        self._changed()

    async def stay_signed_in(self, wanted: bool) -> None:
        try:
            self.connection = await self._records.stay_signed_in(wanted)
        except CallError as failed:
            self.problem = failed
        self._changed()

    def ask_to_erase(self, asks: bool) -> None:
        self.asks_to_erase = asks
        self._changed()

    async def sign_out(self, *, everywhere: bool = False) -> bool:
        """Whether the sign-out went through."""
        return await self._leave(lambda: self._session.sign_out(everywhere=everywhere))

    async def erase(self) -> bool:
        """Whether all was erased."""
        return await self._leave(self._session.erase)

    async def _leave(self, leave: Callable[[], Awaitable[None]]) -> bool:
        self.leaving = True
        self._changed()
        try:
            await leave()
        except CallError as failed:
            self.problem, self.leaving = failed, False
            self._changed()
            return False
        return True

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(label, value) of what is known."""
        profile = self.profile
        if profile is None:
            return []
        known = [
            ("Company", profile.company_name),
            ("Department", profile.department),
            ("Email", profile.user.email),
            ("Phone", profile.phone),
            ("Mobile", profile.mobile_phone),
            ("Username", profile.user.username),
            ("Role in Salesforce", profile.profile_name),
            ("Time zone", (profile.time_zone or "").replace("_", " ")),
        ]
        return [(label, value) for label, value in known if value]
