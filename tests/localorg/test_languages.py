"""Labels in the user's language, as Salesforce's describes and layouts have them; names and values stay."""

from collections.abc import Iterator
from typing import cast

import pytest

from devtools.clients import ADMIN, SALES
from localorg import EmbeddedOrg, OrgSettings
from localorg.schema.standard import STANDARD
from localorg.schema.translations import LANGUAGES, OBJECTS, words_of
from tests.localorg.test_currencies import RestClient, Row


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5)) as made:
        admin = RestClient(made)
        (sales,) = admin.query(f"SELECT Id FROM User WHERE Username = '{SALES}'")
        assert admin.change("User", str(sales["Id"]), LanguageLocaleKey="de") is None
        yield made


@pytest.fixture
def german(org: EmbeddedOrg) -> RestClient:
    return RestClient(org, SALES)


@pytest.fixture
def english(org: EmbeddedOrg) -> RestClient:
    return RestClient(org, ADMIN)


def _fields(client: RestClient, sobject: str) -> dict[str, Row]:
    return {
        str(f["name"]): f for f in cast("list[Row]", cast(Row, client.get(f"sobjects/{sobject}/describe"))["fields"])
    }


def _labels(field: Row) -> dict[str, str]:
    return {str(v["value"]): str(v["label"]) for v in cast("list[Row]", field["picklistValues"])}


def test_a_describe_is_in_the_users_language(english: RestClient, german: RestClient) -> None:
    own = cast(Row, german.get("sobjects/Contact/describe"))
    assert (own["name"], own["label"], own["labelPlural"]) == ("Contact", "Kontakt", "Kontakte")
    assert _fields(german, "Opportunity")["StageName"]["label"] == "Phase"
    stages, ours = (
        _labels(_fields(german, "Opportunity")["StageName"]),
        _labels(_fields(english, "Opportunity")["StageName"]),
    )
    assert list(stages) == list(ours), "values and their order stay"
    assert (stages["Closed Won"], ours["Closed Won"]) == ("Gewonnen", "Closed Won")
    assert cast(Row, english.get("sobjects/Contact/describe"))["label"] == "Contact"


def test_a_layout_is_too(german: RestClient) -> None:
    layout = cast(Row, german.get("sobjects/Contact/describe/layouts/012000000000000AAA"))
    sections = cast("list[Row]", layout["detailLayoutSections"])
    assert [s["heading"] for s in sections][:2] == ["Kontaktinformationen", "Adressinformationen"]
    items = [
        cast(Row, i) for r in cast("list[Row]", sections[0]["layoutRows"]) for i in cast("list[Row]", r["layoutItems"])
    ]
    labels = [str(i["label"]) for i in items]
    assert "Accountname" in labels
    assert "Kontaktinhaber" in labels
    parts = cast("list[Row]", items[0]["layoutComponents"])
    assert {str(i["label"]) for i in parts} & {"Accountname", "Account-ID", "Vollständiger Name"}


def test_labels_in_soql_are_and_values_are_not(english: RestClient, german: RestClient) -> None:
    text = "SELECT StageName, toLabel(StageName) label FROM Opportunity WHERE IsWon = true LIMIT 1"
    german.create("Opportunity", Name="Won", StageName="Closed Won", CloseDate="2026-12-31")
    (row,) = german.query(text)
    assert (row["StageName"], row["label"]) == ("Closed Won", "Gewonnen")
    assert english.query(text)[0]["label"] == "Closed Won"
    assert german.query("SELECT Id FROM Opportunity WHERE toLabel(StageName) = 'Gewonnen'")
    assert not english.query("SELECT Id FROM Opportunity WHERE toLabel(StageName) = 'Gewonnen'")
    text = "SELECT StageName FROM Opportunity ORDER BY StageName, Id"
    assert german.query(text) == english.query(text), "the order is that of set-up"


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("name", OBJECTS)
def test_nothing_of_these_objects_stays_english(name: str, language: str) -> None:
    one, words = STANDARD[name], words_of(language)
    labels = {one.label, one.plural, *(f.label for f in one.fields if not f.custom)}
    values = {f.label_of(v) for f in one.fields if not f.custom for v in f.picklist}
    assert {text for text in labels | values if text not in words} == set()


def test_a_language_without_words_reads_english(org: EmbeddedOrg, english: RestClient) -> None:
    (sales,) = english.query(f"SELECT Id FROM User WHERE Username = '{SALES}'")
    assert english.change("User", str(sales["Id"]), LanguageLocaleKey="fr") is None
    assert cast(Row, RestClient(org, SALES).get("sobjects/Contact/describe"))["label"] == "Contact"
    assert english.change("User", str(sales["Id"]), LanguageLocaleKey="ja") is None
    assert cast(Row, RestClient(org, SALES).get("sobjects/Contact/describe"))["label"] == "取引先責任者"
    assert english.change("User", str(sales["Id"]), LanguageLocaleKey="de") is None
