"""What a deployment could replace or delete, as the project has it: functions, indexes, rules, and the site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from devtools.deploy.cloud import Cloud
from devtools.deploy.wanted import BLOCKS, DATABASE

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Database:
    """A Firestore database: its top collections, indexes and fields with their own rules, as the API lists them."""

    resource: Resource
    collections: Sequence[str] = ()
    indexes: Sequence[Resource] = ()
    fields: Sequence[Resource] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """What a Hosting site shows: the configuration of its live version, and the paths of its files."""

    config: Resource = field(default_factory=dict)
    files: Sequence[str] = ()


class Inventory:
    """Each part is read once, when it is first asked for; what is behind a switched-off API is not there.

    All parts raise DeployError. Without `stored` nobody asks what people have stored: the databases have no
    collections then.
    """

    def __init__(self, cloud: Cloud, site: str, *, stored: bool = True) -> None:
        self._cloud, self._site, self._stored = cloud, site, stored

    @cached_property
    def functions(self) -> Mapping[str, Sequence[Resource]]:
        """The functions of both generations, as `v1` and `v2`.

        Source: firebase-tools 15.34.2, lib/gcp/cloudfunctions.js and cloudfunctionsv2.js, listAllFunctions.
        """
        where = f"projects/{self._cloud.project}/locations/-/functions"
        lists = {"v1": f"v1/{where}", "v2": f"v2/{where}?filter=environment%3D%22GEN_2%22"}
        if not self._is_on("cloudfunctions"):
            return dict.fromkeys(lists, ())
        return {v: self._cloud.pages(self._cloud.api("cloudfunctions", url), "functions") for v, url in lists.items()}

    def services(self, region: str) -> Sequence[Resource]:
        """Cloud Run's services in a region, as gcloud lists them; those of functions are among them."""
        return self._cloud.look("run.googleapis.com", "run", "services", "list", f"--region={region}")

    @cached_property
    def accounts(self) -> Sequence[Resource]:
        """The service accounts, as gcloud lists them."""
        return self._cloud.look("iam.googleapis.com", "iam", "service-accounts", "list")

    @cached_property
    def secrets(self) -> Sequence[Resource]:
        """The secrets without what is in them, as gcloud lists them."""
        return self._cloud.look("secretmanager.googleapis.com", "secrets", "list")

    @cached_property
    def databases(self) -> Mapping[str, Database]:
        """The databases in which this app keeps something, by their ids.

        Source: firebase-tools 15.34.2, lib/firestore/api.js, getDatabase, listIndexes and listFieldOverrides. Each is
        asked for by its name: listing them takes `datastore.databases.list`, which no role for indexes has.
        """
        if not self._is_on("firestore"):
            return {}
        url = f"v1/projects/{self._cloud.project}/databases"
        asked = {name: self._cloud.get(self._cloud.api("firestore", f"{url}/{name}")) for name in (DATABASE, BLOCKS)}
        here = {name: d for name, d in asked.items() if d is not None and d.get("type") == "FIRESTORE_NATIVE"}
        return {name: self._database(name, d) for name, d in here.items()}

    @cached_property
    def rules(self) -> Mapping[str, str]:
        """The texts of Firestore's rules, by database.

        Source: firebase-tools 15.34.2, lib/rulesDeploy.js, release, and lib/gcp/rules.js.
        """
        if not self._is_on("firebaserules") or not self.databases:
            return {}
        names = {DATABASE: "cloud.firestore", BLOCKS: f"cloud.firestore/{BLOCKS}"}
        texts: dict[str, str] = {}
        for database, release in names.items():
            url = self._cloud.api("firebaserules", f"v1/projects/{self._cloud.project}/releases/{release}")
            if (released := self._cloud.get(url)) is not None:
                ruleset = self._cloud.get(self._cloud.api("firebaserules", f"v1/{released['rulesetName']}")) or {}
                texts[database] = "\n".join(f["content"] for f in ruleset.get("source", {}).get("files", []))
        return texts

    @cached_property
    def site(self) -> Site | None:
        """What the site shows; None when nothing was ever released there.

        Source: Firebase Hosting's REST API, sites.channels.get and sites.versions.files.list.
        """
        if not self._is_on("firebasehosting"):
            return None
        live = self._cloud.get(self._cloud.api("firebasehosting", f"v1beta1/sites/{self._site}/channels/live")) or {}
        version = live.get("release", {}).get("version")
        if version is None:
            return None
        name = f"sites/{self._site}/versions/{version['name'].rsplit('/', 1)[-1]}"
        files = self._cloud.pages(self._cloud.api("firebasehosting", f"v1beta1/{name}/files"), "files")
        return Site(version.get("config", {}), sorted(file["path"].lstrip("/") for file in files))

    def _is_on(self, api: str) -> bool:
        return f"{api}.googleapis.com" in self._cloud.enabled()

    def _database(self, name: str, resource: Resource) -> Database:
        url = self._cloud.api("firestore", f"v1/projects/{self._cloud.project}/databases/{name}")
        asked: Resource = (
            self._cloud.ask(f"{url}/documents:listCollectionIds", {"pageSize": 100}) if self._stored else {}
        )
        own_rules = "indexConfig.usesAncestorConfig%3Dfalse%20OR%20ttlConfig%3A*"
        return Database(
            resource,
            asked.get("collectionIds", []),
            self._cloud.pages(f"{url}/collectionGroups/-/indexes", "indexes"),
            self._cloud.pages(f"{url}/collectionGroups/-/fields?filter={own_rules}", "fields"),
        )
