"""Completing a task by one tap, with a way back.

It is sent at once and taken back by a change: whoever closes the app within the ten seconds has done what they saw, and
nothing waits that could be lost. Without a network it waits on the device, and is taken back by throwing that away.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from contract.activities import TaskDone
from contract.errors import CallError
from data.repositories.calls import AnotherUser
from data.repositories.queue import Edit, NotKept, Queue
from data.repositories.records import RecordsRepository
from data.repositories.sending import Sending
from ui.shared.deletions import UNDO_SECONDS
from ui.shared.notices import Notice, Notices
from ui.shared.words import _


class Completions:
    """Completes tasks. What a tap has made of a task counts at once, before Salesforce has answered and whatever older
    answers say. `changed` is called when it does."""

    def __init__(
        self,
        records: RecordsRepository,
        queue: Queue,
        sending: Sending,
        notices: Notices,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
    ) -> None:
        self._records = records
        self._queue = queue
        self._sending = sending
        self._notices = notices
        self._sleep = sleep
        self._open: dict[str, bool] = {}  # what was made of a task here, by its id
        self._busy: set[str] = set()
        self._offers: dict[str, tuple[Notice, asyncio.Task[None]]] = {}
        self.changed: Callable[[], None] = lambda: None

    def is_open(self, task_id: str, told: bool) -> bool:
        """Whether a task is open, of which the page at hand has `told` that it is."""
        return self._open.get(task_id, told and not self._queue.is_completed(task_id))

    async def complete(self, sobject: str, task_id: str, subject: str) -> None:
        """Completes a task, and offers to take it back. Whatever goes wrong is a notice, and it is open again."""
        if task_id in self._busy or not self.is_open(task_id, True):
            return
        done = await self._change(sobject, task_id, subject, None)
        if isinstance(done, Edit):
            said = _("{title} is completed when you are online again.", title=subject)
            self._offer(task_id, said, lambda: self._stay_open(task_id, done))
        elif done is not None and done.before:
            said = _("{title} is completed.", title=subject)
            self._offer(done.id, said, lambda: self._change(sobject, done.id, subject, done))

    async def _stay_open(self, task_id: str, waiting: Edit) -> None:
        """Takes back what was not sent yet; says when it was."""
        if self._queue.get(waiting.id) is not None and await self._queue.discard(waiting.id):
            self._open.pop(task_id, None)
            self.changed()
        else:
            self._notices.say(Notice(_("{title} is completed already.", title=waiting.title)))

    def _offer(self, task_id: str, said: str, take_back: Callable[[], Coroutine[Any, Any, object]]) -> None:
        async def undo() -> None:
            self._end_offer(task_id)
            await take_back()

        async def end() -> None:
            await self._sleep(UNDO_SECONDS)
            self._end_offer(task_id)

        notice = Notice(said, _("Undo"), undo)
        self._offers[task_id] = notice, asyncio.create_task(end())
        self._notices.show(notice)

    def _end_offer(self, task_id: str) -> None:
        offer = self._offers.pop(task_id, None)
        if offer is not None:
            notice, ending = offer
            self._notices.end(notice)
            if ending is not asyncio.current_task():
                ending.cancel()

    async def _change(
        self, sobject: str, task_id: str, subject: str, undone: TaskDone | None
    ) -> TaskDone | Edit | None:
        """Completes a task, or gives it back what it was before. Returns what it is then, or what waits; None when that
        failed."""
        before = self._open.get(task_id)
        self._open[task_id] = undone is not None
        self._busy.add(task_id)
        self.changed()
        try:
            if undone is None:
                return await self._sending.complete(sobject, task_id, title=subject)
            return await self._records.complete(sobject, task_id, undone)
        except NotKept as refused:
            self._restore(task_id, before)
            self._notices.say(Notice(_("{title} was not changed: {why}", title=subject, why=_(refused.message))))
        except CallError as failed:
            self._restore(task_id, before)
            self._notices.say(Notice(_("{title} was not changed: {why}", title=subject, why=_(failed.message))))
        except AnotherUser:
            self._restore(task_id, before)
        finally:
            self._busy.discard(task_id)
            self.changed()
        return None

    def _restore(self, task_id: str, before: bool | None) -> None:
        self._open.pop(task_id, None)
        if before is not None:
            self._open[task_id] = before

    def drop(self) -> None:
        """Forgets everything: the user has changed."""
        for task_id in list(self._offers):
            self._end_offer(task_id)
        self._open.clear()
