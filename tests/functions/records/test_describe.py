"""What a user may see, under any order of permission changes, sign-outs, other users and instances: the real org, time
that is stepped.

What Salesforce hides is gone from an answer at once, because Salesforce refuses it. What describe says of an object
follows within DESCRIBE_SECONDS. After a sign-out nothing is answered once the instances' memory has had its minute.
"""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from backend.connections.connection import attached
from backend.connections.credentials import REMEMBER_SECONDS
from backend.records.describe import DESCRIBE_SECONDS, HIDDEN_SECONDS, encode
from backend.records.org import Described, DescribedField
from backend.values import Attachment, Caller, Uid
from contract.calls import Describe, Empty, FieldShape, ListRecords, Sobject, SobjectShape, Sort
from contract.errors import ConnectionLost, RefusedRequest
from devtools.clients import ADMIN, SALES, control
from localorg import EmbeddedOrg, OrgSettings
from tests.depth import examples
from tests.functions.instances import Instances
from tests.functions.one_process import SIGNED_IN

PROFILES = ("System Administrator", "Standard User", "Read Only")
SOBJECTS = ("Account", "Contact", "Opportunity")
AMOUNT = {"Opportunity": "Amount", "Account": "AnnualRevenue"}
READ_ONLY = "Read Only"


@pytest.fixture(scope="module")
def own_org() -> Generator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=20)) as org:
        yield org


@dataclass
class Person:
    username: str
    uid: Uid
    profiles: list[tuple[datetime, str]]
    signed_out_at: datetime | None = None

    def had_within(self, seconds: float, now: datetime) -> set[str]:
        """The profiles that this person has or had in the last `seconds`."""
        since = now - timedelta(seconds=seconds)
        ends = [at for at, _ in self.profiles[1:]] + [now]
        return {profile for (_, profile), end in zip(self.profiles, ends, strict=True) if end >= since}


STEPS = st.one_of(
    st.tuples(st.just("profile"), st.integers(0, 1), st.sampled_from(PROFILES)),
    st.tuples(st.just("wait"), st.sampled_from([20.0, 61.0, 301.0, 601.0]), st.just("")),
    st.tuples(st.just("describe"), st.integers(0, 1), st.sampled_from(SOBJECTS)),
    st.tuples(st.just("list"), st.integers(0, 1), st.sampled_from(sorted(AMOUNT))),
    st.tuples(st.just("sign out"), st.integers(0, 1), st.just("")),
    st.tuples(st.just("sign in"), st.integers(0, 1), st.just("")),
)


async def shapes_of_each_profile(org: EmbeddedOrg) -> dict[tuple[str, str], SobjectShape]:
    """What describe says to each profile, read by instances that know nothing yet."""
    found: dict[tuple[str, str], SobjectShape] = {}
    for profile in PROFILES:
        control(org.url, "profile", {"username": SALES, "profile": profile})
        instances = Instances(org)
        uid, _ = await instances.connect()
        for sobject in SOBJECTS:
            found[profile, sobject] = await instances.each[0].queries.describe(Caller(uid, "phone"), Describe(sobject))
        await instances.http.close()
    return found


class Story:
    """Two people at four instances."""

    def __init__(self, org: EmbeddedOrg, truth: dict[tuple[str, str], SobjectShape]) -> None:
        self.org = org
        self.truth = truth
        self.instances = Instances(org)
        self.people: list[Person] = []
        self.turn = 0

    @property
    def now(self) -> datetime:
        return self.instances.clock.now()

    async def begin(self) -> None:
        for username in (SALES, ADMIN):
            control(self.org.url, "profile", {"username": username, "profile": PROFILES[0]})
            uid, _ = await self.instances.connect(username)
            self.people.append(Person(username, uid, [(self.now, PROFILES[0])]))

    async def step(self, what: str, who: object, detail: str) -> None:
        if what == "wait":
            assert isinstance(who, float)
            await self.instances.clock.sleep(who)
            return
        assert isinstance(who, int)
        person = self.people[who]
        if what == "profile":
            await asyncio.to_thread(control, self.org.url, "profile", {"username": person.username, "profile": detail})
            person.profiles.append((self.now, detail))
        elif what == "sign out" and person.signed_out_at is None:
            await self.instances.sign_out(person.uid, "phone", everywhere=True)
            person.signed_out_at = self.now
        elif what == "sign in" and person.signed_out_at is not None:
            await self.instances.connect(person.username)
            person.signed_out_at = None
        elif what in ("describe", "list"):
            await self.read(person, what, cast(Sobject, detail))

    async def read(self, person: Person, what: str, sobject: Sobject) -> None:
        """Any instance answers; what it says is held to what this person may see."""
        self.turn += 1
        queries, caller = self.instances.each[self.turn % 4].queries, Caller(person.uid, "phone")
        try:
            if what == "describe":
                shape = await queries.describe(caller, Describe(sobject))
                allowed = person.had_within(DESCRIBE_SECONDS, self.now)
                assert shape in [self.truth[profile, sobject] for profile in allowed], (
                    f"{person.username} may not see this since ten minutes"
                )
            else:
                page = await queries.list_records(caller, ListRecords(sobject, sort=Sort(AMOUNT[sobject])))
                assert page.records
                assert person.signed_out_at is None, "a list is Salesforce's own answer, and the grant has been revoked"
                assert person.profiles[-1][1] != READ_ONLY, "sorted by a field that is hidden now"
        except ConnectionLost:
            assert person.signed_out_at is not None
            return
        except RefusedRequest:
            assert what == "list"
            assert READ_ONLY in person.had_within(DESCRIBE_SECONDS, self.now)
        if person.signed_out_at is not None:
            assert (self.now - person.signed_out_at).total_seconds() <= REMEMBER_SECONDS, "answered after the sign-out"


