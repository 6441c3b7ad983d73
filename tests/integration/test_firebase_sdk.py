"""Firebase's own JavaScript SDK, unmodified, under Node: calls that ask for a stream get their one answer."""

import json
import os
import shutil
import subprocess
from typing import Any

from devtools.clients import App
from devtools.paths import WEB_SDK, tool_path

_STORY = """
const { initializeApp } = require("firebase/app");
const { getFunctions, httpsCallableFromURL } = require("firebase/functions");
const functions = getFunctions(initializeApp({ projectId: "demo", apiKey: "any" }));
const [base] = process.argv.slice(1);
async function streamed(path, data) {
  const { stream, data: whole } = await httpsCallableFromURL(functions, base + path).stream(data);
  const chunks = [];
  try {
    whole.catch(() => {});
    for await (const chunk of stream) chunks.push(chunk);
    return { chunks, result: await whole };
  } catch (error) {
    return { chunks, code: error.code, reason: error.details?.reason };
  }
}
(async () => {
  const answers = [await streamed("/auth/getSignInOptions", {}), await streamed("/api/getProfile", {})];
  console.log(JSON.stringify(answers));
  process.exit(0);
})();
"""


def test_a_stream_has_the_answer_or_the_error_and_ends(app: App) -> None:
    path = tool_path(dict(os.environ))
    node = shutil.which("node", path=path)
    assert node, "Node is missing: make test installs it"
    done = subprocess.run(
        [node, "-e", _STORY, app.base_url],
        cwd=WEB_SDK,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    options, profile = json.loads(done.stdout)
    expected: dict[str, Any] = app.call("auth/getSignInOptions")
    assert options == {"chunks": [], "result": expected}
    assert profile == {"chunks": [], "code": "functions/unauthenticated", "reason": "id-token-missing"}
