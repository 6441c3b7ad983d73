"""Salesforce records as the app sees them; keeps describes, and tells the session when it has ended."""

from typing import TypeVar

from contract.calls import (
    CREATE_RECORD,
    DELETE_RECORD,
    DESCRIBE,
    GET_CONNECTION,
    GET_DASHBOARD,
    GET_PROFILE,
    GET_RECORD,
    LIST_RECORDS,
    UPDATE_CONNECTION,
    UPDATE_RECORD,
    Call,
    ConnectionStatus,
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
    UpdateRecord,
)
from contract.errors import ConnectionLost, SessionInvalid
from data.repositories.session import SessionRepository
from data.services.backend import Backend

Q = TypeVar("Q")
A = TypeVar("A")


class RecordsRepository:
    """Every method raises the contract's CallErrors."""

    def __init__(self, backend: Backend, session: SessionRepository) -> None:
        self._backend = backend
        self._session = session
        self._shapes: dict[str, SobjectShape] = {}

    async def dashboard(self) -> Dashboard:
        return await self._call(GET_DASHBOARD, Empty())

    async def profile(self) -> Profile:
        return await self._call(GET_PROFILE, Empty())

    async def connection(self) -> ConnectionStatus:
        return await self._call(GET_CONNECTION, Empty())

    async def stay_signed_in(self, wanted: bool) -> ConnectionStatus:
        return await self._call(UPDATE_CONNECTION, UpdateConnection(wanted))

    async def page(self, request: ListRecords) -> RecordPage:
        return await self._call(LIST_RECORDS, request)

    async def detail(self, sobject: Sobject, record_id: str, related: tuple[str, ...] = ()) -> RecordDetail:
        return await self._call(GET_RECORD, GetRecord(sobject, record_id, related))

    async def shape(self, sobject: Sobject) -> SobjectShape:
        """The fields of an object, asked for once."""
        if sobject not in self._shapes:
            self._shapes[sobject] = await self._call(DESCRIBE, Describe(sobject))
        return self._shapes[sobject]

    async def create(self, sobject: Sobject, fields: dict[str, FieldValue]) -> str:
        return (await self._call(CREATE_RECORD, CreateRecord(sobject, fields))).id

    async def update(self, sobject: Sobject, record_id: str, fields: dict[str, FieldValue], version: str | None) -> Record:
        return (await self._call(UPDATE_RECORD, UpdateRecord(sobject, record_id, fields, version))).record

    async def delete(self, sobject: Sobject, record_id: str) -> None:
        await self._call(DELETE_RECORD, DeleteRecord(sobject, record_id))

    async def _call(self, call: Call[Q, A], request: Q) -> A:
        try:
            return await self._backend.call(call, request, await self._session.id_token())
        except (SessionInvalid, ConnectionLost) as ended:
            await self._session.forget(ended)
            self._shapes.clear()
            raise
