"""The Firebase web app, whose configuration has the Web API key, and the Hosting site.

Neither is there in a new project, and an upload that may not ask makes no site: it ends with "Unable to deploy to
Hosting as there is no Hosting site" (firebase-tools 15.34.2, lib/commands/deploy.js).
"""

from collections.abc import Mapping

from devtools.deploy.cloud import Cloud, Command, DeployError
from devtools.deploy.place import Place

NAME = "salesforce-sample"
SETTING = "WEB_API_KEY"


def is_firebase(cloud: Cloud) -> bool:
    """Whether the project is one of Firebase's already. Raises DeployError."""
    if "firebase.googleapis.com" not in cloud.enabled():
        return False
    return any(p["projectId"] == cloud.project for p in cloud.firebase("projects:list"))


def missing(cloud: Cloud, settings: Mapping[str, str]) -> list[Command]:
    """The command for the web app, when there is none and the settings have no Web API key. Raises DeployError."""
    if settings.get(SETTING) or (is_firebase(cloud) and _apps(cloud)):
        return []
    return [Command(("firebase", "apps:create", "WEB", NAME, "--project", cloud.project, "--non-interactive"))]


def site(cloud: Cloud, place: Place) -> list[Command]:
    """The command for the Hosting site, when it is missing. Raises DeployError."""
    # Listing the sites would switch Hosting's API on (lib/commands/hosting-sites-list.js).
    if "firebasehosting.googleapis.com" in cloud.enabled() and is_firebase(cloud):
        sites = cloud.firebase("hosting:sites:list", "--project", cloud.project)["sites"]
        if any(one["name"].endswith(f"/sites/{place.site}") for one in sites):
            return []
    words = ("firebase", "hosting:sites:create", place.site, "--project", cloud.project, "--non-interactive")
    return [Command(words)]


def with_key(cloud: Cloud, settings: Mapping[str, str]) -> dict[str, str]:
    """The settings with the web app's Web API key, unless they have one. Raises DeployError."""
    if settings.get(SETTING):
        return dict(settings)
    apps = _apps(cloud)
    if not apps:
        raise DeployError("the project has no web app yet: run this again in a minute")
    app = next((one for one in apps if one.get("displayName") == NAME), apps[0])
    config = cloud.firebase("apps:sdkconfig", "WEB", app["appId"], "--project", cloud.project)
    return {**settings, SETTING: config["sdkConfig"]["apiKey"]}


def _apps(cloud: Cloud) -> list[Mapping[str, str]]:
    return cloud.firebase("apps:list", "WEB", "--project", cloud.project)
