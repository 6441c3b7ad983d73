"""Settings: every mistake at once, an empty secret is a missing one, no emulator variable outside the emulator."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from backend import settings
from backend.adapters.client_authentication import ConsumerSecret, PrivateKeyJwt
from backend.sign_in.begin import Binding
from backend.values import Secret
from backend.wiring import SystemClock, client_authentication
from contract.calls import AppCheckApp
from tests.functions.signing_kms import PEM

GOOD = {
    "GCLOUD_PROJECT": "a-project",
    "SALESFORCE_CONSUMER_KEY": "key",
    "SALESFORCE_CONSUMER_SECRET": "s3cret",
    "TOKEN_KEYSET": "{}",
    "SALESFORCE_LOGIN_HOSTS": "login.salesforce.com=Production, *.my.salesforce.com=My Domain",
    "REDIRECT_URIS": "https://a.example/oauth/callback app://oauth",
    "WEB_API_KEY": "AIza",
}


def test_good_settings_are_read() -> None:
    read = settings.load(GOOD)
    assert [(h.host, h.label, h.scheme) for h in read.login_hosts] == [
        ("login.salesforce.com", "Production", "https"),
        ("*.my.salesforce.com", "My Domain", "https"),
    ]
    assert read.redirect_uris == {"https://a.example/oauth/callback", "app://oauth"}
    assert not read.emulated
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    "host",
    [
        "login.salesforce.com.evil.example",
        "evil.example",
        "*.evil.example",
        "*.salesforce.com",
        "127.0.0.1:8800",
        "a b",
        "*.my.site.com",  # anybody may have such a site
        "my.site.com",
        "acme.my.site.com.evil.example",
        "acme.my.site.com/a/b",
        "acme.my.site.com/..",
        "acme.my.site.com/a?b",
        "acme.my.site.com/",
        "acme.my.salesforce.com/customers",
        "*.acme.my.site.com/customers",
        "welcome.salesforce.com",
    ],
)
def test_a_login_host_that_is_not_salesforces_is_refused(host: str) -> None:
    """Codes and the consumer secret are sent there."""
    with pytest.raises(settings.SettingsError, match="SALESFORCE_LOGIN_HOSTS"):
        settings.load(GOOD | {"SALESFORCE_LOGIN_HOSTS": f"{host}=X"})


@pytest.mark.parametrize(
    "host", ["acme.my.site.com/customers", "acme.my.site.com", "acme--uat.sandbox.my.site.com/Partner_1"]
)
def test_a_site_of_experience_cloud_may_have_a_path(host: str) -> None:
    read = settings.load(GOOD | {"SALESFORCE_LOGIN_HOSTS": f"{host}=Partners"})
    assert [(h.host, h.label, h.scheme) for h in read.login_hosts] == [(host, "Partners", "https")]


def test_the_page_on_which_people_look_for_their_domain_is_refused_with_the_reason() -> None:
    with pytest.raises(
        settings.SettingsError, match=r"welcome\.salesforce\.com has no token endpoint: .*my\.salesforce"
    ):
        settings.load(GOOD | {"SALESFORCE_LOGIN_HOSTS": "welcome.salesforce.com=Welcome"})


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(settings.SettingsError) as wrong:
        settings.load({"SALESFORCE_LOGIN_HOSTS": "https://x/y"})
    for name in GOOD:
        assert name in str(wrong.value)


CLIENT_KEY = "gcp-kms://projects/p/locations/europe/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
WITHOUT_SECRET = {name: value for name, value in GOOD.items() if name != "SALESFORCE_CONSUMER_SECRET"}


def test_a_client_key_does_instead_of_the_consumer_secret() -> None:
    """In Cloud KMS, or on a laptop as PEM; both beside a secret are taken too, and the key is used."""
    read = settings.load(WITHOUT_SECRET | {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
    assert read.consumer_secret is None
    assert read.client_key_kms == CLIENT_KEY.removeprefix("gcp-kms://")
    laptop = {"FUNCTIONS_EMULATOR": "true", "SALESFORCE_CLIENT_KEY": PEM}
    assert settings.load(WITHOUT_SECRET | laptop).client_key == Secret(PEM.strip())
    both = settings.load(GOOD | {"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY})
    assert both.consumer_secret is not None
    with capture_logs() as told:
        assert isinstance(client_authentication(both, SystemClock()), PrivateKeyJwt)
    assert [line["event"] for line in told] == ["consumer secret is not needed"]
    assert isinstance(client_authentication(settings.load(GOOD), SystemClock()), ConsumerSecret)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "SALESFORCE_CONSUMER_SECRET is missing"),
        ({"SALESFORCE_CLIENT_KEY_KMS": "projects/p"}, "cryptoKeyVersions/1"),
        ({"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY.removesuffix("/cryptoKeyVersions/1")}, "cryptoKeyVersions/1"),
        ({"SALESFORCE_CLIENT_KEY": PEM}, "for a laptop"),
        ({"SALESFORCE_CLIENT_KEY": "x", "FUNCTIONS_EMULATOR": "true"}, "SALESFORCE_CLIENT_KEY is not a private key"),
        ({"SALESFORCE_CLIENT_KEY": PEM, "SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY}, "both set"),
        ({"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY, "SALESFORCE_CLIENT_AUDIENCE": "org"}, "host or token, not 'org'"),
    ],
)
def test_a_client_key_that_cannot_be_used_is_told(wrong: dict[str, str], says: str) -> None:
    with pytest.raises(settings.SettingsError) as told:
        settings.load(WITHOUT_SECRET | wrong)
    assert says in str(told.value)
    assert PEM.splitlines()[1] not in str(told.value)


def test_functions_that_sign_do_not_get_the_consumer_secret() -> None:
    assert settings.secret_names({}) == ["SALESFORCE_CONSUMER_SECRET", "TOKEN_KEYSET"]
    assert settings.secret_names({"SALESFORCE_CLIENT_KEY_KMS": CLIENT_KEY}) == ["TOKEN_KEYSET"]


@pytest.mark.parametrize("name", ["SALESFORCE_CONSUMER_SECRET", "TOKEN_KEYSET"])
@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_secret_is_a_missing_one(name: str, value: str) -> None:
    with pytest.raises(settings.SettingsError, match=name):
        settings.load(GOOD | {name: value})


@pytest.mark.parametrize("name", ["FIRESTORE_EMULATOR_HOST", "FIREBASE_AUTH_EMULATOR_HOST"])
def test_an_emulator_variable_outside_the_emulator_is_refused(name: str) -> None:
    with pytest.raises(settings.SettingsError, match=name):
        settings.load(GOOD | {name: "127.0.0.1:1"})


KEY = "6Lc-a-key-of-a-web-page"


def test_the_page_proves_itself_as_the_first_web_app() -> None:
    read = settings.load(GOOD | {"APP_CHECK_APPS": "1:12:ios:aa 1:12:web:bb 1:12:web:cc", "APP_CHECK_SITE_KEY": KEY})
    assert read.app_check_client == AppCheckApp("a-project", "1:12:web:bb", "AIza", KEY)
    assert settings.load(GOOD | {"APP_CHECK_APPS": "1:12:web:bb"}).app_check_client is None
    assert settings.load(GOOD).app_check_client is None


@pytest.mark.parametrize(
    ("site_key", "apps", "says"),
    [
        ("short", "1:12:web:bb", "20 or more"),
        ("x" * 19 + "<", "1:12:web:bb", "20 or more"),
        (KEY, "", "own Firebase app"),
        (KEY, "1:12:ios:aa", "own Fire"),
    ],
)
def test_a_key_of_a_page_that_cannot_be_one(site_key: str, apps: str, says: str) -> None:
    with pytest.raises(settings.SettingsError, match=f"APP_CHECK_SITE_KEY.*{says}"):
        settings.load(GOOD | {"APP_CHECK_APPS": apps, "APP_CHECK_SITE_KEY": site_key})


@pytest.mark.parametrize("extra", [{"FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:1"}, {"TOKEN_KEYSET": ""}])
def test_a_serving_process_refuses_to_start(extra: dict[str, str], repository: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "FUNCTION_TARGET": "api", "PYTHONPATH": str(repository / "functions")}
    done = subprocess.run(
        [sys.executable, "-c", "import main"],
        env=environment | GOOD | extra,
        cwd=repository / "functions",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert next(iter(extra)) in done.stderr
    assert "s3cret" not in done.stderr + done.stdout


def test_discovery_needs_no_settings(repository: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(repository / "functions")}
    subprocess.run(
        [sys.executable, "-c", "import main"], env=environment, cwd=repository / "functions", timeout=60, check=True
    )


@pytest.mark.parametrize(("text", "read"), [(None, False), ("", False), ("no", False), ("Yes", True)])
def test_old_records_are_read_only_when_that_is_asked_for(text: str | None, read: bool) -> None:
    asked = {} if text is None else {"READ_OLD_RECORDS": text}
    assert settings.load({**GOOD, **asked}).read_old_records is read
    with pytest.raises(settings.SettingsError, match="READ_OLD_RECORDS is yes or no"):
        settings.load({**GOOD, "READ_OLD_RECORDS": "perhaps"})


def test_by_default_googles_own_networks_are_believed_about_callers() -> None:
    assert any(str(network) == "66.102.0.0/20" for network in settings.load(GOOD).trusted_proxies)
    assert settings.load(GOOD | {"TRUSTED_PROXIES": "none"}).trusted_proxies == ()
    read = settings.load(GOOD | {"TRUSTED_PROXIES": "192.0.2.0/24 2001:db8::/32"})
    assert list(map(str, read.trusted_proxies)) == ["192.0.2.0/24", "2001:db8::/32"]


@pytest.mark.parametrize("networks", ["192.0.2.1/24", "hosting", "192.0.2.0/24,192.0.3.0/24", "none 192.0.2.0/24"])
def test_a_proxy_that_is_no_network_is_told(networks: str) -> None:
    with pytest.raises(settings.SettingsError, match="TRUSTED_PROXIES: networks such as"):
        settings.load(GOOD | {"TRUSTED_PROXIES": networks})


def test_tokens_are_bound_where_the_org_does_so_unless_the_settings_say_otherwise() -> None:
    assert settings.load(GOOD).dpop is Binding.PREFERRED
    for word in Binding:
        assert settings.load(GOOD | {"SALESFORCE_DPOP": f" {word.upper()} "}).dpop is word
    with pytest.raises(settings.SettingsError, match=r"SALESFORCE_DPOP is required, preferred, off, not 'yes'"):
        settings.load(GOOD | {"SALESFORCE_DPOP": "yes"})
