"""Which tests `make quick` takes for which change."""

import pytest

from devtools import quick


def test_the_nearest_tests_come_first() -> None:
    first, *others = quick.concerned(["functions/backend/records/soql.py"])
    assert first == "tests/functions/records/test_soql.py"
    assert "tests/functions/records/test_queries.py" in others
    assert "tests/app/test_forms.py" not in others


def test_a_view_concerns_the_app_and_not_the_backend() -> None:
    chosen = quick.concerned(["app/src/ui/records/form_view_model.py"])
    assert "tests/app/test_forms.py" in chosen
    assert not any(path.startswith("tests/functions") for path in chosen)


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ("docs/errors.md", "tests/test_docs.py"),
        ("app/src/languages/de/LC_MESSAGES/app.po", "tests/app/test_words.py"),
        ("app/web/start/start.js", "tests/app/test_start_page.py"),
        ("tests/functions/records/test_soql.py", "tests/functions/records/test_soql.py"),
        ("tests/functions/memory_store.py", "tests/functions/connections/test_lifecycle.py"),
    ],
)
def test_what_nothing_imports_has_tests_too(changed: str, test: str) -> None:
    assert test in quick.concerned([changed])


def test_nothing_that_starts_emulators_is_chosen() -> None:
    chosen = quick.concerned(
        ["functions/contract/calls.py", "localorg/server.py", "devtools/suite.py", "tests/conftest.py"]
    )
    assert chosen
    assert not [path for path in chosen if path.startswith(("tests/e2e", "tests/integration"))]
