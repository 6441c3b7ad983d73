"""Forms as the tests of forms open them."""

from typing import Any

from tests.app.world import SAM, World
from ui.records.form_view_model import FormViewModel


async def editing(world: World, route: str = "/records/Account/001/edit") -> FormViewModel:
    app = await world.start(route, user=None if "sessions" in world.device.kept else SAM)
    assert isinstance(app.screen, FormViewModel)
    return app.screen


def text(form: FormViewModel, name: str) -> str:
    """What stands in a field of the form."""
    return form.text(next(f for f in form.fields if f.name == name))


def acme() -> World:
    world = World()
    world.backend.add(
        "001", Name="Acme", AnnualRevenue=1000.0, Industry=None, Phone="+44 1", Active__c=False, Since__c="2026-01-31"
    )
    return world


def sent(world: World, call: str = "updateRecord") -> list[Any]:
    return [request for name, request in world.backend.asked if name == call]
