"""The three flows and every call at an org of all shapes together, over HTTP: real emulators, real local org."""

import asyncio
from dataclasses import replace
from typing import Any

from contract.calls import Call
from contract.codec import decode, encode
from devtools.clients import SALES, App, authorize, control
from localorg import EmbeddedOrg
from tests.any_org import AnyOrg


async def test_the_three_flows_and_every_call(app: App, shaped_org: EmbeddedOrg) -> None:
    client = replace(app, org_host=f"127.0.0.1:{shaped_org.port}")
    await asyncio.to_thread(lambda: client.sign_in(authorize(shaped_org.url)))

    async def send(call: Call[Any, Any], request: Any) -> Any:
        return decode(call.answer, await asyncio.to_thread(client.call, call.path, encode(request)), lenient=True)

    async def expire() -> None:
        await asyncio.to_thread(control, shaped_org.url, "expire", {"username": SALES})

    def refreshes() -> int:
        return control(shaped_org.url, "counters").get("token.refresh_token", 0)

    await AnyOrg(send, expire, refreshes).live_through()
