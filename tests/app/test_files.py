"""The files of a record in the app, without a screen: listed at a tap, added once, stopped, taken to the device."""

import asyncio
from typing import Any

import pytest

from contract.errors import OrgUnavailable, Reason, RefusedRequest
from contract.files import MAX_FILE, GetFile, ListFiles, RecordFile, RecordFiles, UploadedFile, UploadFile
from tests.app.world import MemoryBackend, World
from ui.app import App
from ui.places import Place
from ui.records.files_view_model import Files, Picked, line_below, name_of, size_words
from ui.records.record_view_model import RecordViewModel

OFFER = Picked("offer.pdf", b"%PDF")


class FilingBackend(MemoryBackend):
    """Keeps files; a key adds one."""

    def __init__(self) -> None:
        super().__init__()
        self.content = b""
        self.files: dict[str, tuple[RecordFile, bytes]] = {}
        self.again = 0
        self.add("001A", Name="Alder Energy")

    def _listFiles(self, request: ListFiles) -> RecordFiles:
        return RecordFiles(tuple(file for file, _ in self.files.values()))

    def _uploadFile(self, request: UploadFile) -> UploadedFile:
        if self.again:
            self.again -= 1
            raise OrgUnavailable(Reason.SEND_AGAIN)
        key, stem, end = request.idempotency_key or "", *request.name.rsplit(".", 1)
        version = f"068{key}"
        file = RecordFile(version, stem, end, len(self.content), "2026-11-29T08:00:00.000+0000")
        self.files.setdefault(key, (file, self.content))
        return UploadedFile(version)

    def _getFile(self, request: GetFile) -> bytes:
        return next(content for file, content in self.files.values() if file.id == request.id)

    def sent(self, name: str) -> list[Any]:
        return [request for asked, request in self.asked if asked == name]


async def opened() -> tuple[FilingBackend, App, Files]:
    backend = FilingBackend()
    app = await World(backend).start()
    await app.go(Place("record", "Account", "001A"))
    assert isinstance(app.screen, RecordViewModel)
    return backend, app, app.screen.files


async def test_files_are_fetched_when_somebody_wants_to_see_them() -> None:
    backend, _, files = await opened()
    assert backend.sent("listFiles") == []
    await files.open()
    assert files.is_open
    assert files.files == ()
    assert backend.sent("listFiles") == [ListFiles("Account", "001A")]


async def test_a_file_is_added_with_progress_and_stands_in_the_list() -> None:
    _, app, files = await opened()
    seen: list[tuple[str, float]] = []
    files.listen(lambda: seen.append((files.sending, files.sent)))
    await files.add(OFFER)
    assert [sent for name, sent in seen if name] == [0.0, 0.25, 0.5, 1.0, *[1.0] * (len([s for s in seen if s[0]]) - 4)]
    assert (files.sending, files.problem) == ("", "")
    (file,) = files.files
    assert (file.title, file.extension) == ("offer", "pdf")
    assert app.notices.newest is not None
    assert "offer.pdf" in app.notices.newest.text
    assert await files.take(file) == OFFER.content


async def test_a_token_that_has_expired_is_not_noticed_and_adds_one_file() -> None:
    backend, _, files = await opened()
    backend.again = 1
    await files.add(OFFER)
    assert (len(files.files), files.problem) == (1, "")
    first, second = backend.sent("uploadFile")
    assert first == second
    backend.again = 2
    await files.add(OFFER)
    assert files.problem, "it is sent twice at most by itself"
    assert files.can_retry


async def test_what_did_not_get_through_is_sent_again_under_its_key() -> None:
    backend, _, files = await opened()
    backend.fails["uploadFile"] = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
    await files.add(OFFER)
    assert files.can_retry
    await files.retry()
    assert (len(files.files), files.problem, files.can_retry) == (1, "", False)
    first, second = backend.sent("uploadFile")
    assert first.idempotency_key == second.idempotency_key


async def test_a_lost_answer_shows_the_list_and_offers_nothing_that_might_add_a_second() -> None:
    backend, _, files = await opened()
    backend.loses.add("uploadFile")
    await files.add(OFFER)
    assert "confirm" in files.problem
    assert not files.can_retry
    assert len(files.files) == 1, "there it is"
    files.dismiss()
    assert files.problem == ""


async def test_a_file_that_is_stopped_is_gone_and_another_may_be_added() -> None:
    backend, _, files = await opened()
    held = backend.holds["uploadFile"] = asyncio.Event()
    adding = asyncio.create_task(files.add(OFFER))
    for _ in range(20):
        await asyncio.sleep(0)
    assert backend.sent("uploadFile")
    await files.add(Picked("second.pdf", b"2"))  # one after another
    files.cancel()
    await adding
    held.set()
    assert (files.sending, files.problem, backend.files) == ("", "", {})
    await files.add(OFFER)
    assert len(files.files) == 1


@pytest.mark.parametrize("content", [b"", b"x" * (MAX_FILE + 1)])
async def test_what_cannot_be_added_is_not_sent(content: bytes) -> None:
    backend, _, files = await opened()
    await files.add(Picked("film.mov", content))
    assert files.problem
    assert not files.can_retry
    assert backend.sent("uploadFile") == []


async def test_a_refusal_is_told_and_not_offered_again() -> None:
    backend, _, files = await opened()
    backend.fails["uploadFile"] = RefusedRequest(Reason.NOT_PERMITTED)
    await files.add(OFFER)
    assert "permission" in files.problem
    assert not files.can_retry


async def test_a_file_that_is_too_large_to_be_taken_is_not_asked_for() -> None:
    backend, app, files = await opened()
    large = RecordFile("0681", "film", "mov", MAX_FILE + 1, "2026-11-29T08:00:00.000+0000")
    assert await files.take(large) is None
    assert backend.sent("getFile") == []
    assert app.notices.newest is not None
    assert "25 MB" in app.notices.newest.text


async def test_a_long_name_keeps_its_extension() -> None:
    backend, _, files = await opened()
    await files.add(Picked("C:\\photos\\" + "x" * 300 + ".jpeg", b"1"))
    (request,) = backend.sent("uploadFile")
    assert len(request.name) == 200
    assert request.name.endswith("xxx.jpeg")


def test_how_a_file_is_told() -> None:
    file = RecordFile("0681", 'a/b "c"', "pdf", 1_572_864, "2026-11-29T08:00:00.000+0000")
    assert name_of(file) == "a_b _c_.pdf"
    assert line_below(file).startswith("PDF · 1.5 MB · ")
    assert name_of(RecordFile("0681", "scan.PDF", "pdf", 1, "")) == "scan.pdf"
    assert [size_words(n) for n in (0, 1023, 2048, MAX_FILE)] == ["0 B", "1,023 B", "2 KB", "25 MB"]
