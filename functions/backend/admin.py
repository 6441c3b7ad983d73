"""An administrator's commands: `make admin ARGS="kill 00D… --by anna"`.

They use the settings of the functions, so they need the same environment (docs/operations.md) and the right to Firestore,
Firebase Authentication and the secrets. What they do is recorded under the name given with --by.
"""

import argparse
import asyncio
import getpass
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from backend import bootstrap, settings
from backend.adapters import cipher
from backend.core.audit import Flaw
from backend.core.connection import Sought
from contract.errors import ConnectionLost


def main(arguments: Sequence[str]) -> int:
    """Runs one command; 0 when all went well, 1 when something is left to do, 2 for a wrong request."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.command == "keyset":
            print(_keyset(asked.step, sys.stdin.read().strip() if asked.step != "new" else "", asked.kms_key))
            return 0
        chosen = settings.load()
        opened = bootstrap.open_cipher(chosen)
        bootstrap.configure_quiet_log()
        return asyncio.run(_run(asked, chosen, opened))
    except (settings.SettingsError, cipher.KeysetError, ValueError) as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 2
    except (GoogleAPIError, GoogleAuthError) as failed:
        print(f"✗ Google Cloud refuses or is out of reach ({type(failed).__name__}): what was done is done, run it again", file=sys.stderr)
        return 1


async def _run(asked: argparse.Namespace, chosen: settings.Settings, opened: cipher.TinkCipher) -> int:
    backend = bootstrap.make_backend(chosen, opened)
    try:
        match asked.command:
            case "kill":
                return await _kill(backend, asked.target, asked.by)
            case "lift":
                await backend.switch.lift(asked.target, by=asked.by)
                print(f"✓ {asked.target} may sign in again")
                return 0
            case "reseal":
                return await _reseal(backend)
            case "verify":
                return await _verify(backend)
            case "upkeep":
                print(", ".join(f"{name.replace('_', ' ')} {n}" for name, n in asdict(await backend.lifecycle.upkeep()).items()))
                return 0
            case _:
                return await _show(backend)
    finally:
        await backend.close()


async def _kill(backend: bootstrap.Backend, target: str, by: str) -> int:
    began = time.perf_counter()
    killed = await backend.lifecycle.kill(target, by=by)
    print(f"✓ {target} is shut out; {killed.ended} connections ended in {time.perf_counter() - began:.2f} s")
    if killed.unconfirmed:
        print(f"✗ Salesforce has not confirmed {killed.unconfirmed} of them: repeat the command, or the upkeep does it", file=sys.stderr)
    return 1 if killed.unconfirmed else 0


async def _reseal(backend: bootstrap.Backend) -> int:
    """Seals everything anew with the newest key, while all goes on."""
    resealed, unreadable = 0, list[str]()
    async for connection in backend.store.find(Sought()):
        try:
            resealed += await backend.vault.change(connection.uid, backend.vault.resealed) is not None
        except ConnectionLost:
            unreadable.append(connection.uid)
    await backend.switch.reseal()
    closed = await backend.store.reseal_closed(backend.audit.reseal)
    print(f"✓ {resealed} connections and {closed} closed records are sealed with the newest key")
    for uid in unreadable:
        print(f"✗ {uid} is sealed with a key that is gone: its user has to sign in again", file=sys.stderr)
    return 1 if unreadable else 0


async def _verify(backend: bootstrap.Backend) -> int:
    """Looks twice at what seems wrong: a chain may grow while it is read."""
    chains, entries, first = await _flaws(backend)
    second = (await _flaws(backend))[2] if first else {}
    flaws = [second[subject] for subject in first if subject in second]
    for flaw in flaws:
        print(f"✗ {flaw.subject}, entry {flaw.sequence}: {flaw.what}", file=sys.stderr)
    print(f"{'✗' if flaws else '✓'} {chains} records with {entries} entries, {len(flaws)} with a flaw")
    return 1 if flaws else 0


async def _flaws(backend: bootstrap.Backend) -> tuple[int, int, dict[str, Flaw]]:
    chains = entries = 0
    flaws: dict[str, Flaw] = {}
    async for recorded, _ in backend.store.recorded():
        chains, entries = chains + 1, entries + len(recorded.entries)
        flaw = backend.audit.flaw(recorded)
        if flaw is not None:
            flaws[recorded.subject] = flaw
    return chains, entries, flaws


async def _show(backend: bootstrap.Backend) -> int:
    states = Counter([connection.state.value async for connection in backend.store.find(Sought())])
    print("connections: " + (", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none"))
    print("shut out: " + (", ".join(sorted(await backend.switch.targets())) or "nobody"))
    return 0


def _keyset(step: str, keyset: str, kms_key: str | None) -> str:
    wrapped_by = cipher.kms_key(kms_key) if kms_key else None
    if step == "new":
        return cipher.new_keyset(wrapped_by)
    if step == "wrap":
        if wrapped_by is None:
            raise ValueError("wrap needs --kms-key")
        return cipher.wrap(keyset, wrapped_by)
    return {"add": cipher.add_key, "promote": cipher.promote_key, "drop": cipher.drop_keys}[step](keyset, wrapped_by)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make admin ARGS=…", description="Administrator's commands.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("kill", "shut out everyone, an org or a user, and end their connections"), ("lift", "take a kill back")):
        command = commands.add_parser(name, help=text)
        command.add_argument("target", help="everyone, an org's 18-character id, or a uid (ORG_USER)")
        command.add_argument("--by", default=getpass.getuser(), help="who does it, for the audit record")
    commands.add_parser("show", help="how many connections are in which state, and who is shut out")
    commands.add_parser("reseal", help="seal everything with the newest key of the keyset")
    commands.add_parser("verify", help="check that the audit record is whole")
    commands.add_parser("upkeep", help="run once what the scheduled function runs every day")
    keyset = commands.add_parser("keyset", help="print a new keyset, or the next step of one that comes on standard input")
    keyset.add_argument("step", choices=("new", "add", "promote", "drop", "wrap"))
    keyset.add_argument("--kms-key", help="gcp-kms://projects/…/cryptoKeys/…: the key of Cloud KMS that wraps the keyset")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
