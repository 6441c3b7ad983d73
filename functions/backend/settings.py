"""Settings, read once from the environment; all mistakes are reported at once. Nobody else reads the environment."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from backend import hosts, visitors
from backend.sign_in.begin import Binding
from backend.telemetry import GOOGLE
from backend.values import Secret
from contract.calls import AppCheckApp, FirebaseProject, LoginHost

_EMULATOR_VARIABLES = ("FIRESTORE_EMULATOR_HOST", "FIREBASE_AUTH_EMULATOR_HOST")

_ORIGIN_HOST = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?")
_APP_ID = re.compile(r"1:[0-9]+:(web|android|ios):[0-9a-f]+")
_SITE_KEY = re.compile(r"[\w-]{20,100}")
_KEY_VERSION = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[0-9]+")
_AUDIENCES = ("host", "token")
_UID = re.compile(r"00D[A-Za-z0-9]{15}_005[A-Za-z0-9]{15}")
_DATABASE = re.compile(r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+[0-9]{1,2}")
_OWN_REGION = "europe-west1"
_IN_FILE = "in functions/.env.PROJECT (on a laptop functions/.env.local)"


class SettingsError(Exception):
    """What is wrong with the environment; its text has a line for each mistake."""


class Settings(msgspec.Struct, frozen=True):
    """How this backend is set up; docs/deploy.md explains each."""

    project_id: str
    emulated: bool
    readable_log: bool
    consumer_key: str
    consumer_secret: Secret | None
    client_key: Secret | None
    client_key_kms: str | None
    client_audience: Literal["host", "token"]
    keyset: Secret
    keyset_kms_key: str | None
    login_hosts: tuple[LoginHost, ...]
    redirect_uris: frozenset[str]
    scope: str
    api_version: str
    dpop: Binding
    signing_account: str | None
    keep_alive_days: int
    delete_unused_days: int
    read_old_records: bool
    user_daily_requests: int
    org_budget_percent: int
    failed_sign_ins: int
    allowed_origins: frozenset[str]
    trusted_proxies: tuple[visitors.Network, ...]
    app_check_apps: tuple[str, ...]
    app_check_required: bool
    app_check_keys_url: str
    app_check_site_key: str | None
    blocks_database: str
    telemetry: str | None
    telemetry_percent: int
    technical_user: str | None
    firebase: FirebaseProject

    @property
    def own_origins(self) -> frozenset[str]:
        """The origins of the app's own pages: Salesforce leads back to the page that began, so the redirect URIs name
        them. Under the emulator a page on this machine may name it 127.0.0.1 or localhost.
        """
        parts = [(uri.scheme, uri.netloc.lower()) for uri in map(urlsplit, self.redirect_uris)]
        own = {f"https://{host}" for scheme, host in parts if scheme == "https"}
        if self.emulated:
            ports = {host.rpartition(":")[2] for scheme, host in parts if scheme == "http" and hosts.is_loopback(host)}
            own |= {f"http://{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]") for port in ports}
        return frozenset(own)

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


def secret_names(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The secrets that Secret Manager gives the functions. With a client key they do without the consumer secret, so
    that nobody can take it from them.
    """
    consumer = [] if _has_client_key(environment) else ["SALESFORCE_CONSUMER_SECRET"]
    return [*consumer, "TOKEN_KEYSET"]


class Deployed(msgspec.Struct, frozen=True):
    """Where a deployment puts the functions, and how many instances of each there are at most."""

    region: str
    auth_instances: int
    api_instances: int


def deployed(environment: Mapping[str, str] = os.environ) -> Deployed:
    """What a deployment reads of the settings. Under the emulator functions are where firebase.json says. Raises
    SettingsError.
    """
    wrong: list[str] = []
    found = _deployed(environment, wrong)
    if wrong:
        raise SettingsError("\n".join(wrong))
    return found


