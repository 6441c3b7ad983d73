"""Pictures of the app in a window of its own, for the gallery."""

from collections.abc import Iterator
from pathlib import Path

from devtools import brand, loopback
from devtools.clients import through_the_pages
from devtools.screen import Screen, Window, until
from devtools.suite import Plan


def take(plan: Plan, folder: Path) -> Iterator[str]:
    """Writes pictures of the window on Linux into the folder, light and dark, and gives the name of each. The window is
    in English. Raises RuntimeError where there is no screen for it.
    """

    def picture(name: str, scheme: str) -> str:
        whole = f"{name}-window-{scheme}"
        seen = [screen.picture()]

        def rests() -> bool:
            seen.append(screen.picture())
            return seen[-1].tobytes() == seen[-2].tobytes()

        until("a window that rests", rests)
        seen[-1].crop(seen[-1].getbbox()).save(folder / f"{whole}.png")  # the screen around it is black
        return whole

    with Screen() as screen, Window(screen, plan.app_url, plan.loopback) as window:
        window.sees("Sign in with Salesforce")
        until("a painted window", lambda: screen.box_of(brand.read().light["primary"]))
        yield picture("sign-in-no-keyring", "light")
        window.tap("Sign in with Salesforce")
        loopback.get(through_the_pages(screen.opened(0)))
        window.sees("Newest accounts")
        for scheme in ("light", "dark"):
            window.tap("Profile\nTab", "Settings")
            window.tap("Settings", "Dark")
            window.tap("Dark" if scheme == "dark" else "Light")
            yield picture("settings", scheme)
            window.tap("Home\nTab", "Open pipeline")
            yield picture("home", scheme)
            window.tap("Accounts\nTab", "AE\nAlder Energy")
            window.tap("AE\nAlder Energy", "Edit")
            yield picture("account", scheme)
            window.tap("Edit", "Save")
            yield picture("edit", scheme)
