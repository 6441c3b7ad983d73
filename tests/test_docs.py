"""The docs are held to the code: what exists is documented, what is documented exists."""

import re
import tomllib
from pathlib import Path

import pytest

from backend.connections.connection import State
from contract.calls import ANSWER_SECONDS, APP_SECONDS, CALL_SECONDS, CALLS
from contract.errors import CallError, Reason
from devtools import openapi
from devtools.deploy.place import OF_THE_PLACE
from devtools.paths import ROOT
from devtools.ports import _DEFAULTS as PORTS
from localorg.control import api as control
from localorg.settings import OrgSettings
from tests.functions.test_settings import GOOD


def text(repository: Path, *names: str) -> str:
    return "\n".join((repository / name).read_text() for name in names)


def test_every_reason_is_documented_with_its_family_and_status(repository: Path) -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\w+ \| [A-Z_]+) \|", text(repository, "docs/errors.md"), re.MULTILINE))
    expected = {
        r.value: f"{family.__name__} | {status}"
        for family in CallError.__subclasses__()
        for r, (status, _) in family.reasons.items()
    }
    assert rows == expected
    assert set(rows) == {r.value for r in Reason}


def test_every_reason_can_happen(repository: Path) -> None:
    code = "\n".join(
        f.read_text() for room in ("functions/backend", "app/src") for f in (repository / room).rglob("*.py")
    )
    for reason in Reason:
        assert f"Reason.{reason.name}" in code, reason


def test_every_setting_is_documented(repository: Path) -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text(repository, "docs/deploy.md"), re.MULTILINE))
    read = set(re.findall(r'"([A-Z][A-Z_]{5,})"', text(repository, "functions/backend/settings.py"))) | {*OF_THE_PLACE}
    internal = {"FUNCTION_TARGET", "FUNCTIONS_EMULATOR", "FIRESTORE_EMULATOR_HOST", "FIREBASE_AUTH_EMULATOR_HOST"}
    assert documented == read - internal
    assert set(GOOD) <= documented


def test_the_openapi_description_is_up_to_date(repository: Path) -> None:
    assert (repository / "docs/openapi.json").read_text() == openapi.text(), "run make openapi"


def test_every_call_stands_in_the_table_of_contents(repository: Path) -> None:
    main = text(repository, "functions/main.py")
    for call in CALLS:
        assert call.name in main


def test_every_make_target_is_documented_and_every_documented_one_exists(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(repository, "Makefile"), re.MULTILINE))
    docs = "\n".join(
        f.read_text()
        for f in [repository / "README.md", repository / "CONTRIBUTING.md", *(repository / "docs").rglob("*.md")]
    )
    named = set(
        re.findall(
            r"(?<![a-z] )make ([a-z]+(?:-[a-z]+)?)\b(?=[`\s,;|.&])",
            "\n".join(re.findall(r"`[^`]*`|^make .*$", docs, re.MULTILINE)) + "\n",
        )
    )
    assert named <= targets, named - targets
    assert targets - {"help"} <= named, targets - named


def test_the_control_api_is_documented(repository: Path) -> None:
    docs = text(repository, "docs/localorg.md")
    documented = set(re.findall(r"`(?:GET|POST) (/localorg/control/[a-z/]+)", docs))
    served = re.findall(r'f"\{base\}(/[a-z/]+)"', Path(control.__file__).read_text())
    assert documented == {"/localorg/control" + path for path in served}


def test_the_org_settings_on_the_command_line_are_documented(repository: Path) -> None:
    docs = text(repository, "docs/localorg.md")
    for option in re.findall(r'"(--[a-z-]+)"', text(repository, "localorg/cli.py")):
        assert option in docs, option
    assert OrgSettings().accounts == 200


def test_every_direct_dependency_is_explained(repository: Path) -> None:
    docs = text(repository, "docs/dependencies.md")
    direct = [
        re.split(r"[=\[]", line)[0]
        for line in text(repository, "functions/requirements.in").splitlines()
        if "==" in line
    ]
    for file in ("app/pyproject.toml", "localorg/pyproject.toml"):
        project = tomllib.loads((repository / file).read_text())["project"]
        direct += [re.split(r"[=>\[]", d)[0] for d in project["dependencies"]]
    rows = re.findall(r"^\| ([^|]+) \|", docs, re.MULTILINE)
    explained = {re.sub(r" \(.*\)", "", name).strip() for row in rows for name in row.split(",")}
    missing = {name for name in direct if name not in ("contract", *explained)}
    assert not missing, missing


DOCUMENTS = sorted(
    f.relative_to(ROOT).as_posix()
    for f in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md"))
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_exists(repository: Path, document: str) -> None:
    for name in re.findall(
        r"`((?:app|functions|localorg|devtools|tests|bench|docs)/[\w/.-]+?\.(?:py|md|json|toml))",
        text(repository, document),
    ):
        assert (repository / name).exists(), name
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", text(repository, document)):
        assert ((repository / document).parent / link).exists(), link
    for link, heading in re.findall(r"\]\(((?!http)[^)#]*)#([\w-]+)\)", text(repository, document)):
        page = (repository / document).parent / link if link else repository / document
        headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        assert heading in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}, f"{link}#{heading}"


def test_every_message_that_the_readme_helps_with_is_said(repository: Path) -> None:
    """With its own words in place of what differs from machine to machine."""
    table = text(repository, "README.md").partition("| what you see |")[2].partition("\n\n")[0]
    told = [
        re.sub(r"\b(5000|hosting|Chromium)\b", "{}", message)
        for message in re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    ]
    files = [*(repository / "devtools").rglob("*.py"), repository / "functions/contract/errors.py"]
    said = re.sub(r"{[^}]*}", "{}", "\n".join(f.read_text() for f in files if "node_modules" not in f.parts))
    assert len(told) > 4
    assert [message for message in told if message not in said] == []


def test_ports_are_the_documented_ones(repository: Path) -> None:
    readme = text(repository, "README.md")
    assert f"http://127.0.0.1:{PORTS['hosting'][1]}" in readme
    assert f"http://127.0.0.1:{PORTS['localorg'][1]}" in readme


def test_the_limits_of_a_call_are_the_documented_ones(repository: Path) -> None:
    assert f"{CALL_SECONDS:.0f} seconds from its arrival" in text(repository, "docs/architecture.md")
    assert f"After {ANSWER_SECONDS:.0f} seconds" in text(repository, "docs/architecture.md")
    assert f"longer than {CALL_SECONDS:.0f} s" in text(repository, "docs/reliability.md")
    assert f"the app itself waits {APP_SECONDS:.0f} s" in text(repository, "docs/reliability.md")


def test_every_decision_is_linked(repository: Path) -> None:
    pages = {f"decisions/{page.name}" for page in (repository / "docs/decisions").glob("*.md")}
    assert set(re.findall(r"\((decisions/[a-z-]+\.md)\)", text(repository, "docs/architecture.md"))) == pages


def test_every_state_is_documented(repository: Path) -> None:
    rows = set(re.findall(r"^\| `([a-z-]+)` \|", text(repository, "docs/reliability.md"), re.MULTILINE))
    assert rows == {state.value for state in State}
