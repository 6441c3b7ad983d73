"""One suite for both Firebases: the one in memory that other tests use, and the real adapter at the Auth emulator."""

import time
from collections.abc import AsyncIterator
from typing import Protocol
from uuid import uuid4

import firebase_admin
import pytest

from backend.adapters.firebase_auth import FirebaseAuth
from backend.connections.lifecycle import FirebaseUsers as Users
from backend.sign_in.flow import FirebaseAccounts as Accounts
from backend.values import Caller, Uid
from devtools import loopback
from devtools.suite import Suite
from tests.functions.adapters.test_firebase_auth import NoCredential
from tests.functions.instances import FirebaseUsers


class Firebase(Users, Accounts, Protocol):
    """What the backend asks of Firebase, and what an app and an administrator see of it."""

    async def sign_in(self, custom_token: str) -> Caller:
        """Whom the ID token names that an app gets for a custom token."""
        ...

    async def knows(self, uid: Uid) -> bool: ...

    async def valid_since(self, uid: Uid) -> int:
        """The second since which a session of this user must have begun to go on; 0 when none has been ended."""
        ...


class Emulated(FirebaseAuth):
    """The real adapter, and the emulator's own REST API beside it."""

    def __init__(self, app: firebase_admin.App, suite: Suite) -> None:
        super().__init__(app)
        self._accounts = f"{suite.plan.ports.url('auth')}/identitytoolkit.googleapis.com/v1/"
        self._project = suite.plan.project

    async def sign_in(self, custom_token: str) -> Caller:
        answer = loopback.post(
            f"{self._accounts}accounts:signInWithCustomToken?key=any",
            json={"token": custom_token, "returnSecureToken": True},
        )
        return await self.verify(answer.json()["idToken"])

    async def knows(self, uid: Uid) -> bool:
        return self._user(uid) is not None

    async def valid_since(self, uid: Uid) -> int:
        return int((self._user(uid) or {}).get("validSince", 0))

    def _user(self, uid: Uid) -> dict[str, str] | None:
        url = f"{self._accounts}projects/{self._project}/accounts:lookup"
        answer = loopback.post(url, json={"localId": [uid]}, headers={"Authorization": "Bearer owner"}).json()
        return answer["users"][0] if "users" in answer else None


@pytest.fixture(params=["memory", pytest.param("emulator", marks=pytest.mark.emulators)])
async def firebase(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firebase]:
    if request.param == "memory":
        yield FirebaseUsers()
        return
    suite: Suite = request.getfixturevalue("suite")
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", f"127.0.0.1:{suite.plan.ports.auth}")
    app = firebase_admin.initialize_app(NoCredential(), {"projectId": suite.plan.project}, name=uuid4().hex)
    yield Emulated(app, suite)
    firebase_admin.delete_app(app)


@pytest.fixture
def caller() -> Caller:
    return Caller(Uid.of("00D000000000001EAA", uuid4().hex), "phone")


async def test_a_custom_token_signs_in_its_user_on_its_device(firebase: Firebase, caller: Caller) -> None:
    tablet = Caller(caller.uid, "tablet")
    tokens = [await firebase.custom_token(caller), await firebase.custom_token(tablet)]
    assert not await firebase.knows(caller.uid), "a custom token alone makes no user"
    assert [await firebase.sign_in(token) for token in tokens] == [caller, tablet]
    assert await firebase.knows(caller.uid)


async def test_all_sessions_of_one_user_end(firebase: Firebase, caller: Caller) -> None:
    other = Caller(Uid.of("00D000000000001EAA", uuid4().hex), "phone")
    for who in (caller, other):
        await firebase.sign_in(await firebase.custom_token(who))
    before = int(time.time())
    await firebase.end_firebase_sessions(caller.uid)
    assert await firebase.valid_since(caller.uid) >= before
    assert await firebase.valid_since(other.uid) == 0
    assert await firebase.sign_in(await firebase.custom_token(caller)) == caller, "and they may sign in again"


async def test_a_user_is_deleted_and_another_stays(firebase: Firebase, caller: Caller) -> None:
    other = Caller(Uid.of("00D000000000001EAA", uuid4().hex), "phone")
    for who in (caller, other):
        await firebase.sign_in(await firebase.custom_token(who))
    await firebase.delete_user(caller.uid)
    assert not await firebase.knows(caller.uid)
    assert await firebase.knows(other.uid)


async def test_a_user_that_firebase_does_not_know_is_no_error(firebase: Firebase, caller: Caller) -> None:
    await firebase.end_firebase_sessions(caller.uid)
    await firebase.delete_user(caller.uid)
    assert not await firebase.knows(caller.uid)
