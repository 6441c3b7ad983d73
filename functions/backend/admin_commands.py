"""What the administrator's commands do that need the whole backend: Firestore, Firebase Authentication, Salesforce."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from datetime import UTC, datetime

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from msgspec.structs import asdict

from backend import log, settings, wiring
from backend.adapters.cipher import TinkCipher
from backend.adapters.salesforce_http import Http
from backend.connections.store import Criteria
from backend.failures import StoreUnavailable
from backend.org_check import OrgCheck, policies
from backend.records.allowance import FIRST_SHARE
from backend.values import Uid
from contract.errors import ConnectionLost

MOST_USERS = 10


def run(request: argparse.Namespace, chosen: settings.Settings) -> int:
    """Runs one command of `backend.admin`; 0 when all went well, 1 when something is left to do. Raises KeysetError and
    ValueError for what was asked wrongly."""
    try:
        sealer = wiring.open_cipher(chosen)
        if request.command == "check-org":
            return asyncio.run(_check_org(chosen, sealer, request.host))
        log.warnings_only()
        return asyncio.run(_run(request, chosen, sealer))
    except (GoogleAPIError, GoogleAuthError, StoreUnavailable) as failed:
        print(
            f"✗ Google Cloud refuses or is out of reach ({_kind(failed)}): run the command again, it does what"
            " is still missing",
            file=sys.stderr,
        )
        return 1


def _kind(failed: Exception) -> str:
    """What went wrong, in Google's word."""
    return type(failed.__cause__ or failed).__name__


async def _run(request: argparse.Namespace, chosen: settings.Settings, sealer: TinkCipher) -> int:
    backend = wiring.make_backend(chosen, sealer)
    try:
        match request.command:
            case "block":
                return await _block(backend, request.target, request.by)
            case "unblock":
                await backend.blocks.unblock(request.target, by=request.by)
                print(f"✓ {request.target} may sign in again")
                return 0
            case "reseal":
                return await _reseal(backend)
            case "verify":
                return await _verify(backend)
            case "upkeep":
                print(
                    ", ".join(
                        f"{name.replace('_', ' ')} {n}" for name, n in asdict(await backend.lifecycle.upkeep()).items()
                    )
                )
                return 0
            case "usage":
                return await _usage(backend)
            case _:
                return await _show(backend)
    finally:
        await backend.close()


async def _check_org(chosen: settings.Settings, sealer: TinkCipher, host: str) -> int:
    http, wrong = Http(), 0
    check = OrgCheck(http, chosen, host, wiring.signer(chosen), wiring.SystemClock())
    try:
        for lines in (check.lines(), policies(wiring.connections(chosen, sealer), host)):
            async for good, line in lines:
                print(f"{'✓' if good else '✗'} {line}", file=sys.stdout if good else sys.stderr)
                wrong += not good
    except (GoogleAPIError, GoogleAuthError, StoreUnavailable) as failed:
        print(
            "Whether a policy has ended sign-ins cannot be seen from here: Firestore is out of reach"
            f" ({_kind(failed)})."
        )
    finally:
        await http.close()
    return 1 if wrong else 0


async def _block(backend: wiring.Backend, target: str, by: str) -> int:
    began = time.perf_counter()
    blocked = await backend.lifecycle.block(target, by=by)
    print(f"✓ {target} is blocked; {blocked.ended} connections ended in {time.perf_counter() - began:.2f} s")
    if blocked.unconfirmed:
        print(
            f"✗ Salesforce has not confirmed {blocked.unconfirmed} of them: the upkeep asks again every hour;"
            " a grant that no key opens ends when it has not been used for long",
            file=sys.stderr,
        )
    return 1 if blocked.unconfirmed else 0


async def _reseal(backend: wiring.Backend) -> int:
    """Seals everything with the newest key, while calls go on."""
    resealed, unreadable = 0, list[Uid]()
    async for connection in backend.store.find(Criteria()):
        if connection.has_ended and not connection.sealed:
            continue  # one that an earlier version has ended: nothing of it is left
        try:
            resealed += await backend.vault.reseal(connection.uid)
        except ConnectionLost:
            unreadable.append(connection.uid)
    tombstones = await backend.vault.revocation.reseal()
    closed = await backend.store.reseal_records()
    print(
        f"✓ {resealed} connections, {tombstones} grants to be revoked and {closed} closed records are sealed with the"
        " newest key"
    )
    for uid in unreadable:
        print(f"✗ {uid} cannot be unsealed: its user has to sign in again", file=sys.stderr)
    return 1 if unreadable else 0


async def _verify(backend: wiring.Backend) -> int:
    """Looks twice at what seems wrong: a record may grow while it is read."""
    records, entries, first = await backend.store.check_records()
    second = (await backend.store.check_records())[2] if first else {}
    flaws = [second[subject] for subject in first if subject in second]
    for flaw in flaws:
        print(f"✗ {flaw.subject}, entry {flaw.sequence}: {flaw.what}", file=sys.stderr)
    print(f"{'✗' if flaws else '✓'} {records} records with {entries} entries, {len(flaws)} with a flaw")
    return 1 if flaws else 0


async def _show(backend: wiring.Backend) -> int:
    states = Counter([connection.state.value async for connection in backend.store.find(Criteria())])
    print("connections: " + (", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none"))
    print("blocked: " + (", ".join(sorted((await backend.store.read_blocks()).targets)) or "nobody"))
    return 0


async def _usage(backend: wiring.Backend) -> int:
    """What each org has used of its daily allowance, and the users that took most of it today."""
    users = await backend.usage.users(datetime.now(UTC).date().isoformat())
    for org in sorted(await backend.usage.orgs(), key=lambda o: o.org_id):
        print(
            f"{org.org_id}: {org.used} of {org.limit} requests in 24 hours ({org.percent} %), at"
            f" {org.at.isoformat(timespec='seconds')}"
        )
        for user in sorted((u for u in users if u.uid.org_id == org.org_id), key=lambda u: -u.taken)[:MOST_USERS]:
            print(f"  {user.uid.user_id}: at most {user.taken + FIRST_SHARE} today through this app")
    return 0
