"""The forms of people and businesses, and of addresses with picklists, as they are painted."""

import flet as ft

from tests.app.test_guard import Screen
from tests.app.test_people import BUSINESS, PERSON, people
from tests.app.test_record_types_painted import Form


def _labels(screen: Screen) -> set[str]:
    return {str(c.label) for c in screen.controls() if isinstance(c, ft.TextField)}


async def test_a_person_or_a_business_is_asked_for_and_each_has_its_fields() -> None:
    world = people()
    await world.start()
    screen = Screen(world, 390)
    await screen.painted()
    await screen.show("/records/Account/new")
    form = Form(screen)
    assert (form.choice("Record type *").value, form.values("Record type *")) == (BUSINESS, [BUSINESS, PERSON])
    assert "Account Name *" in _labels(screen)
    await form.select("Record type *", PERSON)
    assert {"First Name", "Last Name *", "Email"} <= _labels(screen)
    assert "Account Name *" not in _labels(screen)
    assert screen.window.crashed == []
    await screen.close()


async def test_countries_and_states_are_read_by_name_and_chosen_by_code() -> None:
    world = people()
    await world.start()
    screen = Screen(world, 1280)
    await screen.painted()
    await screen.show("/records/Account/001b/edit")
    form = Form(screen)

    def names(label: str) -> list[str | None]:
        return [option.text for option in form.choice(label).options]

    assert form.choice("Billing State").disabled
    assert names("Billing Country") == ["–", "United States", "Brazil", "Germany"]
    await form.select("Billing Country", "BR")
    assert (names("Billing State"), form.values("Billing State")) == (["–", "Pará"], ["", "PA"])
    await form.select("Billing Country", "US")
    assert names("Billing State") == ["–", "Pennsylvania", "Texas"]
    await form.select("Billing Country", "DE")
    assert names("Billing State") == ["–"]
    assert screen.window.crashed == []
    await screen.close()


async def test_the_page_of_a_person_is_painted_without_a_list_of_contacts() -> None:
    world = people()
    await world.start()
    screen = Screen(world, 390)
    await screen.painted()

    def texts() -> set[str]:
        return {str(c.value) for c in screen.controls() if isinstance(c, ft.Text)}

    await screen.show("/records/Account/001p")
    assert {"Ana Ruiz", "First Name", "Ruiz"} <= texts()
    assert "Contacts" not in texts()
    await screen.show("/records/Account/001b")
    assert "Contacts" in texts()
    await screen.close()
