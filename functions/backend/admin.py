"""An administrator's commands: `make admin ARGS="block 00D… --by anna"`.

They use the settings of the functions, so they need the same environment (docs/operations.md) and the right to
Firestore, Firebase Authentication and the secrets. What they do is recorded under the name given with --by.
"""

import argparse
import getpass
import sys
from collections.abc import Sequence

from backend.adapters import cipher


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 0 when all went well, 1 when something is left to do, 2 for a wrong request."""
    request = _parser().parse_args(arguments)
    try:
        if request.command == "keyset":
            print(_keyset(request.step, sys.stdin.read().strip() if request.step != "new" else "", request.kms_key))
            return 0
        return _with_settings(request)
    except (cipher.KeysetError, ValueError) as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 2


def _with_settings(request: argparse.Namespace) -> int:
    """Runs a command that needs the settings, whose libraries take longer to read than a keyset to be made."""
    from backend import settings

    try:
        if request.command == "settings" and request.names:
            print("\n".join(sorted(settings.names())))
            return 0
        chosen = settings.load()
    except settings.SettingsError as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 2
    if request.command == "settings":
        print("✓ the settings are complete")
        return 0
    # Late: the commands above need none of its libraries, which take a second to read.
    from backend import (
        admin_commands,
    )

    return admin_commands.run(request, chosen)


def _keyset(step: str, keyset: str, kms_key: str | None) -> str:
    wrapped_by = cipher.kms_key(kms_key) if kms_key else None
    if step == "new":
        return cipher.new_keyset(wrapped_by)
    if step == "wrap":
        if wrapped_by is None:
            raise ValueError("wrap needs --kms-key")
        return cipher.wrap(keyset, wrapped_by)
    if step == "merge":
        first, _, second = keyset.partition("\n")
        return cipher.merge_keysets(first, second.strip(), wrapped_by)
    return {"add": cipher.add_key, "promote": cipher.promote_key, "drop": cipher.drop_keys}[step](keyset, wrapped_by)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make admin ARGS=…", description="Administrator's commands.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("block", "block everyone, an org or a user, and end their connections"),
        ("unblock", "take a block back"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("target", help="everyone, an org's 18-character id, or a uid (ORG_USER)")
        command.add_argument("--by", default=getpass.getuser(), help="who does it, for the audit record")
    check = commands.add_parser(
        "check-org",
        help="what an org lacks for this app, seen without signing in, and what its policies did to who was",
    )
    check.add_argument("host", help="a login host or My Domain, such as acme.my.salesforce.com")
    own = commands.add_parser("settings", help="check the settings, as a function does when it starts")
    own.add_argument("--names", action="store_true", help="print the names of all settings")
    commands.add_parser("show", help="how many connections are in which state, and who is blocked")
    commands.add_parser("usage", help="what each org has used of its daily allowance of requests")
    commands.add_parser("reseal", help="seal everything with the newest key of the keyset")
    commands.add_parser("verify", help="check that the audit record is whole")
    commands.add_parser("upkeep", help="run once what the scheduled function runs every hour")
    keyset = commands.add_parser(
        "keyset",
        help="print a new keyset, or the next step of one that comes on standard input; merge takes two, a line each,"
        " and seals with the first",
    )
    keyset.add_argument("step", choices=("new", "add", "promote", "drop", "wrap", "merge"))
    keyset.add_argument(
        "--kms-key", help="gcp-kms://projects/…/cryptoKeys/…: the key of Cloud KMS that wraps the keyset"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
