"""The one door to the backend: who has been signed out elsewhere is told, offline is told, and what changes nothing is
asked once more.
"""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from contract.calls import CALLS, FirebaseProject, SignedInDevice
from contract.errors import CallError, ConnectionLost, OrgUnavailable, Reason, SessionInvalid
from data.repositories.calls import AnotherUser
from data.services.firebase_auth import FirebaseAuth
from data.services.http import Answer
from tests.app.world import ADA, SAM, World
from ui.access.view_model import AccessViewModel
from ui.app import App
from ui.sign_in.view_model import SignInViewModel

OFFLINE = OrgUnavailable(Reason.ORG_UNREACHABLE, details={"offline": True})
TABLET = SignedInDevice("d2", "Tablet", "2026-11-25T10:00:00+00:00", current=False)


async def on_access(world: World) -> tuple[App, AccessViewModel]:
    app = await world.start("/access")
    assert isinstance(app.screen, AccessViewModel)
    for _ in range(50):  # the start looks for sign-outs of earlier visits, behind all else
        await asyncio.sleep(0)
    return app, app.screen


@pytest.mark.parametrize(
    "ended",
    [
        SessionInvalid(Reason.SIGNED_OUT),
        ConnectionLost(Reason.ACCESS_REVOKED),
        ConnectionLost(Reason.CONNECTION_TAMPERED),
    ],
)
@pytest.mark.parametrize("work", ["end a device", "stay signed in", "erase"])
async def test_who_was_signed_out_elsewhere_is_told_wherever_they_tap(ended: CallError, work: str) -> None:
    world = World()
    app, model = await on_access(world)
    world.backend.fails = {"signOut": ended, "updateConnection": ended, "eraseMe": ended}
    match work:
        case "end a device":
            await model.end(TABLET)
        case "stay signed in":
            await model.stay_signed_in(True)
        case _:
            await model.leave(app.handover.erase)
    await app.settle()
    assert app.session.user is None
    assert isinstance(app.screen, SignInViewModel)
    assert app.screen.ended is not None
    assert app.screen.ended.reason == ended.reason
    assert app.screen.ended.route == "/access"


async def test_offline_is_told_on_the_page_of_the_devices_too() -> None:
    world = World()
    app, model = await on_access(world)
    world.backend.offline = OFFLINE
    await model.end(TABLET)
    assert app.network.offline
    world.backend.offline = None
    await model.end(TABLET)
    assert not app.network.offline


@pytest.mark.parametrize(("failed", "asked"), [(OFFLINE, 2), (OrgUnavailable(Reason.ORG_BUSY), 1)])
async def test_what_changes_nothing_is_asked_once_more_when_it_did_not_get_through(
    failed: CallError, asked: int
) -> None:
    world = World()
    await world.start("/access")
    world.backend.asked.clear()
    world.backend.fails["getProfile"] = failed
    with suppress(OrgUnavailable):
        assert (await world.records.profile().get()).title == "Account Executive"
    assert [name for name, _ in world.backend.asked] == ["getProfile"] * asked


async def test_a_store_that_is_out_of_reach_is_neither_offline_nor_the_end_of_a_session() -> None:
    world = World()
    app, model = await on_access(world)
    world.backend.fails["getAccess"] = OrgUnavailable(Reason.STORE_UNAVAILABLE)
    await model.load()
    assert model.access.problem is not None
    assert model.access.problem.message == (
        "This app's own service is not available right now. Please try again in a moment."
    )
    assert model.access.value is not None, "what was seen stays"
    assert (app.network.offline, app.session.user) == (False, SAM)


async def test_what_changes_something_is_asked_once() -> None:
    world = World()
    await world.start("/access")
    world.backend.asked.clear()
    world.backend.offline = OFFLINE
    fields: dict[str, Any] = {"Name": "Acme"}
    with pytest.raises(OrgUnavailable):
        await world.records.create("Account", fields, "key")
    assert [name for name, _ in world.backend.asked] == ["createRecord"]


@pytest.mark.parametrize("leaves", ["switch", "sign out"])
async def test_what_one_user_sends_never_goes_out_as_another(leaves: str) -> None:
    """The ID token of the one who typed has to be renewed first, and meanwhile somebody else takes over, or nobody."""
    world = World()
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    app = await world.start("/", user=None)
    world.session._tokens = None  # pyright: ignore[reportPrivateUsage]  as after an hour
    world.firebase.holds = asyncio.Event()
    world.backend.asked.clear()
    saving = asyncio.create_task(world.records.create("Account", {"Name": "Sam's own"}, "key"))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(app.handover.switch(ADA.uid) if leaves == "switch" else world.session.forget())
    for _ in range(20):
        await asyncio.sleep(0)
    world.firebase.holds.set()
    with pytest.raises((AnotherUser, SessionInvalid)):
        await saving
    await leaving
    await app.settle()
    assert "createRecord" not in [name for name, _ in world.backend.asked]


