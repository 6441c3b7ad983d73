"""Profile: who is signed in, as Salesforce knows them."""

from collections.abc import Callable

from contract.calls import Profile
from contract.errors import CallError
from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository


class ProfileViewModel:
    def __init__(self, records: RecordsRepository, session: SessionRepository, changed: Callable[[], None]) -> None:
        self._records = records
        self._session = session
        self._changed = changed
        self.profile: Profile | None = None
        self.problem: CallError | None = None
        self.leaving = False

    async def load(self) -> None:
        try:
            self.profile, self.problem = await self._records.profile(), None
        except CallError as failed:
            self.problem = failed
        self._changed()

    async def sign_out(self) -> bool:
        """Whether the sign-out went through."""
        self.leaving = True
        self._changed()
        try:
            await self._session.sign_out()
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
