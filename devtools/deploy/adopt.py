"""Whether a project is this app's own: what others have in it, and what a deployment would take from them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.inventory import Inventory, Site
from devtools.deploy.wanted import ACCOUNT_TITLE, BUILD, COLLECTIONS, FUNCTIONS, LABEL, SECRETS, account
from devtools.paths import ROOT

_LABEL = "firebase-functions-codebase"


@dataclass(frozen=True, slots=True)
class Others:
    """What others have in the project, a line each. `taken`: what a deployment would take over by its name. `seen`:
    what makes it a project in use that is not yet this app's. `beside`: what stands beside this app already.
    """

    taken: Sequence[str] = ()
    seen: Sequence[str] = ()
    beside: Sequence[str] = ()

    def check(self, *, adopt: bool) -> None:
        """Raises DeployError when the deployment must not go on; `adopt`: somebody said that it may."""
        if self.taken:
            raise DeployError(
                f"{'; '.join(self.taken)}: a deployment would replace or use what has the name and place of something"
                " of this app's, so use a project of its own, or take that away first. Nothing was changed"
            )
        if self.seen and not adopt:
            raise DeployError(
                f"this project is in use by others: {'; '.join(self.seen)}. Use a project of its own (docs/deploy.md),"
                " or go on with --adopt (make deploy PROJECT=… ADOPT=yes). Nothing was changed"
            )


def others(cloud: Cloud, found: Inventory, region: str) -> Others:
    """What others have in the project; this app's functions go to `region`. Raises DeployError."""
    codebase = _codebase()
    listed = [function for generation in found.functions.values() for function in generation]
    foreign = [function for function in listed if not _is_ours(function, cloud.project, codebase)]
    # firebase-tools takes over a function of the same name and region from any codebase, and gives it its own label
    # (15.34.2, lib/deploy/functions/functionsDeployHelper.js, groupEndpointsByCodebase). So it does with what 0.2.0
    # deployed as "default", which runs as this app's accounts.
    of_functions = [_named(f) for f in foreign if _id(f) in FUNCTIONS and _region(f) == region]
    own = services(found, cloud.project, region)
    of_others = {_id(f) for f in foreign if _region(f) == region}
    taken = [
        *of_functions,
        *(
            f"the service {name} of Cloud Run in {region} is another's"
            for name in sorted({service_name(service) for service in found.services(region)} & {*FUNCTIONS})
            if name not in own and name not in of_others
        ),
    ]
    stands = settled(found, cloud.project)
    taken += [] if stands else _unmarked(found, cloud.project)
    # Until then what is called like a collection of this app is somebody's all the same.
    known = set(COLLECTIONS) if stands else set[str]()
    shared = [
        *(
            f"the database {name} has the collections {_some(sorted(set(database.collections) - known))}"
            for name, database in found.databases.items()
            if set(database.collections) - known
        ),
        *([f"the functions {_some(sorted(_id(f) for f in foreign))}"] if foreign else []),
    ]
    replaced = [
        *([f"a site of {len(found.site.files)} files"] if found.site and not _is_our_site(found.site) else []),
        *(
            f"rules of the database {name} that let clients in"
            for name, text in found.rules.items()
            if not closed(text) and text.strip() != (ROOT / "firestore.rules").read_text().strip()
        ),
    ]
    # Functions of an earlier version, which firebase-tools leaves alone because they are in another codebase.
    left = [
        f"the function {_id(f)} in {_region(f)}, which an earlier version deployed"
        for f in listed
        if f not in foreign
        and f.get("labels", {}).get(_LABEL) != codebase
        and not (_id(f) in FUNCTIONS and _region(f) == region)
    ]
    return Others(taken, replaced, [*shared, *left]) if stands else Others(taken, [*shared, *replaced], left)


def settled(found: Inventory, project: str) -> bool:
    """Whether a function of this app stands: then what has its names is its own. Raises DeployError."""
    listed = [function for generation in found.functions.values() for function in generation]
    return any(_id(f) in FUNCTIONS for f in listed if _is_ours(f, project, _codebase()))


def _unmarked(found: Inventory, project: str) -> list[str]:
    """Accounts and secrets of the names of this app's, without its mark: they would get its rights, or be its secrets.
    Those of 0.2.0 have no label, and are this app's when its functions stand.
    """
    accounts = {account(name, project): f"salesforce-{name}" for name in (*FUNCTIONS, BUILD)}
    label, value = LABEL
    return [
        *(
            f"the service account {accounts[a['email']]} is another's (it is this app's once its display name begins"
            f" with “{ACCOUNT_TITLE.strip()}”)"
            for a in found.accounts
            if a["email"] in accounts and not a.get("displayName", "").startswith(ACCOUNT_TITLE)
        ),
        *(
            f"the secret {name} is another's (it is this app's once it has the label: gcloud secrets update {name}"
            f" --update-labels={label}={value} --project {project})"
            for name, secret in ((s["name"].rsplit("/", 1)[-1], s) for s in found.secrets)
            if name in SECRETS and secret.get("labels", {}).get(label) != value
        ),
    ]


def services(found: Inventory, project: str, region: str) -> set[str]:
    """The services of Cloud Run that are functions of this app, by their names. Raises DeployError.

    A function of the second generation names its service (`serviceConfig.service`,
    https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions), which has the label
    goog-managed-by=cloudfunctions (firebase-tools 15.34.2, lib/functions/functionslog.js). A first upload that failed
    may leave a function that names none.
    """
    codebase = _codebase()
    ours = {_id(f): f for f in found.functions["v2"] if _region(f) == region and _is_ours(f, project, codebase)}
    return {
        name
        for name, service in ((service_name(s), s) for s in found.services(region))
        if name in FUNCTIONS
        and name in ours
        and (
            ours[name].get("serviceConfig", {}).get("service", "").endswith(f"/{name}")
            or service["metadata"].get("labels", {}).get("goog-managed-by") == "cloudfunctions"
        )
    }


def service_name(service: Any) -> str:
    """By either name, as gcloud's own table does (its surface/run/services/list.py)."""
    return service.get("id") or service["metadata"]["name"]


def _codebase() -> str:
    return json.loads((ROOT / "firebase.json").read_text())["functions"][0]["codebase"]


def closed(rules: str) -> bool:
    """Whether rules let nobody in: each `allow` has the condition `false`."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", rules, flags=re.DOTALL)
    return all(
        re.fullmatch(r"[\w\s,]*:\s*if\s+false\s*", allowed) for allowed in re.findall(r"\ballow\b([^;]*);", code)
    )


def _is_ours(function: Any, project: str, codebase: str) -> bool:
    runs_as = function.get("serviceConfig", function).get("serviceAccountEmail", "")
    return function.get("labels", {}).get(_LABEL) == codebase or runs_as in {account(f, project) for f in FUNCTIONS}


def _is_our_site(site: Site) -> bool:
    """Each version of this app sends these two to its functions."""
    paths = {rewrite.get("glob") for rewrite in site.config.get("rewrites", [])}
    return {"/auth/**", "/api/**"} <= paths


def _id(function: Any) -> str:
    return function["name"].split("/")[-1]


def _region(function: Any) -> str:
    return function["name"].split("/")[3]


def _named(function: Any) -> str:
    return f"the function {_id(function)} in {_region(function)} is another's"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
