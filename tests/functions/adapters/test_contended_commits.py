"""ABORTED: others wrote at the same moment, and nothing of a commit was carried out. It is no lost race."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from google.api_core.exceptions import Aborted, AlreadyExists, NotFound, ServiceUnavailable

from backend.adapters.firestore.codes import FirestoreCodes
from backend.adapters.firestore.counting import add
from backend.adapters.firestore.creations import FirestoreCreations
from backend.adapters.firestore.documents import FirestoreDocuments
from backend.adapters.firestore.tombstones import FirestoreTombstones
from backend.connections.audit import Audit
from backend.connections.connection import Connection, State
from backend.connections.store import RecordingStore
from backend.connections.tombstones import Tombstone
from backend.failures import StoreUnavailable
from backend.records.creations import Creations
from contract.calls import Created, CreateRecord
from tests.functions.instances import SteppedClock
from tests.functions.one_process import CIPHER, UID

pytestmark = pytest.mark.virtual_time
REQUEST = CreateRecord("Account", {"Name": "Acme"})
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


class Client:
    """As much of Firestore's client as a commit needs; the next `aborted` commits are aborted."""

    def __init__(self, aborted: int = 0) -> None:
        self.data, self.aborted, self.sent = dict[str, dict[str, Any]](), aborted, 0
        self.failure: type[Exception] = Aborted

    def collection(self, name: str) -> "Path":
        return Path(self, name)

    def batch(self) -> "Batch":
        return Batch(self)

    def write_option(self, **_: object) -> None:
        return None


class Path:
    """A collection or a document."""

    def __init__(self, client: Client, path: str) -> None:
        self.client, self.path, self.id = client, path, path.rpartition("/")[2]

    def document(self, name: str) -> "Path":
        return Path(self.client, f"{self.path}/{name}")

    collection = document

    @property
    def parent(self) -> "Path":
        return Path(self.client, self.path.rpartition("/")[0])

    async def get(self, **_: object) -> Any:
        stored = self.client.data.get(self.path)
        return SimpleNamespace(id=self.id, exists=stored is not None, to_dict=lambda: stored, update_time=NOW)


class Batch:
    def __init__(self, client: Client) -> None:
        self.client, self.new, self.work = client, set[str](), list[tuple[str, dict[str, Any]]]()

    def create(self, document: Path, fields: dict[str, Any]) -> None:
        self.new.add(document.path)
        self.update(document, fields)

    def update(self, document: Path, fields: dict[str, Any], **_: object) -> None:
        self.work.append((document.path, fields))

    set = update

    async def commit(self, **_: object) -> Any:
        self.client.sent += 1
        if self.client.aborted:
            self.client.aborted -= 1
            raise self.client.failure("too much contention on these documents")
        if not self.new.isdisjoint(self.client.data):
            raise AlreadyExists("there is one")
        for path, fields in self.work:
            self.client.data[path] = {**self.client.data.get(path, {}), **fields}
        return [SimpleNamespace(update_time=NOW, transform_results=()) for _ in self.work]


def creations(client: Client) -> Creations:
    return Creations(FirestoreCreations(client), CIPHER)  # pyright: ignore[reportArgumentType]


async def made() -> Created:
    return Created("001")


async def test_a_good_code_is_taken_all_the_same() -> None:
    client = Client(aborted=1)
    codes = FirestoreCodes(client)  # pyright: ignore[reportArgumentType]
    assert await codes.claim("fingerprint")
    assert not await codes.claim("fingerprint")


async def test_a_claimed_key_whose_commit_was_aborted_sends_its_request() -> None:
    assert await creations(Client(aborted=1)).once(UID, "key", REQUEST, made) == Created("001")


async def test_a_record_that_was_made_is_written_down_after_an_aborted_commit() -> None:
    client = Client()

    async def create() -> Created:
        client.aborted = 1
        return await made()

    for _ in range(2):
        assert await creations(client).once(UID, "key", REQUEST, create) == Created("001")
        client.aborted = 0


@pytest.mark.parametrize("failure", [NotFound, Aborted, ServiceUnavailable])
async def test_a_record_that_was_made_is_the_answer_whatever_comes_of_writing_it_down(
    failure: type[Exception],
) -> None:
    client = Client()

    async def create() -> Created:
        client.aborted, client.failure = 100, failure
        return await made()

    assert await creations(client).once(UID, "key", REQUEST, create) == Created("001")


async def test_a_grant_is_held_and_a_connection_written_after_an_aborted_commit() -> None:
    client = Client(aborted=1)
    documents = FirestoreDocuments(client)  # pyright: ignore[reportArgumentType]
    store = RecordingStore(documents, Audit(CIPHER, lambda: "subject"), SteppedClock())
    await store.write_tombstone(Tombstone("id", b"sealed", NOW))
    client.aborted = 1
    await store.write(Connection(UID, 1, b"sealed", State.FRESH, NOW, NOW, NOW))
    assert client.sent == 4
    assert {"tombstones/id", f"connections/{UID}"} == set(client.data)


async def codes_claim(client: Any) -> object:
    return await FirestoreCodes(client).claim("fingerprint")


async def tombstone_write(client: Any) -> object:
    return await FirestoreTombstones(client).write_tombstone(Tombstone("id", b"sealed", NOW))


async def addition(client: Any) -> object:
    return await add(client, client.collection("usage").document("day"), {}, {})


@pytest.mark.parametrize("write", [codes_claim, tombstone_write, addition])
async def test_what_is_aborted_time_and_again_is_the_stores_fault(write: Callable[[Any], Awaitable[object]]) -> None:
    client = Client(aborted=100)
    with pytest.raises(StoreUnavailable):
        await write(client)
    assert client.sent <= 4