@pytest.mark.parametrize("work", ["erase", "sign out", "stay signed in", "end a device"])
async def test_what_ends_or_changes_an_access_is_asked_once(work: str) -> None:
    world = World()
    app, model = await on_access(world)
    world.backend.asked.clear()
    world.backend.offline = OFFLINE
    match work:
        case "erase":
            await model.leave(app.handover.erase)
        case "sign out":
            await model.leave(app.handover.sign_out)
        case "stay signed in":
            await model.stay_signed_in(True)
        case _:
            await model.end(TABLET)
    assert len([name for name, _ in world.backend.asked if not name.startswith("get")]) == 1


async def test_a_call_that_is_made_again_changes_nothing() -> None:
    changing = {call.name for call in CALLS if not call.reads}
    assert changing == {
        "getSignInOptions", "signIn", "signOut", "eraseMe", "updateConnection", "createRecord", "updateRecord",
        "deleteRecord", "runAction", "completeTask", "logCall", "addFavorite", "removeFavorite", "convertLead",
        "uploadFile",
    }  # fmt: skip


async def test_a_sign_out_that_takes_long_ends_its_own_session_and_no_other() -> None:
    world = World()
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    app = await world.start("/access", user=None)
    world.backend.holds["signOut"] = asyncio.Event()
    leaving = asyncio.create_task(world.data.access.sign_out())
    for _ in range(20):
        await asyncio.sleep(0)
    await app.handover.switch(ADA.uid)
    world.backend.holds["signOut"].set()
    await leaving
    assert (world.session.user, world.session.others) == (ADA, ())
    again = world.again()
    await again.start("/", user=None)
    assert (again.session.user, again.session.others) == (ADA, ())


async def test_the_next_user_does_not_come_to_where_the_last_one_was() -> None:
    world = World()
    app = await world.start("/records/Account/new?ParentId=001")
    await app.handover.sign_out()
    await app.settle()
    assert world.session.route == "/"


async def test_a_deletion_that_waits_ends_with_its_user() -> None:
    world = World()
    world.backend.add("001", Name="Acme Secret")
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    app = await world.start("/records/Account/001", user=None)
    await app.delete("Account", "001", "Acme Secret")
    await world.session.forget(ConnectionLost(Reason.ACCESS_REVOKED))
    await app.settle()
    assert app.notices.all == (), "the next one reads nothing of it"
    await app.handover.switch(ADA.uid)
    await world.pass_time(11)
    assert "deleteRecord" not in [name for name, _ in world.backend.asked]
    assert "001" in world.backend.records


async def test_who_signs_in_beside_another_lets_what_waits_be_deleted_first() -> None:
    world = World()
    world.backend.add("001", Name="Acme")
    app = await world.start("/records/Account/001")
    await app.delete("Account", "001", "Acme")
    await app.handover.add_user()
    assert "001" not in world.backend.records
    assert app.session.user == SAM


async def test_a_late_refusal_ends_no_session_that_was_begun_since() -> None:
    world = World()
    app = await world.start("/access")
    held = world.backend.holds["getProfile"] = asyncio.Event()
    world.backend.fails["getProfile"] = SessionInvalid(Reason.SIGNED_OUT)
    asking = asyncio.create_task(world.records.profile().get())
    for _ in range(20):
        await asyncio.sleep(0)
    await app.handover.sign_out()
    await world.sign_in(SAM)
    held.set()
    with pytest.raises(SessionInvalid):
        await asking
    assert world.session.user == SAM


async def test_a_record_that_comes_after_its_user_has_gone_is_not_seen_last_by_the_next() -> None:
    world = World()
    world.backend.add("001", Name="Sam's")
    await world.sign_in(ADA)
    await world.sign_in(SAM)
    app = await world.start("/records/Account/001", user=None)
    held = world.backend.holds["getRecord"] = asyncio.Event()
    loading = asyncio.create_task(app.again())
    for _ in range(20):
        await asyncio.sleep(0)
    await app.handover.switch(ADA.uid)
    held.set()
    await loading
    await app.settle()
    assert await world.records.visited() == ()


async def test_an_old_way_back_is_no_page_that_is_remembered() -> None:
    world = World()
    app = await world.start("/")
    await app.show("/oauth/callback?code=c&state=s")
    assert (app.route, world.session.route) == ("/", "/")


@pytest.mark.parametrize(
    ("status", "error"), [(400, SessionInvalid), (403, OrgUnavailable), (408, OrgUnavailable), (429, OrgUnavailable)]
)
async def test_only_a_refusal_of_the_token_ends_a_session(status: int, error: type[CallError]) -> None:
    class Answers:
        async def post(self, url: str, **_: Any) -> Answer:
            return Answer(status, {"error": {"message": "any"}})

    with pytest.raises(error):
        await FirebaseAuth(Answers()).renew(FirebaseProject("k", "i", "t"), "refresh")
