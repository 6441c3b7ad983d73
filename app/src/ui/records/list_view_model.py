"""The list of accounts: search, endless scroll. An answer that a newer question has overtaken is dropped."""

import asyncio
from collections.abc import Callable

from contract.calls import ListRecords, Record
from contract.errors import CallError, Reason, RefusedRequest
from data.repositories.records import RecordsRepository

PAGE = 30
SEARCH_AFTER = 0.3  # seconds of rest after the last key


class AccountsViewModel:
    def __init__(self, records: RecordsRepository, changed: Callable[[], None]) -> None:
        self._records = records
        self._changed = changed
        self._question = 0
        self._cursor: str | None = None
        self.items: list[Record] = []
        self.search = ""
        self.loading = False
        self.complete = False
        self.problem: CallError | None = None

    async def load(self) -> None:
        """Begins the list anew."""
        self._question += 1
        self.items, self._cursor, self.complete = [], None, False
        self.loading = False
        await self.more()

    async def type(self, text: str) -> None:
        """Searches once the person has stopped typing."""
        self.search = text
        self._question += 1
        question = self._question
        await asyncio.sleep(SEARCH_AFTER)
        if question == self._question:
            await self.load()

    async def more(self) -> None:
        """The next page, if there is one and none is on its way."""
        if self.loading or self.complete:
            return
        question, self.loading, self.problem = self._question, True, None
        self._changed()
        try:
            page = await self._records.page(ListRecords("Account", search=self.search.strip() or None, limit=PAGE, cursor=self._cursor))
        except RefusedRequest as refused:
            if question != self._question:
                return
            self.loading = False
            if refused.reason is Reason.INVALID_CURSOR and self._cursor is not None:
                await self.load()
                return
            self.problem = refused
        except CallError as failed:
            if question != self._question:
                return
            self.problem, self.loading = failed, False
        else:
            if question != self._question:
                return
            self.items += page.records
            self._cursor, self.complete, self.loading = page.cursor, page.cursor is None, False
        self._changed()
