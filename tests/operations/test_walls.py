"""The walls of a first deployment: what Google refuses on many projects is told before the first change, in a line with
what to do, or a step mends it.

`fake_walls.py` has what Google refuses, with the sources.
"""

import json
import re
from typing import Any

import pytest

from devtools.deploy import command, walls, wanted
from devtools.deploy.cloud import DeployError
from devtools.deploy.steps import Target
from devtools.paths import ROOT
from tests.operations import fake_firebase, fake_walls
from tests.operations.fake_google import NEW
from tests.operations.project import KMS, PROJECT, World

TOOLS = ROOT / "devtools/node_modules/firebase-tools/lib"
MEMBERS, LOCATIONS = "constraints/iam.allowedPolicyMemberDomains", "constraints/gcp.resourceLocations"
TARGET = Target(PROJECT, "eur3")
READY = {"apis": [*NEW["apis"], *wanted.APIS]}  # so that everything can be looked at


def allowed(*values: str) -> dict[str, Any]:
    return {"listPolicy": {"allowedValues": [*values]}}


# The three functions, as firebase-tools leaves them.
FUNCTIONS = [
    fake_firebase.function(PROJECT, "europe-west1", name, "salesforce-sample") for name in ("api", "auth", "upkeep")
]


def found(world: World, target: Target = TARGET) -> walls.Found:
    return command.in_the_way(target, world.cloud())


# A wall, and the words in which it is told.
WALLS: dict[str, tuple[dict[str, Any], str]] = {
    # firebase/firebase-tools#6017; enforced by default in organisations since May 2024
    "only the organisation's own members": (
        {"orgPolicies": {MEMBERS: allowed("C0abcdefg")}},
        "auth and api must be open to everybody.*orgpolicy.policyAdmin",
    ),
    "other locations": (
        {"orgPolicies": {LOCATIONS: allowed("in:us-locations")}},
        "allows nothing in europe-west1.*set REGION",
    ),
    "no multi-region": (
        {"orgPolicies": {LOCATIONS: allowed("in:europe-west1-locations")}},
        "allows nothing in eur3.*set LOCATION",
    ),
    "a denied region": (
        {"orgPolicies": {LOCATIONS: {"listPolicy": {"deniedValues": ["in:europe-west1-locations"]}}}},
        "allows nothing in europe-west1.*ask whoever",
    ),
    "no location at all": (
        {"orgPolicies": {LOCATIONS: {"listPolicy": {"allValues": "DENY"}}}},
        "allows nothing in eur3.*ask",
    ),
    "no ingress from the internet": (
        {"orgPolicies": {"constraints/run.allowedIngress": allowed("internal")}},
        "the internet out",
    ),
    "a service that is forbidden": (
        {
            "orgPolicies": {
                "constraints/gcp.restrictServiceUsage": {"listPolicy": {"deniedValues": ["pubsub.googleapis.com"]}}
            }
        },
        "forbids pubsub.googleapis.com",
    ),
    "no service accounts": (
        {"orgPolicies": {"constraints/iam.disableServiceAccountCreation": {"booleanPolicy": {"enforced": True}}}},
        "make service accounts",
    ),
    # googlecodelabs/feedback#1856: 20 CPUs and 40 GiB in new projects
    "the quota of a new project": (
        {**READY, "quota": {"cpu_allocation": {"": 20_000}, "mem_allocation": {"": 40 * 1024**3}}},
        "api may have 50 instances.*is for 20: set API_INSTANCES=20",
    ),
    "less in this region": (
        {**READY, "quota": {"cpu_allocation": {"": 200_000, "europe-west1": 10_000}, "mem_allocation": {"": 2**40}}},
        "auth may have 20 instances.*set AUTH_INSTANCES=10",
    ),
    "little memory": (
        {**READY, "quota": {"cpu_allocation": {"": 200_000}, "mem_allocation": {"": 8 * 1024**3}}},
        "is for 16: set API_INSTANCES=16",
    ),
    "a region that Cloud Run has not": (
        {**READY, "regions": ["europe-west3", "us-central1"]},
        "choose one, such as europe-west3",
    ),
}


