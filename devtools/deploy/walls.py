"""What stops a deployment on many projects, looked at before the first change: the organisation's policies, and the
quota of the region.

Each is told in a line with what to do. docs/deploy.md, "Walls", has them with their sources; the ones that a step can
mend (the build account, the Hosting site, where secrets are kept, APIs) are steps.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from devtools.deploy import callers
from devtools.deploy.cloud import Cloud, DeployError
from devtools.deploy.place import CPU, MEMORY_MB, Place, setting

_ASK = "ask whoever has roles/orgpolicy.policyAdmin in your organisation"
_MEMBERS, _LOCATIONS = "constraints/iam.allowedPolicyMemberDomains", "constraints/gcp.resourceLocations"
_INGRESS, _SERVICES = "constraints/run.allowedIngress", "constraints/gcp.restrictServiceUsage"
_NO_ACCOUNTS = "constraints/iam.disableServiceAccountCreation"
_CONSTRAINTS = (_MEMBERS, _LOCATIONS, _INGRESS, _SERVICES, _NO_ACCOUNTS)
_GIB = 1024**3

# Google's groups of locations by the beginning of a region's name. Whether they hold a multi-region is not documented.
_GROUPS = {
    "africa-": ("africa",),
    "asia-": ("asia",),
    "australia-": ("australia",),
    "europe-": ("europe", "eu"),
    "me-": ("middle-east",),
    "northamerica-": ("northamerica", "canada"),
    "southamerica-": ("southamerica",),
    "us-": ("us", "northamerica"),
}
_NOT_IN_THE_UNION = ("europe-west2", "europe-west6")  # London, Zürich
_MULTI_REGIONS = {"eur3": "europe-west1", "nam5": "us-central1"}  # of Firestore, with a region that is in it

_REGION_GROUP = re.compile(r"in:[a-z]+-[a-z]+[0-9]+-locations")


@dataclass(frozen=True, slots=True)
class Found:
    """`walls`: what would stop the deployment. `open`: what could not be looked at, so that it may."""

    walls: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def look(
    cloud: Cloud, where: Place, locations: Mapping[str, str], apis: Sequence[str], settings: Mapping[str, str]
) -> Found:
    """Everything that is in the way of this deployment; `locations` are those that it uses, by the settings that name
    them. Nothing is changed. Raises DeployError when the project cannot be read at all.
    """
    looks: list[Callable[[], Found]] = [
        lambda: _address(where, settings),
        lambda: _policies(cloud, where, locations, apis),
        lambda: _region(cloud, where),
        lambda: _quota(cloud, where),
    ]
    found = [one() for one in looks]
    return Found(tuple(w for f in found for w in f.walls), tuple(o for f in found for o in f.open))


def stop(found: Found) -> None:
    """Raises DeployError with a line for each wall, when there are any."""
    if found.walls:
        lines = [f"{len(found.walls)} in the way of this deployment (docs/deploy.md, “Walls”):", *found.walls]
        raise DeployError("\n  ".join(lines) if len(lines) > 2 else lines[-1])


# The address


def _address(where: Place, settings: Mapping[str, str]) -> Found:
    """Nobody can sign in at an address to which Salesforce is not led back."""
    uris = settings.get("REDIRECT_URIS", "").split()
    if not uris or any(uri.startswith(f"{where.address}/") for uri in uris):
        return Found()
    others = [uri.split("/")[2] for uri in uris if uri.startswith("https://")]
    own = next((host for host in others if not host.endswith((".web.app", ".firebaseapp.com"))), None)
    advice = f"DOMAIN={own} if that is the app's domain, or " if own else ""
    return Found((f"nobody can sign in at {where.address}: write {advice}{where.redirect_uri} into REDIRECT_URIS",))


# The organisation's policies


def _policies(cloud: Cloud, where: Place, locations: Mapping[str, str], apis: Sequence[str]) -> Found:
    if "cloudresourcemanager.googleapis.com" not in cloud.enabled():
        return Found(open=("the organisation's policies can be read when cloudresourcemanager.googleapis.com is on",))
    with ThreadPoolExecutor(len(_CONSTRAINTS)) as at_once:
        read = at_once.map(lambda name: _policy(cloud, name), _CONSTRAINTS)
        policies: dict[str, Mapping[str, Any] | None] = dict(zip(_CONSTRAINTS, read, strict=True))
    unread = [name.removeprefix("constraints/") for name, policy in policies.items() if policy is None]
    walls: list[str] = []
    maybe = [f"not readable by you: the policies {', '.join(unread)}"] if unread else []
    for name, region in locations.items():
        allowed = _allows_location(policies[_LOCATIONS], region)
        if allowed is False:
            walls.append(f"the organisation allows nothing in {region} ({_LOCATIONS}): {_instead(policies, name)}")
        elif allowed is None and policies[_LOCATIONS] is not None:
            sure = f"; {name}={_MULTI_REGIONS[region]} would be sure" if region in _MULTI_REGIONS else ""
            maybe.append(f"whether {_LOCATIONS} allows {region} is not to be told from {_written(policies)}{sure}")
    if not _allows(policies[_MEMBERS], callers.EVERYBODY) and (shut := callers.to_be_let_in(cloud, where.region)):
        walls.append(
            f"{' and '.join(shut)} must be open to everybody, whom the organisation keeps out ({_MEMBERS}): {_ASK} to"
            f" allow all members in {cloud.project} until this deployment is over; what is open then stays so"
        )
    if not _allows(policies[_INGRESS], "all"):
        walls.append(f"the organisation keeps the internet out of Cloud Run ({_INGRESS}): {_ASK} to allow “all” here")
    refused = [api for api in apis if not _allows(policies[_SERVICES], api)]
    if refused:
        walls.append(f"the organisation forbids {', '.join(refused)} ({_SERVICES}): {_ASK} to allow them here")
    if (policies[_NO_ACCOUNTS] or {}).get("booleanPolicy", {}).get("enforced"):
        walls.append(f"the organisation lets nobody make service accounts ({_NO_ACCOUNTS}): {_ASK} for an exception")
    return Found(tuple(walls), tuple(maybe))


def _policy(cloud: Cloud, name: str) -> Mapping[str, Any] | None:
    """The policy in force, as version 1 of Resource Manager's API has it; None when it may not be read."""
    words = ("resource-manager", "org-policies", "describe", name, "--effective", "--project", cloud.project)
    try:
        return cloud.gcloud(*words) or {}
    except DeployError:
        return None


