"""Profile: who is signed in, as Salesforce knows them."""

from contract.calls import Profile
from data.repositories.records import RecordsRepository
from ui.shared.state import Live, Screen
from ui.shared.words import _


class ProfileViewModel(Screen):
    """`profile` is the user as Salesforce has them."""

    def __init__(self, records: RecordsRepository) -> None:
        super().__init__()
        self.profile = Live[Profile](records.profile())
        self.profile.listen(self.changed)

    async def load(self) -> None:
        await self.profile.load()

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Labels and values of the profile, without those that are empty."""
        profile = self.profile.value
        if profile is None:
            return []
        lines = [
            (_("Company"), profile.company_name),
            (_("Department"), profile.department),
            (_("Email"), profile.user.email),
            (_("Phone"), profile.phone),
            (_("Mobile"), profile.mobile_phone),
            (_("Username"), profile.user.username),
            (_("Role in Salesforce"), profile.profile_name),
            (_("Time zone"), (profile.time_zone or "").replace("_", " ")),
        ]
        return [(label, value) for label, value in lines if value]
