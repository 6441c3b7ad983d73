"""Where an app is, is said once: region, Hosting site and domain in the settings of the project, and everything of the
deployment follows.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from backend.settings import SettingsError, deployed, load
from contract.calls import GET_SIGN_IN_OPTIONS, FirebaseProject, LoginHost, SignInOptions
from contract.codec import decode, encode
from contract.sign_in import BeginSignIn, Begun
from devtools import deployed_python
from devtools.deploy import answers, command, hosting
from devtools.deploy.cloud import DeployError
from devtools.deploy.place import INSTANCES, REGION, completed, place
from devtools.deploy.steps import Target
from devtools.function_settings import parsed
from devtools.paths import ROOT, tool_path
from tests.operations.project import PROJECT, World

ELSEWHERE = {"REGION": "us-central1", "SITE": "acme-crm", "DOMAIN": "crm.acme.example", "API_INSTANCES": "9"}
TOOLS = ROOT / "devtools/node_modules/firebase-tools/lib"


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for what a deployment writes, with the tree's firebase.json."""
    shutil.copy(ROOT / "firebase.json", tmp_path)
    monkeypatch.setattr(hosting, "ROOT", tmp_path)
    return tmp_path


class TestOneSetting:
    def test_everything_of_the_deployment_follows(self, configuration: Path) -> None:
        hosting.write_config(PROJECT, ELSEWHERE)
        config = json.loads((configuration / hosting.config_file(PROJECT, ELSEWHERE)).read_text())
        assert config["hosting"]["site"] == "acme-crm"
        regions = [r["function"]["region"] for r in config["hosting"]["rewrites"] if "function" in r]
        assert regions == ["us-central1"] * 2
        written = (configuration / config["functions"][0]["configDir"] / f".env.{PROJECT}").read_text()
        settings = parsed(written)
        assert (deployed(settings).region, deployed(settings).api_instances) == ("us-central1", 9)
        assert not {"SITE", "DOMAIN"} & set(settings), "the functions do not need them"
        usual = json.loads((ROOT / "firebase.json").read_text())
        del config["hosting"]["site"], config["functions"][0]["configDir"]
        for rewrite in config["hosting"]["rewrites"]:
            if "function" in rewrite:
                rewrite["function"]["region"] = REGION
        assert config == usual, "the rest is as in firebase.json"

    def test_what_is_not_set_is_as_usual_whatever_the_shell_has(self, configuration: Path) -> None:
        """`REGION` is a name that shells often have; firebase-tools hands its environment on to the functions' code."""
        hosting.write_config(PROJECT, {})
        settings = parsed((configuration / f".local/deploy/{PROJECT}/.env.{PROJECT}").read_text())
        assert settings == {"REGION": REGION, "AUTH_INSTANCES": "20", "API_INSTANCES": "50"}
        found = deployed({})
        assert (found.region, {"auth": found.auth_instances, "api": found.api_instances}) == (REGION, INSTANCES)

    def test_the_emulators_stay_where_firebase_json_says(self) -> None:
        assert deployed({"REGION": "us-central1", "FUNCTIONS_EMULATOR": "true"}).region == REGION

    def test_the_address_of_the_app_and_its_redirect_uri(self) -> None:
        assert place(PROJECT, {}).redirect_uri == f"https://{PROJECT}.web.app/oauth/callback"
        assert place(PROJECT, {"SITE": "acme-crm"}).address == "https://acme-crm.web.app"
        assert place(PROJECT, ELSEWHERE).address == "https://crm.acme.example"
        assert completed(PROJECT, ELSEWHERE)["REDIRECT_URIS"] == "https://crm.acme.example/oauth/callback"
        assert completed(PROJECT, {"REDIRECT_URIS": "app://x"})["REDIRECT_URIS"] == "app://x", "one's own stays"

    def test_the_site_is_made_the_secrets_are_kept_there_and_the_services_looked_for_there(self, world: World) -> None:
        world.deploy(Target(PROJECT, "nam5", ELSEWHERE))
        after = world.read()
        assert after["sites"] == ["acme-crm"]
        assert list(after["services"]) == ["us-central1"]
        made = [words for words in after["changes"] if words[1:3] == ["secrets", "create"]]
        assert made
        assert all("--locations=us-central1" in words for words in made)

    @pytest.mark.parametrize("wrong", [{"SITE": "a.web.app"}, {"DOMAIN": "https://x.example"}, {"DOMAIN": "localhost"}])
    def test_what_is_none(self, wrong: dict[str, str]) -> None:
        with pytest.raises(DeployError, match=rf"^{next(iter(wrong))}="):
            place(PROJECT, wrong)

    @pytest.mark.parametrize("wrong", [{"REGION": "Belgium"}, {"API_INSTANCES": "0"}, {"AUTH_INSTANCES": "many"}])
    def test_what_the_functions_refuse(self, wrong: dict[str, str]) -> None:
        for read in (deployed, load):
            with pytest.raises(SettingsError, match=next(iter(wrong))):
                read(wrong)

    def test_firebase_tools_reads_the_settings_as_they_were_written(self, configuration: Path) -> None:
        odd = {"SALESFORCE_LOGIN_HOSTS": 'a.my.salesforce.com=The "A" \\ B, x=#1', "REDIRECT_URIS": "https://a/x b://y"}
        hosting.write_config(PROJECT, odd)
        read = f"""
        const env = require("{TOOLS}/functions/env.js");
        const options = {{ functionsSource: "functions", projectId: "{PROJECT}", projectDir: "{configuration}",
                           configDir: "{configuration}/.local/deploy/{PROJECT}" }};
        console.log(JSON.stringify(env.loadUserEnvs(options)));
        """
        said = subprocess.run([_node(), "-e", read], capture_output=True, text=True, check=True).stdout
        assert json.loads(said.splitlines()[-1]).items() >= odd.items()

    def test_the_settings_of_the_common_file_count_too(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("TELEMETRY=google\nSITE=of-all\n")
        (tmp_path / f".env.{PROJECT}").write_text(
            'SALESFORCE_CONSUMER_KEY=3MVG9\nSALESFORCE_LOGIN_HOSTS="login.salesforce.com=X"\nSITE=acme-crm # ours\n'
        )
        settings = command.target({"PROJECT": PROJECT}, tmp_path).settings
        assert (settings["TELEMETRY"], settings["SITE"]) == ("google", "acme-crm")
        assert settings["REDIRECT_URIS"] == "https://acme-crm.web.app/oauth/callback"


class TestWebApiKey:
    def test_it_is_read_from_the_web_app_that_a_step_makes(self, world: World) -> None:
        world.deploy(Target(PROJECT, "eur3"))
        assert list(world.read()["webApps"].values()) == ["salesforce-sample"]
        assert self._uploaded()["WEB_API_KEY"] == "the-key-of-salesforce-sample"

    def test_ones_own_stays_and_an_app_that_is_there_is_taken(self, world: World) -> None:
        world.deploy(Target(PROJECT, "eur3", {"WEB_API_KEY": "mine"}))
        assert world.read()["webApps"] == {}
        assert self._uploaded()["WEB_API_KEY"] == "mine"
        world.set(webApps={"1:1:web:aa": "theirs"})
        assert world.plan(Target(PROJECT, "eur3")) == 0
        world.deploy(Target(PROJECT, "eur3"))
        assert self._uploaded()["WEB_API_KEY"] == "the-key-of-theirs"

    def test_firebase_tools_answers_in_the_shape_that_is_played(self) -> None:
        """With `--json` it prints what its commands return."""
        config, sites = (
            (TOOLS / f"commands/{name}.js").read_text() for name in ("apps-sdkconfig", "hosting-sites-list")
        )
        assert "fileInfo.sdkConfig = configData" in config
        assert "return { sites }" in sites
        assert 'site.name.split("/").pop()' in sites
        assert re.search(r"logAppCount\(apps\.length\);\s+return apps;", (TOOLS / "commands/apps-list.js").read_text())

    def _uploaded(self) -> dict[str, str]:
        return parsed((hosting.ROOT / f".local/deploy/{PROJECT}/.env.{PROJECT}").read_text())


class TestRedirects:
    @pytest.mark.parametrize(
        ("uris", "told"),
        [
            ("https://crm.acme.example/oauth/callback", "DOMAIN=crm.acme.example if that is the app's domain"),
            (
                "https://other.web.app/oauth/callback app://x",
                f"https://{PROJECT}.web.app/oauth/callback into REDIRECT_URIS",
            ),
        ],
    )
    def test_an_address_at_which_nobody_can_sign_in_is_told_before(self, world: World, uris: str, told: str) -> None:
        (wall,) = command.in_the_way(Target(PROJECT, "eur3", {"REDIRECT_URIS": uris}), world.cloud()).walls
        assert told in wall

    def test_several_addresses_are_fine(self, world: World) -> None:
        uris = f"app://x https://{PROJECT}.web.app/back https://staging.example/back"
        assert command.in_the_way(Target(PROJECT, "eur3", {"REDIRECT_URIS": uris}), world.cloud()).walls == ()


class TestAnswers:
    """What is asked of the deployed app, against a server that reads and answers as the contract says."""

    @pytest.fixture
    def app(self) -> Iterator["App"]:
        with App() as found:
            yield found

    def test_an_account_that_may_sign(self, app: "App") -> None:
        assert answers.begin(app.url, "login.salesforce.com", "https://x/oauth/callback", app.sleep) == ""
        assert app.begun == [
            BeginSignIn("login.salesforce.com", "https://x/oauth/callback", app.begun[0].code_challenge)
        ]
        assert len(app.begun[0].code_challenge) == 43

    def test_a_new_role_counts_only_after_a_while(self, app: "App") -> None:
        app.refusals = ["misconfigured"] * 3
        assert answers.begin(app.url, "login.salesforce.com", "https://x", app.sleep) == ""
        assert (len(app.begun), app.slept) == (4, 60)

    def test_an_account_that_may_not_sign(self, app: "App") -> None:
        app.refusals = ["misconfigured"] * 99
        assert answers.begin(app.url, "login.salesforce.com", "https://x", app.sleep) == "misconfigured"
        assert app.slept == 180

    def test_what_else_is_in_the_way_is_told_at_once(self, app: "App") -> None:
        app.refusals = ["not-the-app"]
        assert answers.begin(app.url, "login.salesforce.com", "https://x", app.sleep) == "not-the-app"
        assert app.slept == 0

    @pytest.mark.parametrize(
        ("refusals", "told"),
        [
            ([], "✓ its account may sign tokens"),
            (["not-the-app"], "? whether its account may sign tokens could not be"),
        ],
    )
    def test_what_a_person_reads(
        self, app: "App", monkeypatch: pytest.MonkeyPatch, refusals: list[str], told: str
    ) -> None:
        said: list[str] = []
        app.refusals = refusals
        ask = answers.ask
        monkeypatch.setattr(
            answers, "ask", lambda url, body: ask(url.replace("https://crm.acme.example", app.url), body)
        )
        answers.look(place(PROJECT, ELSEWHERE), said.append)
        assert said[0] == "✓ https://crm.acme.example answers"
        assert said[1].startswith(told)
        assert app.begun[0].redirect_uri == "https://crm.acme.example/oauth/callback"

    def test_nobody_can_sign_in_in_one_line(self, app: "App", monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(answers, "begin", lambda *_: "misconfigured")
        monkeypatch.setattr(answers, "ask", lambda *_: encode(OPTIONS))
        with pytest.raises(
            DeployError, match=f"salesforce-auth@{PROJECT}.*serviceAccountTokenCreator on itself"
        ) as wrong:
            answers.look(place(PROJECT, {}), print)
        assert "\n" not in str(wrong.value)

    def test_a_domain_that_is_not_connected(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(*_: object) -> None:
            raise OSError("no such host")

        monkeypatch.setattr(answers, "ask", fails)
        with pytest.raises(DeployError, match=r"connect crm\.acme\.example to the site acme-crm"):
            answers.look(place(PROJECT, ELSEWHERE), print)
        with pytest.raises(DeployError, match="its log names what is wrong"):
            answers.look(place(PROJECT, {}), print)


OPTIONS = SignInOptions(
    "key",
    "api",
    (LoginHost("*.my.salesforce.com", "Any"), LoginHost("login.salesforce.com", "P")),
    FirebaseProject("", "", ""),
)


class App:
    """A deployed app: refuses sign-ins that begin for these reasons, one after the other, then begins them."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.begun: list[BeginSignIn] = []
        self.slept = 0.0
        app = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]
                if self.path == f"/auth/{GET_SIGN_IN_OPTIONS.name}":
                    return self._answer(200, {"result": encode(OPTIONS)})
                assert self.path == "/auth/beginSignIn"
                app.begun.append(decode(BeginSignIn, body))
                if app.refusals:
                    error = {"status": "INTERNAL", "message": "no", "details": {"reason": app.refusals.pop(0)}}
                    return self._answer(500, {"error": error})
                return self._answer(200, {"result": encode(Begun("thumbprint", "sealed"))})

            def _answer(self, status: int, body: object) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def __enter__(self) -> "App":
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _node() -> str:
    return shutil.which("node", path=tool_path(dict(os.environ))) or "node"


def test_firebase_tools_finds_the_functions_where_the_settings_say(configuration: Path) -> None:
    """Its own code reads the configuration that a deployment writes, and the functions' code with its settings."""
    hosting.write_config(PROJECT, {**ELSEWHERE, "AUTH_INSTANCES": "7"})
    config = json.loads((configuration / hosting.config_file(PROJECT, {})).read_text())
    config["functions"][0] |= {"source": str(ROOT / "functions"), "runtime": deployed_python.runtime()}
    read = f"""
    const load = (name) => require("{TOOLS}/" + name);
    const config = {json.dumps(config)};
    const resolved = (path) => require("path").resolve("{configuration}", path);
    const options = {{ project: "{PROJECT}", config: {{ projectDir: "{configuration}", path: resolved }} }};
    const {{ normalizeAndValidate }} = load("functions/projectConfig");
    load("deploy/functions/prepare")
      .loadCodebases(normalizeAndValidate(config.functions), options, {{ projectId: "{PROJECT}" }}, {{}})
      .then((builds) => {{ console.log(JSON.stringify(Object.values(builds)[0].endpoints)); process.exit(0); }});
    """
    done = subprocess.run([_node(), "-e", read], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    endpoints = json.loads(next(line for line in done.stdout.splitlines()[::-1] if line.startswith("{")))
    assert {name: (e["region"], e["maxInstances"]) for name, e in endpoints.items()} == {
        "auth": (["us-central1"], 7),
        "api": (["us-central1"], 9),
        "upkeep": (["us-central1"], 1),
    }
