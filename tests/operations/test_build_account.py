"""The functions are built by an account of their own: firebase-tools' own code makes the requests, a server on this
machine takes them.
"""

import json
import os
import shutil
import subprocess

import pytest

from devtools.deploy.cloud import built_by
from devtools.deploy.steps import Target
from devtools.paths import ROOT, tool_path
from tests.operations.project import PROJECT, World

EMAIL = f"salesforce-build@{PROJECT}.iam.gserviceaccount.com"
TOOLS = ROOT / "devtools/node_modules/firebase-tools"

# Creates and updates one function as firebase-tools' release does, and prints the two requests.
_RELEASE = """
const http = require("http"), tools = process.argv[1];
const asked = [];
const google = http.createServer(async (request, answer) => {
  let body = "";
  for await (const part of request) body += part;
  asked.push({ method: request.method, url: request.url, body: JSON.parse(body) });
  answer.setHeader("content-type", "application/json");
  answer.end(JSON.stringify({ name: "operations/1" }));
});
google.listen(0, "127.0.0.1", async () => {
  process.env.FIREBASE_FUNCTIONS_V2_URL = `http://127.0.0.1:${google.address().port}`;
  require(`${tools}/lib/apiv2`).setAccessToken("a-token");
  require(`${tools}/lib/deploy/functions/release/fabricator`);
  const gcf = require(`${tools}/lib/gcp/cloudfunctionsv2`);
  const endpoint = () => ({
    id: "auth", project: "a-team-project", region: "europe-west1", platform: "gcfv2", runtime: "python313",
    entryPoint: "auth", serviceAccount: "salesforce-auth@", httpsTrigger: {}, codebase: "default",
    source: { storageSource: { bucket: "b", object: "o" } },
  });
  await gcf.createFunction(gcf.functionFromEndpoint(endpoint()));
  await gcf.updateFunction(gcf.functionFromEndpoint(endpoint()));
  console.log(JSON.stringify(asked));
  process.exit(0);
});
"""


def _asked(environment: dict[str, str]) -> list[dict[str, object]]:
    done = subprocess.run(
        [shutil.which("node", path=tool_path(dict(os.environ))) or "node", "-e", _RELEASE, str(TOOLS)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_firebase_tools_names_the_account_when_it_makes_and_when_it_updates_a_function() -> None:
    """`buildConfig.serviceAccount`: Cloud Functions API v2, resource Function, BuildConfig."""
    account = f"projects/{PROJECT}/serviceAccounts/{EMAIL}"
    made, updated = _asked(built_by(EMAIL, {}))
    assert [made["method"], updated["method"]] == ["POST", "PATCH"]
    for request in (made, updated):
        body = request["body"]
        assert isinstance(body, dict)
        assert body["buildConfig"]["serviceAccount"] == account
    assert "buildConfig.serviceAccount" in str(updated["url"]), "the mask names what an update changes"


def test_without_it_firebase_tools_names_none() -> None:
    """If this fails, firebase-tools can be told one (firebase/firebase-tools#8841), and build_account.cjs can go."""
    assert "serviceAccount" not in json.dumps([request["body"] for request in _asked({})]).replace(
        "serviceAccountEmail", ""
    )


# What firebase-tools' release asks when a function is no longer in the code, and what it is answered.
_DELETION = """
const tools = process.argv[1], force = process.argv[2] === "force";
require(`${tools}/lib/deploy/functions/release`);
const prompts = require(`${tools}/lib/deploy/functions/prompts`);
prompts.promptForFunctionDeletion([{ id: "api", region: "us-central1" }], { nonInteractive: true, force })
  .then((deletes) => console.log(deletes), (refused) => console.log(refused.message.split("\\n")[0]));
"""


@pytest.mark.parametrize(
    ("environment", "force", "answer"),
    [
        (built_by(EMAIL, {}), "no", "false"),
        (built_by(EMAIL, {}), "force", "true"),
        ({}, "no", "The following functions are found in your project but do not exist in your local source code:"),
    ],
)
def test_an_upload_goes_on_without_deleting_functions_unless_it_is_forced(
    environment: dict[str, str], force: str, answer: str
) -> None:
    """So that those of a former region stand until the site calls the new ones (lib/deploy/functions/prompts.js)."""
    node = shutil.which("node", path=tool_path(dict(os.environ))) or "node"
    words = [node, "-e", _DELETION, str(TOOLS), force]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    assert done.stdout.splitlines()[-1] == answer


def test_a_persons_own_options_of_node_stay() -> None:
    given = built_by(EMAIL, {"NODE_OPTIONS": "--max-old-space-size=512"})
    assert given["NODE_OPTIONS"].startswith("--max-old-space-size=512 --require ")


class TestRoles:
    @pytest.fixture
    def target(self) -> Target:
        return Target(PROJECT, "eur3")

    def test_it_reads_the_source_keeps_images_and_writes_logs_and_no_more(self, world: World, target: Target) -> None:
        world.deploy(target)
        member = f"serviceAccount:{EMAIL}"
        held = {tuple(b) for b in world.read()["policies"]["project"] if b[1] == member}
        assert held == {
            ("roles/logging.logWriter", member),
            ("roles/artifactregistry.writer", member),
            ("roles/storage.objectViewer", member, 'resource.name.startsWith("projects/_/buckets/gcf-v2-")'),
        }

    def test_the_default_account_gets_nothing(self, world: World, target: Target) -> None:
        world.deploy(target)
        assert "compute@developer" not in json.dumps(world.read()["policies"])
