"""The app's words in the person's language: gettext, with a catalogue for each language in `languages/`."""

import gettext
from pathlib import Path

LANGUAGES = {"en": "English", "de": "Deutsch", "ja": "日本語"}
_FOLDER = Path(__file__).resolve().parents[2] / "languages"


class _Words:
    """The language that is used now."""

    def __init__(self) -> None:
        self.language = "en"
        self.locale = "en_US"
        self.translations: gettext.NullTranslations = gettext.NullTranslations()
        self.read: dict[str, gettext.NullTranslations] = {}  # a language is read once: the browser's app may start without its files


_words = _Words()


def use_language(tags: list[str]) -> str:
    """Speaks the first of these languages (BCP 47 tags) that there is a catalogue for, else English; returns it."""
    for tag in tags:
        language, _, region = tag.replace("_", "-").partition("-")
        if language.lower() in LANGUAGES:
            _words.language = language.lower()
            region = region.split("-")[-1].upper()
            _words.locale = f"{_words.language}_{region}" if len(region) == 2 and region.isalpha() else _words.language
            break
    else:
        _words.language, _words.locale = "en", "en_US"
    if _words.language not in _words.read:
        _words.read[_words.language] = gettext.translation("app", _FOLDER, [_words.language], fallback=_words.language == "en")
    _words.translations = _words.read[_words.language]
    return _words.language


def language() -> str:
    return _words.language


def locale() -> str:
    """The locale by which numbers and dates are written, such as de_AT."""
    return _words.locale


def _(text: str, **values: object) -> str:
    """A text of the app in the person's language; `{name}` in it stands for a value."""
    found = _words.translations.gettext(text) if text else ""
    return found.format(**values) if values else found


def n_(one: str, many: str, count: int, **values: object) -> str:
    """A text that depends on a number, which is `{count}` in it."""
    return _words.translations.ngettext(one, many, count).format(count=count, **values)
