"""The words on the screen: all in the catalogues, all translated, numbers and dates as the locale writes them."""

import ast
import re
import string
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from babel import localedata

from contract.calls import Access, FieldShape, FieldValue, Record, RelatedList, SobjectShape
from contract.codec import decode
from contract.errors import CallError
from devtools import languages
from ui.access.view_model import history_words, state_words
from ui.records.record_view_model import lines_below
from ui.shared import values, words
from ui.shared.words import use_language


@pytest.fixture(autouse=True)
def _english_and_this_clock_afterwards() -> Iterator[None]:
    yield
    use_language(["en-US"])
    time.tzset()  # monkeypatch has given TZ back


@pytest.mark.parametrize("language", languages.languages())
def test_every_text_is_translated_and_compiled(language: str) -> None:
    catalog = languages.read(language)
    assert languages.untranslated(catalog) == []
    assert {str(m.id) for m in catalog if m.id} == {str(m.id) for m in languages.texts() if m.id}, "make languages"
    assert languages.po_file(language).with_suffix(".mo").read_bytes() == languages.compiled(catalog), "make languages"


@pytest.mark.parametrize("language", languages.languages())
def test_a_translation_has_the_same_values_in_it(language: str) -> None:
    def names(text: object) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(str(text)) if name}

    for message in languages.read(language):
        if message.id:
            told = message.id if isinstance(message.id, tuple) else (message.id,)
            for said in message.string if isinstance(message.string, tuple) else (message.string,):
                assert names(said) == names(told[-1]), said


def test_every_error_of_the_contract_can_be_said_in_every_language() -> None:
    for language in languages.languages():
        use_language([language])
        for family in CallError.__subclasses__():
            for _status, message in family.reasons.values():
                assert words._(message) != message


# Where Flet takes words for people.
_TEXTS = {
    "label",
    "tooltip",
    "title",
    "hint_text",
    "helper",
    "helper_text",
    "error",
    "error_text",
    "text",
    "semantics_label",
    "value",
    "suffix",
}
_FIRST = {"Text", "heading_text", "big_heading", "faint", "note", "card", "tile", "FilledButton", "OutlinedButton",
          "TextButton", "FilledTonalButton",
          "Notice", "icon_button", "named_icon"}  # fmt: skip
_WORDS = re.compile(r"[A-Za-z]{2}")


