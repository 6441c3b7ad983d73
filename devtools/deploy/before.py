"""What a deployment looks at before its first change: what is there of others, what it deletes, what it replaces."""

from collections.abc import Iterator
from dataclasses import dataclass

from devtools.deploy import adopt, deletions, groups, hosting, replaced
from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.consent import Consent
from devtools.deploy.inventory import Inventory
from devtools.deploy.place import place
from devtools.deploy.promote import SITE_FILE
from devtools.deploy.steps import Target
from devtools.deploy.upload import hosted


@dataclass(frozen=True, slots=True)
class Before:
    """What was seen."""

    others: adopt.Others
    deletions: deletions.Deletions
    differences: list[str]
    groups: groups.Coming

    def lines(self) -> Iterator[str]:
        """It, for the plan."""
        for what in self.others.taken:
            yield f"! {what}: a deployment refuses to replace it"
        for what in self.others.seen:
            yield f"! not this app's: {what}; a deployment goes on with --adopt only"
        for what in [*self.others.beside, *self.deletions.stay]:
            yield f"= stays as it is: {what}"
        yield from self.differences
        if self.deletions.former_build:
            yield f"- {self.deletions.former_build} files of the build before"
        for rule in self.groups.rules:
            yield f"+ {rule}{', after a yes' if rule in self.groups.asked else ''}"
        for deletion in self.deletions.all:
            yield f"- {deletion.what} is deleted, after a yes"
            yield from (f"    {command}" for command in deletion.commands)

    def check(self, consent: Consent) -> None:
        """Raises DeployError when the deployment must not begin."""
        self.others.check(adopt=consent.adopt)
        consent.check(self.deletions, self.groups.asked)


def look(where: Target, cloud: Cloud, *, by_owner: bool = True) -> Before:
    """Reads it from the project. Raises DeployError. Unless it is asked `by_owner`, this app must stand there already,
    and nobody looks which collections there are: that takes `datastore.entities.list`, with which one reads the ids of
    all that is stored, and it decides nothing where this app stands.
    """
    there = place(where.project, where.settings)
    found = Inventory(cloud, there.site, stored=by_owner)
    if not by_owner and not adopt.settled(found, cloud.project):
        raise DeployError(
            f"{where.project} has no functions of this app yet: its owner runs make deploy PROJECT={where.project}"
            " once, without ONLY=uploads. Nothing was changed"
        )
    files = sorted({*hosted(), SITE_FILE}) if found.site else []
    config = hosting.configured(there, where.settings)
    return Before(
        adopt.others(cloud, found, there.region),
        deletions.planned(cloud, found, there.region, files),
        replaced.differences(found, config["hosting"], files),
        groups.coming(found, settled=adopt.settled(found, cloud.project)),
    )
