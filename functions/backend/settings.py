"""Settings, read once from the environment; all mistakes are reported at once. Nobody else reads the environment."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend import hosts
from backend.telemetry import GOOGLE
from backend.values import Secret
from contract.calls import AppCheckApp, FirebaseProject, LoginHost

_EMULATOR_VARIABLES = ("FIRESTORE_EMULATOR_HOST", "FIREBASE_AUTH_EMULATOR_HOST")

_ORIGIN_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")
_APP_ID = re.compile(r"1:[0-9]+:(web|android|ios):[0-9a-f]+")
_SITE_KEY = re.compile(r"[\w-]{20,100}")
_IN_FILE = "in functions/.env.PROJECT (on a laptop functions/.env.local)"


class SettingsError(Exception):
    """What is wrong with the environment; its text has a line for each mistake."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this backend is set up; docs/deploy.md explains each."""

    project_id: str
    emulated: bool
    readable_log: bool
    consumer_key: str
    consumer_secret: Secret
    keyset: Secret
    keyset_kms_key: str | None
    login_hosts: tuple[LoginHost, ...]
    redirect_uris: frozenset[str]
    scope: str
    api_version: str
    signing_account: str | None
    keep_alive_days: int
    delete_unused_days: int
    read_old_records: bool
    user_daily_requests: int
    org_budget_percent: int
    failed_sign_ins: int
    allowed_origins: frozenset[str]
    app_check_apps: tuple[str, ...]
    app_check_required: bool
    app_check_keys_url: str
    app_check_site_key: str | None
    telemetry: str | None
    telemetry_percent: int
    firebase: FirebaseProject

    @property
    def app_check_client(self) -> AppCheckApp | None:
        """What this project's own page needs for App Check: the first web app of APP_CHECK_APPS, and the reCAPTCHA key;
        None when one of them is not set.
        """
        app, key = _web_app(self.app_check_apps), self.app_check_site_key
        return None if app is None or key is None else AppCheckApp(self.project_id, app, self.firebase.api_key, key)


def function_name(environment: Mapping[str, str] = os.environ) -> str:
    """The name of the function that this process serves, such as `api`; "" while a deployment reads main.py."""
    return environment.get("FUNCTION_TARGET", "")


