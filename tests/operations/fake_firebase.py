"""What firebase-tools does in the played project, and the APIs that tell what is there.

Each answer is as firebase-tools 15.34.2 makes or reads it; the file of its lib folder stands beside.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from devtools.deploy.upload import uploaded
from devtools.paths import ROOT
from tests.operations.fake_walls import Refused


@cache
def uploads() -> dict[str, list[str]]:
    """What a deployment would upload. It is listed once."""
    return uploaded()


def files() -> list[str]:
    """The files of the built client."""
    return uploads()["hosting"]


def deploy(world: dict[str, Any], project: str, part: str, words: list[str]) -> None:
    """`firebase deploy --only PART`, with the configuration file that the words name."""
    config = json.loads((Path(world["tree"]) / words[words.index("--config") + 1]).read_text())
    {"firestore": _firestore, "functions": _functions, "hosting": _hosting}[part](
        world, project, config, "--force" in words
    )


def read(world: dict[str, Any], path: str, query: str) -> Any:
    """What a GET of an API answers; None is 404."""
    api, _, rest = path.strip("/").partition("/")
    match [api, *rest.split("/")]:
        case ["cloudfunctions", version, "projects", _, "locations", "-", "functions"]:
            return _paged(world["functions"] if version == "v2" else world["firstGeneration"], "functions", query)
        case ["firestore", "v1", "projects", _, "databases", name]:
            return next((d for d in world["databases"] if d.get("name", "(default)").endswith(name)), None)
        case ["firestore", "v1", "projects", _, "databases", name, "collectionGroups", "-", kind]:
            return {kind: world[kind].get(name, [])}
        case ["firebaserules", "v1", "projects", _, "releases", *release]:
            name = "(default)" if release == ["cloud.firestore"] else release[1]
            return {"rulesetName": f"projects/p/rulesets/{name}"} if name in world["rulesText"] else None
        case ["firebaserules", "v1", "projects", _, "rulesets", name]:
            return {"source": {"files": [{"name": "firestore.rules", "content": world["rulesText"][name]}]}}
        case ["firebasehosting", "v1beta1", "sites", site, "channels", "live"]:
            version = {"name": f"projects/123/sites/{site}/versions/abc", "status": "FINALIZED"}
            shown = world["site"]
            return {"release": {"version": {**version, "config": shown["config"]}}} if shown else {}
        case ["firebasehosting", "v1beta1", "sites", _, "versions", "abc", "files"]:
            files = [{"path": f"/{path}", "hash": "0", "status": "ACTIVE"} for path in world["site"]["files"]]
            return _paged(files, "files", query)
        case _:
            raise AssertionError(f"nobody plays {path}")


def collections(world: dict[str, Any], path: str) -> Any:
    """documents:listCollectionIds."""
    return {"collectionIds": world["collections"].get(path.split("/")[-2], [])}


def write(world: dict[str, Any], path: str) -> None:
    """A PATCH of a field with nothing in it takes its own rules away (firestore/api.js, deleteField)."""
    name = path.removeprefix("/firestore/v1/")
    fields = world["fields"][name.split("/")[3]]
    fields[:] = [field for field in fields if field["name"] != name]


def _paged(items: list[Any], kind: str, query: str) -> dict[str, Any]:
    """Two pages where there is more than one thing."""
    if "pageToken=" in query or len(items) < 2:
        return {kind: items[1:] if "pageToken=" in query else items}
    return {kind: items[:1], "nextPageToken": "1=="}


def _firestore(world: dict[str, Any], project: str, _: dict[str, Any], force: bool) -> None:
    """deploy/firestore/release.js; firestore/api.js, deploy: what is not in the file goes with --force only."""
    if not world["databases"]:
        raise Refused("Error: firestore has nothing to stand on")
    names = [database["name"].rsplit("/", 1)[-1] for database in world["databases"]]
    world["rulesText"] = {name: (ROOT / "firestore.rules").read_text() for name in names}
    spec = json.loads((ROOT / "firestore.indexes.json").read_text())
    base = f"projects/{project}/databases/(default)/collectionGroups"
    indexes, fields = (world[kind].setdefault("(default)", []) for kind in ("indexes", "fields"))
    wanted_fields = [
        {
            "name": f"{base}/{field['collectionGroup']}/fields/{field['fieldPath']}",
            "indexConfig": {"indexes": field["indexes"]},
            **({"ttlConfig": {"state": "ACTIVE"}} if field.get("ttl") else {}),
        }
        for field in spec["fieldOverrides"]
    ]
    wanted_indexes = [
        {
            "name": f"{base}/{index['collectionGroup']}/indexes/CIC{number}",
            "queryScope": index["queryScope"],
            "fields": [*index["fields"], {"fieldPath": "__name__", "order": index["fields"][-1]["order"]}],
            "state": "READY",
        }
        for number, index in enumerate(spec["indexes"])
    ]
    for here, wanted in ((indexes, wanted_indexes), (fields, wanted_fields)):
        names = [one["name"] for one in wanted]
        kept = [] if force else [one for one in here if one["name"] not in names]
        here[:] = [*wanted, *kept]


def _functions(world: dict[str, Any], project: str, config: dict[str, Any], force: bool) -> None:
    """deploy/functions/functionsDeployHelper.js, groupEndpointsByCodebase: a function of the same name and region is
    taken over from any codebase. deploy/functions/prompts.js: nothing is deleted without --force. Then,
    with the functions in place, the images' cleanup policy is missed.
    """
    if not all(world["secrets"].values()) or not world["secrets"]:
        raise Refused("Error: functions has nothing to stand on")
    codebase = config["functions"][0]["codebase"]
    (region,) = {rule["function"]["region"] for rule in config["hosting"]["rewrites"] if "function" in rule}
    wanted = [function(project, region, name, codebase) for name in ("api", "auth", "upkeep")]
    names = [function["name"] for function in wanted]
    others = [f for f in world["functions"] if f["name"] not in names]
    gone = [f for f in others if f["labels"].get("firebase-functions-codebase", "default") == codebase]
    # Without --force firebase-tools would refuse when functions go; devtools/deploy/build_account.cjs has it keep them.
    world["functions"] = [*wanted, *(f for f in others if f not in gone or not force)]
    if not world["imagePolicies"] and not force:  # functions/artifacts.js, checkCleanupPolicy
        raise Refused(
            "Error: Functions successfully deployed but could not set up cleanup policy in location europe-west1."
        )


def function(project: str, region: str, name: str, codebase: str) -> dict[str, Any]:
    labels = {} if codebase == "default" else {"firebase-functions-codebase": codebase}
    labels |= {"deployment-scheduled": "true"} if name == "upkeep" else {}
    return {
        "name": f"projects/{project}/locations/{region}/functions/{name}",
        "environment": "GEN_2",
        "state": "ACTIVE",
        "labels": {"deployment-tool": "cli-firebase", **labels},
        "buildConfig": {"runtime": "python311", "entryPoint": name},
        "serviceConfig": {
            "service": f"projects/{project}/locations/{region}/services/{name}",
            "serviceAccountEmail": f"salesforce-{name}@{project}.iam.gserviceaccount.com",
        },
    }


def _hosting(world: dict[str, Any], _: str, config: dict[str, Any], force: bool) -> None:
    """deploy/hosting/convertConfig.js. A release is the whole site."""
    if not world["firebase"]:
        raise Refused("Error: hosting has nothing to stand on")
    config = config["hosting"]
    rewrites = [
        {
            "glob": rule["source"],
            **(
                {"run": {"serviceId": rule["function"]["functionId"], "region": rule["function"]["region"]}}
                if "function" in rule
                else {"path": rule["destination"]}
            ),
        }
        for rule in config["rewrites"]
    ]
    headers = [
        {"glob": rule["source"], "headers": {h["key"]: h["value"] for h in rule["headers"]}}
        for rule in config["headers"]
    ]
    regions = {rule["function"]["region"] for rule in config["rewrites"] if "function" in rule}
    if missing := [
        r for r in regions if not any(f"/locations/{r}/functions/" in f["name"] for f in world["functions"])
    ]:
        # deploy/hosting/convertConfig.js, findEndpointForRewrite
        raise Refused(f"Error: Unable to find a valid endpoint for function in {missing}")
    world["site"] = {"config": {"rewrites": rewrites, "headers": headers}, "files": files()}
