"""The app's catalogues: collects all texts of the app, adds new ones to each language, and compiles them.

Texts are in `_("…")` and `n_("…", "…", …)`, in the page before Flutter, and in the messages of the contract's errors.
"""

import re
import runpy
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from contract import errors
from devtools.paths import ROOT

FOLDER = ROOT / "app/src/languages"
LANGUAGES = ("de", "ja")
_KEYWORDS = {"_": None, "n_": (1, 2)}


def texts() -> Catalog:
    """A catalogue of every text that the app can show."""
    catalog = Catalog(project="Salesforce Sample App", fuzzy=False)
    for path in sorted((ROOT / "app/src/ui").rglob("*.py")):
        with path.open("rb") as file:
            for _line, message, _comments, _context in extract("python", file, keywords=_KEYWORDS):
                catalog.add(
                    message,
                    locations=[(path.relative_to(ROOT / "app/src").as_posix(), 0)],
                    flags=["python-brace-format"],
                )
    for family in vars(errors).values():
        if isinstance(family, type) and issubclass(family, errors.CallError):
            for _status, message in family.reasons.values():
                catalog.add(message, locations=[("contract/errors.py", 0)])
    for message in re.findall(r'data-words="([^"]+)"', (ROOT / "app/web/start/start.html").read_text()):
        catalog.add(message, locations=[("web/start/start.html", 0)])
    for message in _said_by_services():
        catalog.add(message, locations=[("data/services/messages.py", 0)])
    return catalog


def _said_by_services() -> list[str]:
    """The texts in the app's messages.py, whose folder cannot be imported from here."""
    module = runpy.run_path(str(ROOT / "app/src/data/services/messages.py"))
    return [text for name, text in module.items() if name.isupper()]


def read(language: str) -> Catalog:
    """The catalogue of a language, an empty one when it has no file. Raises babel's PoFileError when it cannot
    be read.
    """
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def po_file(language: str) -> Path:
    """The path of a language's catalogue."""
    return FOLDER / language / "LC_MESSAGES/app.po"


def compiled(catalog: Catalog) -> bytes:
    """The catalogue in gettext's binary format."""
    made = BytesIO()
    write_mo(made, catalog)
    return made.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """The texts of the app without a translation in this catalogue."""
    missing: list[str] = []
    for text in texts():
        if text.id:
            said = catalog.get(text.id[0] if isinstance(text.id, tuple) else text.id)
            strings = () if said is None else said.string if isinstance(said.string, tuple) else (said.string,)
            if not strings or not all(strings):
                missing.append(str(text.id))
    return missing


def update() -> list[str]:
    """Updates and compiles all catalogues. Returns the texts without a translation, as `language: text`."""
    missing: list[str] = []
    for language in LANGUAGES:
        catalog = read(language)
        catalog.update(texts(), no_fuzzy_matching=True)
        catalog.header_comment = "# The texts of the Salesforce Sample App, in the language of this folder."
        # The current date would change the files at every run.
        catalog.creation_date = catalog.revision_date = datetime(2026, 11, 25, tzinfo=UTC)
        catalog.project, catalog.version, catalog.fuzzy = "Salesforce Sample App", "1", False
        catalog.obsolete.clear()
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=140, sort_output=True, omit_header=False, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        missing += [f"{language}: {text}" for text in untranslated(catalog)]
    return missing
