"""What Hosting is told beyond firebase.json: where App Check is on, the page may load reCAPTCHA and fetch App Check
tokens.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devtools.paths import ROOT

# By directive of the page's Content-Security-Policy: reCAPTCHA Enterprise's script and what it loads, its frames, and
# Firebase's exchange.
# The script's own address and not its folder, in which lies code that gets around such a policy.
_RECAPTCHA = {
    "script-src": "https://www.google.com/recaptcha/enterprise.js https://www.gstatic.com/recaptcha/releases/",
    "frame-src": "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/",
    "connect-src": "https://content-firebaseappcheck.googleapis.com https://www.google.com/recaptcha/",
}


def config_file(project: str, settings: Mapping[str, str]) -> str:
    """The name of the configuration that a deployment uses."""
    return f"firebase.{project}.local.json" if settings.get("APP_CHECK_SITE_KEY") else "firebase.json"


def write_config(project: str, settings: Mapping[str, str], root: Path = ROOT) -> None:
    """Writes it, unless it is firebase.json itself."""
    name = config_file(project, settings)
    if name != "firebase.json":
        (root / name).write_text(
            json.dumps(with_app_check(json.loads((root / "firebase.json").read_text())), indent=2) + "\n"
        )


def with_app_check(config: dict[str, Any]) -> dict[str, Any]:
    """firebase.json whose page may use reCAPTCHA."""
    for rule in config["hosting"]["headers"]:
        for header in rule["headers"]:
            if header["key"] == "Content-Security-Policy":
                header["value"] = _allowing(header["value"])
    return config


def _allowing(policy: str) -> str:
    directives = {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}
    for name, addresses in _RECAPTCHA.items():
        directives[name] = f"{directives[name]} {addresses}" if name in directives else addresses
    return "; ".join(f"{name} {rest}" for name, rest in directives.items())
