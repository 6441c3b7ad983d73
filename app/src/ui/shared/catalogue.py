"""The objects of the user's org, as the user may see them."""

import time
from collections.abc import Callable
from urllib.parse import quote

from contract.calls import Objects, SobjectShape
from contract.errors import CallError
from data.repositories.records import RecordsRepository
from ui.shared.state import Live, State


class Catalogue(State):
    """Of one user; `begin` starts anew for another."""

    def __init__(self, records: RecordsRepository, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._records = records
        self._now = now
        self.begin()

    def begin(self) -> None:
        """Forgets what another user may see."""
        self._live = Live[Objects](self._records.objects(), self._now)
        self._live.listen(self.changed)

    async def load(self) -> None:
        await self._live.load()

    @property
    def is_loaded(self) -> bool:
        """Whether it has been fetched, now or in an earlier visit."""
        return self._live.value is not None

    @property
    def problem(self) -> CallError | None:
        """Why it could not be fetched."""
        return self._live.problem

    @property
    def shapes(self) -> tuple[SobjectShape, ...]:
        """Each object, in the order of the navigation; empty until it is known."""
        return self._live.value.objects if self._live.value is not None else ()

    def shape(self, sobject: str) -> SobjectShape | None:
        """An object as the user may see it; None when they may not, or it is not known yet."""
        return next((shape for shape in self.shapes if shape.sobject == sobject), None)

    def shape_of_id(self, record_id: str) -> SobjectShape | None:
        """The object of a record, by what its id begins with; None when the user may not see it or it is not one of the
        app's.
        """
        return next(
            (shape for shape in self.shapes if shape.key_prefix and record_id.startswith(shape.key_prefix)), None
        )

    def salesforce_page(self, sobject: str, record_id: str) -> str:
        """The address of a record on Salesforce's own pages."""
        site = "" if self._live.value is None else self._live.value.site
        return f"{site}/lightning/r/{quote(sobject, safe='')}/{quote(record_id, safe='')}/view"
