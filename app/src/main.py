"""The client's entry point, and the only place where it is wired."""

import flet as ft

from data.repositories.records import RecordsRepository
from data.repositories.session import SessionRepository
from data.services.backend import Backend
from data.services.device import FletDevice
from data.services.firebase_auth import FirebaseAuth
from data.services.http import make_http
from ui.shell import Shell


async def main(page: ft.Page) -> None:
    http, device = make_http(), FletDevice(page)
    backend = Backend(device.base_url, http)
    session = SessionRepository(backend, FirebaseAuth(http), device)
    await Shell(page, session, RecordsRepository(backend, session)).start()


if __name__ == "__main__":
    ft.run(main)