class TestToldBefore:
    @pytest.mark.parametrize("wall", WALLS)
    def test_a_line_says_what_is_in_the_way_and_what_to_do(self, world: World, wall: str) -> None:
        state, told = WALLS[wall]
        world.set(**state)
        before = world.read()
        lines = found(world).walls
        assert any(re.search(told, line) for line in lines), lines
        assert not any("\n" in line for line in lines)
        with pytest.raises(DeployError):
            world.deploy(TARGET)
        assert world.read() == before, "nothing was changed"

    def test_the_plan_tells_all_of_them_together_and_goes_on(self, world: World) -> None:
        quota = {"cpu_allocation": {"": 20_000}, "mem_allocation": {"": 2**40}}
        world.set(
            **READY, orgPolicies={MEMBERS: allowed("C0abcdefg"), LOCATIONS: allowed("in:us-locations")}, quota=quota
        )
        assert world.plan(TARGET) > 10
        told = [line for line in world.said if line.startswith("✗ ")]
        assert len(told) == 4, "REGION, LOCATION, the members, and the quota"
        with pytest.raises(DeployError, match="4 in the way of this deployment") as wrong:
            world.deploy(TARGET)
        assert str(wrong.value).count("\n  ") == 4

    def test_what_is_seen_only_with_its_api_on_stops_right_after_that(self, world: World) -> None:
        world.set(quota={"cpu_allocation": {"": 20_000}, "mem_allocation": {"": 2**40}})
        with pytest.raises(DeployError, match="API_INSTANCES=20"):
            world.deploy(TARGET)
        assert [words[1:3] for words in world.read()["changes"]] == [["services", "enable"]]
        world.deploy(Target(PROJECT, "eur3", {"API_INSTANCES": "20"}))
        assert world.read()["uploads"] == ["firestore", "functions", "hosting"]

    def test_policies_that_may_not_be_read_are_told_and_stop_nothing(self, world: World) -> None:
        world.set(policiesReadable=False)
        assert found(world).walls == ()
        assert any(
            "roles/orgpolicy.policyViewer" in line and "gcp.resourceLocations" in line for line in found(world).open
        )

    @pytest.mark.parametrize("group", ["in:eu-locations", "in:europe-locations", "in:low-carbon-locations"])
    def test_what_only_google_knows_of_a_group_is_told_and_stops_nothing(self, world: World, group: str) -> None:
        """Whether a group of locations holds Firestore's multi-regions is not documented."""
        world.set(orgPolicies={LOCATIONS: allowed(group)})
        assert found(world).walls == ()
        assert any("eur3" in line and "LOCATION=europe-west1 would be sure" in line for line in found(world).open)
        assert not any("eur3" in line for line in found(world, Target(PROJECT, "europe-west1")).open)

    def test_keys_in_another_location_count_too(self, world: World) -> None:
        world.set(orgPolicies={LOCATIONS: allowed("in:us-locations", "nam5")})
        elsewhere = {"REGION": "us-central1", "TOKEN_KEYSET_KMS_KEY": KMS}
        (wall,) = found(world, Target(PROJECT, "nam5", elsewhere)).walls
        assert "allows nothing in europe-west1" in wall
        assert "TOKEN_KEYSET_KMS_KEY" in wall

    def test_all_functions_together_may_use_up_the_quota(self, world: World) -> None:
        world.set(**READY, quota={"cpu_allocation": {"": 60_000}, "mem_allocation": {"": 2**40}})
        assert found(world).walls == ()
        assert any("71 instances" in line and "for 60" in line for line in found(world).open)

    def test_a_quota_without_a_limit(self, world: World) -> None:
        world.set(**READY, quota={"cpu_allocation": {"": -1}, "mem_allocation": {"": -1}})
        assert found(world) == walls.Found()


class TestMended:
    """By a step, on a project that is as unfriendly as can be."""

    def test_no_default_account_no_hosting_site_one_region_only(self, world: World) -> None:
        """firebase/firebase-tools#8841, #6454; cloudspannerecosystem/autoscaler#387."""
        world.set(accounts=[], orgPolicies={LOCATIONS: allowed("in:europe-west1-locations")})
        world.deploy(Target(PROJECT, "europe-west1"))
        after = world.read()
        assert after["uploads"] == ["firestore", "functions", "hosting"]
        assert after["builtBy"] == f"salesforce-build@{PROJECT}.iam.gserviceaccount.com"
        assert after["sites"] == [PROJECT]
        assert after["switchedOnByFirebase"] == [], "the plan had told every API"
        assert after["services"]["europe-west1"] == {
            "auth": ["allUsers"],
            "api": ["allUsers"],
            "upkeep": ["serviceAccount:salesforce-upkeep"],
        }

    def test_functions_that_a_stopped_deployment_left_shut_are_opened(self, world: World) -> None:
        """firebase/firebase-functions-python#308: a later `firebase deploy` says that all went well, and does not."""
        services = {"europe-west1": {"auth": [], "api": [], "upkeep": ["allUsers"]}}
        world.set(**READY, services=services, functions=FUNCTIONS)
        world.plan(TARGET)
        told = [line for line in world.said if "run services" in line]
        assert [re.findall(r"(add|remove)-iam-policy-binding (\w+)", line) for line in told] == [
            [("add", "auth")],
            [("add", "api")],
            [("remove", "upkeep")],
        ]
        world.deploy(TARGET)
        assert world.read()["services"]["europe-west1"] == {"auth": ["allUsers"], "api": ["allUsers"], "upkeep": []}

    def test_what_is_open_already_needs_nobody(self, world: World) -> None:
        """The policy looks at new members only: https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains"""
        services = {"europe-west1": {"auth": ["allUsers"], "api": ["allUsers"], "upkeep": []}}
        world.set(**READY, services=services, functions=FUNCTIONS, orgPolicies={MEMBERS: allowed("C0abcdefg")})
        assert found(world).walls == ()


