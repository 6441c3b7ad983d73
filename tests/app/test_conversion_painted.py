"""The page on which a lead is converted as it is painted, on Flet's own session: its choices, and where it leads."""

import flet as ft
import pytest

from contract.conversion import Conversion, Existing
from contract.errors import OrgUnavailable, Reason
from tests.app.test_conversion import LEAD_ID, STATUSES, ConvertingBackend
from tests.app.test_guard import Screen, swept, within  # noqa: F401  after each test
from tests.app.test_owner_views import controls, tap_words, texts
from tests.app.world import World


async def shown(backend: ConvertingBackend, width: int) -> Screen:
    world = World(backend)
    await world.start()
    screen = Screen(world, width)
    await screen.painted()
    await screen.show(f"/records/Lead/{LEAD_ID}")
    return screen


def radios(screen: Screen) -> list[str]:
    lines = [c for c in controls(screen) if isinstance(c, ft.MergeSemantics)]
    return [str(text.value) for line in lines for text in within(line) if isinstance(text, ft.Text)]


def buttons(screen: Screen) -> set[str]:
    return {str(c.content) for c in controls(screen) if isinstance(c, ft.FilledButton | ft.FilledTonalButton)}


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_lead_is_converted_on_a_page_of_its_own_and_says_what_it_became(width: int) -> None:
    backend = ConvertingBackend()
    contact = Existing("003E", {"LastName": "Byron"}, account="001F", account_name="Foundry")
    backend.proposed = Conversion(STATUSES, (Existing("001E", {"Name": "Engines"}),), (contact,))
    screen = await shown(backend, width)
    assert {"Convert", "Edit"} <= buttons(screen)
    await tap_words(screen, "Convert")
    assert "Convert Ada Byron" in texts(screen)
    assert radios(screen) == ["New: Engines", "Engines", "New: Ada Byron", "Byron · Foundry"]
    (_accounts, contacts) = [c for c in controls(screen) if isinstance(c, ft.RadioGroup) and c.value == ""][-2:]
    screen.session.apply_patch(contacts._i, {"value": "003E"})  # pyright: ignore[reportPrivateUsage]
    await screen.tap(contacts, "change")
    await screen.painted()
    assert radios(screen)[2] == "Foundry", "the contact's account is chosen with it"
    backend.fails["convertLead"] = OrgUnavailable(Reason.ORG_BUSY)
    await tap_words(screen, "Convert")
    assert OrgUnavailable(Reason.ORG_BUSY).message in texts(screen)
    await tap_words(screen, "Convert")
    assert (backend.sent[-1].account_id, backend.sent[-1].contact_id) == ("001F", "003E")
    assert screen.app.place.record_id == "006N"
    await screen.show(f"/records/Lead/{LEAD_ID}")
    assert {"Converted into", "Ada Byron"} <= set(texts(screen))
    assert not {"Convert", "Edit"} & buttons(screen)
    assert screen.window.crashed == []
    await screen.close()


async def test_another_account_is_looked_up() -> None:
    backend = ConvertingBackend()
    backend.add("001L", Name="Looked Up")
    screen = await shown(backend, 390)
    await tap_words(screen, "Convert")
    await tap_words(screen, "Look up Account")
    (dialog,) = [c for c in controls(screen) if isinstance(c, ft.AlertDialog) and c.open]
    assert dialog.title is not None
    for _ in range(20):  # the dialog asks once it is painted
        await screen.painted()
    await tap_words(screen, "Looked Up")
    assert "Looked Up" in radios(screen)
    await screen.close()
