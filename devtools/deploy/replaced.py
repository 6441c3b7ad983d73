"""The rules and the site of a project, each as the difference to what a deployment puts in its place."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from devtools.deploy.deletions import BUILD
from devtools.deploy.inventory import Inventory
from devtools.paths import ROOT

MOST = 40  # lines of a difference; of more only the number is told


def differences(found: Inventory, site: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """The lines that tell what is replaced; none where nothing is there yet or nothing differs. `site` is the new
    one's part of firebase.json, `files` are its files. Raises DeployError.
    """
    new_rules = (ROOT / "firestore.rules").read_text()
    lines: list[str] = []
    for database, text in found.rules.items():
        lines += _told(f"the rules of the database {database}", text.splitlines(), new_rules.splitlines())
    if found.site is not None:
        lines += _told("the site's settings", _lines(found.site.config), _lines(site))
        lines += _told("the site's files", _paths(found.site.files), _paths(files))
    return lines


def _told(what: str, before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    changed = [
        line
        for line in difflib.unified_diff(before, after, n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    if not changed:
        return
    less = sum(line.startswith("-") for line in changed)
    yield f"~ {what}: {less} lines go, {len(changed) - less} come"
    yield from (f"    {line[0]} {line[1:].strip()}" for line in changed[:MOST])
    if len(changed) > MOST:
        yield f"    … and {len(changed) - MOST} more lines"


def _paths(files: Sequence[str]) -> list[str]:
    """The files, with those of a build as one line: their folder's name is new in each."""
    builds = sorted({path.split("/")[1] for path in files if path.startswith(BUILD)})
    counted = [
        f"{BUILD}{build}/: {sum(path.startswith(f'{BUILD}{build}/') for path in files)} files" for build in builds
    ]
    return [*counted, *sorted(path for path in files if not path.startswith(BUILD))]


def _lines(config: Any) -> list[str]:
    """Hosting's settings as one line each, in their order; the API and firebase.json say the same in two ways.

    Source: firebase-tools 15.34.2, lib/deploy/hosting/convertConfig.js.
    """
    lines: list[str] = []
    for rewrite in config.get("rewrites", []):
        lines.append(f"rewrite {_source(rewrite)} to {_goal(rewrite)}")
    for redirect in config.get("redirects", []):
        goal = redirect.get("location", redirect.get("destination"))
        lines.append(f"redirect {_source(redirect)} to {goal}, {redirect.get('statusCode', redirect.get('type', 301))}")
    for rule in config.get("headers", []):
        headers = rule["headers"]
        pairs = headers.items() if isinstance(headers, dict) else [(h["key"], h["value"]) for h in headers]
        lines += [f"header {_source(rule)} {key}: {value}" for key, value in pairs]
    slash = config.get("trailingSlash")
    behaviour = config.get("trailingSlashBehavior") or (None if slash is None else "ADD" if slash else "REMOVE")
    lines += [f"cleanUrls {config['cleanUrls']}"] if "cleanUrls" in config else []
    lines += [f"trailing slash {behaviour}"] if behaviour else []
    lines += [f"i18n {config['i18n'].get('root')}"] if "i18n" in config else []
    return lines


def _source(rule: Any) -> str:
    return rule.get("glob") or rule.get("source") or f"regex {rule.get('regex')}"


def _goal(rewrite: Any) -> str:
    if (function := rewrite.get("function")) is not None:
        name, region = (
            (function["functionId"], function.get("region"))
            if isinstance(function, dict)
            else (function, rewrite.get("functionRegion"))
        )
        return f"{name} in {region or 'us-central1'}"
    if (run := rewrite.get("run")) is not None:
        return f"{run['serviceId']} in {run.get('region', 'us-central1')}"
    return str(rewrite.get("path") or rewrite.get("destination") or "a dynamic link")