def is_serving(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process serves calls; a deployment imports main.py only to read which functions there are."""
    return bool(environment.get("FUNCTION_TARGET"))


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads all settings. Raises SettingsError with every mistake; an empty secret counts as missing."""
    wrong: list[str] = []

    def required(name: str, what: str) -> str:
        value = environment.get(name, "").strip()
        if not value:
            wrong.append(f"{name} is missing: {what}")
        return value

    emulated = environment.get("FUNCTIONS_EMULATOR") == "true"
    if not emulated:
        for name in _EMULATOR_VARIABLES:
            if environment.get(name):
                wrong.append(f"{name} is set outside the emulator: with it, forged ID tokens would be accepted")
    settings = Settings(
        project_id=required("GCLOUD_PROJECT", "the Firebase project id, set by Firebase itself"),
        emulated=emulated,
        readable_log=_yes("READABLE_LOG", emulated, environment, wrong),
        consumer_key=required(
            "SALESFORCE_CONSUMER_KEY",
            "the consumer key of your External Client App, in functions/.env.PROJECT (on a laptop"
            " functions/.env.local)",
        ),
        consumer_secret=Secret(required("SALESFORCE_CONSUMER_SECRET", "in Secret Manager, where make deploy puts it")),
        keyset=Secret(
            required("TOKEN_KEYSET", "in Secret Manager, where make deploy puts a new one (make keyset prints one)")
        ),
        keyset_kms_key=environment.get("TOKEN_KEYSET_KMS_KEY", "").strip() or None,
        login_hosts=_login_hosts(environment.get("SALESFORCE_LOGIN_HOSTS", ""), emulated, wrong),
        redirect_uris=frozenset(
            required("REDIRECT_URIS", f"the app's redirect URIs, separated by spaces, {_IN_FILE}").split()
        ),
        scope=environment.get("SALESFORCE_SCOPE", "").strip() or "api id profile email refresh_token",
        api_version=environment.get("SALESFORCE_API_VERSION", "").strip() or "66.0",
        signing_account=environment.get("SIGNING_ACCOUNT", "").strip() or None,
        keep_alive_days=_number("KEEP_ALIVE_DAYS", 20, "days", 10_000, environment, wrong),
        delete_unused_days=_number("DELETE_UNUSED_DAYS", 180, "days", 10_000, environment, wrong),
        read_old_records=_yes("READ_OLD_RECORDS", False, environment, wrong),
        user_daily_requests=_number("USER_DAILY_REQUESTS", 2000, "requests", 10**9, environment, wrong),
        org_budget_percent=_number("ORG_BUDGET_PERCENT", 95, "per cent", 100, environment, wrong),
        failed_sign_ins=_number("FAILED_SIGN_INS", 20, "failed sign-ins", 10**9, environment, wrong),
        allowed_origins=_origins(environment.get("ALLOWED_ORIGINS", ""), emulated, wrong),
        app_check_apps=_app_check_apps(environment.get("APP_CHECK_APPS", ""), wrong),
        app_check_required=_yes("APP_CHECK_REQUIRED", True, environment, wrong),
        app_check_keys_url=_app_check_keys_url(environment, emulated, wrong),
        app_check_site_key=_app_check_site_key(environment, wrong),
        telemetry=_telemetry(environment.get("TELEMETRY", ""), emulated, wrong),
        telemetry_percent=_number("TELEMETRY_PERCENT", 1, "per cent of the calls", 100, environment, wrong),
        firebase=_firebase(environment, emulated, wrong),
    )
    if wrong:
        raise SettingsError("\n".join(wrong))
    return settings


def _number(name: str, default: int, unit: str, most: int, environment: Mapping[str, str], wrong: list[str]) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        wrong.append(f"{name} is a number of {unit}, from 1 to {most}, not {text!r}")
        return default
    return int(text)


def _yes(name: str, default: bool, environment: Mapping[str, str], wrong: list[str]) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in ("", "yes", "no"):
        wrong.append(f"{name} is yes or no, not {text!r}")
    return default if text not in ("yes", "no") else text == "yes"


def _origins(text: str, emulated: bool, wrong: list[str]) -> frozenset[str]:
    """`https://app.example https://other.example:8443`, as a browser's Origin header writes them."""
    for origin in text.split():
        scheme, _, host = origin.partition("://")
        secure = scheme == "https" or (emulated and scheme == "http" and hosts.is_loopback(host))
        if not secure or _ORIGIN_HOST.fullmatch(host) is None:
            wrong.append(
                f"ALLOWED_ORIGINS: {origin!r} is not an origin such as https://app.example (lower case, no path, no *)"
            )
    return frozenset(text.split())


def _app_check_apps(text: str, wrong: list[str]) -> tuple[str, ...]:
    for app in text.split():
        if _APP_ID.fullmatch(app) is None:
            wrong.append(
                f"APP_CHECK_APPS: {app!r} is not a Firebase app id such as 1:123456789012:web:0123abcd (Project"
                " settings › General)"
            )
    return tuple(text.split())


def _app_check_site_key(environment: Mapping[str, str], wrong: list[str]) -> str | None:
    key = environment.get("APP_CHECK_SITE_KEY", "").strip()
    if key and _SITE_KEY.fullmatch(key) is None:
        wrong.append(
            "APP_CHECK_SITE_KEY is a key for web pages of reCAPTCHA Enterprise: 20 or more letters, digits, - and _"
        )
    if key and _web_app(environment.get("APP_CHECK_APPS", "").split()) is None:
        wrong.append(
            "APP_CHECK_SITE_KEY needs the page's own Firebase app in APP_CHECK_APPS: one such as"
            " 1:123456789012:web:0123abcd"
        )
    return key or None


def _web_app(apps: Sequence[str]) -> str | None:
    return next((app for app in apps if ":web:" in app), None)


def _app_check_keys_url(environment: Mapping[str, str], emulated: bool, wrong: list[str]) -> str:
    url = environment.get("APP_CHECK_KEYS_URL", "").strip()
    if url and not emulated:
        wrong.append(
            "APP_CHECK_KEYS_URL is set outside the emulator: with it, forged App Check tokens would be accepted"
        )
    return url or "https://firebaseappcheck.googleapis.com/v1/jwks"


def _telemetry(text: str, emulated: bool, wrong: list[str]) -> str | None:
    """`google`, or the address of an OTLP collector; nothing is off."""
    text = text.strip()
    if text == "google" or not text:
        return GOOGLE if text else None
    scheme, _, rest = text.partition("://")
    if not rest or not (scheme == "https" or (emulated and scheme == "http" and hosts.is_loopback(rest))):
        wrong.append(f"TELEMETRY is google, or the https address of an OTLP collector, not {text!r}")
    return text


def refuse_to_start(error: SettingsError | str) -> None:
    """Ends the process with the mistakes on standard error: a backend that is set up wrongly must not serve."""
    for line in str(error).splitlines():
        print(f"settings: {line}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def _firebase(environment: Mapping[str, str], emulated: bool, wrong: list[str]) -> FirebaseProject:
    if emulated:  # any key will do; the emulator serves both APIs below its own address
        address = f"http://{environment.get('FIREBASE_AUTH_EMULATOR_HOST', '')}"
        return FirebaseProject(
            "emulator", f"{address}/identitytoolkit.googleapis.com", f"{address}/securetoken.googleapis.com"
        )
    key = environment.get("WEB_API_KEY", "").strip()
    if not key:
        wrong.append(f"WEB_API_KEY is missing: the Web API key of Project settings › General, {_IN_FILE}")
    return FirebaseProject(key, "https://identitytoolkit.googleapis.com", "https://securetoken.googleapis.com")


def _login_hosts(text: str, emulated: bool, wrong: list[str]) -> tuple[LoginHost, ...]:
    """`login.salesforce.com=Production, *.my.salesforce.com=My Domain, acme.my.site.com/customers=Customers`"""
    accepted: list[LoginHost] = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        host, _, label = part.partition("=")
        name, slash, path = host.strip().partition("/")
        host = f"{name.lower()}{slash}{path}"
        local = emulated and hosts.is_loopback(host)
        if host == hosts.LOOK_UP:
            wrong.append(
                f"SALESFORCE_LOGIN_HOSTS: {host} has no token endpoint: name {hosts.PRODUCTION}, {hosts.SANDBOX} or"
                " *.my.salesforce.com, where people type their My Domain"
            )
        # Codes and the consumer secret are sent there.
        elif not local and not hosts.is_login_host(host):
            wrong.append(f"SALESFORCE_LOGIN_HOSTS: {part!r} is not host=label with a host of Salesforce's")
        else:
            accepted.append(LoginHost(host, label.strip() or host, "http" if local else "https"))
    if not accepted:
        wrong.append(
            "SALESFORCE_LOGIN_HOSTS is missing: for example login.salesforce.com=Production,"
            " test.salesforce.com=Sandbox"
        )
    return tuple(accepted)
