"""A seller's day in a real browser, in one app that is started once: home begins with it, a task is completed and taken
back, a call is kept, a deal is moved on the board, a list view is chosen, a lead becomes a customer, a file is added.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from playwright.sync_api import expect

from devtools import loopback
from devtools.clients import SALES, App, authorize, control
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser


@pytest.fixture
def salesforce(org_url: str) -> Iterator[httpx.Client]:
    """Salesforce itself, as the seller."""
    token = control(org_url, "token", {"username": SALES})["access_token"]
    data, bearer = f"{org_url}/services/data/v66.0", {"Authorization": f"Bearer {token}"}
    with loopback.Client(base_url=data, headers=bearer) as client:
        yield client


def test_a_task_is_done_and_taken_back_and_a_call_is_kept(at_home: Phone, org_url: str) -> None:
    phone = at_home
    phone.sees("Today")
    phone.sees(re.compile("Overdue"))
    control(org_url, "counters/reset")
    circle = phone.page.get_by_role("button", name=re.compile("^Complete: ")).first
    circle.wait_for()
    box = circle.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 48
    circle.click()
    phone.sees(re.compile("is completed"))
    assert requests(org_url) == 1, "one tap is one request"
    phone.tap("Undo")
    phone.misses(re.compile("is completed"))
    phone.page.get_by_role("button", name=re.compile("^Call ")).first.click()
    phone.sees(re.compile("How was the call with"))
    phone.tap("Reached")
    phone.type("What was said?", "wants a quote")
    phone.tap("Tomorrow")
    control(org_url, "counters/reset")
    phone.tap(re.compile("^Save$"))
    phone.sees("The call is saved.")
    assert control(org_url, "counters").get("rest.composite", 0) <= 2, "the call, and home anew"


def test_a_deal_is_moved_on_the_board_and_back_and_closed_when_asked(at_home: Phone, salesforce: httpx.Client) -> None:
    phone = at_home
    fields = {"Name": "Board Deal", "StageName": "Prospecting", "CloseDate": "2001-01-01"}  # the next to close
    deal = new(salesforce, "Opportunity", **fields)

    def stage() -> str:
        return salesforce.get(f"/sobjects/Opportunity/{deal}").json()["StageName"]

    def move(to: str) -> None:
        phone.page.get_by_role("button", name="Move Board Deal to …").last.click()
        phone.sees("Cancel")
        phone.page.get_by_role("button", name=to, exact=True).last.click()

    phone.visit("/records/Opportunity/board")
    phone.sees("Board Deal")
    phone.sees(re.compile(r"^Prospecting: .*\d+ deals?"))
    move("Qualification")
    phone.sees("Board Deal is in “Qualification” now.")
    assert stage() == "Qualification"
    phone.tap("Undo")
    phone.sees("Board Deal is back in “Prospecting”.")
    assert stage() == "Prospecting"
    # Beside each other on a wide screen, a card is dragged to another column.
    phone.page.set_viewport_size({"width": 1280, "height": 800})
    # The third column is there on a wide screen only, and then the first ones are in their places.
    third = phone.page.get_by_role("heading", name=re.compile("^Needs Analysis: "))
    for _ in range(600):
        if third.count() and (box := third.last.bounding_box()) is not None and box["x"] > 600:
            break
        phone.page.wait_for_timeout(100)
    card = phone.page.get_by_role("button", name="Move Board Deal to …").last.bounding_box()
    there = phone.page.get_by_role("heading", name=re.compile("^Qualification: ")).last.bounding_box()
    assert card is not None
    assert there is not None
    assert card["x"] < there["x"] < 600
    mouse = phone.page.mouse
    mouse.move(card["x"] - 60, card["y"] + 24)
    mouse.down()
    for n in range(1, 11):  # a drag begins with the first steps
        mouse.move(
            card["x"] - 60 + (there["x"] + 60 - card["x"] + 60) * n / 10,
            card["y"] + 24 + (there["y"] + 120 - card["y"]) * n / 10,
        )
        phone.page.wait_for_timeout(50)
    mouse.up()
    phone.sees("Board Deal is in “Qualification” now.")
    assert stage() == "Qualification"
    # The record's page has the stages as steps.
    phone.visit(f"/records/Opportunity/{deal}")
    phone.tap("Closed Lost")
    phone.sees("Close as lost?")
    phone.tap("Close as lost")
    phone.sees("Board Deal is in “Closed Lost” now.")
    assert stage() == "Closed Lost"


def test_a_list_view_is_there_again_after_a_reload_and_a_star_on_home(at_home: Phone, org_url: str) -> None:
    phone = at_home
    phone.visit("/records/Opportunity")
    phone.sees("Choose a list view")
    phone.tap(re.compile("Mine and open"))
    phone.sees("List views")
    phone.tap(re.compile("My Opportunities"))
    phone.misses("Cancel")
    phone.sees(re.compile("My Opportunities"))
    phone.sees(re.compile("Sorted by Opportunity Name|Sorted by Name"))
    phone.open("/records/Opportunity")
    phone.sees(re.compile("My Opportunities"))
    phone.sees(re.compile("Sorted by"))

    phone.visit("/records/Account")
    with phone.page.expect_response(re.compile("/getFavorites$")):  # behind what the device has kept
        phone.tap(re.compile("Alder Energy"))
    phone.page.get_by_role("button", name="Add to favorites").first.wait_for()
    control(org_url, "counters/reset")
    phone.tap("Add to favorites")
    phone.page.get_by_role("button", name="Remove from favorites").first.wait_for()
    phone.go("Home")
    phone.sees("Favorites")
    assert control(org_url, "counters").get("rest.favorites") == 1, "a tap is one request"
    phone.tap(re.compile(r"Alder Energy\s+Account"))
    phone.tap("Remove from favorites")
    phone.page.get_by_role("button", name="Add to favorites").first.wait_for()


def test_a_lead_becomes_a_customer(at_home: Phone, salesforce: httpx.Client) -> None:
    phone = at_home
    customer = new(salesforce, "Account", Name="Lovelace Mills", BillingCity="London")
    lead = new(
        salesforce, "Lead", FirstName="Ida", LastName="Lovelace", Company="Lovelace Mills", Email="ida@lovelace.example"
    )
    phone.visit(f"/records/Lead/{lead}")
    phone.tap("Convert")
    phone.sees("Convert Ida Lovelace")
    phone.page.get_by_role("radio", name=re.compile("^Lovelace Mills")).click()
    phone.type("Name *", "Looms for Lovelace")
    phone.page.get_by_role("button", name="Convert", exact=True).click()
    phone.sees("Ida Lovelace is converted.")
    phone.sees("Looms for Lovelace")
    row = salesforce.get(f"/sobjects/Lead/{lead}").json()
    assert (row["IsConverted"], row["ConvertedAccountId"]) == (True, customer)

    phone.visit(f"/records/Lead/{lead}")
    phone.sees("Converted into")
    expect(phone.page.get_by_role("button", name="Edit")).to_have_count(0)
    phone.tap(re.compile("^Looms for Lovelace"))
    phone.sees("Prospecting")


def test_a_file_is_added_and_comes_back_whole(at_home: Phone, app: App, org_url: str, tmp_path: Path) -> None:
    app.sign_in(authorize(org_url))
    record = app.call("api/createRecord", {"sobject": "Account", "fields": {"Name": "Alder Filing"}})["id"]
    asked = {"sobject": "Account", "id": record}
    content = random.Random(5).randbytes(3_000_000)
    offer = tmp_path / "Angebot 見積書.pdf"
    offer.write_bytes(content)
    phone = at_home
    phone.visit(f"/records/Account/{record}")
    phone.tap("Show files")
    phone.sees("None yet.")

    def choose(path: Path) -> None:
        with phone.page.expect_file_chooser() as chooser:
            phone.tap("Add a file")
        chooser.value.set_files(path)

    # One that is stopped on its way leaves nothing.
    phone.page.context.route("**/api/uploadFile", lambda _route: None)
    choose(offer)
    phone.sees(re.compile("Saving Angebot"))
    phone.tap("Stop")
    phone.misses(re.compile("Saving Angebot"))
    phone.page.context.unroute("**/api/uploadFile")

    choose(offer)
    phone.sees(re.compile("is saved"))
    phone.sees(re.compile("PDF · 2.9 MB"))
    with phone.page.expect_download() as download:
        phone.tap(re.compile("PDF · 2.9 MB"))
    assert download.value.suggested_filename == offer.name
    assert Path(download.value.path()).read_bytes() == content
    listed = app.call("api/listFiles", asked)["files"]
    assert {(file["title"], file["size"]) for file in listed} == {("Angebot 見積書", len(content))}


def requests(org_url: str) -> int:
    return sum(n for kind, n in control(org_url, "counters").items() if kind.startswith("rest."))


def new(salesforce: httpx.Client, sobject: str, **fields: str) -> str:
    made = salesforce.post(f"/sobjects/{sobject}", json=fields)
    assert made.status_code == 201, made.text
    return made.json()["id"]
