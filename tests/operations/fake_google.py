"""`gcloud` and `firebase` for tests: a kept project, answers in the formats of the real tools, every change
written down.

The formats are those of Google's reference ("gcloud … --format=json" prints the API's resources) and of firebase-tools
15; they were not recorded from a real project. The programs themselves are shell scripts that ask the test, because
starting Python takes ten times as long.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Lock, Thread
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.operations import fake_billing, fake_firebase, fake_iam, fake_run, fake_walls
from tests.operations.fake_walls import Refused

NEW: dict[str, Any] = {
    **fake_run.NEW,
    "loggedIn": True,
    "billing": True,
    "permitted": True,
    "apis": ["bigquery.googleapis.com", "cloudresourcemanager.googleapis.com"],
    "firebase": False,
    "termsAccepted": True,
    "authentication": False,
    "databases": [],
    "backups": [],
    "accounts": ["123-compute@developer.gserviceaccount.com"],
    "accountTitles": {},
    "policies": {"project": [["roles/owner", "user:someone@example.com"]]},
    "secrets": {},
    "secretLabels": {},
    "secretStates": {},
    "keyrings": {},  # those of another project stand with it, as "theirs/ring"
    "otherApis": {},
    "versions": {},
    "roles": {},
    "metrics": {},
    "dashboards": [],
    "monitoring": {},
    "appCheck": {},
    "functions": [],
    "firstGeneration": [],
    "collections": {},
    "indexes": {},
    "fields": {},
    "rulesText": {},
    "site": None,
    "uploads": [],
    "changes": [],
    "stopAt": None,
    **fake_walls.NEW,
}


class Said(str):
    """What a command says as it is, and not as JSON."""


def _option(words: list[str], name: str) -> str:
    found = next((w for w in words if w.startswith(f"--{name}=")), None)
    if found is not None:
        return found.partition("=")[2]
    return words[words.index(f"--{name}") + 1] if f"--{name}" in words else ""


def _policy(world: dict[str, Any], key: str) -> Any:
    """Bindings are stored as [role, member], and the expression of a condition as the third."""
    held: dict[tuple[str, str], list[str]] = {}
    for role, member, *condition in world["policies"].get(key, []):
        held.setdefault((role, "".join(condition)), []).append(member)
    return {
        "bindings": [
            {"role": role, "members": members, **({"condition": {"expression": given, "title": "t"}} if given else {})}
            for (role, given), members in held.items()
        ],
        "etag": "BwY=",
        "version": 3,
    }


def _of(world: dict[str, Any], project: str, words: list[str]) -> str:
    """Before the names of what is in another project than the played one: that project."""
    owner = _option(words, "project") or project
    return "" if owner == world.get("project", owner) else f"{owner}/"


def _apis(world: dict[str, Any], other: str) -> list[str]:
    """The APIs of the played project, or of another."""
    return world["otherApis"].setdefault(other, []) if other else world["apis"]


def _needs(world: dict[str, Any], api: str, other: str = "") -> None:
    if f"{api}.googleapis.com" not in _apis(world, other):
        raise Refused(
            f"ERROR: (gcloud) PERMISSION_DENIED: {api}.googleapis.com has not been used in project p before or it is"
            " disabled."
        )


def read(world: dict[str, Any], project: str, words: list[str]) -> Any:
    """What a reading command says; None for a command that changes something."""
    if (said := fake_walls.read(world, project, words)) is not None:
        return said
    other = _of(world, project, words)
    match [w for w in words if not w.startswith("--")]:
        case ["services", "list"]:
            return [
                {"config": {"name": api, "title": api}, "name": f"projects/123/services/{api}", "state": "ENABLED"}
                for api in _apis(world, other)
            ]
        case ["firestore", "databases", "list"]:
            _needs(world, "firestore")
            return [{"name": f"projects/{project}/databases/(default)", **d} for d in world["databases"]]
        case ["firestore", "backups", "schedules", "list"]:
            return [b for b in world["backups"] if b["database"] == _option(words, "database")]
        case ["iam", "service-accounts", "list"]:
            _needs(world, "iam")
            return [
                {
                    "email": email,
                    "name": f"projects/{project}/serviceAccounts/{email}",
                    "displayName": world["accountTitles"].get(email, ""),
                }
                for email in world["accounts"]
            ]
        case ["iam", "service-accounts", "get-iam-policy", account]:
            if account not in world["accounts"]:
                raise Refused(
                    f"ERROR: (gcloud.iam.service-accounts.get-iam-policy) NOT_FOUND: Unknown service account {account}"
                )
            return _policy(world, account)
        case ["iam", "roles", "list", *_]:
            _needs(world, "iam")
            return [{"name": f"projects/{project}/roles/{name}", "title": name} for name in world["roles"]]
        case ["iam", "roles", "describe", name, *_]:
            return {"name": f"projects/{project}/roles/{name}", "includedPermissions": world["roles"][name]}
        case ["projects", "get-iam-policy", _]:
            return _policy(world, "project")
        case ["secrets", "list"]:
            _needs(world, "secretmanager")
            labels = world["secretLabels"]
            return [{"name": f"projects/123/secrets/{n}", "labels": labels.get(n, {})} for n in world["secrets"]]
        case ["secrets", "versions", "access", "latest"]:
            return Said(world["secrets"][_option(words, "secret")][-1])
        case ["secrets", "get-iam-policy", name]:
            return _policy(world, f"secret {name}")
        case ["logging", "metrics", "list"]:
            _needs(world, "logging")
            return list(world["metrics"].values())
        case ["monitoring", "dashboards", "list"]:
            _needs(world, "monitoring")
            return [{"displayName": name} for name in world["dashboards"]]
        case ["kms", "keyrings", "list"]:
            _needs(world, "cloudkms", other)
            rings = [ring.removeprefix(other) for ring in world["keyrings"] if ring.startswith(other)]
            return [{"name": f"projects/{project}/locations/x/keyRings/{r}"} for r in rings if "/" not in r]
        case ["kms", "keys", "list"]:
            ring = _option(words, "keyring")
            return [
                {"name": f"projects/{project}/locations/x/keyRings/{ring}/cryptoKeys/{key}"}
                for key in world["keyrings"][other + ring]
            ]
        case ["kms", "keys", "versions", "list"]:
            key = f"projects/{project}/locations/x/keyRings/r/cryptoKeys/{_option(words, 'key')}"
            return [
                {"name": f"{key}/cryptoKeyVersions/{number}", "state": state}
                for number, (state, _) in world["versions"].get(other + _option(words, "key"), {}).items()
            ]
        case ["kms", "keys", "versions", "get-public-key", number]:
            public = _private_key(world, other, words, number).public_key()
            form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            Path(_option(words, "output-file")).write_bytes(public.public_bytes(*form))
            return Said("")
        case ["kms", "asymmetric-sign"]:
            text = Path(_option(words, "input-file")).read_bytes()
            key = _private_key(world, other, words, _option(words, "version"))
            signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
            Path(_option(words, "signature-file")).write_bytes(signature)
            return Said("")
        case ["kms", "keys", "get-iam-policy", key]:
            return _policy(world, f"key {other}{key}")
        case ["billing", *_]:
            return fake_billing.read(world, words)
        case _:
            return None


def change(world: dict[str, Any], project: str, words: list[str], given: str) -> None:
    """Makes a change as the real tools would, or refuses it as they would."""
    fake_walls.refuse(world, project, words)
    if fake_walls.change(world, project, words):
        return
    other = _of(world, project, words)
    plain = [w for w in words if not w.startswith("--") and w not in (project, other.removesuffix("/"))]
    match plain:
        case ["services", "enable", *apis]:
            if not world["billing"]:
                raise Refused(
                    "ERROR: (gcloud.services.enable) FAILED_PRECONDITION: Billing account for project '123' is not"
                    " found."
                )
            there = _apis(world, other)
            there[:] = sorted({*there, *apis})
        case ["firestore", "databases", "create"]:
            _needs(world, "firestore")
            location = _option(words, "location")
            if location not in ("eur3", "nam5", "europe-west1"):
                raise Refused(
                    f"ERROR: (gcloud.firestore.databases.create) INVALID_ARGUMENT: location '{location}' is not a valid"
                    " location"
                )
            name = f"projects/{project}/databases/{_option(words, 'database')}"
            made = {"type": "FIRESTORE_NATIVE", "locationId": location, "name": name}
            world["databases"].append({**made, **_safe(words)})
        case ["firestore", "databases", "update"]:
            (here,) = [d for d in world["databases"] if d["name"].endswith(f"/{_option(words, 'database')}")]
            here.update(_safe(words))
        case ["firestore", "backups", "schedules", "create"]:
            database = _option(words, "database")
            if not any(d["name"].endswith(f"/{database}") for d in world["databases"]):
                raise Refused(f"ERROR: (gcloud.firestore.backups.schedules.create) NOT_FOUND: database {database}")
            name = f"projects/{project}/databases/{database}/backupSchedules/{len(world['backups']) + 1}"
            made = {"retention": _seconds(words), "dailyRecurrence": {}, "name": name, "database": database}
            world["backups"].append(made)
        case ["firestore", "backups", "schedules", "update"]:
            schedule = f"/{_option(words, 'database')}/backupSchedules/{_option(words, 'backup-schedule')}"
            (here,) = [b for b in world["backups"] if b["name"].endswith(schedule)]
            here["retention"] = _seconds(words)
        case ["iam", "roles", "create" | "update", name]:
            _needs(world, "iam")
            world["roles"][name] = _option(words, "permissions").split(",")
        case ["iam", "service-accounts", "create", name]:
            _needs(world, "iam")
            world["accounts"].append(f"{name}@{project}.iam.gserviceaccount.com")
            world["accountTitles"][world["accounts"][-1]] = _option(words, "display-name")
        case ["iam", "service-accounts", "add-iam-policy-binding", account]:
            _bind(world, account, words)
        case ["projects", "add-iam-policy-binding"]:
            member = _option(words, "member").removeprefix("serviceAccount:")
            if member not in world["accounts"]:
                raise Refused(
                    f"ERROR: (gcloud.projects.add-iam-policy-binding) INVALID_ARGUMENT: Service account {member} does"
                    " not exist."
                )
            own = _option(words, "role").removeprefix(f"projects/{project}/roles/")
            if "/" not in own and own not in world["roles"]:
                raise Refused(f"ERROR: (gcloud.projects.add-iam-policy-binding) NOT_FOUND: role {own}")
            _bind(world, "project", words)
        case ["projects", "remove-iam-policy-binding"]:
            world["policies"]["project"].remove(_binding(words))
        case ["secrets", "create", name]:
            _needs(world, "secretmanager")
            world["secrets"][name] = []
            label, _, value = _option(words, "labels").partition("=")
            world["secretLabels"][name] = {label: value} if label else {}
        case ["secrets", "versions", "add", name]:
            if not given:
                raise Refused(
                    "ERROR: (gcloud.secrets.versions.add) INVALID_ARGUMENT: The [--data-file] must not be empty"
                )
            world["secrets"][name].append(given)
        case ["secrets", "add-iam-policy-binding", name]:
            _bind(world, f"secret {name}", words)
        case ["logging", "metrics", "create" | "update", name]:
            world["metrics"][name] = json.loads(Path(_option(words, "config-from-file")).read_text())
        case ["monitoring", "dashboards", "create"]:
            world["dashboards"].append(json.loads(Path(_option(words, "config-from-file")).read_text())["displayName"])
        case ["kms", "keyrings", "create", ring]:
            _needs(world, "cloudkms", other)
            world["keyrings"][other + ring] = []
        case ["kms", "keys", "create", key]:
            world["keyrings"][other + _option(words, "keyring")].append(key)
            if _option(words, "purpose") == "asymmetric-signing":
                assert _option(words, "default-algorithm") == "rsa-sign-pkcs1-2048-sha256"
                world["versions"][other + key] = {"1": ["ENABLED", _new_key()]}
        case ["kms", "keys", "versions", "create"]:
            there = world["versions"][other + _option(words, "key")]
            there[str(len(there) + 1)] = ["ENABLED", _new_key()]
        case ["kms", "keys", "add-iam-policy-binding", key]:
            _bind(world, f"key {other}{key}", words)
        case ["billing", *_]:
            fake_billing.change(world, words)
        case ["projects:addfirebase"]:
            _needs(world, "firebase")
            if not world["termsAccepted"]:  # firebase-tools 15.34.2, lib/management/projects.js
                raise Refused(
                    f"Error: Failed to add Firebase to Google Cloud Platform project {project} because your account has"
                    " not accepted the Firebase Terms of Service. Please accept the Terms of Service in the Firebase"
                    " console at https://console.firebase.google.com/?forceCheckTos=true and try again."
                )
            world["firebase"] = True
        case ["firestore", "indexes", "composite", "delete", name]:
            here = world["indexes"][_option(words, "database")]
            here[:] = [index for index in here if not index["name"].endswith(f"/{name}")]
        case ["deploy", part, *_]:
            fake_walls.upload(world, project, words, given, Path(world["tree"]))
            fake_firebase.deploy(world, project, part, words)
            fake_run.uploaded(world, project, part, words)
            world["uploads"].append(part)
        case _:
            raise Refused(f"ERROR: (gcloud) Invalid choice: {words}")


def _safe(words: list[str]) -> dict[str, str]:
    """A database's protection, as the API names it."""
    protected = {"deleteProtectionState": "DELETE_PROTECTION_ENABLED"} if "--delete-protection" in words else {}
    recovered = {"pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED"} if "--enable-pitr" in words else {}
    return protected | recovered


