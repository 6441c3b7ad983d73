"""The page docs/how-true.md says what the tests hold."""

from devtools import how_true


def test_the_page_is_up_to_date() -> None:
    assert how_true.PAGE.read_text() == how_true.page(), "write it anew: make how-true"


def test_the_page_names_every_test_file_with_its_rules_and_gaps() -> None:
    page = how_true.page()
    for path in sorted(how_true.PAGE.parents[1].glob("tests/localorg/test_*.py")):
        assert f"`tests/localorg/{path.name}`" in page
    assert "| a semi join stands alone at the top | 16 |" in page
    assert "Source: SOAP API Developer Guide, Primitive Data Types" in page
    assert "- SOQL: refused: paths through parents inside TYPEOF" in page
    assert "| `/tooling/sobjects`, `/tooling/executeAnonymous` | refused |" in page
