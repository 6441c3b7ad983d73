"""Whether a project is this app's own: what others have in it, and what a deployment would take from them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.inventory import Inventory, Site
from devtools.deploy.wanted import COLLECTIONS, FUNCTIONS, account
from devtools.paths import ROOT

_LABEL = "firebase-functions-codebase"


@dataclass(frozen=True, slots=True)
class Others:
    """What others have in the project, a line each. `taken`: functions that a deployment would overwrite. `seen`:
    what makes it a project in use that is not yet this app's. `beside`: what stands beside this app already.
    """

    taken: Sequence[str] = ()
    seen: Sequence[str] = ()
    beside: Sequence[str] = ()

    def check(self, *, adopt: bool) -> None:
        """Raises DeployError when the deployment must not go on; `adopt`: somebody said that it may."""
        if self.taken:
            raise DeployError(
                f"{'; '.join(self.taken)}: firebase-tools would replace what has the name and region of one of this"
                " app's functions, so use a project of its own, or take that away first. Nothing was changed"
            )
        if self.seen and not adopt:
            raise DeployError(
                f"this project is in use by others: {'; '.join(self.seen)}. Use a project of its own (docs/deploy.md),"
                " or go on with --adopt (make deploy PROJECT=… ADOPT=yes). Nothing was changed"
            )


def others(cloud: Cloud, found: Inventory, region: str) -> Others:
    """What others have in the project; this app's functions go to `region`. Raises DeployError."""
    config = json.loads((ROOT / "firebase.json").read_text())
    codebase = config["functions"][0]["codebase"]
    listed = [function for generation in found.functions.values() for function in generation]
    foreign = [function for function in listed if not _is_ours(function, cloud.project, codebase)]
    # firebase-tools takes over a function of the same name and region from any codebase, and gives it its own label
    # (15.34.2, lib/deploy/functions/functionsDeployHelper.js, groupEndpointsByCodebase). So it does with what 0.2.0
    # deployed as "default", which runs as this app's accounts.
    taken = [_named(f) for f in foreign if _id(f) in FUNCTIONS and _region(f) == region]
    shared = [
        *(
            f"the database {name} has the collections {_some(sorted(set(database.collections) - set(COLLECTIONS)))}"
            for name, database in found.databases.items()
            if set(database.collections) - set(COLLECTIONS)
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
    settled = stands(cloud, found)
    return Others(taken, replaced, [*shared, *left]) if settled else Others(taken, [*shared, *replaced], left)


def stands(cloud: Cloud, found: Inventory) -> bool:
    """Whether functions of this app stand in the project already. Raises DeployError."""
    codebase = json.loads((ROOT / "firebase.json").read_text())["functions"][0]["codebase"]
    listed = (function for generation in found.functions.values() for function in generation)
    return any(_id(f) in FUNCTIONS and _is_ours(f, cloud.project, codebase) for f in listed)


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
