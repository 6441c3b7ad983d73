"""A language of which only a part is translated, and not all of that well: each text is in it or in English."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from devtools import languages
from ui.shared import words

HALF = """
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

msgid "Sign in with Salesforce"
msgstr "Se connecter avec Salesforce"

msgid "Loading …"
msgstr ""

#, fuzzy
msgid "Load again"
msgstr "Recharger, peut-être"

msgid "Good morning, {name}"
msgstr "Bonjour"

msgid "Good evening, {name}"
msgstr "Bonsoir, {nom}"

msgid "Sign in at {host}"
msgstr "Connexion à {host"

msgid "Open {title}"
msgstr "Ouvrir {}"

msgid "{count} hour ago"
msgid_plural "{count} hours ago"
msgstr[0] "il y a une heure"
msgstr[1] "il y a {count} heures"

msgid "{count} day ago"
msgid_plural "{count} days ago"
msgstr[0] "hier"
msgstr[1] ""

msgid "{count} minute ago"
msgid_plural "{count} minutes ago"
msgstr[0] "il y a {count} minute"
msgstr[1] "il y a {zahl} minutes"
"""


def _half() -> Catalog:
    return read_po(io.BytesIO(HALF.strip().encode()), locale="fr")


def test_what_cannot_be_used_is_named_with_the_reason() -> None:
    mistakes = {text: why for text, why in languages.unusable(_half()) if why}
    assert mistakes.pop("Sign in at {host}").startswith("its braces cannot be read: ")
    assert mistakes == {
        "Good morning, {name}": "it lacks {name}",
        "Good evening, {name}": "the English text has no {nom}",
        "Open {title}": "the English text has no {}",
        "('{count} minute ago', '{count} minutes ago')": "the English text has no {zahl}",
    }


def test_an_empty_or_fuzzy_text_counts_as_not_translated() -> None:
    missing = languages.untranslated(_half())
    assert {"Loading …", "Load again", "Save"} < set(missing)
    assert "Sign in with Salesforce" not in missing


@pytest.mark.parametrize(("text", "said"), [
    ("Sign in with Salesforce", "Se connecter avec Salesforce"), ("Loading …", "Loading …"),
    ("Load again", "Load again"), ("Sign in at {host}", "Sign in at {host}"), ("Save", "Save"),
])  # fmt: skip
def test_the_page_before_flutter_says_english_where_it_must(text: str, said: str) -> None:
    assert languages.said(_half(), text) == said


def test_every_text_of_the_page_before_flutter_can_be_translated() -> None:
    assert set(languages.start_texts()) <= {str(m.id) for m in languages.texts()}


_SAYS = """
import sys
from ui.shared import words
print(words.use_language(["fr-CA", "de"]), words.locale(), words.LANGUAGES, words.own_name("fr"))
print(words._("Sign in with Salesforce"), words._("Loading …"), words._("Load again"), words._("Save"), sep="|")
print(words._("Good morning, {name}", name="Sam"), words._("Good evening, {name}", name="Sam"),
      words._("Sign in at {host}", host="H"), words._("Open {title}", title="T"), sep="|")
print(*[words.n_("{count} hour ago", "{count} hours ago", n) for n in (1, 2)],
      *[words.n_("{count} day ago", "{count} days ago", n) for n in (1, 2)],
      *[words.n_("{count} minute ago", "{count} minutes ago", n) for n in (1, 2)], sep="|")
"""


def _app_with(tmp_path: Path, repository: Path, name: str, content: bytes) -> list[str]:
    """What the app says with a French catalogue of this content."""
    source = tmp_path / "src"
    shutil.copytree(repository / "app/src", source, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    folder = source / "languages/fr/LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    path = os.pathsep.join((str(source), str(repository / "functions")))
    command = [sys.executable, "-c", _SAYS]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1"}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


ENGLISH = [
    "Sign in with Salesforce|Loading …|Load again|Save",
    "Good morning, Sam|Good evening, Sam|Sign in at H|Open T",
    "1 hour ago|2 hours ago|1 day ago|2 days ago|1 minute ago|2 minutes ago",
]


def test_an_app_with_a_half_made_language_speaks_it_where_it_can(tmp_path: Path, repository: Path) -> None:
    said = _app_with(tmp_path, repository, "app.mo", languages.compiled(_half()))
    assert said == [
        "fr fr_CA ('en', 'de', 'fr', 'ja') Français",
        "Se connecter avec Salesforce|Loading …|Load again|Save",
        "Good morning, Sam|Good evening, Sam|Sign in at H|Open T",
        "il y a une heure|il y a 2 heures|1 day ago|2 days ago|1 minute ago|2 minutes ago",
    ]


def test_a_catalogue_that_another_tool_compiled_ends_nothing(tmp_path: Path, repository: Path) -> None:
    """Such a tool knows nothing of Python's braces."""
    catalog, made = _half(), io.BytesIO()
    write_mo(made, catalog)
    said = _app_with(tmp_path, repository, "app.mo", made.getvalue())
    assert said[2].split("|")[1:] == ["Good evening, Sam", "Sign in at H", "Open T"]
    assert said[3].endswith("|2 minutes ago")


def test_a_catalogue_that_is_none_gives_english(tmp_path: Path, repository: Path) -> None:
    assert _app_with(tmp_path, repository, "app.mo", b"no catalogue")[1:] == ENGLISH


def test_a_language_begins_with_an_empty_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    path = languages.add("fr")
    assert path.with_suffix(".mo").exists()
    assert languages.languages() == ("fr",)
    assert len(languages.untranslated(languages.read("fr"))) > 200
    assert languages.report(languages.update()) == 0
    path.write_text(
        path.read_text().replace('msgid "Open {title}"\nmsgstr ""', 'msgid "Open {title}"\nmsgstr "Ouvrir"')
    )
    assert languages.report(languages.update()) == 1


@pytest.mark.parametrize("language", ["en", "xx", "fr-FR", "../de", "FR", ""])
def test_what_is_no_language_is_not_begun(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=f"^{language}: "):
        languages.add(language)
    assert not any(tmp_path.iterdir())


def test_each_language_is_chosen_by_the_name_that_it_has_itself() -> None:
    assert [words.own_name(language) for language in words.LANGUAGES] == ["English", "Deutsch", "日本語"]