def _seconds(words: list[str]) -> str:
    """Days on the command line are seconds in the API's answer (google.protobuf.Duration in JSON)."""
    return f"{int(_option(words, 'retention').removesuffix('d')) * 86400}s"


def _bind(world: dict[str, Any], key: str, words: list[str]) -> None:
    world["policies"].setdefault(key, []).append(_binding(words))


def _binding(words: list[str]) -> list[str]:
    condition = _option(words, "condition").removeprefix("expression=").rpartition(",title=")[0]
    return [_option(words, "role"), _option(words, "member"), *([condition] if condition else [])]


def _new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def _private_key(world: dict[str, Any], other: str, words: list[str], number: str) -> rsa.RSAPrivateKey:
    state, pem = world["versions"][other + _option(words, "key")][number]
    if state != "ENABLED":
        raise Refused(f"ERROR: (gcloud.kms) FAILED_PRECONDITION: the version is not enabled, its state is {state}")
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


_KEPT: dict[Path, bytes] = {}  # as text, so that nobody changes a project without keeping it


def keep(file: Path, world: dict[str, Any]) -> None:
    """Keeps the project at once: others read it meanwhile."""
    _KEPT[file] = msgspec.json.encode(world)


def kept(file: Path) -> dict[str, Any]:
    """The project as it was kept last."""
    return msgspec.json.decode(_KEPT[file])


