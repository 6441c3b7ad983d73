"""The app's words in the person's language: gettext, with a catalogue for each language in `languages/`."""

import gettext
import re
from pathlib import Path

from babel import localedata

LANGUAGES = {"en": "English", "de": "Deutsch", "ja": "日本語"}
_FOLDER = Path(__file__).resolve().parents[2] / "languages"
# A BCP 47 tag's language and region (RFC 5646 section 2.1); what is between and behind them is not needed.
_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-([a-z]{2}|[0-9]{3}))?(?:-.*)?", re.IGNORECASE)


class _Words:
    """The language that is used now."""

    def __init__(self) -> None:
        self.language = "en"
        self.locale = "en_US"
        self.translations: gettext.NullTranslations = gettext.NullTranslations()
        # A language is read once: the browser's app may start without its files.
        self.read: dict[str, gettext.NullTranslations] = {}


_words = _Words()


def use_language(tags: list[str]) -> str:
    """Speaks the first of these languages (BCP 47 tags) that there is a catalogue for, else English; returns it.

    Any text may be among them. Numbers and dates are written as that language writes them in the tag's region: words
    and formats belong together, so a Brazilian who reads English finds the dates of English outside America.
    """
    read = [
        (parts[1].lower(), (parts[2] or "").upper()) for tag in tags if (parts := _TAG.fullmatch(tag.replace("_", "-")))
    ]
    elsewhere = ("en", read[0][1] if read else "")
    _words.language, region = next((r for r in read if r[0] in LANGUAGES), elsewhere)
    _words.locale = _nearest(_words.language, region)
    if _words.language not in _words.read:
        _words.read[_words.language] = gettext.translation(
            "app", _FOLDER, [_words.language], fallback=_words.language == "en"
        )
    _words.translations = _words.read[_words.language]
    return _words.language


def _nearest(language: str, region: str) -> str:
    """The locale of CLDR for a language in a region; `en_001` is English as most of the world writes it."""
    if region and localedata.exists(f"{language}_{region}"):
        return f"{language}_{region}"
    if language == "en":
        return "en_001" if region else "en_US"
    return language


def language() -> str:
    """The language that the app speaks now, such as de."""
    return _words.language


def locale() -> str:
    """The locale by which numbers and dates are written now, such as de_AT; CLDR has it."""
    return _words.locale


def _(text: str, **values: object) -> str:
    """A text of the app in the person's language; `{name}` in it stands for a value."""
    translated = _words.translations.gettext(text) if text else ""
    return translated.format(**values) if values else translated


def n_(one: str, many: str, count: int, **values: object) -> str:
    """A text that depends on a number: `one` or `many`, in the person's language, with the number for `{count}`."""
    return _words.translations.ngettext(one, many, count).format(count=count, **values)
