"""The objects of the user's org, as the user may see them."""

import time
from collections.abc import Callable
from urllib.parse import quote

from contract.calls import Objects, SobjectShape
from contract.errors import CallError
from data.repositories.records import RecordsRepository
from ui.shared.state import Live, State


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

    def salesforce_page(self, sobject: str, record_id: str) -> str:
        """The address of a record on Salesforce's own pages."""
        site = "" if self._live.value is None else self._live.value.site
        return f"{site}/lightning/r/{quote(sobject, safe='')}/{quote(record_id, safe='')}/view"
