"""What the snapshot holds, and what the worker does with it, in Node, whose WebAssembly is Chromium's.

Restored alone nothing is unpacked, so there is no file of the app. The worker is the site's own script, with Node's
means in the place of a browser's to read a file.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from devtools.paths import tool_path

_RESTORE = """
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
const { loadPyodide } = await import("file://" + process.argv[1] + "/pyodide/pyodide.mjs");
const snapshot = new Uint8Array(gunzipSync(readFileSync(process.argv[1] + "/pyodide/snapshot.bin.gz")));
const pyodide = await loadPyodide({ _loadSnapshot: snapshot });
console.log(pyodide.runPython(process.argv[2]));
process.exit(0);
"""
_EVERY_LOCALE = """
import json
import os
from datetime import datetime

from babel import localedata
from ui.shared import values, words

assert not os.path.exists("/home/pyodide/ui"), "there are files"
written = {}
for name in sorted(localedata.locale_identifiers()):
    words.use_language([name.replace("_", "-")])
    written[name] = [
        words.locale(),
        [values.money(1_900_000, currency) for currency in ("", "USD", "EUR", "JPY")],
        values.whole_money(1234.5, "EUR"),
        values.sign("CHF"),
        values.number(-1234.5),
        values.day("2026-03-05"),
        values.time_of("2026-03-05T13:05:00+00:00"),
    ]
    assert values.as_number(values.number(1_234_567.5)) == 1_234_567.5, name
    assert values.as_date(values.short_day("2026-03-05")) == "2026-03-05", name
    assert values.as_moment(values.short_moment("2026-03-05T00:30:00+00:00")) == "2026-03-05T00:30:00.000+00:00", name
for language in words.LANGUAGES:
    words.use_language([language])
    written[f"words of {language}"] = words._("Sign in with Salesforce")
json.dumps({"written": written, "offset": datetime.now().astimezone().utcoffset().total_seconds()})
"""


# Says which files were read, and leaves the rest to what is added.
_WORKER = """
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
const site = process.argv[1], asked = [], read = fs.readFile;
fs.readFile = (path, ...how) => {
  asked.push(basename(String(path)));
  return read(path, ...how);
};
syncBuiltinESMExports();
globalThis.self = globalThis;
globalThis.fetch = async (address) => new Response(await fs.readFile(fileURLToPath(address)));
self.postMessage = () => {};
if (process.argv[2]) Object.defineProperty(navigator, "userAgent", { value: process.argv[2] });
await import(`file://${site}/python-worker.js`);
"""
_MISSING_IMPORT = """
await self.onmessage({ data: { args: {}, documentUrl: "http://127.0.0.1/", appPackageUrl: "" } });
let begun = 0;
const unpack = self.pyodide.unpackArchive;
self.pyodide.unpackArchive = (...how) => {
  begun++;
  unpack(...how);
};
await self.earlyApp;
const missed = self.pyodide.runPython(`
import os
assert not os.path.exists("/home/pyodide/ui"), "there are files"
try:
    import nowhere
except ModuleNotFoundError as error:
    missed = error.name
assert os.path.exists("/home/pyodide/ui"), "nothing was unpacked"
missed
`);
console.log(JSON.stringify({ begun, missed }));
process.exit(0);
"""
_START = """
const pyodide = await self.earlyPyodide;
const library = pyodide.runPython(`
import json, traceback
f"{json.__cached__} {json.loads('[1]')} {traceback.format_exception(ValueError('it'))}"
`);
console.log(JSON.stringify({ asked, library }));
process.exit(0);
"""
_SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0"
    " Safari/605.1.15"
)


def _said(script: str, site: Path, *told: str, zone: str = "UTC") -> Any:
    """The last line, as JSON, of a script in Node."""
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None, "Node is missing: make test installs it"
    command = [node, "--input-type=module", "-e", script, str(site), *told]
    done = subprocess.run(
        command, env={**os.environ, "TZ": zone}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return json.loads(done.stdout.splitlines()[-1])


def test_an_import_of_what_is_nowhere_unpacks_the_archive_once(web_client: Path) -> None:
    """Unpacking imports as well, and some of that is nowhere either, so that it began itself anew."""
    assert _said(_WORKER + _MISSING_IMPORT, web_client) == {"begun": 1, "missed": "nowhere"}


def test_webkit_asks_for_pythons_files_once_and_compiles_no_library(web_client: Path) -> None:
    said = _said(_WORKER + _START, web_client, _SAFARI)
    of_python = [name for name in said["asked"] if name.endswith((".wasm", ".zip", ".json", ".bin.gz"))]
    assert sorted(of_python) == ["pyodide-lock.json", "pyodide.asm.wasm", "stdlib.zip"]
    assert "json/__init__.pyc [1] ['ValueError: it" in said["library"]


def test_every_locale_writes_and_reads_without_a_file(web_client: Path) -> None:
    told = _said(_RESTORE, web_client, _EVERY_LOCALE, zone="Asia/Tokyo")
    written = told["written"]
    assert len(written) > 120
    assert written["de_DE"] == ["de_DE", ["1,9\u00a0Mio.", "1,9\u00a0Mio.\u00a0$", "1,9\u00a0Mio.\u00a0€",
                                          "1,9\u00a0Mio.\u00a0¥"],
                                "1.234,50\u00a0€", "CHF", "-1.234,5", "05.03.2026", "05.03.26, 22:05"]  # fmt: skip
    assert {name: texts[0] for name, texts in written.items() if isinstance(texts, list) and texts[0] != name} == {
        "en": "en_US"
    }
    assert written["words of ja"] == "Salesforceでログイン"
    assert told["offset"] == 9 * 3600, "the clock is this device's, not the one of the machine that made the snapshot"
