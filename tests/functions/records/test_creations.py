"""Idempotency keys beside a keyset that changes, and what the store gets to see."""

import hashlib
import json

import pytest

from backend.adapters.cipher import TinkCipher, add_key, drop_keys, new_keyset, promote_key
from backend.records.creations import Creation, Creations
from backend.values import Secret, Uid
from contract.calls import Created, CreateRecord, FieldValue
from contract.errors import OrgUnavailable, Reason, RefusedRequest
from tests.functions.memory_store import MemoryCreations

UID = Uid.of("00D000000000001EAA", "005000000000001AAA")
ACME = CreateRecord("Account", {"Name": "Acme"})


async def made() -> Created:
    return Created("001")


async def nothing_more() -> Created:
    raise AssertionError("a repeat creates nothing")


@pytest.mark.parametrize(("one", "same"), [
    (1, 1.0), (0.0, -0.0), (0.1, 0.10), (10**20, 1e20), ("é", "\u00e9"), (2**53 + 1, 2**53 + 1),
])  # fmt: skip
async def test_the_same_values_are_the_same_content(one: FieldValue, same: FieldValue) -> None:
    creations = Creations(MemoryCreations(), TinkCipher(Secret(new_keyset())))
    await creations.once(UID, "key", CreateRecord("Account", {"A": one, "B": None}), made)
    assert await creations.once(UID, "key", CreateRecord("Account", {"B": None, "A": same}), nothing_more) == Created(
        "001"
    )


@pytest.mark.parametrize(("one", "other"), [
    (1, True), (0, False), (1, "1"), (None, ""), (0.1, 0.2), (2**53, 2**53 + 1), ("a", "A"), ("1", "1.0"), (None,
        "null"),
])  # fmt: skip
async def test_other_values_are_another_content(one: FieldValue, other: FieldValue) -> None:
    creations = Creations(MemoryCreations(), TinkCipher(Secret(new_keyset())))
    await creations.once(UID, "key", CreateRecord("Account", {"A": one}), made)
    with pytest.raises(RefusedRequest) as refused:
        await creations.once(UID, "key", CreateRecord("Account", {"A": other}), nothing_more)
    assert refused.value.reason is Reason.IDEMPOTENCY_KEY_REUSED


async def test_one_key_of_two_users_is_two_keys() -> None:
    creations = Creations(MemoryCreations(), TinkCipher(Secret(new_keyset())))
    await creations.once(UID, "key", ACME, made)
    assert (
        await creations.once(Uid.of("00D", "other"), "key", CreateRecord("Account", {"Name": "B"}), made)
    ).id == "001"


async def test_a_content_compares_at_every_step_of_a_change_of_keys_until_its_own_is_dropped() -> None:
    store, keyset = MemoryCreations(), new_keyset()
    await Creations(store, TinkCipher(Secret(keyset))).once(UID, "key", ACME, made)
    added = add_key(keyset)
    promoted = promote_key(added)
    for step in (added, promoted):
        creations = Creations(store, TinkCipher(Secret(step)))
        assert (await creations.once(UID, "key", ACME, nothing_more)).id == "001"
        with pytest.raises(RefusedRequest):
            await creations.once(UID, "key", CreateRecord("Account", {"Name": "Other"}), nothing_more)
    with pytest.raises(OrgUnavailable) as unknown:
        await Creations(store, TinkCipher(Secret(drop_keys(promoted)))).once(UID, "key", ACME, nothing_more)
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN


async def test_who_reads_the_store_cannot_check_a_guess_of_the_content() -> None:
    store, cipher = MemoryCreations(), TinkCipher(Secret(new_keyset()))
    creations = Creations(store, cipher)
    for key in ("one", "two"):
        await creations.once(UID, key, ACME, made)
    one, two = [await store.read(UID, key) for key in ("one", "two")]
    assert isinstance(one, Creation)
    assert isinstance(two, Creation)
    assert one.content != two.content  # not even that two are the same
    guess = json.dumps(["Account", {"Name": "Acme"}]).encode()
    assert hashlib.sha256(guess).digest() not in one.content
    assert cipher.unseal_bytes(one.content, uid=UID, field="creation one") == hashlib.sha256(guess).digest()


async def test_a_content_that_was_moved_to_another_key_answers_for_nothing() -> None:
    store, cipher = MemoryCreations(), TinkCipher(Secret(new_keyset()))
    creations = Creations(store, cipher)
    await creations.once(UID, "one", ACME, made)
    one = await store.read(UID, "one")
    assert one
    await store.claim(UID, "two", one.content)
    await store.finish(UID, "two", "003")
    with pytest.raises(OrgUnavailable):
        await creations.once(UID, "two", ACME, nothing_more)


async def test_a_key_that_an_older_release_claimed_without_its_content_answers_for_nothing() -> None:
    store = MemoryCreations()
    await store.claim(UID, "key", b"")  # as Firestore's reads a document without the field
    await store.finish(UID, "key", "001")
    with pytest.raises(OrgUnavailable):
        await Creations(store, TinkCipher(Secret(new_keyset()))).once(UID, "key", ACME, nothing_more)
