"""Which of the org's list views a list shows: chosen on this device for each object, and what there is to choose."""

import time
from collections.abc import Callable
from dataclasses import replace

from contract.calls import SobjectShape
from contract.errors import CallError, Reason, RefusedRequest
from contract.list_views import ListView, ListViews
from data.repositories.records import ListChoice, RecordsRepository
from ui.shared.notices import Notice, Notices
from ui.shared.state import Live, State
from ui.shared.words import _

_RECENT = 5  # list views that were used last and stand first
_MANY = 8  # so many that they can be searched
# Why a list that shows a view may be refused because of the view: it is gone, or Salesforce or an older backend does
# not take it.
_REFUSED = frozenset({Reason.MALFORMED_REQUEST, Reason.UNKNOWN_FIELD, Reason.INVALID_VALUE})


class OrgViews(State):
    """The org's list views of one object. `chosen` is the one that the list shows, None for one of the app's own
    beginnings: all records where `shows_all`, else what the object's preset says. `text` is what is looked for among
    their names."""

    def __init__(
        self,
        records: RecordsRepository,
        shape: SobjectShape,
        notices: Notices | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._records = records
        self._notices = notices
        self._sobject = shape.sobject
        self._has_preset = shape.preset is not None
        self._live = Live[ListViews](records.list_views(shape.sobject), now)
        self._live.listen(self.changed)
        self._choice = ListChoice()
        self._is_kept = False
        self.text = ""

    @property
    def chosen(self) -> ListView | None:
        """The list view that the list shows."""
        return self._choice.view

    @property
    def shows_all(self) -> bool:
        """Whether the list shows all records, and not the preset."""
        return self._choice.view is None and (self._choice.all or not self._has_preset)

    @property
    def problem(self) -> CallError | None:
        """Why the names could not be fetched, while there are none."""
        return self._live.problem if self._live.value is None else None

    @property
    def loading(self) -> bool:
        """Whether the names are on their way and none are there."""
        return self._live.value is None and self._live.problem is None

    @property
    def many(self) -> bool:
        """Whether there are so many that one searches them."""
        return self._live.value is not None and len(self._live.value.views) > _MANY

    @property
    def is_cut(self) -> bool:
        """Whether the org has more than are listed."""
        return self._live.value is not None and not self._live.value.complete

    @property
    def listed(self) -> tuple[ListView, ...]:
        """Those in whose name the text occurs: the ones that were used last, then as Salesforce orders them."""
        there = self._live.value.views if self._live.value is not None else ()
        ids = {view.id: view for view in there}
        recent = [ids[view.id] for view in self._choice.recent if view.id in ids]
        words = self.text.strip().casefold()
        return tuple(view for view in dict.fromkeys((*recent, *there)) if words in view.label.casefold())

    async def restore(self) -> None:
        """Takes up what was chosen last on this device."""
        kept = await self._records.list_choice(self._sobject)
        self._choice, self._is_kept = kept or ListChoice(), kept is not None

    async def look(self) -> bool:
        """Fetches the names. Returns whether the list view that is shown is gone."""
        self.text = ""
        if not await self._live.load() or self._live.value is None or self._live.problem is not None:
            return False
        chosen, there = self._choice.view, {view.id: view for view in self._live.value.views}
        if chosen is None or not self._live.value.complete:
            return False
        if chosen.id not in there:
            return True
        if there[chosen.id] != chosen:  # it was renamed
            await self.choose(there[chosen.id])
        return False

    async def type(self, text: str) -> None:
        """Looks for a text among the names."""
        self.text = text
        self.changed()

    async def choose(self, view: ListView | None, *, shows_all: bool = False) -> None:
        """Notes what the list shows from now on, here and on the device."""
        recent = self._choice.recent
        if view is not None:
            recent = (view, *(one for one in recent if one.id != view.id))[:_RECENT]
        self._choice = ListChoice(view, shows_all and view is None, recent)
        self.changed()
        await self.keep()

    async def keep(self) -> None:
        """Keeps on the device what was chosen, as the newest there: what was seen long ago goes from it."""
        if self._is_kept or self._choice != ListChoice():
            self._is_kept = True
            await self._records.keep_list_choice(self._sobject, self._choice)

    def is_refused(self, failed: CallError, *, narrowed: bool) -> bool:
        """Whether a list was refused because of its list view; `narrowed` is whether it has filters or a search, which
        may be the reason too."""
        if self.chosen is None or not isinstance(failed, RefusedRequest):
            return False
        return failed.reason is Reason.LIST_VIEW_NOT_AVAILABLE or (failed.reason in _REFUSED and not narrowed)

    def lose(self) -> None:
        """Forgets the list view that is shown, and says so: it is gone in the org, or cannot be shown here."""
        lost = self.chosen
        if lost is None:
            return
        recent = tuple(one for one in self._choice.recent if one.id != lost.id)
        self._choice = replace(self._choice, view=None, recent=recent)
        if self._notices is not None:
            self._notices.say(Notice(_("The list view “{name}” is not available any more.", name=lost.label)))
        self.changed()
