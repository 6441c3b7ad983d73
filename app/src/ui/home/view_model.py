"""Home: the open pipeline as bars, the newest accounts."""

from collections.abc import Callable
from dataclasses import dataclass

from contract.calls import Dashboard
from contract.errors import CallError
from data.repositories.records import RecordsRepository


@dataclass(frozen=True, slots=True)
class Bar:
    """One stage of the pipeline; `share` is its amount relative to the largest, from 0 to 1."""

    stage: str
    amount: float
    count: int
    share: float


class HomeViewModel:
    def __init__(self, records: RecordsRepository, changed: Callable[[], None]) -> None:
        self._records = records
        self._changed = changed
        self.dashboard: Dashboard | None = None
        self.problem: CallError | None = None

    async def load(self) -> None:
        """Asks for the dashboard; what was shown before stays until the answer is there."""
        try:
            self.dashboard, self.problem = await self._records.dashboard(), None
        except CallError as failed:
            self.problem = failed
        self._changed()

    @property
    def bars(self) -> list[Bar]:
        pipeline = self.dashboard.pipeline if self.dashboard else ()
        largest = max((s.amount for s in pipeline), default=0) or 1
        return [Bar(s.stage, s.amount, s.count, s.amount / largest) for s in pipeline]

    @property
    def total(self) -> float:
        return sum(b.amount for b in self.bars)
