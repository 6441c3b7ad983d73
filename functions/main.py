"""The two functions of the backend. `auth` signs in and out and alone may sign custom tokens; `api` serves the data."""

from starlette.requests import Request
from starlette.responses import Response

from backend import bootstrap, emulator, settings
from backend.async_function import on_async_request
from backend.calls import Calls

REGION = "europe-west1"
SECRETS = ["SALESFORCE_CONSUMER_SECRET", "TOKEN_KEYSET"]

_settings: settings.Settings | None = None
_calls: Calls | None = None

if settings.is_serving():
    try:
        _settings = settings.load()
    except settings.SettingsError as wrong:
        settings.refuse_to_start(wrong)
    else:
        bootstrap.configure_log(readable=_settings.emulated)
        if _settings.emulated:
            emulator.end_with_parent()


def calls() -> Calls:
    """The wired backend, made by the first request because Firestore's client belongs to the running event loop."""
    global _calls
    if _calls is None:
        _calls = bootstrap.make_calls(_settings or settings.load())
    return _calls


# The service accounts and their roles are in docs/deploy.md: only salesforce-auth may sign custom tokens.
@on_async_request(
    region=REGION, cpu=1, memory=512, concurrency=80, timeout_sec=60, max_instances=20, service_account="salesforce-auth@", secrets=SECRETS
)
async def auth(request: Request) -> Response:
    """getSignInOptions, signIn, signOut."""
    return await calls().answer("auth", request)


@on_async_request(
    region=REGION, cpu=1, memory=512, concurrency=80, timeout_sec=60, max_instances=50, service_account="salesforce-api@", secrets=SECRETS
)
async def api(request: Request) -> Response:
    """getProfile, getDashboard, describe, listRecords, getRecord, createRecord, updateRecord, deleteRecord."""
    return await calls().answer("api", request)
