"""The records that the person has starred: their favorites in Salesforce, seen there too."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from contract.errors import CallError
from contract.favorites import MAX_NAME, Favorite, Favorites
from data.repositories.calls import AnotherUser
from data.repositories.records import RecordsRepository
from ui.shared.notices import Notices
from ui.shared.state import State

FRESH_SECONDS = 300.0  # so long what was fetched is not fetched again


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the person wants of a record's star; it shows at once."""

    starred: bool
    sobject: str
    name: str


class Stars(State):
    """The stars of one user; `begin` starts anew for another. A tap shows at once; where Salesforce refuses it, it is
    taken back with a notice."""

    def __init__(self, records: RecordsRepository, notices: Notices, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._records = records
        self._notices = notices
        self._now = now
        self.begin()

    def begin(self) -> None:
        """Forgets the stars: they are somebody else's."""
        self._there: tuple[Favorite, ...] | None = None
        self._at: float | None = None
        self._loading = False
        self._changes = 0
        self._wishes: dict[str, _Wish] = {}
        self._working: set[str] = set()

    @property
    def are_there(self) -> bool:
        """Whether it is known what is starred. Where Salesforce has no favorites for the person, it never is."""
        return self._there is not None

    @property
    def favorites(self) -> tuple[Favorite, ...]:
        """What is starred, in the person's order, with what they have just tapped."""
        there = self._there or ()
        kept = [one for one in there if self.is_starred(one.record)]
        known = {one.record[:15] for one in there}
        new = [
            Favorite("", wish.sobject, record, wish.name)
            for record, wish in self._wishes.items()
            if wish.starred and record[:15] not in known
        ]
        return (*kept, *new)

    def is_starred(self, record_id: str) -> bool:
        """Whether a record is starred."""
        wish = self._wishes.get(record_id)
        return self._of(record_id) is not None if wish is None else wish.starred

    async def load(self) -> None:
        """Takes the stars from the device, and fetches them where they were not fetched lately. What cannot be fetched
        stays as it was."""
        if self._loading or (self._at is not None and self._now() - self._at < FRESH_SECONDS):
            return
        there, fetch = self._there, self._records.favorites()
        self._loading = True
        try:
            if there is None and (seen := await fetch.seen()) is not None:
                self._put(seen.value.favorites)
            while True:
                changes, told = self._changes, await fetch.get()
                if changes == self._changes:  # a tap while they came is not in what came
                    break
            self._put(told.favorites)
            self._at = self._now()
        except (CallError, AnotherUser):
            pass
        finally:
            self._loading = False

    async def toggle(self, sobject: str, record_id: str, name: str) -> None:
        """Stars a record or takes its star away; taps while Salesforce is told are one change at the end."""
        self._wishes[record_id] = _Wish(not self.is_starred(record_id), sobject, name)
        self.changed()
        if record_id in self._working:
            return
        wishes, working = self._wishes, self._working  # of this user
        working.add(record_id)
        try:
            while (wish := wishes.get(record_id)) is not None:
                await self._tell(record_id, wish)
                if wishes.get(record_id) is wish:
                    del wishes[record_id]
        except (CallError, AnotherUser) as failed:
            wishes.pop(record_id, None)
            self._notices.failed(failed)
        finally:
            working.discard(record_id)
            self.changed()

    async def _tell(self, record_id: str, wish: _Wish) -> None:
        """Makes what Salesforce has what the person wants."""
        there = self._of(record_id)
        if wish.starred and there is None:
            made = await self._records.add_favorite(wish.sobject, record_id, wish.name[:MAX_NAME] or record_id)
            self._put((*(self._there or ()), made))
        elif not wish.starred and there is not None:
            await self._records.remove_favorite(there.id)
            self._put(tuple(one for one in self._there or () if one.id != there.id))
        else:
            return
        self._changes += 1
        await self._records.keep_favorites(Favorites(self._there or ()))

    def _of(self, record_id: str) -> Favorite | None:
        return next((one for one in self._there or () if one.record[:15] == record_id[:15]), None)

    def _put(self, favorites: tuple[Favorite, ...]) -> None:
        self._there = favorites
        self.changed()