def _loose_words(path: Path) -> Iterator[str]:
    """Texts in a view that stand where people read them, and are not in `_()`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = [k.value for k in node.keywords if k.arg in _TEXTS] + (node.args if name in _FIRST else [])
            for value in given:
                parts = value.values if isinstance(value, ast.JoinedStr) else [value]
                for part in parts:
                    if isinstance(part, ast.Constant) and isinstance(part.value, str) and _WORDS.search(part.value):
                        yield f"{path.name}:{node.lineno}: {part.value}"


def test_no_word_stands_outside_the_catalogue(repository: Path) -> None:
    found = [text for path in (repository / "app/src/ui").rglob("*.py") for text in _loose_words(path)]
    allowed = {"mine", "theirs"}  # values of a choice, not words
    assert [text for text in found if text.split(": ")[1] not in allowed] == []


def test_the_search_for_loose_words_finds_one(tmp_path: Path) -> None:
    view = tmp_path / "view.py"
    view.write_text('import flet as ft\nft.Text("Hello")\nft.TextField(label=f"{name} Phone")\nft.Text(_("Hello"))\n')
    assert len(list(_loose_words(view))) == 2


@pytest.mark.parametrize(("tags", "language", "locale"), [
    (["de-AT", "en"], "de", "de_AT"), (["fr-FR", "ja-JP"], "ja", "ja_JP"), (["xx"], "en", "en_US"), (["en-GB"], "en",
        "en_GB"), ([], "en", "en_US"),
    (["zh-Hant-TW", "de"], "de", "de"), (["de-US"], "de", "de"), (["EN-au"], "en", "en_AU"), (["de_CH"], "de", "de_CH"),
    (["de-Latn-AT-1996-u-ca-buddhist"], "de", "de_AT"), (["de-x-at"], "de", "de"), (["ja-JP-u-ca-japanese"], "ja",
        "ja_JP"),
    (["fr-FR"], "en", "en_FR"), (["pt-BR"], "en", "en_001"), (["zh-Hans-CN"], "en", "en_001"),
    (["en-TH"], "en", "en_001"), (["es-419"], "en", "en_001"),
    (["ar"], "en", "en_US"), (["x-klingon"], "en", "en_US"), (["i-klingon", "ja"], "ja", "ja"), (["", "C", "de"], "de",
        "de"),
    (["../x"], "en", "en_US"),
])  # fmt: skip
def test_the_first_language_that_there_is_is_spoken(tags: list[str], language: str, locale: str) -> None:
    assert use_language(tags) == language
    assert words.locale() == locale


CURRENCY = FieldShape("Amount", "Amount", "currency", False, True, True, scale=2)
DATE = FieldShape("Day", "Day", "date", False, True, True)


@pytest.mark.parametrize(("tag", "money", "number", "day", "typed"), [
    ("en-US", "1.9M", "1,234.5", "Mar 5, 2026", "3/5/2026"),
    ("en-GB", "1.9M", "1,234.5", "5 Mar 2026", "05/03/2026"),
    ("de-DE", "1,9\u00a0Mio.", "1.234,5", "05.03.2026", "05.03.2026"),
    ("ja-JP", "190万", "1,234.5", "2026/03/05", "2026/03/05"),
])  # fmt: skip
def test_values_are_written_and_read_as_the_locale_does(
    tag: str, money: str, number: str, day: str, typed: str
) -> None:
    use_language([tag])
    assert values.money(1_900_000) == money
    assert values.value(CURRENCY, 1234.5) == number
    assert values.as_number(number) == 1234.5
    assert values.day("2026-03-05") == day
    assert values.as_text(DATE, "2026-03-05") == typed
    assert values.as_date(typed) == "2026-03-05"
    assert values.as_date("2026-03-05") == "2026-03-05"


@pytest.mark.parametrize(("tag", "short", "hundreds", "full", "cents", "sign"), [
    ("en-US", "$1.9M", "$950", "$12,000", "$1,234.50", "$"),
    ("en-GB", "US$1.9M", "US$950", "US$12,000", "US$1,234.50", "US$"),
    ("de-DE", "1,9\u00a0Mio.\u00a0$", "950\u00a0$", "12.000\u00a0$", "1.234,50\u00a0$", "$"),
    ("de-AT", "$\u00a01,9\u00a0Mio.", "$\u00a0950", "$\u00a012.000", "$\u00a01.234,50", "$"),
    ("ja-JP", "$190万", "$950", "$12,000", "$1,234.50", "$"),
])  # fmt: skip
def test_amounts_carry_their_currency_where_the_locale_puts_it(
    tag: str, short: str, hundreds: str, full: str, cents: str, sign: str
) -> None:
    use_language([tag])
    dollars = replace(CURRENCY, currency="USD")
    assert [values.money(1_900_000, "USD"), values.money(950, "USD")] == [short, hundreds]
    assert [values.value(dollars, 12_000.0), values.value(dollars, 1234.5)] == [full, cents]
    assert values.sign("USD") == sign
    assert values.as_number("$12000") == 12_000


@pytest.mark.parametrize(("tag", "half"), [("en-US", "50%"), ("de-DE", "50\u00a0%"), ("ja-JP", "50%")])
def test_percentages_have_their_sign_where_the_locale_puts_it(tag: str, half: str) -> None:
    use_language([tag])
    assert values.value(replace(CURRENCY, type="percent"), 50) == half


def test_every_locale_reads_what_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    shipped = [name for name in sorted(localedata.locale_identifiers()) if name.split("_")[0] in words.LANGUAGES]
    assert len(shipped) > 120
    moments = [f"2026-{day}T{hour:02}:30:00.000+00:00" for day in ("03-05", "12-31") for hour in (0, 3, 12, 15)]
    for name in shipped:
        use_language([name.replace("_", "-")])
        for amount in (1_234_567.5, 0.25, -1234.5, 950.0):
            assert values.as_number(values.number(amount)) == amount, (name, values.number(amount))
        for moment in moments:
            assert values.as_moment(values.short_moment(moment)) == moment, (name, values.short_moment(moment))
            assert values.as_date(values.short_day(moment[:10])) == moment[:10], (name, values.short_day(moment[:10]))


@pytest.mark.parametrize(("tag", "text", "moment"), [
    ("en-US", "3/5/2026 12:30 AM", "2026-03-05T00:30"), ("en-US", "3/5/2026 1:05pm", "2026-03-05T13:05"), ("en-US",
        "3/5/2026 13:05 PM", None),
    ("en-US", "3/5/2026 25:00", None), ("en-CA", "2026-03-05 1:05 p.m.", "2026-03-05T13:05"), ("en-DK",
        "05/03/2026 13.05", "2026-03-05T13:05"),
    ("en-US", "3/5/2026 at 2:30 PM", "2026-03-05T14:30"), ("en-US", "3/5/2026 2:30 p.m. CET", None), ("en-US",
        "13/5/2026 14:30", None),
    ("ja-JP", "2026-03-05T14:30Z", "2026-03-05T14:30"), ("en-CA", "2026-03-05T14:30+05:00", "2026-03-05T09:30"),
    ("de-DE", "10:05 31.12.26", None), ("en-GB", "10:05 31.12.26", None),
    ("de-DE", "5.3.2026 13:05 Uhr", "2026-03-05T13:05"), ("de-DE", "05.03.2026", None), ("ja-JP", "2026/03/05 午後1:05",
        "2026-03-05T13:05"),
])  # fmt: skip
def test_a_time_is_read_with_its_half_of_the_day(
    monkeypatch: pytest.MonkeyPatch, tag: str, text: str, moment: str | None
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    use_language([tag])
    assert values.as_moment(text) == (moment and f"{moment}:00.000+00:00")


@pytest.mark.parametrize(
    ("tag", "text"), [("en-US", "13/01/2026"), ("ja-JP", "2026-13-01"), ("en-US", "10/20/30/40"), ("de-DE", "1.2.3.4")]
)
def test_what_is_no_date_in_the_locales_order_is_none(tag: str, text: str) -> None:
    use_language([tag])
    assert values.as_date(text) is None


@pytest.mark.parametrize("text", ["1,2,3.4.5", "lots", "1e999", "", "--1"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert values.as_number(text) is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(30, "1 minute ago"), (125, "2 minutes ago"), (7200, "2 hours ago"), (90_000, "1 day ago")]
)
def test_ages(seconds: float, said: str) -> None:
    assert values.age(seconds) == said


def test_names_have_initials() -> None:
    assert [values.initials(n) for n in ("Ada Lovelace", "acme", "", "& Sons", "Ö Z X")] == ["AL", "A", "?", "S", "ÖX"]


def test_a_state_and_an_event_that_only_a_newer_service_knows_are_told() -> None:
    status = {
        "generation": 1,
        "signedInAt": "",
        "refreshedAt": "",
        "loginHost": "",
        "devices": 1,
        "staySignedIn": False,
    }
    line = {"at": "2026-11-28T12:00:00Z", "event": "hibernation", "by": "backend"}
    access = decode(
        Access, {"connection": {**status, "state": "hibernating"}, "devices": [], "history": [line]}, lenient=True
    )
    assert state_words(access.connection.state) == "Unknown. Load the app again to see more."
    assert history_words(access.history[0]) == "Something else happened: hibernation"


def test_a_reference_is_called_as_the_backend_says_and_no_label_is_cut() -> None:
    account = FieldShape("AccountId", "Account-ID", "reference", False, True, True, caption="Accountname")
    assert values.label_of(account) == "Accountname"
    assert values.label_of(FieldShape("Tax__c", "Tax ID", "string", False, True, True)) == "Tax ID"
    assert values.label_of(replace(account, caption=None)) == "Account-ID"


TASK = SobjectShape(
    "Task", "Task", "Tasks",
    (FieldShape("WhatId", "Related To ID", "reference", False, True, True, relationship="What"),),
    title="Subject", listed=("Subject", "Status", "WhatId", "What.Name"), date="Due", stand_ins=("Number",),
)  # fmt: skip


def test_a_line_below_a_record_does_not_repeat_whose_it_is() -> None:
    record = Record("00T", {"Subject": "Call", "Status": "Open", "WhatId": "001", "What.Name": "Acme"})
    assert lines_below(RelatedList("Tasks", "Task", "Tasks", "WhatId"), TASK, record) == ["Open"]
    assert lines_below(RelatedList("Tasks", "Task", "Tasks", "WhoId"), TASK, record) == ["Open", "Acme"]


@pytest.mark.parametrize(("fields", "called"), [
    ({"Subject": "Call", "Number": "7"}, "Call"), ({"Subject": "", "Number": "7"}, "7"), ({}, "Task"),
])  # fmt: skip
def test_a_record_without_a_title_is_called_by_its_next_name_then_by_its_object(
    fields: dict[str, FieldValue], called: str
) -> None:
    assert values.title(TASK, Record("00T", fields)) == called
    assert values.title(None, Record("00T", fields)) == "00T"
