"""The keys in Cloud KMS: one that wraps the keyset, one that signs for the External Client App."""

from collections.abc import Mapping, Sequence

from devtools.deploy.cloud import Cloud, Command, DeployError, bindings
from devtools.deploy.wanted import CLIENT_KEY_ALGORITHM, CLIENT_KEY_ROLE, FUNCTIONS, KMS_ROLE, account

PARTS = ("projects", "locations", "keyRings", "cryptoKeys")


def purpose(wrapping: Mapping[str, str] | None, signing: Mapping[str, str] | None) -> str:
    """What the keys are for, as a text for the plan."""
    wraps = [] if wrapping is None else ["a key wraps the keyset: without it, the secret alone opens nothing"]
    signs = [] if signing is None else ["a key signs what proves to Salesforce who the backend is"]
    return "; ".join(wraps + signs)


def missing(cloud: Cloud, wrapping: Mapping[str, str] | None, signing: Mapping[str, str] | None) -> list[Command]:
    """The commands for what the two keys lack: ring, key, version, and the functions' roles on it. A key may be in
    another project, such as one that a company keeps for its keys. Raises DeployError.
    """
    commands: list[Command] = []
    rings: set[str] = set()  # that these commands make
    if wrapping is not None:
        commands += _key(cloud, wrapping, rings, ("--purpose=encryption",), KMS_ROLE)
    if signing is not None:
        purpose = ("--purpose=asymmetric-signing", f"--default-algorithm={CLIENT_KEY_ALGORITHM}")
        commands += _key(cloud, signing, rings, (*purpose, "--protection-level=software"), CLIENT_KEY_ROLE)
        commands += _version(cloud, signing)
    return commands


def parts(name: str, wanted: Sequence[str], setting: str, end: str = "") -> dict[str, str]:
    """The parts of a name in Cloud KMS, by what they are. Raises DeployError."""
    words = name.removeprefix("gcp-kms://").split("/")
    named = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) != 2 * len(wanted) or list(named) != list(wanted):
        raise DeployError(f"{setting} is written gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K{end}")
    return named


def _key(cloud: Cloud, name: Mapping[str, str], rings: set[str], made_as: Sequence[str], role: str) -> list[Command]:
    """The key with its ring, in the project that its name has, and the role on it for each function of this one."""
    owner, ring, key = name["projects"], f"{name['projects']}/{name['keyRings']}", name["cryptoKeys"]
    at, commands = (*_location(name), "--project", owner), list[Command]()
    in_ring = (f"--keyring={name['keyRings']}", *at)
    has_ring, has_key = _there(cloud, name)
    if owner != cloud.project and not rings and "cloudkms.googleapis.com" not in cloud.of(owner).enabled():
        commands.append(Command(("gcloud", "services", "enable", "cloudkms.googleapis.com", "--project", owner)))
    if not has_ring and ring not in rings:
        commands.append(Command(("gcloud", "kms", "keyrings", "create", name["keyRings"], *at)))
    rings.add(ring)
    if not has_key:
        commands.append(Command(("gcloud", "kms", "keys", "create", key, *in_ring, *made_as)))
    held = bindings(cloud.gcloud("kms", "keys", "get-iam-policy", key, *_reading(name))) if has_key else set()
    for function in FUNCTIONS:
        member = f"serviceAccount:{account(function, cloud.project)}"
        if (role, member, "") not in held:
            words = ("gcloud", "kms", "keys", "add-iam-policy-binding", key, *in_ring)
            commands.append(Command((*words, f"--member={member}", f"--role={role}")))
    return commands


def _location(name: Mapping[str, str]) -> tuple[str, ...]:
    """Where a key is, as an option."""
    return (f"--location={name['locations']}",)


def _reading(name: Mapping[str, str]) -> tuple[str, ...]:
    """The ring of a key, as the options of a command that reads."""
    return (f"--keyring={name['keyRings']}", *_location(name), f"--project={name['projects']}")


def _there(cloud: Cloud, name: Mapping[str, str]) -> tuple[bool, bool]:
    """Whether the ring is there, and the key on it. Raises DeployError."""
    owner = cloud if name["projects"] == cloud.project else cloud.of(name["projects"])
    at = (*_location(name), f"--project={name['projects']}")
    rings = owner.look("cloudkms.googleapis.com", "kms", "keyrings", "list", *at)
    if not any(ring["name"].endswith(f"/{name['keyRings']}") for ring in rings):
        return False, False
    keys = cloud.gcloud("kms", "keys", "list", *_reading(name))
    return True, any(one["name"].endswith(f"/{name['cryptoKeys']}") for one in keys)


def _version(cloud: Cloud, name: Mapping[str, str]) -> list[Command]:
    """The version that the settings name, when it is the next one. A new key has the first. Raises DeployError."""
    wanted, there = int(name["cryptoKeyVersions"]), versions(cloud, name)
    newest = max(map(int, there), default=1)
    if str(wanted) in there or wanted == 1:
        return []
    if wanted != newest + 1:
        raise DeployError(f"the client key's next version is {newest + 1}: write it into SALESFORCE_CLIENT_KEY_KMS")
    words = ("gcloud", "kms", "keys", "versions", "create", f"--key={name['cryptoKeys']}")
    where = (f"--keyring={name['keyRings']}", *_location(name), "--project", name["projects"])
    return [Command((*words, *where))]


def versions(cloud: Cloud, key: Mapping[str, str]) -> dict[str, str]:
    """The versions of a key in Cloud KMS with their states, such as `ENABLED`, by their numbers; none when the key is
    not there. Raises DeployError.
    """
    if not all(_there(cloud, key)):
        return {}
    listed = cloud.gcloud("kms", "keys", "versions", "list", f"--key={key['cryptoKeys']}", *_reading(key))
    return {version["name"].rsplit("/", 1)[-1]: version["state"] for version in listed}
