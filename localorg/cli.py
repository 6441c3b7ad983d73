"""The command `localorg`: serve an org, list its users, print a token, keep or restore its state, reset it."""

import argparse
import asyncio
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from localorg.control.proofs import from_words
from localorg.data.seed import LESS_ACCESS, USERS
from localorg.metadata import DataError, MetadataError
from localorg.provision import age, open_org
from localorg.server import listen, make_app, make_server
from localorg.settings import APP_NAME, DEFAULT_CALLBACKS, PASSWORD, POSTURES, SHAPES, OrgSettings

_FRESH_DAYS = 14  # `serve` says when the demo records are older
_FILES = ("org.sqlite3", "org.sqlite3-wal", "org.sqlite3-shm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these arguments (by default those of the process).

    Returns the exit code: 0, or 1 after a line on standard error that says what failed.
    """
    parser = argparse.ArgumentParser(prog="localorg", description="A Salesforce org on your machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the org on 127.0.0.1")
    serve.add_argument("--port", type=int, default=8800)
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1; in a container 0.0.0.0)"
    )
    serve.add_argument("--seed", type=int, default=1, help="seed of the demo data (default 1)")
    serve.add_argument("--accounts", type=int, default=200, help="how many accounts a new org gets (default 200)")
    serve.add_argument(
        "--session-seconds", type=int, default=7200, help="idle life of an access token (default 2 hours)"
    )
    serve.add_argument("--callback", action="append", help="a redirect URI of the demo app; repeat for more")
    serve.add_argument("--app-name", default=APP_NAME, help="the name of the demo app on the page of consent")
    serve.add_argument(
        "--currency", default="USD", help="ISO 4217 code of the only, or corporate, currency (default USD)"
    )
    serve.add_argument(
        "--schema", action="append", type=Path, default=[], help="Salesforce DX folder or JSON file with custom objects"
    )
    serve.add_argument(
        "--load", action="append", type=Path, default=[], help="CSV, tree, plan or folder with records for a new org"
    )
    serve.add_argument(
        "--actions", action="append", type=Path, default=[],
        help="JSON file with the answers of Flows, Apex actions and Apex REST",
    )  # fmt: skip
    shapes = ", ".join(sorted(SHAPES))
    serve.add_argument(
        "--shape", default="", help=f"what the org has beside what every org has, separated by commas: {shapes}"
    )
    serve.add_argument(
        "--dpop", choices=POSTURES, default="allowed", help="what the demo app does about DPoP (default allowed)"
    )
    serve.add_argument(
        "--proofs", action="append", default=[], metavar="NAME=VALUE",
        help="how the org takes DPoP proofs, such as resourceNonce=401; repeat for more (docs/localorg.md)",
    )  # fmt: skip
    reset = commands.add_parser("reset", help="delete the org's state")
    snapshot = commands.add_parser(
        "snapshot", help="keep the whole state of a running org under a name, or come back to it"
    )
    snapshot.add_argument("what", choices=("save", "restore"))
    snapshot.add_argument("name")
    snapshot.add_argument("--port", type=int, default=8800, help="where the org is served (default 8800)")
    token = commands.add_parser("token", help="print an access token of a running org, for curl and other clients")
    token.add_argument("--user", default="sales@localorg.test", help="whose (default sales@localorg.test)")
    token.add_argument("--port", type=int, default=8800, help="where the org is served (default 8800)")
    doctor = commands.add_parser("doctor", help="what clients asked a running org last, and what was wrong with it")
    doctor.add_argument("--port", type=int, default=8800, help="where the org is served (default 8800)")
    commands.add_parser("users", help="list the users that can log in")
    for command in (serve, reset):
        command.add_argument(
            "--data", type=Path, default=Path(".localorg"), help="folder of the org's state (default .localorg)"
        )
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "serve":
                return _serve(options)
            case "reset":
                for name in _FILES:
                    (options.data / name).unlink(missing_ok=True)
                shutil.rmtree(options.data / "snapshots", ignore_errors=True)
                print(f"The org in {options.data} is gone; the next `localorg serve` makes a new one.")
            case "token":
                from localorg.control.client import control

                given = control(f"http://127.0.0.1:{options.port}", "token", {"username": options.user})
                print(cast(dict[str, object], given)["access_token"])
            case "doctor":
                from localorg.control.doctor import report  # HTTP is not needed to serve

                print("\n".join(report(f"http://127.0.0.1:{options.port}")))
            case "snapshot":
                from localorg.control.client import control

                control(f"http://127.0.0.1:{options.port}", f"snapshot/{options.what}", {"name": options.name})
                print(f"{options.what}d {options.name}")
            case _:
                for username, first, last, title, profile in USERS:
                    print(f"{username}  {PASSWORD}  {first} {last}, {title} ({profile})")
                for username, first, last, title, profile in LESS_ACCESS:
                    print(f"{username}  {PASSWORD}  {first} {last}, {title} ({profile}), with --shape no-api-user")
    except (DataError, LookupError, MetadataError, ValueError) as refused:
        print(f"localorg: {refused}", file=sys.stderr)
        return 1
    except OSError as wrong:
        print(
            f"localorg: {wrong.strerror or wrong}" + (f" (port {options.port})" if "port" in options else ""),
            file=sys.stderr,
        )
        return 1
    except sqlite3.DatabaseError as wrong:
        print(
            f"localorg: the state in {options.data} cannot be read ({wrong}); `localorg reset --data {options.data}`"
            " clears it",
            file=sys.stderr,
        )
        return 1
    return 0


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except OSError:
        pass  # nobody reads the output any more, but the org goes on


def _serve(options: argparse.Namespace) -> int:
    settings = OrgSettings(
        data=options.data,
        seed=options.seed,
        accounts=options.accounts,
        session_seconds=options.session_seconds,
        currency=options.currency,
        callbacks=tuple(options.callback or DEFAULT_CALLBACKS),
        app_name=options.app_name,
        shape=frozenset(filter(None, (name.strip() for name in options.shape.split(",")))),
        schema=tuple(options.schema),
        load=tuple(options.load),
        actions=tuple(options.actions),
        dpop=options.dpop,
        proofs=from_words(options.proofs),
    )
    sock = listen(options.port, options.host)
    org = open_org(settings)
    for line in org.metadata.left_out:
        print(f"left out: {line}", flush=True)
    days = age(org)
    if days > _FRESH_DAYS:
        print(
            f"note: the demo records were made {days} days ago, so their tasks are overdue; a reset makes new ones",
            flush=True,
        )
    print(f"Local org ready at http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    server = make_server(make_app(org, log=_say))
    try:
        asyncio.run(server.serve(sockets=[sock]))
    except KeyboardInterrupt:
        pass
    finally:
        org.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
