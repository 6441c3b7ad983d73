"""The files of a record: listed when somebody asks for them, added with progress, and taken to the device."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from contract.errors import CallError, OrgUnavailable, Reason
from contract.files import MAX_FILE, MAX_FILE_NAME, RecordFile, RecordFiles
from data.repositories.calls import AnotherUser
from data.repositories.drafts import new_id
from data.repositories.records import RecordsRepository
from ui.shared import values
from ui.shared.notices import Notice, Notices
from ui.shared.state import Live, State
from ui.shared.words import _

_STEP = 0.02  # of a file: so much more has to be sent before it is painted


@dataclass(frozen=True, slots=True)
class Picked:
    """A file that a person has chosen on the device."""

    name: str
    content: bytes


class Files(State):
    """The files of the record that a page shows, which are fetched once the person wants to see them (`is_open`).

    `sending` is the name of the file that is just being added, "" for none, `sent` which share of it has left;
    `problem` is why the last one could not be added, and `can_retry` whether the same may be tried again. `taking` is
    the version that is just being fetched, "" for none.
    """

    def __init__(
        self,
        records: RecordsRepository,
        sobject: str,
        record_id: str,
        notices: Notices,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._records = records
        self._sobject = sobject
        self._record_id = record_id
        self._notices = notices
        self.listed = Live[RecordFiles](records.files(sobject, record_id), now)
        self.listed.listen(self.changed)
        self.is_open = False
        self.sending = ""
        self.sent = 0.0
        self.problem = ""
        self.taking = ""
        self._left: tuple[Picked, str] | None = None  # what could not be sent, and its key
        self._work: asyncio.Task[None] | None = None

    @property
    def files(self) -> tuple[RecordFile, ...]:
        """The files, as far as they are known."""
        return () if self.listed.value is None else self.listed.value.files

    @property
    def can_retry(self) -> bool:
        """Whether the file that could not be added may be sent again as it is."""
        return self._left is not None and not self.sending

    async def open(self) -> None:
        """Shows the files, fetched anew."""
        self.is_open = True
        await self.listed.load()

    async def add(self, picked: Picked) -> None:
        """Adds a file to the record; one after another."""
        if self.sending:
            return
        self._left, self.problem = None, ""
        if len(picked.content) > MAX_FILE:
            self.problem = _("This file is larger than {size}.", size=size_words(MAX_FILE))
        elif not picked.content:
            self.problem = _("This file is empty.")
        if self.problem:
            self.changed()
            return
        await self._send(Picked(_short(picked.name), picked.content), new_id())

    async def retry(self) -> None:
        """Sends the file once more that could not be added, under the same key: so it is there at most once."""
        if self._left is not None and not self.sending:
            await self._send(*self._left)

    def cancel(self) -> None:
        """Stops sending; what has left by then, Salesforce drops."""
        if self._work is not None:
            self._work.cancel()

    def dismiss(self) -> None:
        """Forgets the file that could not be added."""
        self._left, self.problem = None, ""
        self.changed()

    async def _send(self, picked: Picked, key: str) -> None:
        self.sending, self.sent, self.problem = picked.name, 0.0, ""
        self.changed()
        self._work = asyncio.create_task(self._sent(picked, key))
        try:
            await asyncio.wait({self._work})
        finally:
            self._work.cancel()
            self._work = None
            self.sending = ""
            self.changed()

    async def _sent(self, picked: Picked, key: str) -> None:
        try:
            await self._records.add_file(
                self._sobject, self._record_id, picked.name, picked.content, key, self._progress
            )
        except CallError as failed:
            # Whether it arrived shows the list; only what certainly did not is offered to be sent again.
            is_lost = failed.reason is Reason.OUTCOME_UNKNOWN
            self._left = (picked, key) if isinstance(failed, OrgUnavailable) and not is_lost else None
            self.problem = _(failed.message)
            if is_lost:
                self.problem = _("Salesforce did not confirm the file. Look whether it is in the list.")
                await self.open()
            return
        except AnotherUser:
            return
        self._left = None
        self._notices.say(Notice(_("{name} is saved.", name=picked.name)))
        await self.open()

    def _progress(self, share: float) -> None:
        if share - self.sent >= _STEP or share >= 1.0 > self.sent:
            self.sent = share
            self.changed()

    async def take(self, file: RecordFile) -> bytes | None:
        """Fetches a file; None when it cannot be had, or another one is being fetched."""
        if self.taking:
            return None
        if file.size > MAX_FILE:
            self._notices.say(
                Notice(_("This file is larger than {size}. Open it in Salesforce.", size=size_words(MAX_FILE)))
            )
            return None
        self.taking = file.id
        self.changed()
        try:
            return await self._records.file(file.id)
        except CallError as failed:
            self._notices.failed(failed)
            return None
        except AnotherUser:
            return None
        finally:
            self.taking = ""
            self.changed()


def name_of(file: RecordFile) -> str:
    """The name under which a file is kept on the device."""
    end = f".{file.extension}" if file.extension else ""
    title = file.title if not end or not file.title.lower().endswith(end.lower()) else file.title[: -len(end)]
    return "".join(c if c.isprintable() and c not in '\\/:*?"<>|' else "_" for c in f"{title}{end}") or "file"


def line_below(file: RecordFile) -> str:
    """What is said of a file beside its name: kind, size, date."""
    return values.joined(file.extension.upper(), size_words(file.size), values.day(file.changed_at))


def size_words(size: int) -> str:
    """A number of bytes as people read it."""
    if size < 1024:
        return f"{values.number(size, 0)} B"
    if size < 1024**2:
        return f"{values.number(size / 1024, 0)} KB"
    return f"{values.number(size / 1024**2, 1)} MB"


def _short(name: str) -> str:
    """A name that Salesforce takes: the beginning of a longer one, with its extension."""
    name = "".join(c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable()).strip() or "file"
    stem, dot, end = name.rpartition(".")
    if len(name) <= MAX_FILE_NAME:
        return name
    return f"{stem[: MAX_FILE_NAME - 1 - len(end)]}{dot}{end}" if dot and len(end) < 20 else name[:MAX_FILE_NAME]
