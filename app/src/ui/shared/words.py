"""The app's words in the person's language: gettext, with a catalogue for each language in `languages/`.

A text that a catalogue lacks, or that cannot be filled in there, is said in English.
"""

import gettext
import re
from collections.abc import Mapping
from pathlib import Path

from babel import Locale, localedata

_FOLDER = Path(__file__).resolve().parents[2] / "languages"
# The languages that the app speaks: English, and those with a compiled catalogue.
LANGUAGES = ("en", *sorted(path.parents[1].name for path in _FOLDER.glob("*/LC_MESSAGES/app.mo")))
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
        _words.read[_words.language] = _catalogue(_words.language)
    _words.translations = _words.read[_words.language]
    return _words.language


def _catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; none where its compiled catalogue is missing or cannot be read."""
    try:
        return gettext.translation("app", _FOLDER, [language])
    except (OSError, ValueError):
        return gettext.NullTranslations()


def _nearest(language: str, region: str) -> str:
    """The locale of CLDR for a language in a region; `en_001` is English as most of the world writes it."""
    if not localedata.exists(language):  # the site was built before it was there
        return "en_001"
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


def own_name(language: str) -> str:
    """What a language of LANGUAGES calls itself, such as Deutsch."""
    name = Locale.parse(language).get_language_name(language) if localedata.exists(language) else None
    return name[0].upper() + name[1:] if name else language


def _(text: str, **values: object) -> str:
    """A text of the app in the person's language; `{name}` in it stands for a value."""
    return _filled(_words.translations.gettext(text) if text else "", text, values)


def n_(one: str, many: str, count: int, **values: object) -> str:
    """A text that depends on a number: `one` or `many`, in the person's language, with the number for `{count}`."""
    values["count"] = count
    return _filled(_words.translations.ngettext(one, many, count), one if count == 1 else many, values)


def in_words(texts: Mapping[str, str], **values: str) -> str:
    """A text that comes in several languages, in the one that the app speaks, else in English, else in the first; with
    its values for `{name}`, "" where it names another one.
    """
    text = texts.get(_words.language) or texts.get("en") or next(iter(texts.values()), "")
    try:
        return text.format(**values) if values or "{" in text else text
    except (LookupError, ValueError, AttributeError):
        return ""


def _filled(translated: str, english: str, values: dict[str, object]) -> str:
    """The translated text with its values; the English one where there is none or it has other values."""
    if not values:
        return translated or english
    try:
        return (translated or english).format(**values)
    except (LookupError, ValueError, AttributeError):
        return english.format(**values)
