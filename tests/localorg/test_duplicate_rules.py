"""An org of the shape `duplicate-rules`: what is refused, what the refusal says, and how it is saved nevertheless."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from localorg import EmbeddedOrg, OrgSettings
from localorg.cli import main
from localorg.provision import open_org

DATA = "/services/data/v66.0"
ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


@pytest.fixture(scope="module")
def org() -> Iterator[EmbeddedOrg]:
    with EmbeddedOrg(OrgSettings(accounts=5, shape=frozenset({"duplicate-rules"}))) as org:
        yield org


def made(http: httpx.Client, **values: Any) -> httpx.Response:
    return http.post("/sobjects/Contact", json={"LastName": "Ruiz", **values})


def test_a_record_that_is_there_already_is_refused_with_the_one_that_it_is_like(http: httpx.Client) -> None:
    first = made(http, Email="ruiz@cedar.example").json()["id"]
    refused = made(http, Email="RUIZ@cedar.example")
    assert refused.status_code == 400
    (error,) = refused.json()
    assert (error["errorCode"], error["message"]) == ("DUPLICATES_DETECTED", "Use one of these records?")
    result = error["duplicateResult"]
    assert result["allowSave"] is True
    assert result["duplicateRule"] == "Standard_Contact_Duplicate_Rule"
    (match,) = result["matchResults"]
    assert (match["entityType"], match["size"], match["success"]) == ("Contact", 1, True)
    assert [m["record"]["Id"] for m in match["matchRecords"]] == [first]


def test_the_header_saves_it_nevertheless(http: httpx.Client) -> None:
    made(http, Email="twice@cedar.example")
    again = http.post("/sobjects/Contact", json={"LastName": "R", "Email": "twice@cedar.example"}, headers=ALLOW)
    assert again.status_code == 201


def test_a_change_that_makes_it_like_another_is_refused_and_one_of_itself_is_not(http: httpx.Client) -> None:
    one, other = (made(http, Email=f"{n}@oak.example").json()["id"] for n in (1, 2))
    change = {"Email": "1@oak.example"}
    assert http.patch(f"/sobjects/Contact/{other}", json=change).json()[0]["errorCode"] == "DUPLICATES_DETECTED"
    assert http.patch(f"/sobjects/Contact/{one}", json=change).status_code == 204
    assert http.patch(f"/sobjects/Contact/{other}", json=change, headers=ALLOW).status_code == 204


def test_a_lead_is_compared_with_contacts_too(http: httpx.Client) -> None:
    made(http, Email="both@elm.example")
    lead = http.post("/sobjects/Lead", json={"LastName": "B", "Company": "Elm", "Email": "both@elm.example"})
    assert [m["entityType"] for m in lead.json()[0]["duplicateResult"]["matchResults"]] == ["Contact"]


def test_inside_a_composite_request_the_part_has_the_header(http: httpx.Client) -> None:
    made(http, Email="part@elm.example")
    part = {"method": "POST", "url": f"{DATA}/sobjects/Contact", "referenceId": "made",
            "body": {"LastName": "P", "Email": "part@elm.example"}}  # fmt: skip
    for headers, status in (({}, 400), ({"httpHeaders": ALLOW}, 201)):
        (answer,) = http.post("/composite", json={"compositeRequest": [part | headers]}).json()["compositeResponse"]
        assert answer["httpStatusCode"] == status


def test_without_values_to_compare_nothing_is_alike(http: httpx.Client) -> None:
    for email in (None, ""):
        for _ in range(2):
            assert made(http, Email=email).status_code == 201


def test_an_unknown_shape_is_refused_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="there is no shape round; there are duplicate-rules"):
        OrgSettings(shape=frozenset({"round"}))
    assert main(["serve", "--shape", "duplicate-rules,round"]) == 1
    assert "there is no shape round" in capsys.readouterr().err


def test_an_org_keeps_the_shape_that_it_was_made_with(tmp_path: Path) -> None:
    shape = frozenset({"duplicate-rules"})
    with EmbeddedOrg(OrgSettings(data=tmp_path, accounts=1, shape=shape)):
        pass
    with pytest.raises(ValueError, match="was made with --shape duplicate-rules"):
        open_org(OrgSettings(data=tmp_path))
    with EmbeddedOrg(OrgSettings(data=tmp_path, shape=shape)):
        pass
