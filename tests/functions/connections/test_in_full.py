"""Every part of what is stored, remembered, blocked and told, without Salesforce: the real parts on the store in
memory, time that is stepped.
"""

import asyncio
import dataclasses
import gc
import importlib
import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

import backend
import contract
from backend.connections import connection as steps
from backend.connections.audit import Audit, Chain, Entry, Event, Recorded, hash_of
from backend.connections.connection import Connection, Credential, Device, Grant, Lease, State
from backend.connections.credentials import RememberedCredentials
from backend.connections.store import ChainBroken, Contended, RecordingStore
from backend.connections.tombstones import Tombstone
from backend.values import Attachment, Caller, Secret, Uid
from contract.calls import SignOut
from contract.errors import ConnectionLost, Reason
from tests.altered import replace
from tests.functions.instances import SteppedClock
from tests.functions.memory_store import MemoryDocuments
from tests.functions.one_process import (
    CIPHER,
    HOST,
    OTHER,
    SIGNED_IN,
    STRANGER,
    UID,
    URL,
    Backend,
    a_grant,
    contended,
    response,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def here() -> Backend:
    return Backend()


# Values


def test_what_is_passed_around_is_never_changed_in_place() -> None:
    """But for what counts, and for what a process remembers."""
    changing = set[str]()
    for package in (backend, contract):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if found.name in ("backend.start", "backend.admin"):
                continue
            for value in vars(importlib.import_module(found.name)).values():
                if not isinstance(value, type) or value.__module__ != found.name:
                    continue
                if issubclass(value, msgspec.Struct):
                    is_frozen = value.__struct_config__.frozen
                elif dataclasses.is_dataclass(value):
                    is_frozen = getattr(value, "__dataclass_params__").frozen  # noqa: B009
                else:
                    continue
                if not is_frozen:
                    changing.add(value.__qualname__)
    assert changing == {"_Window", "Attempt", "Remembered", "_Share", "Distribution", "_Flight", "_Burst", "Upload"}


@pytest.mark.parametrize(("told", "name"), [
    (None, ""), ("", ""), ("Chrome, Windows", "Chrome, Windows"), ("  a \n\tb\x00c\u200b ", "a b c"), ("x" * 61,
        "x" * 60),
])  # fmt: skip
def test_a_devices_name_is_one_short_line(told: str | None, name: str) -> None:
    assert Device.called("id", told) == Device("id", name)


def whole() -> Connection:
    """A connection in which every field says something."""
    return Connection(
        UID, 3, b"grant", State.SENDING, NOON, NOON + timedelta(1),
        NOON + timedelta(2), Lease("me", NOON),
        Reason.IDLE_TOO_LONG, True, {"a": NOON, "b": NOON + timedelta(3)}, {"a": "A", "b": "B"}, Chain("s", 1, "h",
            b"s"), Attachment(b"d", NOON), 7,
    )  # fmt: skip


LATER, SEALED, LEASE = NOON + timedelta(days=9), b"another grant", Lease("you", NOON + timedelta(days=9))


@pytest.mark.parametrize(("step", "changes"), [
    (lambda c: steps.without_device(c, "a"), {"devices": {"b": NOON + timedelta(3)}, "device_names": {"b": "B"}}),
    (lambda c: steps.without_device(c, "z"), {}),
    (lambda c: steps.staying_signed_in(c, False), {"stay_signed_in": False}),
    (lambda c: steps.used_today(c, LATER), {"used": LATER}),
    (lambda c: steps.attached(c, Attachment(b"e", LATER)), {"attachment": Attachment(b"e", LATER)}),
    (lambda c: steps.resealed(c, SEALED), {"sealed": SEALED}),
    (lambda c: steps.lease_taken(c, LEASE), {"state": State.SENT_UNKNOWN, "lease": LEASE}),
    (lambda c: steps.sending(c, LEASE), {"state": State.SENDING, "lease": LEASE}),
    (steps.not_sent, {"state": State.FRESH, "lease": None}),
    (steps.sent_unknown, {"state": State.SENT_UNKNOWN, "lease": None}),
    (steps.lease_returned, {"lease": None}),
    (lambda c: steps.renewed(c, SEALED, LATER),
     {"generation": 4, "sealed": SEALED, "state": State.FRESH, "lease": None,
      "ended_reason": None, "refreshed": LATER}),
    (lambda c: steps.ended(c, Reason.REFRESH_LOST), {"state": State.NEEDS_SIGN_IN, "ended_reason": Reason.REFRESH_LOST,
                                                     "lease": None}),
    (steps.blocked, {"state": State.REVOKED, "ended_reason": Reason.ACCESS_STOPPED, "lease": None}),
    (lambda c: steps.signed_in(UID, c, SEALED, device=Device("c", "C"), at=LATER),
     {"generation": 4, "sealed": SEALED, "state": State.FRESH, "created": LATER,
      "refreshed": LATER, "used": LATER,
      "lease": None, "ended_reason": None, "devices": {"a": NOON, "b": NOON + timedelta(3), "c": LATER},
      "device_names": {"a": "A", "b": "B", "c": "C"}}),
    (lambda c: steps.signed_in(UID, c, c.sealed, device=Device("a"), at=NOON),
     {"generation": 4, "state": State.FRESH, "refreshed": NOON, "used": NOON,
      "lease": None, "ended_reason": None}),
])  # fmt: skip
def test_each_step_changes_this_and_nothing_else(
    step: Callable[[Connection], Connection], changes: dict[str, object]
) -> None:
    assert step(whole()) == replace(whole(), **changes)  # pyright: ignore[reportArgumentType]


def test_a_first_sign_in_says_all_that_is_known() -> None:
    made = steps.signed_in(UID, None, SEALED, device=Device("a", "A"), at=NOON)
    assert made == Connection(
        UID,
        1,
        SEALED,
        State.FRESH,
        NOON,
        NOON,
        NOON,
        devices={"a": NOON},
        device_names={"a": "A"},
    )


def test_the_names_of_devices_that_made_room_go_too() -> None:
    many = {f"d{n:02}": NOON + timedelta(minutes=n) for n in range(20)}
    before = replace(whole(), devices=many, device_names={d: d.upper() for d in many})
    after = steps.signed_in(UID, before, SEALED, device=Device("new", "N"), at=LATER)
    assert list(after.devices) == [*(f"d{n:02}" for n in range(1, 20)), "new"]
    assert list(after.device_names) == list(after.devices)


@pytest.mark.parametrize("state", State)
def test_which_states_are_an_end(state: State) -> None:
    connection = replace(whole(), state=state)
    assert connection.has_ended == (state in (State.NEEDS_SIGN_IN, State.REVOKED))


def test_a_grant_is_the_same_in_sign_in_and_generation() -> None:
    again = datetime.fromisoformat(whole().created.isoformat())  # equal, and not the same object, as the store gives it
    assert whole().is_same_grant(replace(whole(), state=State.FRESH, created=again))
    for generation in (whole().generation - 1, whole().generation + 1):
        assert not whole().is_same_grant(replace(whole(), generation=generation))
    assert not whole().is_same_grant(replace(whole(), created=LATER))


def test_a_connection_that_ended_without_a_reason_was_revoked() -> None:
    lost = steps.lost(replace(whole(), ended_reason=None, state=State.NEEDS_SIGN_IN))
    assert (lost.reason, lost.details) == (Reason.ACCESS_REVOKED, {"state": "needs-sign-in"})


# The audit record


def test_the_hash_of_an_entry_stays_what_it_was() -> None:
    """Records that were written years ago are checked with it."""
    entry = Entry(
        "subject", 2, datetime(2026, 11, 24, 9, 0, 0, 5, UTC), Event.REFRESH, "backend", 3, "a reason", "before"
    )
    assert hash_of(entry) == HASH
    assert hash_of(replace(entry, at=entry.at.astimezone(tz=None))) == HASH


HASH = "1a911291c74450b55a3f0f41f3787849485437a61c9dc4f6ba7aa19ead787430"


def test_where_a_record_goes_wrong() -> None:
    audit = Audit(CIPHER, lambda: "s")
    chains, entries = list[Chain](), list[Entry]()
    for n in range(3):
        chain, entry = audit.append(chains[-1] if chains else None, Event.REFRESH, at=NOON, by="b", generation=n)
        chains.append(chain)
        entries.append(entry)
    first, second, third = entries
    assert [e.sequence for e in entries] == [1, 2, 3]
    assert [e.previous for e in entries] == ["", hash_of(first), hash_of(second)]
    assert [c.hash for c in chains] == [hash_of(e) for e in entries]

    def flaw(end: Chain | None, *shown: Entry) -> tuple[int, str] | None:
        found = audit.flaw(Recorded("s", end, shown))
        return None if found is None else (found.sequence, found.what)

    missing, moved = "an entry is missing", "an entry was changed or moved"
    cut, unsealed = "entries were added or cut off at the end", "the last entry is not the one that was sealed"
    assert flaw(chains[2], *entries) is None
    assert flaw(None) == (0, "the end of the chain is missing")
    assert flaw(chains[2], second, third) == (1, missing)
    assert flaw(chains[2], first, third) == (2, missing)
    assert flaw(chains[2], first, first, third) == (2, missing)
    assert flaw(chains[2], replace(first, subject="t"), second, third) == (1, moved)
    for other in ("a", "t"):
        assert flaw(chains[2], first, second, replace(third, subject=other)) == (2, moved)
    assert flaw(chains[2], replace(first, previous="x"), second, third) == (1, moved)
    assert flaw(chains[2], replace(first, by="x"), second, third) == (1, moved)
    assert flaw(chains[2], first, replace(second, by="x"), third) == (2, moved)
    assert flaw(chains[2], first, second) == (3, cut)
    assert flaw(chains[0], first, second, third) == (2, cut)
    assert flaw(chains[2], first, second, replace(third, by="x")) == (3, unsealed)
    assert flaw(replace(chains[2], hash="x"), *entries) == (3, unsealed)
    assert flaw(replace(chains[2], seal=chains[1].seal), *entries) == (3, unsealed)
    assert flaw(replace(chains[2], seal=b"x"), *entries) == (3, unsealed)
    later = CIPHER.seal(Secret("z" * 64), uid="s", field="audit", generation=3)  # greater than any hash
    assert flaw(replace(chains[2], seal=later), *entries) == (3, unsealed)
    assert flaw(replace(chains[2], hash="z" * 64, seal=later), *entries) == (3, unsealed)


def test_a_long_record_as_it_is_read_has_no_flaw() -> None:
    """Equal numbers and texts, and not the same objects."""
    audit, chain, entries = Audit(CIPHER, lambda: "s"), None, list[Entry]()
    for _ in range(300):
        chain, entry = audit.append(chain, Event.REFRESH, at=NOON, by="b")
        entries.append(replace(entry, subject="".join(["s"]), sequence=int(str(entry.sequence))))
    assert chain is not None
    assert {entry.generation for entry in entries} == {0}
    assert audit.flaw(Recorded("s", replace(chain, sequence=int(str(chain.sequence))), tuple(entries))) is None


def test_a_chain_is_sealed_anew_and_one_with_a_wrong_seal_stays() -> None:
    audit = Audit(CIPHER, lambda: "s")
    chain, _ = audit.append(None, Event.BLOCK, at=NOON, by="b")
    again = audit.reseal(chain)
    assert (again.subject, again.sequence, again.hash) == (chain.subject, chain.sequence, chain.hash)
    assert again.seal != chain.seal
    assert CIPHER.unseal(again.seal, uid="s", field="audit", generation=1).reveal() == chain.hash
    assert audit.reseal(replace(chain, seal=b"x")) == replace(chain, seal=b"x")


# The store


async def test_a_write_is_recorded_only_when_something_happened_and_always_told(here: Backend) -> None:
    await here.sign_in()
    await here.vault.change(UID, lambda c: steps.staying_signed_in(c, True))
    assert here.noticed == [(State.FRESH, Event.SIGN_IN), (State.FRESH, None)]
    assert [(e.event, e.by, e.generation, e.reason) for e in await here.entries("s1")] == [
        (Event.SIGN_IN, "user", 1, "")
    ]
    receipt = await here.store.delete(await here.stored(), Event.ERASURE, by="anna", reason="because")
    newest = (await here.entries("s1"))[0]
    assert (newest.event, newest.by, newest.generation, newest.reason, newest.at) == (
        Event.ERASURE,
        "anna",
        1,
        "because",
        here.clock.now(),
    )
    assert receipt == hash_of(newest)
    assert here.noticed[-1] == (State.FRESH, Event.ERASURE)


async def test_a_broken_record_is_told_once_and_a_new_one_begun(here: Backend) -> None:
    await here.sign_in()
    old = await here.stored()
    await here.sign_in()
    restored = await here.documents.write(replace(old, revision=(await here.stored()).revision))
    await here.store.write(restored, Event.REFRESH, by="backend")
    assert here.broken == ["s1"]
    chain = (await here.stored()).chain
    assert chain is not None
    assert (chain.subject, chain.sequence) == ("s2", 1)

    class AlwaysBroken(MemoryDocuments):
        async def write(
            self, connection: Connection, entry: Entry | None = None, tombstone: Tombstone | None = None
        ) -> Connection:
            raise ChainBroken

    store = RecordingStore(AlwaysBroken(), here.audit, here.clock, broken=here.broken.append)
    with pytest.raises(ChainBroken):
        await store.write(replace(restored, chain=None), Event.REFRESH)
    assert here.broken == ["s1", ""]


async def test_records_are_counted_and_sealed_anew(here: Backend) -> None:
    assert await here.store.check_records() == (0, 0, {})
    assert await here.store.reseal_records() == 0
    await here.sign_in()
    await here.sign_in()
    await here.sign_in(OTHER)
    await here.vault.remove(OTHER, Event.ERASURE, by="user")
    await here.blocks.block(STRANGER, by="anna")
    assert await here.store.check_records() == (3, 5, {})
    before = (await here.documents.read_blocks()).chain
    here.documents.before_write.append(contended)
    assert await here.store.reseal_records() == 1
    after = (await here.documents.read_blocks()).chain
    assert before is not None
    assert after is not None
    assert (before.hash, before.seal == after.seal) == (after.hash, False)
    assert (await here.documents.read_blocks()).targets == {STRANGER}
    assert await here.store.check_records() == (3, 5, {})
    chain = (await here.stored()).chain
    assert chain is not None
    await here.documents.write(replace(await here.stored(), chain=replace(chain, hash="x")))
    records, entries, flaws = await here.store.check_records()
    assert (records, entries, list(flaws)) == (3, 5, ["s1"])


# What is remembered


def remembering(clock: SteppedClock | None = None) -> RememberedCredentials:
    return RememberedCredentials(clock or SteppedClock())


def granted(token: str) -> Grant:
    return replace(a_grant(), access_token=Secret(token))


def test_of_one_sign_in_the_newer_credential_is_remembered_and_of_two_the_last() -> None:
    memory, newer = remembering(), replace(whole(), generation=5)
    assert memory.recall(UID) is None
    first = memory.remember(newer, granted("new"), None)
    assert (first.credential, first.devices, first.attachment) == (
        Credential(UID, Secret("new"), URL, NOON, 5), frozenset({"a", "b"}), None,
    )  # fmt: skip
    assert memory.remember(replace(whole(), generation=4), granted("old"), None) is first
    assert memory.remember(replace(whole(), generation=6), granted("newest"), None).credential.generation == 6
    memory.forget(UID)
    first = memory.remember(newer, granted("new"), None)
    assert memory.recall(UID) is first
    same = memory.remember(newer, granted("again"), None)
    assert memory.recall(UID) is same is not first
    assert memory.remember(replace(whole(), generation=1, created=LATER), granted("x"), None).credential.generation == 1
    memory.forget(UID)
    memory.forget(UID)
    assert memory.recall(UID) is None


async def test_a_credential_is_remembered_for_a_minute() -> None:
    clock = SteppedClock()
    memory = remembering(clock)
    memory.remember(whole(), granted("a"), None)
    await clock.sleep(59.9)
    assert memory.recall(UID) is not None
    await clock.sleep(0.1)
    assert memory.recall(UID) is None


def test_ten_thousand_are_remembered_and_of_their_texts_each_once() -> None:
    memory = remembering()
    for n in range(10_001):
        memory.remember(replace(whole(), uid=Uid.of("00D", str(n))), granted("a"), Attachment(b"%d" % (n % 257), NOON))
    remembered = [n for n in range(10_001) if memory.recall(Uid.of("00D", str(n))) is not None]
    assert (len(remembered), remembered[0]) == (10_000, 1)
    memory = remembering()
    texts = list[bytes]()
    for n in (*range(256), 0, 256, 1):
        found = memory.remember(
            replace(whole(), uid=Uid.of("00D", str(n))), granted("a"), Attachment(bytes([n % 256, n // 256]), NOON)
        ).attachment
        assert found is not None
        assert found.at == NOON
        texts.append(found.text)
    assert texts[256] is texts[0], "256 texts are kept"
    assert texts[258] is not texts[1], "the one that was not used for longest has made room"


def test_describes_are_kept_with_a_credential_that_is_remembered() -> None:
    memory = remembering()
    memory.attach(UID, Attachment(b"x", NOON))
    assert memory.recall(UID) is None
    memory.remember(whole(), granted("a"), None)
    memory.attach(UID, Attachment(b"x", LATER))
    found = memory.recall(UID)
    assert found is not None
    assert found.attachment == Attachment(b"x", LATER)


# The vault


async def test_a_sign_in_is_stored_sealed_and_remembered_and_says_what_it_replaces(here: Backend) -> None:
    assert await here.sign_in() is None
    first = await here.stored()
    assert here.vault.unseal(first) == a_grant()
    reads = here.documents.reads
    opened = await here.vault.open(UID)
    assert (opened.credential, here.documents.reads) == (Credential(UID, Secret("access 1"), URL, SIGNED_IN, 1), reads)
    here.documents.before_write.append(contended)
    replaced = await here.vault.save(UID, a_grant(2, "test.salesforce.com"), Device("tablet"))
    assert replaced is not None
    assert (replaced.connection, await here.unburied()) == (first, [a_grant()])
    second = await here.stored()
    assert (second.generation, set(second.devices)) == (2, {"phone", "tablet"})
    assert here.vault.unseal(second) == a_grant(2, "test.salesforce.com")
    assert second.created == here.clock.now()
    with pytest.raises(ValueError, match="without refresh token"):
        Grant.of(replace(response(), refresh_token=None), HOST)


@pytest.mark.parametrize("key", [None, Secret("a private key")])
async def test_a_grant_opens_whole_and_in_its_own_place_only(here: Backend, key: Secret | None) -> None:
    grant = replace(a_grant(), key=key)
    good = replace(whole(), sealed=here.vault.seal(UID, 3, grant), generation=3, attachment=None)
    assert here.vault.unseal(good) == grant
    assert here.vault.unseal_credential(good).credential == Credential(UID, Secret("access 1"), URL, NOON, 3, key)
    for wrong in (
        replace(good, generation=4),
        replace(good, uid=OTHER),
        replace(good, sealed=b""),
        replace(good, sealed=good.sealed[:-1]),
        replace(good, sealed=CIPHER.seal_bytes(b"{}", uid=UID, field="describes")),
    ):
        with pytest.raises(ConnectionLost) as lost:
            here.vault.unseal_credential(wrong)
        assert lost.value.reason is Reason.CONNECTION_TAMPERED


async def test_a_refresh_keeps_of_a_grant_what_it_does_not_change() -> None:
    before = replace(a_grant(), key=Secret("a private key"))
    moved = replace(response(n=2), instance_url="https://y.my.salesforce.com", scope="another", bound=True)
    after = replace(before, instance_url=moved.instance_url, access_token=Secret("access 2"))
    assert before.refreshed(moved) == replace(after, refresh_token=Secret("refresh 2"))
    assert before.refreshed(replace(moved, refresh_token=None)) == after


async def test_a_connection_that_has_ended_is_not_opened_and_forgotten(here: Backend) -> None:
    with pytest.raises(ConnectionLost) as lost:
        await here.vault.require(UID)
    assert lost.value.reason is Reason.NOT_CONNECTED
    await here.sign_in()
    assert (await here.vault.require(UID)).uid == UID
    await here.documents.write(steps.ended(await here.stored(), Reason.IDLE_TOO_LONG))
    assert here.remembered.recall(UID) is not None
    with pytest.raises(ConnectionLost) as lost:
        await here.vault.require(UID)
    assert lost.value.reason is Reason.IDLE_TOO_LONG
    assert here.remembered.recall(UID) is None


async def test_a_device_is_admitted_from_memory_and_looked_up_twice_at_most(here: Backend) -> None:
    await here.sign_in()
    reads = here.documents.reads
    assert await here.vault.admits(Caller(UID, "phone"))
    assert here.documents.reads == reads
    assert not await here.vault.admits(Caller(UID, "stolen"))
    assert here.documents.reads == reads + 2
    with pytest.raises(ConnectionLost) as lost:
        await here.vault.admits(Caller(OTHER, "phone"))
    assert lost.value.reason is Reason.NOT_CONNECTED


@pytest.mark.parametrize("state", ["needs-sign-in", "revoked", "tampered"])
async def test_a_device_that_was_signed_out_stays_out_when_the_connection_has_ended(here: Backend, state: str) -> None:
    await here.sign_in()
    await here.sign_in(device="stolen")
    await here.lifecycle.sign_out(Caller(UID, "phone"), SignOut(device="stolen"))
    if state == "needs-sign-in":
        await here.documents.write(steps.ended(await here.stored(), Reason.IDLE_TOO_LONG))
    elif state == "revoked":
        await here.lifecycle.block(UID, by="anna")
    else:
        await here.documents.write(replace(await here.stored(), sealed=b"made up"))
    here.remembered.forget(UID)
    assert not await here.vault.admits(Caller(UID, "stolen"))
    assert await here.vault.admits(Caller(UID, "phone")), "and is told by the call why it has ended"


async def test_many_look_ups_at_once_read_the_store_once(here: Backend) -> None:
    await here.sign_in()
    here.remembered.forget(UID)
    reads = here.documents.reads
    opened = await asyncio.gather(*(here.vault.open(UID) for _ in range(20)))
    assert here.documents.reads == reads + 1
    assert len({id(o) for o in opened}) == 1
    here.remembered.forget(UID)
    await here.vault.open(UID)
    assert here.documents.reads == reads + 2


async def test_what_a_look_up_read_before_a_change_is_not_remembered(here: Backend) -> None:
    await here.sign_in()
    here.remembered.forget(UID)
    here.documents.held = asyncio.Event()
    look_up = asyncio.create_task(here.vault.open(UID))
    await here.documents.reached()
    held, here.documents.held = here.documents.held, None
    await here.vault.change(UID, lambda c: steps.without_device(c, "phone"))
    held.set()
    await look_up
    await asyncio.sleep(0)
    assert here.remembered.recall(UID) is None
    assert not (await here.vault.open(UID)).devices


@pytest.mark.parametrize("what", ["look-up", "renewal", "blocks"])
async def test_work_that_fails_after_its_callers_have_gone_complains_to_nobody(here: Backend, what: str) -> None:
    complaints = list[str]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context["message"]))
    here.documents.held = asyncio.Event()
    rejected = Credential(UID, Secret("x"), URL, SIGNED_IN, 1)
    work = {
        "look-up": here.vault.open(UID),
        "renewal": here.renewal.renew(UID, rejected),
        "blocks": here.blocks.check(UID),
    }
    caller = asyncio.create_task(work.pop(what))
    for unused in work.values():
        unused.close()
    await here.documents.reached()
    caller.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    if what == "blocks":
        here.documents.fails = ConnectionError()
    here.documents.held.set()
    for _ in range(5):
        await asyncio.sleep(0)
    assert caller.cancelled()
    del caller  # it holds on to what it waited for
    gc.collect()
    assert complaints == []


async def test_the_last_use_is_noted_after_a_day_and_not_while_someone_refreshes(here: Backend) -> None:
    await here.sign_in()
    signed_in = here.clock.now()
    for wait in (3600, 86400 - 3600):
        await here.clock.sleep(wait)
        here.remembered.forget(UID)
        await here.vault.open(UID)
        assert (await here.stored()).used == signed_in
    here.remembered.forget(UID)
    await here.clock.sleep(1)
    await here.vault.open(UID)
    assert (await here.stored()).used == here.clock.now()
    await here.clock.sleep(86401)
    leased = await here.documents.write(replace(await here.stored(), lease=LEASE))
    await here.vault.open(UID)
    assert (await here.stored()).revision == leased.revision
    await here.documents.write(replace(await here.stored(), lease=None))
    here.remembered.forget(UID)
    here.documents.before_write.append(contended)
    assert (await here.vault.open(UID)).credential.generation == 1


async def test_a_change_is_tried_again_until_nobody_was_first_and_forgets_what_was_remembered(here: Backend) -> None:
    await here.sign_in()
    here.documents.before_write.extend([contended, contended])
    changed = await here.vault.change(
        UID, lambda c: steps.staying_signed_in(c, True), Event.BLOCK, by="anna", reason="r"
    )
    assert changed == await here.stored()
    assert changed is not None
    assert changed.stay_signed_in
    assert here.remembered.recall(UID) is None
    assert next((e.event, e.by, e.reason) for e in await here.entries("s1")) == (Event.BLOCK, "anna", "r")
    await here.vault.open(UID)
    assert await here.vault.change(UID, lambda _: None) is None
    assert here.remembered.recall(UID) is not None, "nothing was changed"
    assert await here.vault.change(OTHER, lambda c: c) is None


async def test_a_removal_says_what_was_there_or_that_nothing_was(here: Backend) -> None:
    assert await here.vault.remove(UID, Event.ERASURE, by="user") is None
    await here.sign_in()
    stored = await here.stored()
    assert await here.vault.remove(UID, Event.ERASURE, by="user", only=lambda c: c.generation == 2) is None
    assert await here.stored() == stored
    deletes = here.store.delete

    async def somebody_is_first(
        connection: Connection, event: Event, *, by: str, reason: str = "", tombstone: Tombstone | None = None
    ) -> str:
        here.store.delete = deletes
        raise Contended

    here.store.delete = somebody_is_first
    removed = await here.vault.remove(
        UID, Event.REVOCATION, by="schedule", reason="r", only=lambda c: c.generation == 1
    )
    newest = (await here.entries("s1"))[0]
    assert removed is not None
    assert (removed.connection, removed.receipt) == (stored, hash_of(newest))
    assert (newest.event, newest.by, newest.reason) == (Event.REVOCATION, "schedule", "r")
    assert here.remembered.recall(UID) is None


async def test_a_connection_is_sealed_anew_with_all_that_it_has(here: Backend) -> None:
    assert not await here.vault.reseal(UID)
    await here.sign_in()
    before = await here.stored()
    assert await here.vault.reseal(UID)
    after = await here.stored()
    assert after.sealed != before.sealed
    assert here.vault.unseal(after) == a_grant()
    assert before.chain is not None
    assert after.chain is not None
    assert before.chain.seal != after.chain.seal
    await here.vault.end(UID, steps.blocked, Event.BLOCK, by="anna", reason="r")
    assert await here.vault.reseal(UID)
    assert here.vault.unseal(await here.stored()) == a_grant().without_tokens()
    graves = dict(here.documents.graves)
    assert await here.vault.revocation.reseal() == len(graves) == 1
    assert here.documents.graves != graves
    assert await here.unburied() == [a_grant()]


async def test_describes_are_kept_beside_the_connection_for_others_too(here: Backend) -> None:
    await here.sign_in()
    assert await here.vault.attachment(UID) is None
    kept = Attachment(b"text", NOON)
    await here.vault.attach(UID, kept)
    assert await here.vault.attachment(UID) == kept
    stored = (await here.stored()).attachment
    assert stored is not None
    assert (stored.text != b"text", stored.at) == (True, NOON)
    assert CIPHER.unseal_bytes(stored.text, uid=UID, field="describes") == b"text"
    here.remembered.forget(UID)
    assert await here.vault.attachment(UID) == kept
    await here.documents.attach(replace(await here.stored(), attachment=Attachment(b"of a key that is lost", NOON)))
    here.remembered.forget(UID)
    assert await here.vault.attachment(UID) is None, "what cannot be opened is asked for again"
    await here.vault.attach(OTHER, kept)  # a connection that is not there keeps nothing
    await here.documents.write(steps.ended(await here.stored(), Reason.IDLE_TOO_LONG))
    await here.vault.attach(UID, kept)
    assert (await here.stored()).attachment is None
