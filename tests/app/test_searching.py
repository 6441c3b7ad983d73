"""How often is asked while a text to search for is typed: once, whoever types and by whatever means."""

import asyncio
from collections.abc import Sequence

import pytest

from contract.calls import ListRecords
from tests import virtual_time
from tests.app.world import World
from ui.records.list_view_model import ListViewModel

# As they are typed, through an input method all but the first; the last step is what its user takes.
WORDS = {
    "latin": ["Alder Energy"[:n] for n in range(1, 13)],
    "japanese": ["に", "にh", "にほ", "にほn", "にほん", "日本"],
    "japanese with a letter at its beginning": ["n", "に", "にh", "にほ", "にほn", "にほん"],
    "japanese, a syllable of three letters": ["と", "とk", "とky", "とkyo", "ときょ", "ときょう", "東京"],
    "katakana of half width": ["ｶ", "ｶﾅ", "カナ"],
    "full-width letters": ["Ａ", "Ａｃ", "Ａｃｍ", "Ａｃｍｅ"],
    "korean": ["ㅎ", "하", "한", "한ㄱ", "한구", "한국"],
    "bopomofo": ["ㄊ", "ㄊㄞ", "台"],
}


def asked_for(steps: Sequence[str], between: float, *, enter: bool = False) -> tuple[list[str | None], float]:
    """The texts that the backend is asked for while these are typed, so many seconds after each other, and how long
    after the last one the last of them was answered."""

    async def story() -> tuple[list[str | None], float]:
        world = World()
        model = (await world.start("/records/Account")).screen
        assert isinstance(model, ListViewModel)
        world.backend.asked.clear()
        typing: list[asyncio.Task[None]] = []
        for step in steps:
            if typing:
                await asyncio.sleep(between)
            typing.append(asyncio.create_task(model.type(step)))
        last = asyncio.get_running_loop().time()
        await asyncio.sleep(0)
        if enter:
            model.enter()
        await asyncio.gather(*typing)
        asked = [request.search for _call, request in world.backend.asked if isinstance(request, ListRecords)]
        model.enter()  # that was done
        await asyncio.sleep(0)
        assert len(world.backend.asked) == len(asked)
        return asked, asyncio.get_running_loop().time() - last

    return virtual_time.run(story())


@pytest.mark.parametrize("between", [0.05, 0.3])
@pytest.mark.parametrize("steps", WORDS.values(), ids=WORDS)
def test_a_word_is_asked_for_once_when_it_is_whole(steps: list[str], between: float) -> None:
    assert asked_for(steps, between)[0] == [steps[-1]]


@pytest.mark.parametrize("steps", [["に", "にh", "にほ", "にほん", "日本"], ["Ａ", "Ａｃ"]])
def test_whoever_looks_for_a_candidate_is_waited_for(steps: list[str]) -> None:
    assert asked_for(steps, 0.8)[0] == [steps[-1]]


def test_one_waits_for_what_may_not_be_whole_and_no_longer_than_that() -> None:
    (asked, kana), (_asked, kanji), (_asked, latin) = (asked_for([word], 0) for word in ("にほん", "日本", "Alder"))
    assert asked == ["にほん"]
    assert (kana, kanji, latin) == pytest.approx((1.0, 0.4, 0.4), abs=0.05)


@pytest.mark.parametrize("word", ["にほん", "Alder"])
def test_what_is_entered_is_asked_for_at_once(word: str) -> None:
    assert asked_for([word], 0, enter=True) == ([word], pytest.approx(0, abs=0.05))
