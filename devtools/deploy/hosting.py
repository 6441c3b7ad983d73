"""The configuration of a deployment: firebase.json with the place and the settings of the project.

With App Check the page must be allowed to load reCAPTCHA and to fetch App Check tokens, which firebase.json forbids.
"""

import json
from collections.abc import Mapping
from typing import Any

from devtools.deploy.place import OF_THE_PLACE, Place, place, setting
from devtools.paths import ROOT

# The addresses that each directive of the Content-Security-Policy must allow in addition: reCAPTCHA Enterprise's
# script, what it loads, its frames, and Firebase's exchange. The script's own address, not its folder: that holds code
# with which such a policy can be bypassed.
_RECAPTCHA = {
    "script-src": "https://www.google.com/recaptcha/enterprise.js https://www.gstatic.com/recaptcha/releases/",
    "frame-src": "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
    "connect-src": "https://content-firebaseappcheck.googleapis.com https://www.google.com/recaptcha/",
}

# Its scripts, and Firebase's SDK that loads them, name scripts by plain texts.
_NOT_WITH_RECAPTCHA = ("require-trusted-types-for", "trusted-types")


def config_file(project: str, _settings: Mapping[str, str]) -> str:
    """The name of the configuration file of a project's deployments, in the root of the tree."""
    return f"firebase.{project}.local.json"


def write_config(project: str, settings: Mapping[str, str]) -> None:
    """Writes that file: firebase.json with the project's region, site and settings; and the functions' settings, in a
    file that firebase-tools reads in place of functions/.env.PROJECT (its functions/env.js and `configDir`).
    """
    where, folder = place(project, settings), ROOT / ".local/deploy" / project
    folder.mkdir(parents=True, exist_ok=True)
    # Also what is as usual: else a variable of the shell that is named like a setting would count.
    written = {**settings, "REGION": where.region, **{setting(f): str(n) for f, n in where.instances.items()}}
    lines = [f"{name}={_quoted(value)}\n" for name, value in written.items() if name not in OF_THE_PLACE]
    (folder / f".env.{project}").write_text("".join(lines))
    config = configured(where, settings)
    config["functions"][0]["configDir"] = str(folder.relative_to(ROOT))
    (ROOT / config_file(project, settings)).write_text(json.dumps(config, indent=2) + "\n")


def configured(where: Place, settings: Mapping[str, str]) -> dict[str, Any]:
    """firebase.json as these settings have it."""
    config = in_place(json.loads((ROOT / "firebase.json").read_text()), where)
    return with_app_check(config) if settings.get("APP_CHECK_SITE_KEY") else config


def in_place(config: dict[str, Any], where: Place) -> dict[str, Any]:
    """The configuration with this region and Hosting site. It changes `config` itself."""
    config["hosting"]["site"] = where.site
    for rewrite in config["hosting"]["rewrites"]:
        if "function" in rewrite:
            rewrite["function"]["region"] = where.region
    return config


def _quoted(value: str) -> str:
    """A value as firebase-tools reads it between quotation marks."""
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        value = value.replace(character, written)
    return f'"{value}"'


def with_app_check(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with a Content-Security-Policy that allows reCAPTCHA. It changes `config` itself."""
    for rule in config["hosting"]["headers"]:
        for header in rule["headers"]:
            if header["key"] == "Content-Security-Policy":
                header["value"] = _allowing(header["value"])
    return config


def _allowing(policy: str) -> str:
    directives = {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}
    for name, addresses in _RECAPTCHA.items():
        directives[name] = f"{directives[name]} {addresses}" if name in directives else addresses
    for name in _NOT_WITH_RECAPTCHA:
        directives.pop(name, None)
    return "; ".join(f"{name} {rest}" for name, rest in directives.items())
