"""Deleting a record, with a way back."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from contract.errors import CallError, OrgUnavailable
from data.repositories.calls import AnotherUser, is_offline
from data.repositories.drafts import Drafts
from data.repositories.queue import NotKept, Queue
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
        queue: Queue,
        offline: Callable[[], bool],
        notices: Notices,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._records = records
        self._drafts = drafts
        self._queue = queue
        self._offline = offline
        self._notices = notices
        self._sleep = sleep
        self._waiting: dict[str, _Deletion] = {}
        self.changed: Callable[[str], None] = lambda _sobject: None

    def is_deleted(self, record_id: str) -> bool:
        """Whether the record is hidden and will be deleted."""
        return record_id in self._waiting or self._queue.is_deleted(record_id)

    def delete(self, sobject: str, record_id: str, title: str, back: Callable[[], Awaitable[None]]) -> None:
        """Hides a record, and deletes it after UNDO_SECONDS. `back` is called when the person takes it back. Whatever
        goes wrong is a notice."""

        async def delete() -> None:
            await asyncio.wait([pause])
            self._notices.end(notice)
            try:
                await self._delete(sobject, record_id, title)
                self._drafts.drop(sobject, record_id)
            except CallError as failed:
                self._notices.say(Notice(_("{title} was not deleted: {why}", title=title, why=_(failed.message))))
            except NotKept as refused:
                self._notices.say(Notice(_("{title} was not deleted: {why}", title=title, why=_(refused.message))))
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

        if self.is_deleted(record_id):
            return
        notice = Notice(_("{title} is deleted.", title=title), _("Undo"), undo)
        pause, work = asyncio.create_task(self._sleep(UNDO_SECONDS)), asyncio.create_task(delete())
        self._waiting[record_id] = _Deletion(pause, work, notice)
        self._notices.show(notice)
        self.changed(sobject)

    async def _delete(self, sobject: str, record_id: str, title: str) -> None:
        """Deletes a record; where nothing comes through, the device keeps that it is to be deleted. Raises CallErrors,
        NotKept and AnotherUser."""
        if not self._offline() and not self._queue.of(record_id):
            try:
                await self._records.delete(sobject, record_id)
                return
            except OrgUnavailable as failed:
                if not is_offline(failed):
                    raise
        kept = await self._records.kept(sobject, record_id)
        if await self._queue.delete(sobject, record_id, None if kept is None else kept.version, title=title):
            self._notices.say(Notice(_("{title} is deleted when you are online again.", title=title)))

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
