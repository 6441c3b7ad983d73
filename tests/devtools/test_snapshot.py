"""What the snapshot holds, restored in Node as a browser restores it: nothing is unpacked, so there is no file of the
app.
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


def _restored(site: Path, python: str, zone: str) -> Any:
    node = shutil.which("node", path=tool_path(dict(os.environ)))
    assert node is not None, "Node is missing: make test installs it"
    command = [node, "--input-type=module", "-e", _RESTORE, str(site), python]
    done = subprocess.run(
        command, env={**os.environ, "TZ": zone}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-1500:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_locale_writes_and_reads_without_a_file(web_client: Path) -> None:
    told = _restored(web_client, _EVERY_LOCALE, "Asia/Tokyo")
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
