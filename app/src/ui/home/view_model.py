"""Home: what the day asks for, the open pipeline as bars, what the person saw and typed last."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from contract.activities import Activity, Day
from data.repositories.drafts import Draft, Drafts
from data.repositories.records import RecordsRepository, Visited
from ui.shared import days
from ui.shared.state import Live, Screen


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage of the pipeline, as people read it; `share` is its amount relative to the largest, from 0 to 1, and
    `value` what the stage is called in Salesforce."""

    stage: str
    amount: float
    count: int
    share: float
    value: str = ""


class HomeViewModel(Screen):
    """`dashboard` is what the backend says of deals and tasks, `visited` are the records that were opened last. `now`
    gives seconds since the epoch."""

    def __init__(self, records: RecordsRepository, drafts: Drafts, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._records = records
        self._drafts = drafts
        self._now = now
        self.dashboard = Live(records.dashboard(lambda: days.asked_day(now())), now)
        self.dashboard.listen(self.changed)
        self.visited: tuple[Visited, ...] = ()
        self.whole: frozenset[str] = frozenset()  # the parts of the day of which everything is shown

    async def load(self) -> None:
        self.visited = await self._records.visited()
        looking = asyncio.create_task(self._look())
        await self.dashboard.load()
        await looking

    async def _look(self) -> None:
        """Reads the drafts again: other windows may have changed them."""
        before = self.drafts
        await self._drafts.look()
        if self.drafts != before:
            self.changed()

    @property
    def has_content(self) -> bool:
        return self.dashboard.value is not None or self.dashboard.problem is not None

    @property
    def is_complete(self) -> bool:
        """Whether the dashboard is loaded, and its last loading did not fail."""
        return self.dashboard.value is not None and self.dashboard.problem is None

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The drafts that are not saved yet, the newest first."""
        return self._drafts.all()

    @property
    def today(self) -> date:
        """The date of now on this device."""
        return days.today(self._now())

    @property
    def day(self) -> Day | None:
        """What the day asks for; None where the backend does not tell."""
        return None if self.dashboard.value is None else self.dashboard.value.day

    def show_whole(self, part: str) -> None:
        """Shows all of a part of the day."""
        self.whole |= {part}
        self.changed()

    @property
    def overdue(self) -> tuple[Activity, ...]:
        """The tasks that were due before today, the newest first."""
        today = self.today.isoformat()
        return () if self.day is None else tuple(t for t in self.day.tasks if (t.day or today) < today)

    @property
    def due(self) -> tuple[Activity, ...]:
        """The tasks of today."""
        today = self.today.isoformat()
        return () if self.day is None else tuple(t for t in self.day.tasks if t.day == today)

    @property
    def events(self) -> tuple[Activity, ...]:
        """The events of today; those of yesterday, which the device may have kept, are none."""
        return () if self.day is None or self.day.today != self.today.isoformat() else self.day.events

    @property
    def bars(self) -> list[Bar]:
        """The stages of the open pipeline, in the backend's order."""
        pipeline = self.dashboard.value.pipeline if self.dashboard.value else ()
        largest = max((s.amount for s in pipeline), default=0) or 1
        return [Bar(s.label or s.stage, s.amount, s.count, s.amount / largest, s.stage) for s in pipeline]

    @property
    def converted_to(self) -> str:
        """The ISO 4217 code of the currency to which the pipeline's amounts are converted; "" when all are in one."""
        return self.dashboard.value.currency if self.dashboard.value else ""

    def shows(self, part: str) -> bool:
        """Whether the person may see a part of home at all, which the backend names."""
        return self.dashboard.value is not None and part not in self.dashboard.value.hidden

    @property
    def total(self) -> float:
        """The amount of the whole pipeline."""
        return sum(b.amount for b in self.bars)
