"""The objects of the user's org, as the user may see them."""

import time
from collections.abc import Callable
from urllib.parse import quote

from contract.activities import TASKS
from contract.calls import ListRecords, Objects, SobjectShape
from contract.errors import CallError
from contract.values import Filter, Record
from data.repositories.records import RecordsRepository
from ui.shared.calling import AlsoAbout
from ui.shared.state import Live, State

MAX_DEALS = 5  # of a customer, among which a call may have been about one


class Catalogue(State):
    """The objects of one user; `begin` starts anew for another. It changes when they come."""

    def __init__(self, records: RecordsRepository, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._records = records
        self._now = now
        self.begin()

    def begin(self) -> None:
        """Forgets the objects: another user may see other ones."""
        self._live = Live[Objects](self._records.objects(), self._now)
        self._live.listen(self.changed)

    async def load(self) -> None:
        """Takes the objects from the device, and fetches them anew."""
        await self._live.load()

    @property
    def is_loaded(self) -> bool:
        """Whether the objects are there, from now or from an earlier visit."""
        return self._live.value is not None

    @property
    def problem(self) -> CallError | None:
        """Why they could not be fetched; None when they could."""
        return self._live.problem

    @property
    def shapes(self) -> tuple[SobjectShape, ...]:
        """All objects that the user may see, in the order of the navigation; empty while they are not loaded."""
        return self._live.value.objects if self._live.value is not None else ()

    def shape(self, sobject: str) -> SobjectShape | None:
        """An object by its API name; None when the user may not see it, or the objects are not loaded."""
        return next((shape for shape in self.shapes if shape.sobject == sobject), None)

    def may_show(self, sobject: str) -> bool:
        """Whether an object is the user's to see, as far as is known: while the objects are not loaded, any may be."""
        return not self.is_loaded or self.shape(sobject) is not None

    def shape_of_id(self, record_id: str) -> SobjectShape | None:
        """The object to which a record's id belongs; None when the app does not show it to the user."""
        return next(
            (shape for shape in self.shapes if shape.key_prefix and record_id.startswith(shape.key_prefix)), None
        )

    def deals_of(self, shape: SobjectShape, record: Record) -> AlsoAbout | None:
        """The open deals of the customer to whom a record, such as a contact, belongs; None where a call with it cannot
        be about one of them too.
        """
        tasks, deals = self.shape(TASKS), next((s for s in self.shapes if s.board is not None), None)
        if tasks is None or deals is None or deals.board is None or not deals.board.closed:
            return None
        about_it, about_deals = (
            {f.name for f in tasks.fields if f.creatable and o in f.refers_to} for o in (shape.sobject, deals.sobject)
        )
        if not about_it or not about_deals - about_it:  # a task is about one record of each kind
            return None
        customers = {f.name: f.refers_to for f in shape.fields if record.fields.get(f.name) and f.relationship}
        for name, objects in customers.items():
            for theirs in deals.fields:
                if any(o in theirs.refers_to and self.shape(o) is not None for o in objects):
                    mine = Filter(theirs.name, "eq", record.fields[name])
                    is_open = Filter(deals.board.closed, "eq", False)
                    sort = None if deals.preset is None else deals.preset.sort  # the next to close first
                    asked = ListRecords(deals.sobject, filters=(mine, is_open), sort=sort, limit=MAX_DEALS)
                    return AlsoAbout(deals.label_plural, deals.title, asked)
        return None

    def salesforce_page(self, sobject: str, record_id: str) -> str:
        """The address of a record on Salesforce's own pages."""
        site = "" if self._live.value is None else self._live.value.site
        return f"{site}/lightning/r/{quote(sobject, safe='')}/{quote(record_id, safe='')}/view"