def forget(file: Path) -> None:
    """The project is no longer needed."""
    del _KEPT[file]


def answer(file: Path, project: str, program: str, words: list[str], given: str) -> tuple[int, str, str]:
    """The exit code, what is printed, and what is said of an error."""
    world = kept(file)
    if not world["loggedIn"]:
        return (
            1,
            "",
            (
                "ERROR: (gcloud) You do not currently have an active account selected.\nPlease run:\n  $ gcloud auth"
                " login\n"
            ),
        )
    if words == ["auth", "print-access-token"]:
        return 0, "ya29.a-token\n", ""
    try:
        if not world["permitted"]:
            raise Refused("ERROR: (gcloud.services.list) PERMISSION_DENIED: The caller does not have permission")
        fake_iam.refuse(world, project, " ".join([program, *words]))
        if words[0] == "projects:list":
            found = [{"projectId": project, "projectNumber": "123"}] if world["firebase"] else []
            return 0, json.dumps({"status": "success", "result": found}), ""
        said = fake_run.read(world, project, words)
        said = read(world, project, words) if said is None else said
        if said is not None:
            return 0, said if isinstance(said, Said) else json.dumps(said), ""
        if world["stopAt"] == len(world["changes"]):
            world["stopAt"] = None
            raise Refused("ERROR: (gcloud) UNAVAILABLE: The service is currently unavailable.")
        if not fake_run.change(world, project, words):
            change(world, project, words, given)
        world["changes"].append([program, *words])
    except Refused as refused:
        if program == "firebase" and "--json" in words:  # firebase-tools 15.34.2, lib/command.js
            said = {"status": "error", "error": str(refused).removeprefix("Error: ")}
            return 1, json.dumps(said, indent=2), "(node:1) Warning: it is told on standard output\n"
        return 1, "", f"{refused}\n"
    except fake_iam.Denied as denied:
        return 1, "", f"ERROR: ({program}) {denied}\n"
    finally:
        keep(file, world)
    return 0, "", ""


