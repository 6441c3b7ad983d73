"""The app's catalogues: collects all texts of the app, adds new ones to each language, and compiles them.

Texts are in `_("…")` and `n_("…", "…", …)`, in the page before Flutter, and in the messages of the contract's errors.
A language is a folder in app/src/languages. What it does not translate, or not so that it can be used, stays English.
"""

import re
import runpy
import string
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel import localedata
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from contract import errors
from devtools.paths import ROOT

FOLDER = ROOT / "app/src/languages"
# These are to be complete: a text without a translation is an error there, and told of the others.
COMPLETE = ("de", "ja")
_MISSING, _FUZZY = "it is not translated", "it is marked fuzzy"
_KEYWORDS = {"_": None, "n_": (1, 2)}


def languages() -> tuple[str, ...]:
    """The languages of the app beside English."""
    return tuple(sorted(path.parents[1].name for path in FOLDER.glob("*/LC_MESSAGES/app.po")))


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
    for message in start_texts():
        catalog.add(message, locations=[("web/start", 0)])
    for message in _said_by_services():
        catalog.add(message, locations=[("data/services/messages.py", 0)])
    return catalog


def start_texts() -> list[str]:
    """The texts of the page before Flutter."""
    html, script = ((ROOT / "app/web/start" / name).read_text() for name in ("start.html", "start.js"))
    return sorted({*re.findall(r'data-words="([^"]+)"', html), *re.findall(r'say\("([^"]+)"\)', script)})


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
    """The catalogue in gettext's binary format, without the translations that cannot be used."""
    usable, made = deepcopy(catalog), BytesIO()
    for message in usable:
        if message.id and fault(message, usable) is not None:
            message.string = ""
    write_mo(made, usable)
    return made.getvalue()


def said(catalog: Catalog, text: str) -> str:
    """A text without a number in it, in the language of the catalogue; in English where that has none to be used."""
    message = catalog.get(text)
    return text if message is None or fault(message, catalog) is not None else str(message.string)


def all_said(catalog: Catalog) -> str:
    """Everything that a catalogue says, as one text."""
    strings = (m.string if isinstance(m.string, (list, tuple)) else (m.string,) for m in catalog if m.id)
    return "".join(str(one) for of_one in strings for one in of_one)


def fault(message: Message, catalog: Catalog) -> str | None:
    """Why the translation of a text of this catalogue cannot be used; None when it can."""
    strings = message.string if isinstance(message.string, (list, tuple)) else (message.string,)
    if message.fuzzy:
        return _FUZZY
    if not all(strings):
        return _MISSING
    if not message.pluralizable:
        return next(_strange_values(str(message.id), str(strings[0]), set()), None)
    if len(strings) != catalog.num_plurals:
        return f"it has {len(strings)} forms for numbers, and the language has {catalog.num_plurals}"
    many = str(message.id[1])
    return next((wrong for form in strings for wrong in _strange_values(many, str(form), {"count"})), None)


def _strange_values(english: str, translated: str, dispensable: set[str]) -> Iterator[str]:
    """What is wrong with the values, such as {name}, in a translation."""
    wanted = _values(english)
    try:
        there = _values(translated)
    except ValueError as wrong:
        yield f"its braces cannot be read: {wrong}"
        return
    for name in sorted(there - wanted):
        yield f"the English text has no {{{name}}}"
    for name in sorted(wanted - there - dispensable):
        yield f"it lacks {{{name}}}"


def _values(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def untranslated(catalog: Catalog) -> list[str]:
    """The texts of the app without a translation in this catalogue, an empty or a fuzzy one included."""
    return [text for text, why in unusable(catalog) if not why]


def unusable(catalog: Catalog) -> list[tuple[str, str]]:
    """The texts of the app that stay English in this catalogue, and what is wrong with the translation; "" where there
    is none, or a fuzzy one.
    """
    english: list[tuple[str, str]] = []
    for text in texts():
        if text.id:
            message = catalog.get(text.id[0] if isinstance(text.id, tuple) else text.id)
            why = _MISSING if message is None else fault(message, catalog)
            if why is not None:
                english.append((str(text.id), "" if why in (_MISSING, _FUZZY) else why))
    return english


def add(language: str) -> Path:
    """Begins a language (ISO 639, such as fr): a catalogue without translations, whose path is returned. Raises
    ValueError for a language that there is already, or whose numbers and dates CLDR does not know.
    """
    if not re.fullmatch("[a-z]{2,3}", language) or not localedata.exists(language):
        raise ValueError(f"{language}: not a language that the app can have: two or three letters, such as fr")
    path = po_file(language)
    if path.exists() or language == "en":
        raise ValueError(f"{language}: there already")
    _write(language, Catalog(locale=language))
    return path


def update() -> dict[str, Catalog]:
    """Updates and compiles all catalogues. Returns them by language."""
    return {language: _write(language, read(language)) for language in languages()}


def report(catalogs: dict[str, Catalog]) -> int:
    """Prints what these catalogues lack. Returns the exit code: 1 where a translation cannot be used, or one is missing
    in a language that is to be complete.
    """
    bad = False
    for language, catalog in catalogs.items():
        english = unusable(catalog)
        missing, mistakes = [text for text, why in english if not why], [one for one in english if one[1]]
        whole = language in COMPLETE
        bad = bad or bool(mistakes) or (whole and bool(missing))
        for text, why in mistakes:
            print(f"✗ {language}: {text!r} stays English: {why}")
        if whole:
            print("".join(f"✗ {language}: {text!r} is not translated\n" for text in missing), end="")
        elif missing:
            print(f"✓ {language}: {len(missing)} texts are not translated and stay English")
        if not missing and not mistakes:
            print(f"✓ {language}: every text is translated")
    return 1 if bad else 0


def _write(language: str, catalog: Catalog) -> Catalog:
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
    return catalog
