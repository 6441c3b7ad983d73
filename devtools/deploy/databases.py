"""The two databases of Firestore: where they are, how they are protected, how long their backups are kept."""

from collections.abc import Mapping, Sequence

from devtools.deploy.cloud import Cloud, Command, DeployError
from devtools.deploy.wanted import BLOCKS, DATABASE

BACKUP_DAYS = 14
_DATABASES = ("firestore", "databases", "list")


def missing(cloud: Cloud, location: str, settings: Mapping[str, str]) -> list[Command]:
    """The commands for a database that is missing, or lacks recovery or protection. Raises DeployError."""
    if settings.get("BLOCKS_DATABASE", BLOCKS) != BLOCKS:
        raise DeployError(f"BLOCKS_DATABASE is {BLOCKS} in a deployment: its rules and roles go to that database")
    there = cloud.look("firestore.googleapis.com", *_DATABASES)
    return [command for name in (DATABASE, BLOCKS) for command in _database(cloud, location, name, there)]


def _database(cloud: Cloud, location: str, name: str, there: Sequence[Mapping[str, str]]) -> list[Command]:
    here = next((d for d in there if d["name"].endswith(f"/{name}")), None)
    if here is None:
        words = (
            "gcloud",
            "firestore",
            "databases",
            "create",
            f"--database={name}",
            f"--location={location}",
            "--type=firestore-native",
        )
        return [Command((*words, "--delete-protection", "--enable-pitr", "--project", cloud.project))]
    if here["type"] != "FIRESTORE_NATIVE":
        raise DeployError(
            f"the project's database {name} is in Datastore mode, which has no such documents: use another project"
        )
    if here["locationId"] != location:
        raise DeployError(
            f"the project's database {name} is in {here['locationId']} and cannot be moved: set"
            f" LOCATION={here['locationId']}, or use another project"
        )
    # As the API names the states (firebase-tools 15.34.2, lib/firestore/api-types.js).
    off = [
        flag
        for flag, state, on in (
            ("--delete-protection", "deleteProtectionState", "DELETE_PROTECTION_ENABLED"),
            ("--enable-pitr", "pointInTimeRecoveryEnablement", "POINT_IN_TIME_RECOVERY_ENABLED"),
        )
        if here.get(state) != on
    ]
    words = ("gcloud", "firestore", "databases", "update", f"--database={name}", *off, "--project", cloud.project)
    return [Command(words)] if off else []


def backups(cloud: Cloud) -> list[Command]:
    """The commands for a daily backup that is missing or is kept too short. Raises DeployError."""
    there = {d["name"].rsplit("/", 1)[-1] for d in cloud.look("firestore.googleapis.com", *_DATABASES)}
    commands: list[Command] = []
    for name in (DATABASE, BLOCKS):
        words = ("firestore", "backups", "schedules")
        listed = cloud.gcloud(*words, "list", f"--database={name}") if name in there else []
        daily = next((schedule for schedule in listed if "dailyRecurrence" in schedule), None)
        more = (f"--retention={BACKUP_DAYS}d", "--project", cloud.project)
        if daily is None:
            commands.append(Command(("gcloud", *words, "create", f"--database={name}", "--recurrence=daily", *more)))
        elif float(daily["retention"].removesuffix("s")) < BACKUP_DAYS * 86400:  # a longer one is somebody's decision
            schedule = f"--backup-schedule={daily['name'].rsplit('/', 1)[-1]}"
            commands.append(Command(("gcloud", *words, "update", f"--database={name}", schedule, *more)))
    return commands