# Sends the project, its own name and its words, each ended by a zero byte, an empty one, and what it is given; prints
# what comes back.
_PROGRAM = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/%d
printf '%%s\\0' "$CLOUDSDK_CORE_PROJECT" %s "$@" "" >&3
given=$BUILD_ACCOUNT
for word; do if [ "$word" = --data-file=- ]; then IFS= read -r -d "" given; fi; done
printf '%%s\\0' "$given" >&3
IFS= read -r -d "" code <&3; IFS= read -r -d "" said <&3; IFS= read -r -d "" wrong <&3
printf '%%s' "$said"; printf '%%s' "$wrong" >&2
exit $code
"""


@contextmanager
def programs(folder: Path, file: Path) -> Iterator[None]:
    """While it lasts `gcloud` and `firebase` in this folder answer for the project that is kept under `file`."""
    turn = Lock()

    class Asked(StreamRequestHandler):
        def handle(self) -> None:
            words = list(iter(self._text, ""))
            given = self._text()
            with turn:
                said = answer(file, words[0], words[1], words[2:], given)
            self.wfile.write("".join(f"{part}\0" for part in said).encode())

        def _text(self) -> str:
            """Up to the next zero byte."""
            read = bytearray()
            while (byte := self.rfile.read(1)) not in (b"\0", b""):
                read += byte
            return read.decode()

    with ThreadingTCPServer(("127.0.0.1", 0), Asked) as server:
        for program in ("gcloud", "firebase"):
            script = folder / program
            script.write_text(_PROGRAM % (server.server_address[1], shlex.quote(program)))
            script.chmod(0o755)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield
        server.shutdown()