class TestPlayed:
    """The played Google is as unfriendly as the real one: without what mends it, it refuses."""

    def _upload(self, world: World, settings: dict[str, str] | None = None, builder: str = "") -> None:
        from devtools.deploy import hosting

        hosting.write_config(PROJECT, settings or {})
        words = ["deploy", "--only", "functions", "--config", hosting.config_file(PROJECT, {})]
        state = world.read()
        try:
            fake_walls.upload(state, PROJECT, words, builder, hosting.ROOT)
        finally:
            world.set(**state)

    def test_the_default_account_of_a_new_project_builds_nothing(self, world: World) -> None:
        with pytest.raises(fake_walls.Refused, match="missing permission on the build service account"):
            self._upload(world)

    def test_nor_does_one_that_is_not_there(self, world: World) -> None:
        world.set(accounts=[])
        with pytest.raises(fake_walls.Refused, match="was not found"):
            self._upload(world)

    def test_a_function_that_nobody_opened_stays_shut(self, world: World) -> None:
        editor = ["roles/editor", "serviceAccount:123-compute@developer.gserviceaccount.com"]
        world.set(policies={"project": [editor]}, orgPolicies={MEMBERS: allowed("C0abcdefg")})
        with pytest.raises(fake_walls.Refused, match="permitted customer"):
            self._upload(world)
        world.set(orgPolicies={})
        self._upload(world)
        assert world.read()["services"]["europe-west1"]["auth"] == []


# What firebase-tools does by itself


def test_every_api_that_firebase_tools_switches_on_stands_in_the_plan() -> None:
    """Read out of its source: a new version that wants another one fails here, and fake_walls.py must learn it too."""
    origins = dict(
        re.findall(
            r'const (\w+) = \(\) => utils\.envOverride\("\w+", "https://([\w.]+)"\)', (TOOLS / "api.js").read_text()
        )
    )
    assert origins["eventarcOrigin"] == "eventarc.googleapis.com"
    ensured: dict[str, set[str]] = {}
    for part, files in {
        "functions": ["deploy/functions/prepare.js", "deploy/functions/ensure.js"],
        "hosting": ["deploy/hosting/prepare.js", "commands/deploy.js"],
        "firestore": ["deploy/firestore/prepare.js"],
    }.items():
        text = "\n".join((TOOLS / file).read_text() for file in files)
        names = re.findall(r"\bensure\)?\([^;]*?\(0, api_\d\.(\w+)\)\(\)", text)
        lists = [
            name
            for found in re.findall(r"const V2_APIS = \[([^\]]*)\]", text)
            for name in re.findall(r"api_\d\.(\w+)", found)
        ]
        domain = [name for name in ("artifactRegistryDomain",) if name in text]
        ensured[part] = {origins[name] for name in (*names, *lists, *domain) if name in origins}
    assert {p: {f"{api}.googleapis.com" for api in apis} for p, apis in fake_walls.BY_FIREBASE.items()} == ensured
    assert set().union(*ensured.values()) <= set(wanted.APIS)
    calls = re.findall(r"ensureApiEnabled\.ensure\(", (TOOLS / "deploy/functions/prepare.js").read_text())
    assert len(calls) == 6, "firebase-tools asks for an API in another place: read it, and count anew"


def test_what_the_functions_themselves_ask_for_stands_in_the_plan_and_a_schedule_lets_only_its_account_in() -> None:
    import yaml
    from firebase_functions.private import serving

    import main

    stack = yaml.safe_load(serving.functions_as_yaml({"upkeep": main.upkeep}))  # pyright: ignore[reportArgumentType]
    assert {api["api"] for api in stack["requiredAPIs"]} <= set(wanted.APIS)
    assert "cloudscheduler.googleapis.com" in wanted.APIS
    fabricator = (TOOLS / "deploy/functions/release/fabricator.js").read_text()
    assert re.search(
        r"isScheduleTriggered\(endpoint\)\) \{\s+const invoker = endpoint\.serviceAccount"
        r"\s+\? \[endpoint\.serviceAccount\]",
        fabricator,
    )


def test_the_documentation_tells_each_wall_with_its_source() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    for name in (
        *re.findall(r'"constraints/([\w.]+)"', (ROOT / "devtools/deploy/walls.py").read_text()),
        "8841",
        "6017",
        "308",
        "6454",
    ):
        assert name in page, name


def test_nothing_of_the_default_accounts_is_used(world: World) -> None:
    """firebase-tools asks for the default compute account only where a function has no account of its own."""
    sources = [TOOLS / "deploy/functions/release/fabricator.js", TOOLS / "gcp/cloudscheduler.js"]
    for source in sources:
        for asked in re.finditer(r"getDefaultServiceAccount\(", source.read_text()):
            assert "endpoint.serviceAccount" in source.read_text()[asked.start() - 160 : asked.start()], source
    world.deploy(TARGET)
    assert "compute@" not in json.dumps(world.read()["changes"])
