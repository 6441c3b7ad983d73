"""Resources about the org itself: versions, resources, limits, settings, record counts."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from localorg.data import currencies
from localorg.org import Org
from localorg.rest.call import FIRST_VERSION, LAST_VERSION, call_of
from localorg.web import Json, base_url, limit_header, route

_SEASONS = ("Winter", "Spring", "Summer")
# Source: REST API Developer Guide, "List Available REST Resources" and "Reference". Those that docs/localorg.md does
# not name answer NOT_FOUND.
_RESOURCES = (
    "tooling", "metadata", "eclair", "folders", "prechatForms", "contact-tracing", "jsonxform", "chatter", "payments",
    "tabs", "appMenu",
    "quickActions", "queryAll", "commerce", "wave", "iot", "analytics", "search", "smartdatadiscovery", "composite",
    "parameterizedSearch",
    "fingerprint", "theme", "nouns", "recent", "connect", "licensing", "limits", "process", "dedupe", "async-queries",
    "query", "jobs",
    "localizedvalue", "mobile", "emailConnect", "consent", "tokenizer", "compactLayouts", "sobjects", "actions",
    "support", "ui-api",
)  # fmt: skip
# Source of the names: REST API Developer Guide, "Limits". The values are a Developer Edition's; what this org does not
# do is never used up.
_LIMITS = {
    "ActiveScratchOrgs": 3, "AnalyticsExternalDataSizeMB": 40960, "CdpAiInferenceApiMonthlyLimit": 500_000_000,
    "ConcurrentAsyncGetReportInstances": 200, "ConcurrentEinsteinDataInsightsStoryCreation": 5,
    "ConcurrentEinsteinDiscoveryStoryCreation": 2,
    "ConcurrentSyncReportRuns": 20, "DailyAnalyticsDataflowJobExecutions": 60,
    "DailyAnalyticsUploadedFilesSizeMB": 51200,
    "DailyAsyncApexExecutions": 250_000, "DailyAsyncApexTests": 500, "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyBulkV2QueryJobs": 10_000, "DailyDeliveredPlatformEvents": 10_000,
    "DailyDurableGenericStreamingApiEvents": 10_000,
    "DailyDurableStreamingApiEvents": 10_000, "DailyEinsteinDataInsightsStoryCreation": 1000,
    "DailyEinsteinDiscoveryOptimizationJobRuns": 25,
    "DailyEinsteinDiscoveryPredictAPICalls": 50_000, "DailyEinsteinDiscoveryPredictionsByCDC": 500_000,
    "DailyEinsteinDiscoveryStoryCreation": 100, "DailyFunctionsApiCallLimit": 235_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyScratchOrgs": 6, "DailyStandardVolumePlatformEvents": 10_000, "DailyStreamingApiEvents": 10_000,
    "DailyWorkflowEmails": 1000,
    "DataStorageMB": 5, "DurableStreamingApiConcurrentClients": 20, "FileStorageMB": 20, "HourlyAsyncReportRuns": 1200,
    "HourlyDashboardRefreshes": 200, "HourlyDashboardResults": 5000, "HourlyDashboardStatuses": 999_999_999,
    "HourlyLongTermIdMapping": 100_000,
    "HourlyManagedContentPublicRequests": 50_000, "HourlyODataCallout": 20_000, "HourlyPublishedPlatformEvents": 50_000,
    "HourlyPublishedStandardVolumePlatformEvents": 1000, "HourlyShortTermIdMapping": 100_000,
    "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 1000, "MassEmail": 10, "MonthlyEinsteinDiscoveryStoryCreation": 500,
    "MonthlyPlatformEventsUsageEntitlement": 0, "Package2VersionCreates": 6,
    "Package2VersionCreatesWithoutValidation": 500,
    "PlatformEventTriggersWithParallelProcessing": 5, "PrivateConnectOutboundCalloutHourlyLimitMB": 0,
    "PublishCallbackUsageInApex": 5_242_880,
    "SingleEmail": 15, "StreamingApiConcurrentClients": 20,
}  # fmt: skip
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def routes(org: Org) -> list[BaseRoute]:
    """The routes of these resources."""
    data = "/services/data"
    v = data + "/v{version}"
    return [
        route(org, data, "rest.versions", _versions, ["GET"]),
        route(org, data + "/", "rest.versions", _versions, ["GET"]),
        route(org, v, "rest.resources", _resources, ["GET"]),
        route(org, v + "/", "rest.resources", _resources, ["GET"]),
        route(org, v + "/limits", "rest.limits", _limits, ["GET"]),
        route(org, v + "/connect/organization", "rest.organization", _organization, ["GET"]),
        route(org, v + "/limits/recordCount", "rest.limits", _record_count, ["GET"]),
    ]


async def _versions(org: Org, _request: Request) -> Response:
    rows: list[dict[str, str]] = []
    for number in range(max(FIRST_VERSION, org.limits.first_version), LAST_VERSION + 1):
        # v68.0 is Winter '27; three releases a year.
        season, year = _SEASONS[(number - 68) % 3], 27 + (number - 68) // 3
        rows.append({"label": f"{season} '{year:02d}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"})
    return Json(rows)


async def _resources(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    identity = f"{base_url(request)}/id/{org.org_id}/{call.session.user_id}"
    return Json(
        {name: f"/services/data/v{call.version}/{name}" for name in _RESOURCES} | {"identity": identity},
        headers=limit_header(org),
    )


async def _limits(org: Org, request: Request) -> Response:
    call_of(org, request)
    rows: dict[str, object] = {name: {"Max": most, "Remaining": most} for name, most in _LIMITS.items()}
    rows["DailyApiRequests"] = {"Max": org.limits.daily, "Remaining": max(0, org.limits.daily - org.limits.used)}
    rows["PermissionSets"] = {"Max": 1500, "Remaining": 1500, "CreateCustom": {"Max": 1000, "Remaining": 1000}}
    return Json(dict(sorted(rows.items())), headers=limit_header(org))


async def _organization(org: Org, request: Request) -> Response:
    """The org's settings, without Chatter.

    Source: Connect REST API Developer Guide, Organization, Features, User Settings.
    """
    call = call_of(org, request)
    row = org.db.execute("SELECT Id, Name FROM Organization").fetchone()
    several, zone = currencies.several(org), ZoneInfo(call.person.zone)
    currency = currencies.of_user(org, call.person.user_id).code if several else org.settings.currency
    minutes = int((datetime.now(zone).utcoffset() or timedelta()).total_seconds() // 60)
    body: dict[str, object] = {
        "accessTimeout": org.settings.session_seconds // 60,
        "features": {
            "chatter": False,
            "defaultCurrencyIsoCode": None if several else currency,
            "multiCurrency": several,
            "files": False,
            "publisherActions": False,
        },
        "maintenanceInfo": [],
        "name": row["Name"],
        "orgId": row["Id"],
        "userSettings": {
            "currencySymbol": _SYMBOLS.get(currency, currency),
            "timeZone": {"gmtOffset": minutes / 60, "name": call.person.zone},
            "userId": call.session.user_id,
        },
    }
    return Json(body, headers=limit_header(org))


async def _record_count(org: Org, request: Request) -> Response:
    call = call_of(org, request)
    wanted = [n for n in request.query_params.get("sObjects", "").split(",") if n] or [o.name for o in call.schema]
    objects = [o for o in map(call.schema.sobject, wanted) if o is not None]
    rows = [
        {
            "count": int(org.db.execute(f'SELECT COUNT(*) FROM "{o.name}" WHERE IsDeleted = 0').fetchone()[0]),
            "name": o.name,
        }
        for o in objects
    ]
    return Json({"sObjects": rows}, headers=limit_header(org))
