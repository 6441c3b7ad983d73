"""What the app shows to users with less access: home without what they may not see, and the end of a session of a user
who may not use the API."""

import ast
import inspect
from dataclasses import replace

import pytest

from contract.calls import Dashboard, Empty, Objects
from contract.errors import ConnectionLost, Reason
from data.repositories.records import Visited
from tests.app.world import CONTACT, SAM, MemoryBackend, World
from ui.home import view as home_view
from ui.home.view_model import HomeViewModel

pytestmark = pytest.mark.virtual_time


class Service(MemoryBackend):
    """A backend for a user without opportunities."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = Objects((CONTACT,), "https://acme.my.salesforce.com")
        self.hidden: tuple[str, ...] = ("pipeline", "closing")

    def _getDashboard(self, _: Empty) -> Dashboard:
        return replace(Dashboard((), ()), hidden=self.hidden)


@pytest.mark.parametrize(("hidden", "shown"), [
    (("pipeline", "closing"), ["tasks", "newestAccounts"]),
    ((), ["pipeline", "closing", "tasks", "newestAccounts"]),
    (("pipeline", "closing", "tasks", "newestAccounts"), []),
])  # fmt: skip
async def test_home_has_no_card_for_what_the_person_may_not_see(hidden: tuple[str, ...], shown: list[str]) -> None:
    backend = Service()
    backend.hidden = hidden
    world = World(backend)
    app = await world.start("/")
    home = app.screen
    assert isinstance(home, HomeViewModel)
    assert [part for part in ("pipeline", "closing", "tasks", "newestAccounts") if home.shows(part)] == shown


async def test_what_a_person_has_seen_of_an_object_that_is_hidden_now_is_not_among_the_recent() -> None:
    world = World(Service())
    await world.sign_in()
    await world.data.shelf.open(SAM.uid)
    for sobject, record_id in (("Opportunity", "006A"), ("Contact", "003A")):
        await world.records.visit(Visited(sobject, record_id, {"Name": f"One {sobject}"}))
    app = await world.start("/", user=None)
    assert isinstance(app.screen, HomeViewModel)
    assert [v.sobject for v in app.screen.visited if app.catalogue.may_show(v.sobject)] == ["Contact"]


def test_every_card_of_home_asks_whether_it_is_shown() -> None:
    calls = [n for n in ast.walk(ast.parse(inspect.getsource(home_view))) if isinstance(n, ast.Call)]
    asked = {ast.literal_eval(c.args[0]) for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "shows"}
    assert asked == {"pipeline", "closing", "tasks", "newestAccounts"}


async def test_a_user_without_the_api_ends_at_the_sign_in_page_with_words_for_their_administrator() -> None:
    world = World(Service())
    await world.sign_in()
    world.backend.fails["getObjects"] = world.backend.fails["getDashboard"] = ConnectionLost(Reason.API_NOT_ENABLED)
    app = await world.start("/", user=None)
    assert app.session.user is None
    assert app.place.name == "sign-in"
    assert app.session.ended is not None
    assert app.session.ended.user == SAM
    assert "API Enabled" in app.session.ended.error.message
    assert not app.session.ended.by_one_tap, "an administrator has to act first"
