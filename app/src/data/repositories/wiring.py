"""All repositories of one window, wired."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from data.repositories.access import AccessRepository
from data.repositories.calls import Calls, Network
from data.repositories.drafts import Drafts
from data.repositories.queue import Queue
from data.repositories.records import RecordsRepository
from data.repositories.sending import Sending
from data.repositories.session import SessionRepository
from data.repositories.settings import SettingsRepository
from data.repositories.shelf import Shelf
from data.repositories.sign_in import SignInRepository
from data.repositories.sign_outs import SignOuts
from data.services.backend import Backend
from data.services.device import Device
from data.services.firebase_auth import FirebaseAuth
from data.services.windows import Windows


@dataclass(frozen=True, slots=True)
class Repositories:
    """All repositories of one window."""

    session: SessionRepository
    sign_in: SignInRepository
    sign_outs: SignOuts
    access: AccessRepository
    records: RecordsRepository
    network: Network
    shelf: Shelf
    drafts: Drafts
    queue: Queue
    sending: Sending
    settings: SettingsRepository


def make_repositories(
    backend: Backend,
    firebase: FirebaseAuth,
    device: Device,
    windows: Windows | None = None,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Repositories:
    """Makes the repositories of one window. `windows` are the app's other windows on this device, None where there are
    none; `now` gives seconds since the epoch."""
    windows = windows or Windows()
    session = SessionRepository(firebase, device, windows, now)

    def present() -> str | None:
        return None if session.user is None else session.user.uid

    shelf = Shelf(device, now, present)
    sign_outs = SignOuts(backend, firebase, device, windows, now, sleep)
    calls = Calls(backend, session)
    records, queue = RecordsRepository(calls, shelf), Queue(device, windows, now)
    return Repositories(
        session,
        SignInRepository(backend, session, device, now, sleep),
        sign_outs,
        AccessRepository(calls, session, shelf, sign_outs),
        records,
        calls.network,
        shelf,
        Drafts(device, windows, now),
        queue,
        Sending(queue, records, calls.network, windows, present, now, sleep),
        SettingsRepository(device),
    )
