"""docs/write-your-own-client.md as a reader follows it: its programs, as they stand there, against the real backend.

Whoever sits at the browser is played by the test: a program prints the address that it opens, and reads the one to
which Salesforce has sent back.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.error
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devtools.clients import CALLBACK, App, through_the_pages
from devtools.paths import WEB_SDK, tool_path

PAGE = "docs/write-your-own-client.md"
_OPEN_PAGE = """
import { createInterface } from "node:readline/promises";
const lines = createInterface({ input: process.stdin });
const openPage = async (url) => {
  process.stdout.write(url + "\\n");
  return String((await lines[Symbol.asyncIterator]().next()).value);
};
const [base = "", redirectUri = ""] = process.argv.slice(2);
const end = (answer) => { process.stdout.write(JSON.stringify(answer) + "\\n"); process.exit(0); };
"""
_COMPILE = [
    *("--strict", "--noUnusedLocals", "--noUncheckedIndexedAccess", "--noImplicitOverride", "--types", "node"),
    *("--target", "es2022", "--lib", "es2022,dom", "--module", "esnext", "--moduleResolution", "bundler"),
]


def program(repository: Path, language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", (repository / PAGE).read_text(), re.DOTALL)
    return code


def node(folder: Path, *words: str | Path) -> Sequence[str]:
    """A command of Node; what it imports is found from `folder`, as in a project of a reader's."""
    (folder / "package.json").write_text('{"type": "module"}')
    modules = folder / "node_modules"
    if not modules.exists():
        modules.symlink_to(WEB_SDK / "node_modules")
    program = shutil.which("node", path=tool_path(dict(os.environ)))
    assert program, "Node is missing: make test installs it"
    return [program, *map(str, words)]


def with_a_person(command: Sequence[str], folder: Path) -> Any:
    """What the program answers after somebody has signed in on the page that it opened."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | {"PATH": tool_path(dict(os.environ))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin
        assert running.stdout
        address = running.stdout.readline().strip()
        if address:
            running.stdin.write(through_the_pages(address) + "\n")
            running.stdin.flush()
        answer, errors = running.communicate(timeout=60)
    assert running.returncode == 0, errors
    return json.loads(answer)


def test_javascript_with_firebases_sdk(repository: Path, tmp_path: Path, app: App) -> None:
    story = """
const { call, user, auth } = await signIn(base, redirectUri, openPage);
const page = await call("api/listRecords", { sobject: "Account", limit: 1 });
const refused = await call("api/listRecords", { sobject: "Nothing" }).catch(reason);
end({ uid: auth.currentUser.uid, user, records: page.records, refused });
"""
    (tmp_path / "story.mjs").write_text(program(repository, "js") + _OPEN_PAGE + story)
    told = with_a_person(node(tmp_path, "story.mjs", app.base_url, CALLBACK), tmp_path)
    assert told["uid"] == told["user"]["uid"]
    assert (len(told["records"]), told["refused"]) == (1, "unknown-object")


def test_typescript_is_compiled_strictly_and_changes_a_record(repository: Path, tmp_path: Path, app: App) -> None:
    story = """
const { signIn } = await import("./signIn.mjs" as string);
const { auth, user } = await signIn(base, redirectUri, openPage);
const idToken = () => auth.currentUser.getIdToken();
const client = new SalesforceSample(base, { idToken });
const made = { sobject: "Account", fields: { Name: "Own Client" }, idempotencyKey: `own-client-${user.uid}` };
const created = await client.createRecord(made), again = await client.createRecord(made);
const changed = await rename(base, idToken, "Own Client", "+49 30 1234567");
const failed = await client.getRecord({ sobject: "Account", id: "001000000000000AAA" }).catch((error) => error);
const nobody = await new SalesforceSample(base, { idToken: () => "not a token" }).getProfile().catch((error) => error);
const silent = await new SalesforceSample("http://127.0.0.1:9", {}).getSignInOptions().catch((error) => error);
const brought = { sobject: "Account", id: created.id, name: "Übersicht.txt" };
const stored = await client.uploadFile(brought, new Blob(["its bytes"]));
const file = await (await client.getFile({ id: stored.id })).text();
await client.deleteRecord({ sobject: "Account", id: created.id });
end({ phone: changed?.fields.Phone, failed: failed instanceof CallError && [failed.status, failed.reason],
      nobody: nobody instanceof CallError && nobody.reason, silent: silent instanceof NoAnswer,
      once: created.id === again.id, file });
"""
    (tmp_path / "signIn.mjs").write_text(program(repository, "js"))
    (tmp_path / "salesforceSample.ts").write_text((repository / "docs/clients/salesforceSample.ts").read_text())
    opened = _OPEN_PAGE.replace("(url)", "(url: string): Promise<string>").replace(
        "end = (answer)", "end = (answer: object)"
    )
    (tmp_path / "story.ts").write_text(program(repository, "ts") + opened + story)
    compiled = subprocess.run(
        node(tmp_path, WEB_SDK / "node_modules/typescript/bin/tsc", *_COMPILE, "--outDir", "made", "story.ts"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert compiled.returncode == 0, compiled.stdout
    (tmp_path / "made/signIn.mjs").write_text(program(repository, "js"))
    told = with_a_person(node(tmp_path, "made/story.js", app.base_url, CALLBACK), tmp_path)
    assert (told["phone"], told["file"]) == ("+49 30 1234567", "its bytes")
    assert told["failed"] == ["NOT_FOUND", "record-not-found"]
    assert (told["nobody"], told["silent"], told["once"]) == ("id-token-invalid", True, True)


def test_python_with_the_standard_library(repository: Path, app: App) -> None:
    read: dict[str, Any] = {}
    exec(compile(program(repository, "python"), PAGE, "exec"), read)  # noqa: S102  the page's own program
    session = read["Session"](app.base_url, CALLBACK, through_the_pages)
    before = session.id_token
    session.renew()
    page = session.call("api/listRecords", {"sobject": "Account", "limit": 2})
    assert (len(page["records"]), session.user["uid"].startswith("00D"), bool(before)) == (2, True, True)
    with pytest.raises(urllib.error.HTTPError) as refused:
        session.call("api/listRecords", {"sobject": "Nothing"})
    assert json.load(refused.value)["error"]["details"]["reason"] == "unknown-object"


@pytest.mark.parametrize("answer", ["deny", "another state"])
def test_a_way_back_that_is_none_signs_in_nobody(repository: Path, app: App, answer: str) -> None:
    read: dict[str, Any] = {}
    exec(compile(program(repository, "python"), PAGE, "exec"), read)  # noqa: S102  the page's own program

    def back(address: str) -> str:
        state = re.search(r"state=([^&]*)", address)
        assert state
        if answer == "deny":
            return f"{CALLBACK}?error=access_denied&error_description=end-user+denied+authorization&state={state[1]}"
        return f"{CALLBACK}?code=any&state=another"

    with pytest.raises(PermissionError, match="denied" if answer == "deny" else "no sign-in of ours"):
        read["Session"](app.base_url, CALLBACK, back)