class _Asked(Mapping[str, str]):
    """An empty environment that notes what it is asked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def names() -> frozenset[str]:
    """The names of all settings."""
    asked = _Asked()
    with suppress(SettingsError):
        load(asked)
    return frozenset(asked.names)


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
        consumer_secret=_consumer_secret(environment, wrong),
        client_key=_client_key(environment, emulated, wrong),
        client_key_kms=_client_key_kms(environment, wrong),
        client_audience=_client_audience(environment, wrong),
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
        dpop=_binding(environment.get("SALESFORCE_DPOP", ""), wrong),
        signing_account=environment.get("SIGNING_ACCOUNT", "").strip() or None,
        keep_alive_days=_number("KEEP_ALIVE_DAYS", 20, "days", 10_000, environment, wrong),
        delete_unused_days=_number("DELETE_UNUSED_DAYS", 180, "days", 10_000, environment, wrong),
        read_old_records=_yes("READ_OLD_RECORDS", False, environment, wrong),
        user_daily_requests=_number("USER_DAILY_REQUESTS", 2000, "requests", 10**9, environment, wrong),
        org_budget_percent=_number("ORG_BUDGET_PERCENT", 95, "per cent", 100, environment, wrong),
        failed_sign_ins=_number("FAILED_SIGN_INS", 20, "failed sign-ins", 10**9, environment, wrong),
        allowed_origins=_origins(environment.get("ALLOWED_ORIGINS", ""), emulated, wrong),
        trusted_proxies=_networks(environment.get("TRUSTED_PROXIES", ""), wrong),
        app_check_apps=_app_check_apps(environment.get("APP_CHECK_APPS", ""), wrong),
        app_check_required=_yes("APP_CHECK_REQUIRED", True, environment, wrong),
        app_check_keys_url=_app_check_keys_url(environment, emulated, wrong),
        app_check_site_key=_app_check_site_key(environment, wrong),
        # firebase-tools keeps only the default database between two runs of the emulators (lib/emulator/hubExport.js).
        blocks_database=_database("BLOCKS_DATABASE", "(default)" if emulated else "blocks", environment, wrong),
        telemetry=_telemetry(environment.get("TELEMETRY", ""), emulated, wrong),
        telemetry_percent=_number("TELEMETRY_PERCENT", 1, "per cent of the calls", 100, environment, wrong),
        technical_user=_technical_user(environment.get("TECHNICAL_USER", ""), wrong),
        firebase=_firebase(environment, emulated, wrong),
    )
    _deployed(environment, wrong)
    if wrong:
        raise SettingsError("\n".join(wrong))
    return settings


def _deployed(environment: Mapping[str, str], wrong: list[str]) -> Deployed:
    region = environment.get("REGION", "").strip() or _OWN_REGION
    if _REGION.fullmatch(region) is None:
        wrong.append(f"REGION is a region of Cloud Run such as {_OWN_REGION}, not {region!r}")
    return Deployed(
        _OWN_REGION if environment.get("FUNCTIONS_EMULATOR") == "true" else region,
        _number("AUTH_INSTANCES", 20, "instances", 1000, environment, wrong),
        _number("API_INSTANCES", 50, "instances", 1000, environment, wrong),
    )


def _has_client_key(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name, "").strip() for name in ("SALESFORCE_CLIENT_KEY", "SALESFORCE_CLIENT_KEY_KMS"))


def _consumer_secret(environment: Mapping[str, str], wrong: list[str]) -> Secret | None:
    secret = environment.get("SALESFORCE_CONSUMER_SECRET", "").strip()
    if not secret and not _has_client_key(environment):
        wrong.append(
            "SALESFORCE_CONSUMER_SECRET is missing: in Secret Manager, where make deploy puts it; or"
            " SALESFORCE_CLIENT_KEY_KMS instead of it (docs/deploy.md)"
        )
    return Secret(secret) if secret else None


def _client_key(environment: Mapping[str, str], emulated: bool, wrong: list[str]) -> Secret | None:
    pem = Secret(environment.get("SALESFORCE_CLIENT_KEY", "").strip())
    if not pem.reveal():
        return None
    if not emulated:
        wrong.append("SALESFORCE_CLIENT_KEY is for a laptop: a deployed backend signs with SALESFORCE_CLIENT_KEY_KMS")
        return None
    # Late: most set-ups do without.
    from backend.adapters.client_authentication import ClientKeyError, PemSigner

    try:
        PemSigner(pem)
    except ClientKeyError as no_key:
        wrong.append(f"SALESFORCE_CLIENT_KEY is {no_key}")
    return pem


def _client_key_kms(environment: Mapping[str, str], wrong: list[str]) -> str | None:
    text = environment.get("SALESFORCE_CLIENT_KEY_KMS", "").strip()
    version = text.removeprefix("gcp-kms://")
    if text and (version == text or _KEY_VERSION.fullmatch(version) is None):
        wrong.append(
            "SALESFORCE_CLIENT_KEY_KMS is written"
            " gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/1"
        )
    if text and environment.get("SALESFORCE_CLIENT_KEY", "").strip():
        wrong.append("SALESFORCE_CLIENT_KEY and SALESFORCE_CLIENT_KEY_KMS are both set: one of them signs")
    return version or None


def _client_audience(environment: Mapping[str, str], wrong: list[str]) -> Literal["host", "token"]:
    text = environment.get("SALESFORCE_CLIENT_AUDIENCE", "").strip()
    if text not in ("", *_AUDIENCES):
        wrong.append(f"SALESFORCE_CLIENT_AUDIENCE is {' or '.join(_AUDIENCES)}, not {text!r}")
    return "token" if text == "token" else "host"


def _number(name: str, default: int, unit: str, most: int, environment: Mapping[str, str], wrong: list[str]) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        wrong.append(f"{name} is a number of {unit}, from 1 to {most}, not {text!r}")
        return default
    return int(text)


def _database(name: str, default: str, environment: Mapping[str, str], wrong: list[str]) -> str:
    text = environment.get(name, "").strip() or default
    if _DATABASE.fullmatch(text) is None:
        wrong.append(f"{name} is the id of a Firestore database, such as blocks, or (default), not {text!r}")
        return default
    return text


def _technical_user(text: str, wrong: list[str]) -> str | None:
    if text.strip() and _UID.fullmatch(text.strip()) is None:
        wrong.append(
            "TECHNICAL_USER is the uid of a user who has signed in to this app, as Firebase Authentication lists it:"
            f" 00D…_005…, 18 characters each, not {text!r}"
        )
    return text.strip() or None


def _yes(name: str, default: bool, environment: Mapping[str, str], wrong: list[str]) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in ("", "yes", "no"):
        wrong.append(f"{name} is yes or no, not {text!r}")
    return default if text not in ("yes", "no") else text == "yes"


def _binding(text: str, wrong: list[str]) -> Binding:
    try:
        return Binding(text.strip().lower() or Binding.PREFERRED)
    except ValueError:
        wrong.append(f"SALESFORCE_DPOP is {', '.join(Binding)}, not {text!r}")
        return Binding.PREFERRED


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


def _networks(text: str, wrong: list[str]) -> tuple[visitors.Network, ...]:
    """Networks separated by spaces, `none`, or nothing for Google's own, from which Hosting comes."""
    try:
        return visitors.parsed("" if text.strip() == "none" else text.strip() or visitors.GOOGLES_OWN)
    except ValueError as error:
        wrong.append(f"TRUSTED_PROXIES: networks such as 66.102.0.0/20, separated by spaces, or none: {error}")
        return ()


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