@settings(
    max_examples=examples(20),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
@example(steps=[("describe", 0, "Contact"), ("profile", 0, READ_ONLY), ("wait", 601.0, ""), ("describe", 0, "Contact")])
@example(
    steps=[
        ("list", 0, "Opportunity"),
        ("profile", 0, READ_ONLY),
        ("list", 0, "Opportunity"),
        ("describe", 0, "Opportunity"),
    ]
)
@example(
    steps=[
        *[("describe", 0, "Account")] * 4,
        ("sign out", 0, ""),
        ("list", 0, "Account"),
        ("wait", 61.0, ""),
        ("describe", 0, "Account"),
    ]
)
@example(
    steps=[
        ("describe", 0, "Contact"),
        ("sign out", 0, ""),
        ("profile", 0, READ_ONLY),
        ("sign in", 0, ""),
        ("describe", 0, "Contact"),
    ]
)
def test_nobody_is_answered_what_they_may_not_see_for_longer_than_promised(
    own_org: EmbeddedOrg, steps: list[tuple[str, object, str]]
) -> None:
    async def story() -> None:
        told = Story(own_org, TRUTH or await shapes_of_each_profile(own_org))
        TRUTH.update(told.truth)
        await told.begin()
        try:
            for step in steps:
                await told.step(*step)
        finally:
            await told.instances.http.close()

    asyncio.run(story())


TRUTH: dict[tuple[str, str], SobjectShape] = {}


async def test_the_profiles_of_the_test_differ(own_org: EmbeddedOrg) -> None:
    truth = await shapes_of_each_profile(own_org)
    assert len({str(truth[profile, "Contact"]) for profile in PROFILES}) == 3


async def test_an_object_that_a_profile_may_see_from_now_on_shows_within_seconds_at_every_instance(
    own_org: EmbeddedOrg,
) -> None:
    control(own_org.url, "profile", {"username": SALES, "profile": READ_ONLY})
    instances = Instances(own_org)
    uid, _ = await instances.connect()
    caller = Caller(uid, "phone")

    async def shown(instance: int) -> bool:
        return "Lead" in [
            o.sobject for o in (await instances.each[instance].queries.get_objects(caller, Empty())).objects
        ]

    assert not await shown(0)
    control(own_org.url, "profile", {"username": SALES, "profile": PROFILES[0]})
    await instances.clock.sleep(HIDDEN_SECONDS + 1)
    assert await shown(1)
    assert await shown(0)
    await instances.http.close()


async def test_what_was_kept_goes_with_the_connection(own_org: EmbeddedOrg) -> None:
    instances = Instances(own_org)
    uid, _ = await instances.connect()
    await instances.each[0].queries.describe(Caller(uid, "phone"), Describe("Account"))
    assert (await instances.stored(uid)).attachment is not None
    await instances.sign_out(uid, "phone", everywhere=True)
    stored = await instances.store.read(uid)
    assert stored is None or stored.attachment is None
    with pytest.raises(ConnectionLost):
        await instances.each[0].queries.describe(Caller(uid, "phone"), Describe("Account"))
    await instances.http.close()


async def test_what_cannot_be_opened_is_asked_for_again(own_org: EmbeddedOrg) -> None:
    instances = Instances(own_org)
    uid, _ = await instances.connect()
    caller = Caller(uid, "phone")
    shape = await instances.each[0].queries.describe(caller, Describe("Account"))
    kept = (await instances.stored(uid)).attachment
    assert kept is not None
    await instances.store.attach(attached(await instances.stored(uid), Attachment(b"nonsense", kept.at)))
    control(own_org.url, "counters/reset")
    assert await instances.each[1].queries.describe(caller, Describe("Account")) == shape
    assert control(own_org.url, "counters").get("rest.composite") == 1
    await instances.http.close()


def _kept(seed: int) -> bytes:
    """A describe of 200 fields as it is kept, another for each seed."""
    shapes = [FieldShape(f"F{n}", f"Field {seed}", "string", False, True, True) for n in range(200)]
    fields = {shape.name: DescribedField(shape, filterable=True, sortable=True) for shape in shapes}
    return encode({"Account": Described("Account", "Account", "Accounts", fields)})


def test_describes_in_memory_are_bounded_by_their_fields(org: EmbeddedOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list view that somebody opens makes another one of all their objects."""
    monkeypatch.setattr("backend.records.describe._MAX_DECODED", 1000)
    describes = Instances(org).each[0].queries._describes  # pyright: ignore[reportPrivateUsage]
    for seed in range(10):
        opened = describes._open(Attachment(_kept(seed), SIGNED_IN))  # pyright: ignore[reportPrivateUsage]
        described = opened["Account"]
        assert described is not None
        assert len(described.fields) == 200
    assert len(describes._decoded) == 4  # pyright: ignore[reportPrivateUsage]
