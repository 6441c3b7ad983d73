"""Deleting a record, with a way back."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract.errors import CallError
from data.repositories.calls import AnotherUser
from data.repositories.drafts import Drafts
from data.repositories.records import RecordsRepository
from ui.shared.notices import Notice, Notices
from ui.shared.words import _

UNDO_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Deletion:
    """A record that will be deleted: `pause` is the time in which it can be taken back, `work` the whole deletion."""

    pause: asyncio.Task[None]
    work: asyncio.Task[None]
    notice: Notice


class Deletions:
    """Hides a record for UNDO_SECONDS, in which it can be taken back, and then deletes it. `changed` is called with the
    object when one of its records is hidden, deleted or back again."""

    def __init__(
        self,
        records: RecordsRepository,
        drafts: Drafts,
        notices: Notices,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._records = records
        self._drafts = drafts
        self._notices = notices
        self._sleep = sleep
        self._waiting: dict[str, _Deletion] = {}
        self.changed: Callable[[str], None] = lambda _sobject: None

    def is_deleted(self, record_id: str) -> bool:
        """Whether the record is hidden and will be deleted."""
        return record_id in self._waiting

    def delete(self, sobject: str, record_id: str, title: str, back: Callable[[], Awaitable[None]]) -> None:
        """Hides a record, and deletes it after UNDO_SECONDS. `back` is called when the person takes it back. Whatever
        goes wrong is a notice."""

        async def delete() -> None:
            await asyncio.wait([pause])
            self._notices.end(notice)
            try:
                await self._records.delete(sobject, record_id)
                self._drafts.drop(sobject, record_id)
            except CallError as failed:
                self._notices.say(Notice(_("{title} was not deleted: {why}", title=title, why=_(failed.message))))
            except AnotherUser:
                return
            finally:
                self._waiting.pop(record_id, None)
                self.changed(sobject)

        async def undo() -> None:
            if pause.done():
                return  # too late: it is being deleted
            del self._waiting[record_id]
            work.cancel()
            pause.cancel()
            self._notices.end(notice)
            self.changed(sobject)
            await back()

        if record_id in self._waiting:
            return
        notice = Notice(_("{title} is deleted.", title=title), _("Undo"), undo)
        pause, work = asyncio.create_task(self._sleep(UNDO_SECONDS)), asyncio.create_task(delete())
        self._waiting[record_id] = _Deletion(pause, work, notice)
        self._notices.show(notice)
        self.changed(sobject)

    async def finish(self) -> None:
        """Deletes all hidden records now: nobody will be there to take them back."""
        waiting = list(self._waiting.values())
        for deletion in waiting:
            deletion.pause.cancel()
        await asyncio.gather(*(deletion.work for deletion in waiting))

    def drop(self) -> None:
        """Cancels all deletions: the user has changed."""
        for deletion in self._waiting.values():
            deletion.work.cancel()
            deletion.pause.cancel()
            self._notices.end(deletion.notice)
        self._waiting.clear()
