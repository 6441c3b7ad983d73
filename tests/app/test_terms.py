"""German and Japanese as Salesforce says them: no catalogue has a word that Salesforce does not use there."""

import re
from collections.abc import Iterator

import pytest

from devtools import languages
from localorg.schema.translations import words_of

# Each with what is said instead.
NOT_SAID = {
    "de": {
        r"Geschäfte?\b": "Opportunity, Opportunities",
        r"[Nn]och einmal|\bneu an\b": "erneut",
        r"\bAdministration\b|Jemand aus": "Administrator",
        r"Passwort": "Kennwort",
        r"Wo angemeldet": "Wo bin ich angemeldet?",
        r"\bMeiner\b|\bAnderer\b": "Mein Wert, Wert von {name}",
        r"\bWerte zeigen": "Werte anzeigen",
        r"^Schreiben$": "E-Mail schreiben",
        r"Das ist alles": "Keine weiteren Einträge",
        r"merkt sich": "speichert",
        r"\bZuletzt gesehen": "Zuletzt angezeigt",
        r"\b([Dd]u|[Dd]ein(e[mnrs]?)?|[Dd]ich|[Dd]ir)\b": "Sie",
        r'"|\.\.\.': "„…“, …",
    },
    "ja": {
        r"サイン(イン|アウト)": "ログイン, ログアウト",
        r"[0-9}] [分時日件桁]": "no space before a counter",
        r"メールする": "メールを送信",
        r"(ユーザ|ブラウザ|コンピュータ)(?!ー)": "ー at the end",
        r"ウェブ": "Web",
        r"レコードを見": "参照",
        r"[?!:,;]": "？ ！ ： 、",
        r"(?<!。)(ない|だ|である)。": "です・ます",
    },
}
# Salesforce's own names of places in its setup keep its spaces.
_QUOTED = re.compile(r"「[^」]*」（?[A-Za-z ]*）?")
_APART = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff] [0-9A-Za-z{]|[0-9A-Za-z}] [\u3040-\u30ff\u4e00-\u9fff]")


def _texts(language: str) -> Iterator[str]:
    for message in languages.read(language):
        if message.id:
            yield from map(str, message.string if isinstance(message.string, tuple) else (message.string,))


@pytest.mark.parametrize("language", NOT_SAID)
def test_no_text_has_a_word_that_salesforce_does_not_say(language: str) -> None:
    for text in _texts(language):
        for pattern, instead in NOT_SAID[language].items():
            assert not re.search(pattern, text), f"{text}: {instead}"


def test_japanese_has_no_spaces_but_in_salesforces_own_names() -> None:
    for text in _texts("ja"):
        assert not _APART.search(_QUOTED.sub("「」", text)), text


@pytest.mark.parametrize(("language", "called"), [
    ("de", {"Account": "Account", "Contact": "Kontakt", "Opportunity": "Opportunity", "Opportunities": "Opportunities",
            "Lead": "Lead", "Case": "Kundenvorgang", "Cases": "Kundenvorgänge", "Task": "Aufgabe"}),
    ("ja", {"Account": "取引先", "Contact": "取引先責任者", "Opportunity": "商談", "Lead": "リード", "Case": "ケース",
            "Task": "ToDo"}),
])  # fmt: skip
def test_the_local_org_calls_its_objects_as_salesforce_does(language: str, called: dict[str, str]) -> None:
    assert {english: words_of(language)[english] for english in called} == called


@pytest.mark.parametrize(("text", "german", "japanese"), [
    ("Sign in with Salesforce", "Mit Salesforce anmelden", "Salesforceでログイン"),
    ("Sign out", "Abmelden", "ログアウト"),
    ("Save", "Speichern", "保存"), ("Cancel", "Abbrechen", "キャンセル"), ("Edit", "Bearbeiten", "編集"),
    ("Delete", "Löschen", "削除"), ("Try again", "Erneut versuchen", "再試行"),
    ("Record type", "Datensatztyp", "レコードタイプ"),
    ("Where am I signed in?", "Wo bin ich angemeldet?", "ログイン状況"), ("Write", "E-Mail schreiben", "メールを送信"),
    ("Recently seen", "Zuletzt angezeigt", "最近参照したデータ"), ("An administrator", "Ein Administrator", "管理者"),
])  # fmt: skip
def test_what_people_tap_most_is_called_as_in_salesforce(text: str, german: str, japanese: str) -> None:
    assert [languages.said(languages.read(language), text) for language in ("de", "ja")] == [german, japanese]
