"""The functions: `auth` signs in and out, and alone may sign custom tokens, `api` serves the data, `upkeep` runs every
hour.
"""

from backend import start  # isort: skip

import structlog
from msgspec.structs import asdict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backend import log, settings, telemetry, wiring
from backend.adapters.cipher import KeysetError, TinkCipher
from backend.async_function import on_async_request, on_async_schedule

SECRETS = settings.secret_names()

_settings: settings.Settings | None = None
_cipher: TinkCipher | None = None
_backend: wiring.Backend | None = None

if settings.is_serving():
    try:
        _settings = settings.load()
        _cipher = wiring.open_cipher(_settings)
    except settings.SettingsError as wrong:
        settings.refuse_to_start(wrong)
    except KeysetError as wrong:
        settings.refuse_to_start(f"TOKEN_KEYSET: {wrong}")
    else:
        log.configure(_settings.project_id, readable=_settings.readable_log, tracebacks=_settings.emulated)
        if _settings.telemetry is not None:
            function, percent = settings.function_name(), _settings.telemetry_percent
            telemetry.start(
                _settings.telemetry, project_id=_settings.project_id, function=function, sample_percent=percent
            )

DEPLOYED = settings.deployed()


def wired_backend() -> wiring.Backend:
    """The wired backend, made by the first request because Firestore's client belongs to the running event loop."""
    global _backend
    if _backend is None:
        assert _settings, "this process was not started to serve"
        assert _cipher
        _backend = wiring.make_backend(_settings, _cipher)
        telemetry.count("cold_starts")
    return _backend


# The service accounts and their roles are in docs/deploy.md: only salesforce-auth may sign custom tokens.
@on_async_request(
    region=DEPLOYED.region,
    cpu=1,
    memory=512,
    concurrency=80,
    timeout_sec=60,
    max_instances=DEPLOYED.auth_instances,
    service_account="salesforce-auth@",
    secrets=SECRETS,
)
async def auth(request: Request) -> Response:
    """getSignInOptions, beginSignIn, signIn, signOut, eraseMe."""
    return await wired_backend().endpoint.answer("auth", request)


@on_async_request(
    region=DEPLOYED.region,
    cpu=1,
    memory=512,
    concurrency=160,
    timeout_sec=60,
    max_instances=DEPLOYED.api_instances,
    service_account="salesforce-api@",
    secrets=SECRETS,
)
async def api(request: Request) -> Response:
    """getConnection, getAccess, updateConnection, getProfile, getDashboard, getObjects,
    describe, getPicklists, getBoard, findOwners, runAction,
    getListViews, getFavorites, addFavorite, removeFavorite,
    completeTask, logCall, getConversion, convertLead, listFiles, uploadFile, getFile,
    listRecords, search, getRecord, createRecord, updateRecord, deleteRecord."""
    return await wired_backend().endpoint.answer("api", request)


@on_async_schedule(
    schedule="every 1 hours",
    region=DEPLOYED.region,
    cpu=1,
    memory=512,
    timeout_sec=1800,
    max_instances=1,
    service_account="salesforce-upkeep@",
    secrets=SECRETS,
)
async def upkeep(_request: Request) -> Response:
    """Makes a call as the technical user, keeps alive the grants of users who want it, deletes connections that nobody
    uses, finishes revocations.
    """
    backend, told = wired_backend(), structlog.get_logger("upkeep")
    if backend.technical_user is not None:
        told.info("technical user", **asdict(await backend.technical_user.call()))
    done = asdict(await backend.lifecycle.upkeep())
    told.info("upkeep", **done)
    return JSONResponse(done)


start.done()
