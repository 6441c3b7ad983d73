"""The call that the upkeep makes as the technical user: what it tells, and when it tries again."""

import pytest

from backend.failures import Busy, StoreUnavailable
from backend.settings import SettingsError, load
from backend.technical_user import PAUSE_SECONDS, TRIES, TechnicalUser
from backend.values import Caller
from contract.calls import Empty, Profile, User
from contract.errors import ConnectionLost, Misconfigured, Reason
from tests.functions.one_process import UID, WatchedClock
from tests.functions.test_settings import GOOD


class Asked:
    """Answers as the test says, and then well."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.callers: list[Caller] = []

    async def get_profile(self, caller: Caller, _: Empty) -> Profile:
        self.callers.append(caller)
        if self.failures:
            raise self.failures.pop(0)
        return Profile(User(str(caller.uid), "Robot", "robot@acme.example", "robot@acme.example", "00D", "005"))


async def outcome(asked: Asked, clock: WatchedClock) -> str:
    return (await TechnicalUser(UID, asked.get_profile, clock).call()).outcome


async def test_it_asks_once_as_the_user_when_all_is_well() -> None:
    asked, clock = Asked(), WatchedClock()
    assert await outcome(asked, clock) == "ok"
    assert [caller.uid for caller in asked.callers] == [UID]
    assert clock.slept == []


@pytest.mark.parametrize("failing", [Busy(), StoreUnavailable()], ids=["salesforce", "store"])
async def test_what_is_over_within_a_minute_wakes_nobody(failing: Exception) -> None:
    asked, clock = Asked(failing, failing), WatchedClock()
    assert await outcome(asked, clock) == "ok"
    assert clock.slept == [PAUSE_SECONDS] * (TRIES - 1)


async def test_what_goes_on_is_told() -> None:
    asked, clock = Asked(*[Busy()] * TRIES), WatchedClock()
    assert await outcome(asked, clock) == "org-busy"


@pytest.mark.parametrize(
    ("failing", "told"),
    [
        (ConnectionLost(Reason.ACCESS_REVOKED), "access-revoked"),
        (Misconfigured(Reason.MISCONFIGURED), "misconfigured"),
        (RuntimeError("a fault of ours"), "internal"),
    ],
)
async def test_what_does_not_pass_is_told_at_once(failing: Exception, told: str) -> None:
    asked, clock = Asked(failing), WatchedClock()
    assert await outcome(asked, clock) == told
    assert clock.slept == []


def test_the_setting_is_a_uid() -> None:
    assert load(GOOD | {"TECHNICAL_USER": f" {UID} "}).technical_user == str(UID)
    assert load(GOOD).technical_user is None
    with pytest.raises(SettingsError, match="TECHNICAL_USER is the uid of a user"):
        load(GOOD | {"TECHNICAL_USER": "robot@acme.example"})
