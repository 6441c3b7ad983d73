"""Files of records at the real local org: they go through whole, piece by piece, or not at all."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from backend.adapters import salesforce_session
from backend.adapters.salesforce_session import Request
from backend.assembly import Process
from backend.failures import NotSent, OutcomeUnknown, SendAgain
from backend.transfer import Incoming
from backend.values import Caller, Uid
from contract.calls import CreateRecord, Empty
from contract.errors import CallError, NotFound, Reason, RefusedRequest
from contract.files import MAX_FILE, GetFile, ListFiles, RecordFile, UploadFile
from devtools.clients import SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.functions.instances import Instances

PIECE = 64 * 1024
SOME = random.Random(1).randbytes(3 * PIECE + 17)


async def pieces(content: bytes, size: int = PIECE) -> AsyncIterator[bytes]:
    for first in range(0, len(content), size):
        yield content[first : first + size]


def a_file(content: bytes = SOME) -> Incoming:
    return Incoming(len(content), pieces(content))


class Seller:
    """A user with an account of their own."""

    def __init__(self, uid: Uid, process: Process, account: str, url: str) -> None:
        self.uid, self.process, self.account, self.url = uid, process, account, url
        self.caller = Caller(uid, "phone")

    async def add(self, file: Incoming, name: str = "offer.pdf", key: str | None = None) -> str:
        request = UploadFile("Account", self.account, name, key)
        return (await self.process.files.upload_file(self.caller, request, file)).id

    async def files(self) -> tuple[RecordFile, ...]:
        return (await self.process.files.list_files(self.caller, ListFiles("Account", self.account))).files

    async def read(self, version: str) -> bytes:
        file = await self.process.files.get_file(self.caller, GetFile(version))
        return b"".join([piece async for piece in file.pieces()])

    def counted(self, kind: str) -> int:
        return control(self.url, "counters").get(kind, 0)

    async def refused(self, file: Incoming, key: str | None = None) -> CallError:
        with pytest.raises(CallError) as failed:
            await self.add(file, key=key)
        return failed.value


@pytest.fixture
async def seller(instances: Instances) -> Seller:
    uid, _ = await instances.connect()
    process = instances.each[0]
    made = await process.changes.create_record(Caller(uid, "phone"), CreateRecord("Account", {"Name": uuid4().hex}))
    control(instances.org.url, "counters/reset")
    return Seller(uid, process, made.id, instances.org.url)


@pytest.mark.parametrize("name", ["offer.pdf", "Angebot für Müller & Söhne.pdf", '見積書 "7".pdf', "no extension"])
async def test_a_file_is_added_listed_and_read_as_it_was(seller: Seller, name: str) -> None:
    version = await seller.add(a_file(), name)
    (listed,) = await seller.files()
    title, _, extension = name.partition(".")
    assert (listed.id, listed.title, listed.extension, listed.size) == (version, title, extension, len(SOME))
    assert hashlib.sha256(await seller.read(version)).digest() == hashlib.sha256(SOME).digest()
    assert [seller.counted(f"rest.{kind}") for kind in ("create", "query", "file")] == [1, 1, 1], "one request each"


async def test_the_largest_file_and_an_empty_one_go_through(seller: Seller) -> None:
    largest = random.Random(2).randbytes(MAX_FILE)
    assert await seller.read(await seller.add(a_file(largest))) == largest
    assert await seller.read(await seller.add(a_file(b""))) == b""


async def test_many_at_once_do_not_mix(seller: Seller) -> None:
    contents = [random.Random(n).randbytes(200_000 + n) for n in range(8)]
    versions = await asyncio.gather(*(seller.add(a_file(content)) for content in contents))
    assert await asyncio.gather(*(seller.read(version) for version in versions)) == contents


# What breaks off


async def broken(content: bytes = SOME) -> AsyncIterator[bytes]:
    async for piece in pieces(content[: 2 * PIECE]):
        yield piece
    raise RefusedRequest(Reason.MALFORMED_REQUEST, "The request broke off.")


async def test_what_breaks_off_half_way_leaves_nothing_and_its_key_free(seller: Seller) -> None:
    key = uuid4().hex
    failed = await seller.refused(Incoming(len(SOME), broken()), key)
    assert failed.reason is Reason.MALFORMED_REQUEST
    assert await seller.files() == ()
    version = await seller.add(a_file(), key=key)
    assert [file.id for file in await seller.files()] == [version]


async def test_a_call_that_is_given_up_leaves_nothing(seller: Seller) -> None:
    first_is_sent = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield SOME[:PIECE]
        first_is_sent.set()
        await asyncio.Event().wait()

    adding = asyncio.create_task(seller.add(Incoming(len(SOME), slow())))
    await first_is_sent.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await seller.files() == ()


async def test_nobody_waits_for_a_file_that_is_on_its_way(seller: Seller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(salesforce_session, "PROBE_SECONDS", 60.0)  # the first of a burst goes alone for so long
    first_is_sent, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield SOME[:PIECE]
        first_is_sent.set()
        await go_on.wait()
        yield SOME[PIECE:]

    adding = asyncio.create_task(seller.add(Incoming(len(SOME), slow())))
    await first_is_sent.wait()
    assert await asyncio.wait_for(seller.files(), 20) == ()
    go_on.set()
    assert await seller.read(await adding) == SOME


async def test_when_salesforce_hangs_up_half_way_nothing_is_there_and_the_key_is_free(seller: Seller) -> None:
    key = uuid4().hex
    control(seller.url, "faults", {"kind": "rest.create", "cut": "before"})
    held = asyncio.Event()

    async def waits() -> AsyncIterator[bytes]:
        yield SOME[:PIECE]
        await held.wait()  # what comes after it never leaves
        yield SOME[PIECE:]

    with pytest.raises(NotSent):
        await seller.add(Incoming(len(SOME), waits()), key=key)
    assert await seller.add(a_file(), key=key)
    assert len(await seller.files()) == 1


async def test_a_lost_answer_is_told_and_its_key_adds_no_second_file(seller: Seller) -> None:
    key = uuid4().hex
    control(seller.url, "faults", {"kind": "rest.create", "cut": "after"})
    for _ in range(2):
        assert (await seller.refused(a_file(), key)).reason is Reason.OUTCOME_UNKNOWN
    assert len(await seller.files()) == 1, "it arrived"
    assert seller.counted("rest.create") == 1


async def test_the_same_key_answers_the_same_file_and_belongs_to_it(seller: Seller) -> None:
    key = uuid4().hex
    version = await seller.add(a_file(), key=key)
    assert await seller.add(Incoming(len(SOME), broken()), key=key) == version, "its bytes are not asked for again"
    assert (await seller.refused(a_file(b"another"), key)).reason is Reason.IDEMPOTENCY_KEY_REUSED
    assert len(await seller.files()) == 1


# Tokens


async def test_an_expired_token_is_renewed_and_the_app_told_to_send_again(seller: Seller) -> None:
    key = uuid4().hex
    control(seller.url, "expire", {"username": SALES})
    with pytest.raises(SendAgain):
        await seller.add(a_file(), key=key)
    assert await seller.files() == ()
    assert await seller.read(await seller.add(a_file(), key=key)) == SOME
    assert seller.counted("token.refresh_token") == 1


async def test_an_expired_token_is_not_noticed_when_a_file_is_read(seller: Seller) -> None:
    version = await seller.add(a_file())
    control(seller.url, "expire", {"username": SALES})
    assert await seller.read(version) == SOME


async def test_a_bound_token_goes_with_a_proof(instances: Instances) -> None:
    uid, _ = await instances.connect_bound()
    process, caller = instances.each[0], Caller(uid, "phone")
    made = await process.changes.create_record(caller, CreateRecord("Account", {"Name": uuid4().hex}))
    seller = Seller(uid, process, made.id, instances.org.url)
    version = await seller.add(a_file())
    assert await seller.read(version) == SOME
    control(seller.url, "proofs", {"resourceNonce": "401"})
    await seller.files()  # from whose answer the nonce is known
    assert await seller.read(await seller.add(a_file())) == SOME
    control(seller.url, "faults", {"kind": "rest.create", "nonce": "forgotten"})
    with pytest.raises(SendAgain):
        await seller.add(a_file())
    assert await seller.read(await seller.add(a_file())) == SOME


# Refusals


async def test_what_is_refused_before_anything_is_sent(seller: Seller) -> None:
    for request in (
        UploadFile("Account", "' OR Name != '", "a.pdf"),
        UploadFile("User", seller.account, "a.pdf"),
        UploadFile("Account", seller.account, ""),
        UploadFile("Account", seller.account, "folder/"),
        UploadFile("Account", seller.account, "a\nb.pdf"),
        UploadFile("Account", seller.account, "x" * 201),
    ):
        with pytest.raises(RefusedRequest):
            await seller.process.files.upload_file(seller.caller, request, a_file())
    for wrong in (seller.account, "068' OR"):
        with pytest.raises(RefusedRequest):
            await seller.process.files.get_file(seller.caller, GetFile(wrong))
    assert seller.counted("rest.create") == seller.counted("rest.file") == 0


async def test_a_record_or_file_that_is_not_there(seller: Seller) -> None:
    gone = UploadFile("Account", "001000000000000AAA", "a.pdf")
    with pytest.raises((RefusedRequest, NotFound)):
        await seller.process.files.upload_file(seller.caller, gone, a_file())
    with pytest.raises(NotFound):
        await seller.process.files.get_file(seller.caller, GetFile("068000000000000AAA"))


async def test_a_user_who_may_add_no_files_is_told(instances: Instances, seller: Seller) -> None:
    uid, _ = await instances.connect("readonly@localorg.test")
    reader = Seller(uid, instances.each[0], seller.account, seller.url)
    assert (await reader.refused(a_file())).reason is Reason.NOT_PERMITTED


async def test_an_object_that_the_user_may_not_see_has_no_files() -> None:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset({"no-api-user"}))) as org:
        instances = Instances(org)
        try:
            uid, _ = await instances.connect("service@localorg.test")
            files, caller = instances.each[0].files, Caller(uid, "phone")
            await instances.each[0].queries.get_objects(caller, Empty())
            control(org.url, "counters/reset")
            with pytest.raises(RefusedRequest) as listing:
                await files.list_files(caller, ListFiles("Opportunity", "006000000000001AAA"))
            with pytest.raises(RefusedRequest) as adding:
                await files.upload_file(caller, UploadFile("Opportunity", "006000000000001AAA", "a.pdf"), a_file())
            assert listing.value.reason is adding.value.reason is Reason.NOT_PERMITTED
            counted = control(org.url, "counters")
            assert not counted.get("rest.query", 0) + counted.get("rest.create", 0)
        finally:
            await instances.http.close()


async def test_a_file_that_breaks_off_on_its_way_out_is_not_taken_for_whole(seller: Seller) -> None:
    version = await seller.add(a_file())
    control(seller.url, "faults", {"kind": "rest.file", "cut": "before"})
    with pytest.raises(OutcomeUnknown):
        await seller.read(version)


async def test_a_larger_file_than_the_limit_is_refused_and_not_fetched(seller: Seller) -> None:
    path = "/services/data/v66.0/sobjects/ContentVersion"
    body = {"PathOnClient": "film.mov", "VersionData": "AAAA" * (MAX_FILE // 3 + 1)}
    session = seller.process.rest._session  # pyright: ignore[reportPrivateUsage]
    made = await session.send(seller.uid, Request("POST", path, body=body, writes=True))
    with pytest.raises(RefusedRequest) as refused:
        await seller.process.files.get_file(seller.caller, GetFile(str(made.object()["id"])))
    assert refused.value.reason is Reason.REQUEST_TOO_LARGE


async def test_who_stops_taking_a_file_ends_the_request(seller: Seller) -> None:
    version = await seller.add(a_file(random.Random(3).randbytes(8 * 2**20)))
    file = await seller.process.files.get_file(seller.caller, GetFile(version))
    taken = file.pieces()
    assert await anext(taken)
    await taken.aclose()
    assert file._work is not None  # pyright: ignore[reportPrivateUsage]
    assert file._work.done()  # pyright: ignore[reportPrivateUsage]
