"""Salesforce records as the app sees them; keeps describes, and tells the session when it has ended."""

from typing import TypeVar

from contract.calls import (
    ConnectionStatus,
    Created,
    CreateRecord,
    Dashboard,
    DeleteRecord,
    Describe,
    Empty,
    FieldValue,
    GetRecord,
    ListRecords,
    Profile,
    Record,
    RecordDetail,
    RecordPage,
    Sobject,
    SobjectShape,
    UpdateConnection,
    Updated,
    UpdateRecord,
)
from contract.errors import ConnectionLost, SessionInvalid
from data.repositories.session import SessionRepository
from data.services.backend import Backend

T = TypeVar("T")


class RecordsRepository:
    """Every method raises the contract's CallErrors."""

    def __init__(self, backend: Backend, session: SessionRepository) -> None:
        self._backend = backend
        self._session = session
        self._shapes: dict[str, SobjectShape] = {}

    async def dashboard(self) -> Dashboard:
        return await self._call("getDashboard", Empty(), Dashboard)

    async def profile(self) -> Profile:
        return await self._call("getProfile", Empty(), Profile)

    async def connection(self) -> ConnectionStatus:
        return await self._call("getConnection", Empty(), ConnectionStatus)

    async def stay_signed_in(self, wanted: bool) -> ConnectionStatus:
        return await self._call("updateConnection", UpdateConnection(wanted), ConnectionStatus)

    async def page(self, asked: ListRecords) -> RecordPage:
        return await self._call("listRecords", asked, RecordPage)

    async def detail(self, sobject: Sobject, record_id: str, related: tuple[str, ...] = ()) -> RecordDetail:
        return await self._call("getRecord", GetRecord(sobject, record_id, related), RecordDetail)

    async def shape(self, sobject: Sobject) -> SobjectShape:
        """The fields of an object, asked for once."""
        if sobject not in self._shapes:
            self._shapes[sobject] = await self._call("describe", Describe(sobject), SobjectShape)
        return self._shapes[sobject]

    async def create(self, sobject: Sobject, fields: dict[str, FieldValue]) -> str:
        return (await self._call("createRecord", CreateRecord(sobject, fields), Created)).id

    async def update(self, sobject: Sobject, record_id: str, fields: dict[str, FieldValue], version: str | None) -> Record:
        return (await self._call("updateRecord", UpdateRecord(sobject, record_id, fields, version), Updated)).record

    async def delete(self, sobject: Sobject, record_id: str) -> None:
        await self._call("deleteRecord", DeleteRecord(sobject, record_id), Empty)

    async def _call(self, name: str, asked: object, answer: type[T]) -> T:
        try:
            return await self._backend.call(name, asked, answer, await self._session.id_token())
        except (SessionInvalid, ConnectionLost) as ended:
            await self._session.forget(ended)
            self._shapes.clear()
            raise
