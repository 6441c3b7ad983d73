"""A preview of the client at an address of its own: `make preview PROJECT=P CHANNEL=next`, and `make preview-end`.

Hosting gives a channel an address that nobody knows before (SITE--CHANNEL-RANDOM.web.app), and a page may sign in only
from an address in REDIRECT_URIS. So the channel is made first, empty; then its address goes into the settings and to
the functions that run; the client goes up last. The functions' code stays what it is.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.deploy import hosting, images, promote, web_app
from devtools.deploy.cloud import Cloud, Command, DeployError, Write
from devtools.deploy.place import place

CALLBACK = "/oauth/callback"
SETTING = "REDIRECT_URIS"
READERS = ("auth", "api")  # of that setting: where may be led back to, and whose pages may call
DAYS = 7
_CHANNEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview of a project's client; `settings` are those in `file`. Raises DeployError for a name that is none."""

    project: str
    channel: str
    settings: Mapping[str, str]
    file: Path
    days: int = DAYS

    def __post_init__(self) -> None:
        if self.channel == "live" or _CHANNEL.fullmatch(self.channel) is None:
            raise DeployError(
                f"CHANNEL={self.channel}: name the preview with small letters, digits and dashes, such as next; live is"
                " the site itself"
            )
        if not 1 <= self.days <= 30:  # firebase-tools 15.34.2, lib/hosting/expireUtils.js
            raise DeployError(f"EXPIRES={self.days}: a preview lasts from 1 to 30 days")

    @property
    def site(self) -> str:
        return place(self.project, self.settings).site

    @property
    def _at(self) -> tuple[str, ...]:
        return ("--project", self.project, "--non-interactive")

    def there(self, cloud: Cloud) -> Mapping[str, Any] | None:
        """The channel as Hosting has it, None when it is not there. Raises DeployError.

        https://firebase.google.com/docs/reference/hosting/rest/v1beta1/sites.channels: `url` is there from the start.
        """
        return cloud.get(f"{cloud.hosting_url}/sites/{self.site}/channels/{self.channel}")

    def made(self) -> Command:
        """The command that makes the channel, without content."""
        words = ("firebase", "hosting:channel:create", self.channel, "--site", self.site, "--expires", f"{self.days}d")
        return Command((*words, *self._at))

    def redirect_uri(self, channel: Mapping[str, Any]) -> str:
        """The address to which Salesforce leads people of the preview back."""
        return str(channel["url"]).rstrip("/") + CALLBACK

    def of_this(self, uri: str) -> bool:
        """Whether a redirect URI is one of this preview; its random part has no dash."""
        own = rf"https://{re.escape(self.site)}--{re.escape(self.channel)}-[a-z0-9]+\.(web\.app|firebaseapp\.com)/.*"
        return re.fullmatch(own, uri) is not None

    def setting(self, uri: str | None) -> str:
        """REDIRECT_URIS with this address, and without the preview's earlier ones; None: without any."""
        kept = [u for u in self.settings.get(SETTING, "").split() if not self.of_this(u) and u != uri]
        return " ".join([*kept, *([uri] if uri else [])])

    def written(self, value: str) -> Write | None:
        """Puts the setting into the project's file, None when it stands there already."""
        if value.split() == self.settings.get(SETTING, "").split():
            return None
        return Write(self.file, lambda: with_setting(self.file.read_text(), SETTING, value))

    def told(self, cloud: Cloud, value: str) -> list[Command]:
        """The commands that give the functions the setting, none for those that have it. Raises DeployError.

        A revision of the code that runs, with another variable; the next deployment brings the same from the file.
        """
        commands: list[Command] = []
        region = place(self.project, self.settings).region
        services = promote.services(cloud, region)
        for function in READERS:
            service = services.get(function)
            if service is None or service.serving is None:
                raise DeployError(f"{self.project} has no function {function} that all calls go to: make deploy first")
            if service.pinned:
                raise DeployError(
                    f"{function} stays with {service.serving.name} since somebody went back to it, and would not get"
                    " the setting: make deploy first"
                )
            if service.serving.image not in images.kept(cloud, region):
                raise DeployError(
                    f"the container image of {service.serving.name} was deleted by age, so that it gets no other"
                    " setting: make deploy from a newer commit first"
                )
            if service.serving.settings.get(SETTING, "").split() != value.split():
                words = ("gcloud", "run", "services", "update", function, f"--update-env-vars=^;^{SETTING}={value}")
                commands.append(Command((*words, f"--region={region}", "--project", self.project)))
        return commands

    def shown(self) -> Command:
        """The command that uploads the client to the channel."""
        words = ("firebase", "hosting:channel:deploy", self.channel, "--expires", f"{self.days}d")
        config = hosting.config_file(self.project, self.settings)
        return Command((*words, *self._at, "--config", config))

    def ended(self) -> Command:
        """The command that deletes the channel."""
        words = ("firebase", "hosting:channel:delete", self.channel, "--site", self.site, "--force")
        return Command((*words, *self._at))


def with_setting(text: str, name: str, value: str) -> str:
    """The text of a settings file with this setting; every other line stays as it is."""
    line = f'{name}="{value}"'
    found, count = re.subn(rf"^[ \t]*{name}[ \t]*=.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    return found if count else f"{text.rstrip()}\n{line}\n"


def begin(preview: Preview, cloud: Cloud, say: Callable[[str], None], build: Callable[[], None]) -> str:
    """Makes what the preview lacks and uploads the client, which `build` brings up to date. Returns its address. Raises
    DeployError; the next run goes on where this one stopped.
    """
    run = _runner(cloud, say)
    channel = preview.there(cloud)
    if channel is None:
        preview.told(cloud, preview.setting(None))  # ends here when the functions could not get it later
        run(preview.made())
        channel = preview.there(cloud)
    if channel is None or not channel.get("url"):
        raise DeployError(f"Hosting says nothing of the channel {preview.channel}: run this again")
    uri = preview.redirect_uri(channel)
    value = preview.setting(uri)
    written = preview.written(value)
    if written is not None:
        run(written)
    for command in preview.told(cloud, value):
        run(command)
    build()
    hosting.write_config(preview.project, {**web_app.with_key(cloud, preview.settings), SETTING: value})
    run(preview.shown())
    say(f"✓ {channel['url']} until {preview.days} days from now, or make preview-end")
    say(
        f"  To sign in there, add {uri} to the callback URLs of the External Client App; check-org tells whether it is."
    )
    return str(channel["url"])


def end(preview: Preview, cloud: Cloud, say: Callable[[str], None]) -> None:
    """Deletes the channel, if it has not expired, and then takes its address away. Raises DeployError."""
    run = _runner(cloud, say)
    if preview.there(cloud) is not None:
        run(preview.ended())
    value = preview.setting(None)
    written = preview.written(value)
    if written is not None:
        run(written)
    for command in preview.told(cloud, value):
        run(command)
    say(f"✓ the preview {preview.channel} has ended; take its callback URL out of the External Client App too")


def _runner(cloud: Cloud, say: Callable[[str], None]) -> Callable[[Command | Write], None]:
    def run(command: Command | Write) -> None:
        say(f"    {command}")
        cloud.run(command)

    return run
