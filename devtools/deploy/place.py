"""Where an app is: its region, its Hosting site and its address, each named once in the settings of the project."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from devtools.deploy.cloud import DeployError

REGION = "europe-west1"
INSTANCES = {"auth": 20, "api": 50}  # as functions/backend/settings.py has it; upkeep has one
CPU, MEMORY_MB = 1, 512  # of each instance
CALLBACK = "/oauth/callback"
# Settings that say where the app is; the functions do not read them.
OF_THE_PLACE = ("SITE", "DOMAIN")

_SITE = re.compile(r"[a-z0-9][a-z0-9-]{4,28}[a-z0-9]")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")


def setting(function: str) -> str:
    """The setting for how many instances a function has at most."""
    return f"{function.upper()}_INSTANCES"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the app of a project is.

    region     where the functions run
    site       the Hosting site, whose address is SITE.web.app
    domain     a domain of one's own that is connected to the site; None without one
    instances  how many instances of each function there are at most
    """

    project: str
    region: str
    site: str
    domain: str | None
    instances: Mapping[str, int]

    @property
    def address(self) -> str:
        """The app's own address, which people open."""
        return f"https://{self.domain or f'{self.site}.web.app'}"

    @property
    def redirect_uri(self) -> str:
        """The address to which Salesforce sends people back."""
        return self.address + CALLBACK


def place(project: str, settings: Mapping[str, str]) -> Place:
    """The place that these settings name; what they leave out is as usual. Raises DeployError."""
    site, domain = settings.get("SITE", "") or project, settings.get("DOMAIN", "") or None
    if _SITE.fullmatch(site) is None:
        raise DeployError(f"SITE={site}: write the name of a Hosting site, such as {project}, without .web.app")
    if domain is not None and _DOMAIN.fullmatch(domain) is None:
        raise DeployError(f"DOMAIN={domain}: write a domain alone, such as app.example.com")
    given = {name: settings.get(setting(name), "") for name in INSTANCES}
    # The functions' own settings say what is wrong with a number.
    instances = {name: int(given[name]) if given[name].isdecimal() else most for name, most in INSTANCES.items()}
    return Place(project, settings.get("REGION", "") or REGION, site, domain, instances)


def completed(project: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with the redirect URI that follows from the place, where they name none. Raises DeployError."""
    return {"REDIRECT_URIS": place(project, settings).redirect_uri, **{n: v for n, v in settings.items() if v}}
