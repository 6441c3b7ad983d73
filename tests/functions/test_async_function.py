"""What `firebase deploy` discovers. Fails when one of the two private names that the join takes has moved."""

import subprocess
import sys
from typing import Any

import functions_framework._function_registry as registry
import pytest
import yaml

import main
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
