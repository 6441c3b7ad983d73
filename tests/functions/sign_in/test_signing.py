"""An account that may not sign custom tokens shows itself when a sign-in begins, and not after the user has been at
Salesforce.
"""

import asyncio

import pytest

from backend.values import Caller
from contract.errors import Misconfigured, Reason
from contract.sign_in import BeginSignIn
from tests.functions.instances import FirebaseUsers
from tests.functions.sign_in.test_flow import CALLBACK, HOST, SOMEBODY, UID, Place

BEGIN = BeginSignIn(HOST, CALLBACK, "c" * 43)


class Signer(FirebaseUsers):
    """Signs when it may, and knows for whom."""

    def __init__(self, *, may_sign: bool) -> None:
        super().__init__()
        self.may_sign = may_sign
        self.asked: list[Caller] = []

    async def custom_token(self, caller: Caller) -> str:
        self.asked.append(caller)
        await asyncio.sleep(0)
        if not self.may_sign:
            raise Misconfigured(Reason.MISCONFIGURED)
        return await super().custom_token(caller)


async def test_the_first_sign_in_that_begins_makes_one_token_for_nobody() -> None:
    signer = Signer(may_sign=True)
    place = Place(signer)
    begun = await asyncio.gather(*(place.flow.begin(SOMEBODY, BEGIN) for _ in range(5)))
    (asked,) = signer.asked
    assert asked.uid != UID
    assert asked.uid.org_id.strip("0") == asked.uid.user_id.strip("0") == asked.device == ""
    assert "custom token" not in repr([(b.begun, b.dpop_jkt) for b in begun]), "it does not leave the process"


async def test_a_sign_in_that_could_not_end_does_not_begin_and_the_next_one_asks_anew() -> None:
    signer = Signer(may_sign=False)
    place = Place(signer)
    for _ in range(2):
        with pytest.raises(Misconfigured) as refused:
            await place.flow.begin(SOMEBODY, BEGIN)
        assert refused.value.reason is Reason.MISCONFIGURED
    signer.may_sign = True
    await place.flow.begin(SOMEBODY, BEGIN)
    await place.flow.begin(SOMEBODY, BEGIN)
    assert len(signer.asked) == 3


async def test_who_begins_too_often_makes_it_sign_no_more() -> None:
    signer = Signer(may_sign=False)
    place = Place(signer, per_address=2)
    reasons: list[Reason] = []
    for _ in range(300):
        try:
            await place.flow.begin(SOMEBODY, BEGIN)
        except Exception as refused:
            reasons.append(getattr(refused, "reason", Reason.INTERNAL))
    assert reasons[-1] is Reason.TOO_MANY_SIGN_INS
    assert len(signer.asked) == reasons.count(Reason.MISCONFIGURED) < 300
