"""The app in a Flutter window on Linux: real keys, a real keyring, the way back to a port of this machine.

The window is Flet's client of version 0.82.2, behind bridge.py; everything of ours is what a desktop runs.
"""

import socket
from collections.abc import Callable, Iterator

import pytest

from devtools import loopback
from devtools.clients import ADMIN, SALES, App, authorize, control, through_the_pages
from devtools.screen import Screen, Window, until
from devtools.suite import Suite
from tests.desktop.line import Line
from ui.shared import theme

Open = Callable[[], Window]
NOTHING_KEPT = "Without an unlocked keyring"
PORT_TAKEN = "Another program on this computer has the port"


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as running:
        yield running


@pytest.fixture
def line(suite: Suite) -> Iterator[Line]:
    """The app's way to the backend."""
    with Line(suite.plan.app_url) as whole:
        yield whole


@pytest.fixture
def show(screen: Screen, suite: Suite, line: Line) -> Open:
    """Shows the app in a window."""
    return lambda: Window(screen, line.url, suite.plan.loopback)


def come_back(screen: Screen, before: int) -> None:
    """Signs the seller in on the pages of the address that the app has opened after so many others."""
    answer = loopback.get(through_the_pages(screen.opened(before), SALES))
    assert "close this page" in answer.text


def rating(app: App, name: str) -> str:
    """What the org has as the rating of the account of this name."""
    found = app.call("api/listRecords", {"sobject": "Account", "search": name})["records"][0]
    return app.call("api/getRecord", {"sobject": "Account", "id": found["id"]})["record"]["fields"]["Rating"]


def test_work_without_a_network_too_and_be_signed_in_the_next_time(
    screen: Screen, show: Open, line: Line, app: App, org_url: str
) -> None:
    control(org_url, "revoke", {"username": SALES})
    app.sign_in(authorize(org_url, ADMIN))
    screen.start_keyring()
    before = screen.count_opened()
    with show() as window:
        # So that nobody sees Flet's own title first; this old client is shown at once nevertheless.
        assert window.client().environ()["FLET_HIDE_WINDOW_ON_START"] == "true"
        window.sees("Sign in with Salesforce")
        until("the window's title", lambda: screen.titles() == ["Salesforce Sample"])
        until("logo and button in the middle", lambda: is_in_the_middle(screen))
        window.tap("Sign in with Salesforce")
        come_back(screen, before)
        window.sees("Open pipeline")

        window.tap("Search everything", "Names, companies, e-mail addresses")
        screen.type("Alder Energy", lambda: window.has("AE\nAlder Energy"))
        window.tap("AE\nAlder Energy", "Edit")
        window.tap("Edit", "Save")
        new = "Cold" if rating(app, "Alder Energy") != "Cold" else "Warm"
        window.tap("Account Rating", new, last=True)  # the list beside it has a filter of that name
        window.tap(new, last=True)
        window.tap("Save")
        until(f"{new} in the org", lambda: rating(app, "Alder Energy") == new)
        window.tap("Accounts\nTab", "Choose one on the left.")
        window.sees("Alder Foods")

        # In flight: what is saved waits, and is sent after the next start.
        line.cut()
        other = "Warm" if new == "Cold" else "Cold"
        window.tap("AE\nAlder Energy", "Edit", last=True)
        window.tap("Edit", "Cancel")  # "Saved." may still be there
        window.tap("Account Rating", other, last=True)
        window.tap(other, last=True)
        window.tap("Save", last=True)
        window.sees("This is waiting to be sent. What you see is on this device only.")
        assert window.close() == 0
    assert rating(app, "Alder Energy") == new
    line.mend()

    with show() as window, show() as second:
        window.sees("Open pipeline")
        until(f"{other} in the org", lambda: rating(app, "Alder Energy") == other)
        second.sees("Open pipeline")
        second.tap("Profile\nTab", "Where am I signed in?")
        second.tap("Where am I signed in?", "Erase my data")
        # The other ones are of the devices in the list.
        second.tap("Sign out", "Sign in with Salesforce", last=True)
        window.tap("Refresh", "Sign in with Salesforce")  # the first window hears of it when it asks next


def test_without_a_keyring_one_works_until_the_window_closes(screen: Screen, show: Open, suite: Suite) -> None:
    lock_keyring(screen)
    before = screen.count_opened()
    with show() as window:
        window.sees("Your keyring is locked")
        window.tap("Go on without it")
        window.sees(NOTHING_KEPT)
        screen.stop_keyring()
        with socket.create_server(("127.0.0.1", suite.plan.loopback)):
            window.tap("Sign in with Salesforce", PORT_TAKEN)
        window.tap("Try again")
        screen.opened(before)
        with show() as second:  # there is no keyring at all now
            second.sees(NOTHING_KEPT)
            second.tap("Sign in with Salesforce", PORT_TAKEN)
        come_back(screen, before)
        window.sees("Open pipeline")


def test_a_keyring_that_is_unlocked_while_the_window_waits_is_used(screen: Screen, show: Open) -> None:
    lock_keyring(screen)
    with show() as window:
        window.sees("Your keyring is locked")
        screen.unlock_keyring()
        window.sees("Sign in with Salesforce")
        window.misses(NOTHING_KEPT)


def lock_keyring(screen: Screen) -> None:
    """Has a keyring that was made before and is locked."""
    screen.stop_keyring()
    screen.start_keyring()
    screen.stop_keyring()
    screen.start_keyring(unlocked=False)


def is_in_the_middle(screen: Screen) -> bool:
    """Whether logo and button together stand in the middle of the screen, within a tenth of its size."""
    box, picture = screen.box_of(str(theme.LIGHT.primary)), screen.picture()
    if box is None:
        return False
    left, top, right, bottom = box
    return abs((left + right) / 2 / picture.width - 0.5) < 0.1 and abs((top + bottom) / 2 / picture.height - 0.5) < 0.1