def _values(policy: Mapping[str, Any] | None, kind: str) -> list[str]:
    return (policy or {}).get("listPolicy", {}).get(kind, [])


def _allows(policy: Mapping[str, Any] | None, value: str) -> bool:
    """Whether a policy that could be read lets this value pass."""
    listed = (policy or {}).get("listPolicy", {})
    if listed.get("allValues") == "DENY" or value in {v.removeprefix("is:") for v in _values(policy, "deniedValues")}:
        return False
    allowed = _values(policy, "allowedValues")
    return not allowed or value in {v.removeprefix("is:") for v in allowed}


def _allows_location(policy: Mapping[str, Any] | None, location: str) -> bool | None:
    """Whether the policy allows a location; None when only Google knows what is in the groups that it names."""
    if (policy or {}).get("listPolicy", {}).get("allValues") == "DENY":
        return False
    names, region = {location, f"is:{location}"}, _MULTI_REGIONS.get(location, location)
    kinds = next((kinds for start, kinds in _GROUPS.items() if region.startswith(start)), ())
    groups = {f"in:{kind}-locations" for kind in kinds if kind != "eu" or region not in _NOT_IN_THE_UNION}
    if region == location:
        names |= {f"in:{location}-locations", *groups}
        groups = set()
    allowed, denied = set(_values(policy, "allowedValues")), set(_values(policy, "deniedValues"))
    if denied & names:
        return False
    if not allowed or allowed & names:
        return None if denied & groups else True
    known = {f"in:{kind}-locations" for kinds in _GROUPS.values() for kind in kinds}
    strange = {v for v in allowed - known if v.startswith("in:") and not _REGION_GROUP.fullmatch(v)}
    return None if allowed & groups or strange else False


def _instead(policies: Mapping[str, Mapping[str, Any] | None], name: str) -> str:
    given = _written(policies)
    return f"set {name} to one that it allows ({given}), or {_ASK}" if given else f"{_ASK} for an exception"


def _written(policies: Mapping[str, Mapping[str, Any] | None]) -> str:
    return ", ".join(v.removeprefix("is:") for v in _values(policies[_LOCATIONS], "allowedValues"))


# The region


def _region(cloud: Cloud, where: Place) -> Found:
    regions = {one["locationId"] for one in cloud.look("run.googleapis.com", "run", "regions", "list")}
    if regions and where.region not in regions:
        near = sorted(r for r in regions if r.split("-")[0] == where.region.split("-")[0]) or sorted(regions)
        return Found((f"REGION={where.region} is no region of Cloud Run: choose one, such as {', '.join(near[:4])}",))
    return Found()


def _quota(cloud: Cloud, where: Place) -> Found:
    """Cloud Run refuses a function whose instances could take more than the region's quota all by itself: "Max
    instances must be set to 20 or fewer to set the requested total CPU" (googlecodelabs/feedback#1856, jspsych/datapipe
    pull request 238). New projects have 20 CPUs and 40 GiB.
    """
    if "run.googleapis.com" not in cloud.enabled():
        return Found(open=("Cloud Run's quota can be read when run.googleapis.com is on",))
    try:
        cpus, memory = _limit(cloud, "cpu_allocation", where.region), _limit(cloud, "mem_allocation", where.region)
    except DeployError as unread:
        return Found(open=(f"Cloud Run's quota could not be read ({unread})",))
    most = int(min(cpus / 1000 / CPU, memory / (MEMORY_MB / 1024 * _GIB), 10**6))
    more = "or ask for more at https://console.cloud.google.com/iam-admin/quotas"
    walls = [
        f"{name} may have {wanted} instances, and Cloud Run's quota in {where.region} is for {most}: set"
        f" {setting(name)}={most}, {more}"
        for name, wanted in where.instances.items()
        if wanted > most
    ]
    total = sum(where.instances.values()) + 1
    if not walls and total > most:
        text = (
            f"all functions together may have {total} instances, and Cloud Run's quota in {where.region} is for {most}"
        )
        return Found(open=(f"{text}: at that many calls fail ({more.removeprefix('or ')})",))
    return Found(tuple(walls))


def _limit(cloud: Cloud, metric: str, region: str) -> float:
    """How much of this the region may use: thousandths of CPUs, bytes; infinity where there is no limit. Raises
    DeployError. Source: Service Usage API v1beta1, services.consumerQuotaMetrics, QuotaBucket.
    """
    path = f"services/run.googleapis.com/consumerQuotaMetrics/{quote(f'run.googleapis.com/{metric}', safe='')}"
    told = cloud.get(f"{cloud.service_usage_url}/v1beta1/projects/{cloud.project}/{path}") or {}
    buckets = [b for limit in told.get("consumerQuotaLimits", []) for b in limit.get("quotaBuckets", [])]
    here = [b for b in buckets if b.get("dimensions", {}).get("region") in (region, None)]
    # The ones of the region come after the one of all regions.
    limit = int(here[-1].get("effectiveLimit", -1)) if here else -1
    return float("inf") if limit < 0 else float(limit)
