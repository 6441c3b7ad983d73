"""What a refused call held is gone with it, and not when the garbage collector comes by: requests of a megabyte would
fill an instance's memory in a hundred calls."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest
from starlette.requests import Request

from backend.adapters.app_check import AppCheckGate
from backend.adapters.firebase_auth import FirebaseAuth
from backend.connections.connection import ended
from backend.cors import AllowedOrigins
from backend.endpoint import Endpoint
from backend.routes import Route
from backend.values import Caller, Uid
from backend.visitors import Proxies
from contract.calls import CALLS, LIST_RECORDS, ListRecords, RecordPage
from contract.errors import Reason
from devtools.clients import control
from localorg import EmbeddedOrg
from tests.functions.instances import Instances

DEVICE = "phone"


class SignedIn(FirebaseAuth):
    """Takes every ID token for one user's."""

    def __init__(self, uid: Uid) -> None:
        self._uid = uid

    async def verify(self, id_token: str) -> Caller:
        return Caller(self._uid, DEVICE)


Work = Callable[[Caller, ListRecords], Awaitable[RecordPage]]


class Process:
    """The endpoint of one process whose user is signed in; `lists` does what listRecords asks for."""

    def __init__(self, instances: Instances, uid: Uid, lists: Work | None = None) -> None:
        self.first = instances.each[0]

        async def nothing(_caller: object, _request: object) -> None: ...

        work = lists or self.first.queries.list_records
        routes = [Route(call, cast(Any, work if call is LIST_RECORDS else nothing)) for call in CALLS]
        self.endpoint = Endpoint(
            routes,
            SignedIn(uid),
            self.first.blocks,
            self.first.vault,
            AppCheckGate(None, required=False),
            AllowedOrigins(frozenset()),
            Proxies([]),
        )

    async def call(self, body: bytes = b'{"data": {"sobject": "Account"}}') -> tuple[str, "weakref.ref[Request]"]:
        """The reason that a call was refused for, and its request, while somebody holds it."""

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        headers = [(b"content-type", b"application/json"), (b"authorization", b"Bearer x")]
        scope = {"type": "http", "method": "POST", "path": "/listRecords", "query_string": b"", "headers": headers}
        request = Request(scope | {"client": ("127.0.0.1", 1)}, receive)
        answer = json.loads(bytes((await self.endpoint.answer("api", request)).body))
        return answer["error"]["details"]["reason"], weakref.ref(request)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.usefixtures("uncollected")
async def test_of_somebody_whose_connection_has_ended(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    uid, _ = await instances.connect()
    await instances.vaults[0].write(ended(await instances.stored(uid), Reason.ACCESS_REVOKED), None)
    reason, request = await Process(instances, uid).call()
    await settle()
    assert (reason, request()) == ("access-revoked", None)


@pytest.mark.usefixtures("uncollected")
async def test_of_somebody_whose_budget_is_used_up(org: EmbeddedOrg) -> None:
    instances = Instances(org, user_requests=0)
    uid, _ = await instances.connect()
    reason, request = await Process(instances, uid).call()
    await settle()
    assert (reason, request()) == ("user-limit", None)


@pytest.mark.usefixtures("uncollected")
async def test_of_those_who_wait_for_the_same_answer(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    uid, _ = await instances.connect()
    control(org.url, "faults", {"kind": "rest.query", "cut": "after", "times": 9})

    async def lists(caller: Caller, _request: ListRecords) -> RecordPage:
        return cast(RecordPage, await instances.rests[0].query(caller.uid, "SELECT Id FROM Account LIMIT 1"))

    process = Process(instances, uid, lists)
    both = await asyncio.gather(process.call(), process.call())
    await settle()
    assert [(reason, request()) for reason, request in both] == [("org-unreachable", None)] * 2
    await instances.http.close()


@pytest.mark.usefixtures("uncollected")
async def test_of_a_fault(org: EmbeddedOrg) -> None:
    instances = Instances(org)
    uid, _ = await instances.connect()

    async def lists(_caller: Caller, _request: ListRecords) -> RecordPage:
        work = asyncio.get_running_loop().create_future()
        work.set_exception(KeyError("Fax"))
        return await work

    reason, request = await Process(instances, uid, lists).call()
    await settle()
    assert (reason, request()) == ("internal", None)
