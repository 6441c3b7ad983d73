"""The three flows and every call at orgs of every shape: each alone, and all together."""

import asyncio
from typing import Any

import pytest

from backend.routes import routes
from backend.values import Caller
from contract.calls import Call, Empty, SignIn
from contract.codec import decode, encode
from devtools.clients import CALLBACK, SALES, authorize, control
from localorg import EmbeddedOrg, OrgSettings
from localorg.settings import SHAPES
from tests.any_org import AnyOrg
from tests.functions.instances import SOMEBODY, Instances

ORGS = [frozenset(), *(frozenset({shape}) for shape in sorted(SHAPES)), SHAPES]


@pytest.mark.parametrize("shape", ORGS, ids=lambda shape: "all" if shape == SHAPES else " ".join(shape) or "none")
async def test_the_three_flows_and_every_call(shape: frozenset[str]) -> None:
    with EmbeddedOrg(OrgSettings(accounts=25, shape=shape)) as org:
        instances = Instances(org)
        try:
            await live_through(instances, org)
        finally:
            await instances.http.close()


async def live_through(instances: Instances, org: EmbeddedOrg) -> None:
    process, sign_in = instances.each[0], instances.sign_in_flow()
    all_routes = routes(sign_in, process.lifecycle, process.queries, process.changes, process.files)
    works = {r.call.path: r.work for r in all_routes}
    authorization = await asyncio.to_thread(authorize, org.url, SALES)
    host = (await sign_in.options(SOMEBODY, Empty())).login_hosts[0].host
    request = SignIn(authorization.code, authorization.verifier, CALLBACK, host)
    caller = await instances.firebase.sign_in((await sign_in.sign_in(SOMEBODY, request)).custom_token)

    async def send(call: Call[Any, Any], request: Any) -> Any:
        """As the wire would: what is sent and answered are JSON."""
        answer = await works[call.path](caller, decode(call.request, encode(request)))
        return decode(call.answer, encode(answer), lenient=True)

    async def expire() -> None:
        await asyncio.to_thread(control, org.url, "expire", {"username": SALES})

    assert isinstance(caller, Caller)
    objects = await AnyOrg(send, expire, instances.refreshes).live_through()
    assert {"Account", "Contact", "Opportunity"} <= set(objects)
