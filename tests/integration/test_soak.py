"""A short soak in every CI run; `make soak` runs a long one."""

from bench.soak import soak
from devtools.suite import Suite


async def test_killing_a_process_every_second_signs_nobody_out_and_makes_no_answer_wrong(suite: Suite) -> None:
    counted = await soak(suite, 14)
    assert counted.wrong == []
    assert counted.signed_out == 0
    assert counted.kills > 10
    assert counted.answers["right"] > 500
    # What was sent is stored, but for the one case that nobody can mend; that one is proved and told, never guessed.
    assert counted.refreshes_sent == counted.generations_stored + counted.died_with_the_answer
    assert counted.generations_stored > 10
