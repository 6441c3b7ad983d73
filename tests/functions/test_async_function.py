"""What `firebase deploy` discovers, and what serves it. Fails when a private name that the join takes has moved."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import functions_framework._function_registry as registry
import functions_framework.aio
import httpx2 as httpx
import pytest
import structlog
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

import main
from backend.async_function import AsyncFunction, on_async_request
from devtools.paths import ROOT


@pytest.fixture(scope="module")
def endpoints() -> dict[str, Any]:
    from firebase_functions.private import serving

    found: dict[str, Any] = {name: getattr(main, name) for name in ("auth", "api", "upkeep")}
    assert all(hasattr(f, "__firebase_endpoint__") for f in found.values())
    return yaml.safe_load(serving.functions_as_yaml(found))["endpoints"]  # pyright: ignore[reportArgumentType]


def test_both_functions_are_discovered_as_https_functions(endpoints: dict[str, Any]) -> None:
    assert set(endpoints) == {"auth", "api", "upkeep"}
    for name in ("auth", "api"):
        assert endpoints[name]["httpsTrigger"] == {}
        assert endpoints[name]["region"] == ["europe-west1"]
        assert endpoints[name]["concurrency"] == {"auth": 80, "api": 160}[name]


def test_the_upkeep_is_discovered_as_a_scheduled_function(endpoints: dict[str, Any]) -> None:
    assert endpoints["upkeep"]["scheduleTrigger"]["schedule"] == "every 1 hours"
    assert "httpsTrigger" not in endpoints["upkeep"]
    assert endpoints["upkeep"]["maxInstances"] == 1


def test_no_function_falls_back_to_a_sixth_of_a_processor(endpoints: dict[str, Any]) -> None:
    assert [e["cpu"] for e in endpoints.values()] == [1, 1, 1]


def test_each_function_has_a_service_account_of_its_own_and_its_secrets(endpoints: dict[str, Any]) -> None:
    assert len({e["serviceAccountEmail"] for e in endpoints.values()}) == 3
    for endpoint in endpoints.values():
        assert {s["key"] for s in endpoint["secretEnvironmentVariables"]} == {
            "SALESFORCE_CONSUMER_SECRET",
            "TOKEN_KEYSET",
        }


def test_functions_framework_serves_them_on_its_async_server() -> None:
    assert {"auth", "api", "upkeep"} <= registry.ASGI_FUNCTIONS


@pytest.mark.parametrize("entry", ["functions_framework.aio.create_asgi_app", "functions_framework.create_app"])
def test_no_router_of_starlette_stands_around_a_function(entry: str, tmp_path: Path) -> None:
    """By either way in which functions-framework comes to an async function: told by --asgi, or seeing it."""
    source = tmp_path / "source.py"
    source.write_text(
        "from backend.async_function import on_async_request\n\n@on_async_request()\nasync def any(request): pass\n"
    )
    script = f"import functions_framework.aio; print(type({entry}('any', {str(source)!r})).__module__)"
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "functions", capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "backend.async_function"


def application(function: AsyncFunction) -> Any:
    """What serves a function."""
    return functions_framework.aio._create_asgi_app_with_function(  # pyright: ignore[reportPrivateUsage]
        on_async_request()(function), "http", False
    )


async def test_a_fault_of_a_function_is_answered_without_its_words() -> None:
    async def broken(_request: Request) -> Response:
        raise ValueError("the-access-token")

    transport = httpx.ASGITransport(application(broken))
    with structlog.testing.capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
            answer = await client.post("/any/path")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    (line,) = lines
    assert (line["call"], line["kind"]) == ("broken", "ValueError")
    assert re.fullmatch(r"test_async_function\.py:\d+", line["place"])


async def test_a_server_may_tell_a_function_that_it_starts_and_stops() -> None:
    told = iter(("lifespan.startup", "lifespan.shutdown"))
    said: list[str] = []

    async def receive() -> Message:
        return {"type": next(told)}

    async def send(message: Message) -> None:
        said.append(message["type"])

    await application(main.api)({"type": "lifespan"}, receive, send)
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    await application(main.api)({"type": "websocket", "path": "/"}, receive, send)
    assert said[-1] == "websocket.close"


def test_the_wrapped_functions_keep_their_names() -> None:
    assert [f.__name__ for f in (main.auth, main.api, main.upkeep)] == [
        "auth",
        "api",
        "upkeep",
    ]  # pyright: ignore[reportFunctionMemberAccess]


def test_without_telemetry_nothing_of_its_sdk_is_loaded() -> None:
    """It takes a third of a second of each cold start."""
    script = (
        "import sys, main; from backend import telemetry; print([m for m in sys.modules if"
        " m.startswith('opentelemetry.sdk')])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT / "functions", capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
