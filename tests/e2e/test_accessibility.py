"""What assistive technology sees of every place: each control has a name and is large enough, a field says what it
holds, the first tap arrives, and a keyboard alone does everything."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser
TARGET = 48  # logical pixels, Material 3 and WCAG 2.2's enhanced criterion 2.5.5 (44)

_CONTROLS = """(() => {
const save = [...document.querySelectorAll("flt-semantics[role=button]")].find((e) => e.innerText.trim() === "Save");
const foot = save ? save.getBoundingClientRect().top - 9 : innerHeight;  // of a form, with its padding and line
return JSON.stringify([...document.querySelectorAll(
  "input, textarea, " +
  ["button", "tab", "switch", "radio", "checkbox", "menuitem"].map((role) => `flt-semantics[role=${role}]`).join()
)].map((e) => {
  const box = e.getBoundingClientRect();
  const group = e.closest("flt-semantics[role=group]")?.getBoundingClientRect();
  const round = Object.fromEntries(
    ["width", "height", "top", "bottom", "left", "right"].map((of) => [of, Math.round(box[of])]));
  return { role: e.getAttribute("role") ?? e.tagName,
           name: (e.getAttribute("aria-label") ?? e.innerText ?? "").trim(), ...round,
           narrowed: group?.height < 100 && box.right > group.right - 2,
           cut: box.right > innerWidth - 2 || box.top < 1 ||
                 (box.top < foot && box.bottom > foot - 12) ||
                 (box.bottom > innerHeight - 100 && !e.closest("[role=tablist]")) };
}).filter((e) => e.width > 0 && e.bottom > 0 && e.top < innerHeight))})()"""


# The area in which the filters scroll sideways: where its role changes, Flutter's engine makes another element of it.
_FILTERS = """(() => {
  const chips = [...document.querySelectorAll("flt-semantics[role=button]")];
  window.filters ??= chips.find((e) => e.innerText.includes("Industry")).closest("flt-semantics[role=group]");
  return window.filters.isConnected;
})()"""
_FOCUSED = "(document.activeElement?.ariaLabel ?? '') + ' ' + (document.activeElement?.innerText ?? '')"


def controls(phone: Phone) -> list[dict[str, Any]]:
    """Every control on the screen, as the browser's accessibility tree has it."""
    phone.page.wait_for_timeout(500)  # an animation moves what is measured
    found = json.loads(phone.page.evaluate(_CONTROLS))
    assert found
    return found


PLACES = {
    "/": "Open pipeline", "/records/Account": "Alder Energy", "/records/Lead/new": "New Lead",
    "/search": "phone numbers …",
    "/profile": "Account Executive", "/access": "You signed in", "/settings": "Language",
    "/more": "Where am I signed in?",
}  # fmt: skip


_MENU = "the menu of a record"
_SIZES = pytest.mark.parametrize(
    ("size", "text"),
    [((390, 844), 100), ((390, 844), 200), ((1280, 800), 100)],
    ids=["phone", "phone, text at 200 %", "desktop"],
)


@contextmanager
def seen_at(phone: Phone, size: tuple[int, int], text: int) -> Iterator[None]:
    """The app at a size of its window and of the browser's text, in percent; Flutter learns of both at once."""
    phone.page.set_viewport_size({"width": size[0], "height": size[1]})
    phone.page.evaluate(_TEXT_SIZE, f"{text}%")
    yield
    phone.page.evaluate(_TEXT_SIZE, "")


_TEXT_SIZE = "(size) => { document.documentElement.style.fontSize = size; }"


def test_every_control_of_the_sign_in_page_has_a_name(phone: Phone) -> None:
    phone.open()
    phone.page.locator("#start").wait_for(state="detached")  # the app's own sign-in page, not the one before it
    for size, text in _SIZES.args[1]:
        with seen_at(phone, size, text):
            assert [c for c in controls(phone) if not c["name"]] == [], (size, text)


@_SIZES
def test_every_control_has_a_name_is_large_enough_and_on_the_screen(
    at_home: Phone, size: tuple[int, int], text: int
) -> None:
    phone = at_home
    with seen_at(phone, size, text):
        _every_control(phone, size, text)


def _every_control(phone: Phone, size: tuple[int, int], text: int) -> None:
    wrong: list[str] = []
    places, record = dict(PLACES), ""
    if size[0] > 600:
        del places["/more"]
    if text > 100:  # of each kind one: what is true for large text there is true for the others
        places = {path: places[path] for path in ("/", "/records/Account", "/records/Lead/new", "/access")}
    else:
        phone.visit("/records/Account")
        phone.tap(re.compile("^Alder Energy"))
        phone.sees("Account Information")
        record = urlsplit(phone.page.url).path
        places |= {record: "Account Information", f"{record}/edit": "Change Alder Energy", _MENU: "Open in Salesforce"}
    for path, shown in places.items():
        if path == _MENU:
            phone.visit(record)
            phone.tap("More actions")
        else:
            phone.visit(path)
        phone.sees(re.compile(re.escape(shown)))
        there = controls(phone)
        if path.endswith("/edit"):  # Industry has many values, so it can be typed into, and a button of its own
            boxes = [c for c in there if c["role"] == "INPUT" and not c["name"].startswith("Search in ")]
            heights = {c["name"]: c["height"] for c in boxes if not c["cut"]}
            assert "Industry" in heights, heights
            assert len(set(heights.values())) == 1, heights
        for control in there:
            # Flutter's own, in front of what a chip says.
            if not control["name"] or control["name"].startswith("Show menu"):
                wrong.append(f"{path}: without a name: {control}")
            if control["right"] > size[0] and not control["narrowed"]:
                wrong.append(f"{path}: cut at the side: {control}")
            # The last chip of a row that scrolls is cut at the row's side.
            small = control["height"] < TARGET - 1 or (control["width"] < TARGET - 1 and not control["narrowed"])
            if small and not control["cut"]:  # what scrolls is cut by an edge
                wrong.append(f"{path}: too small: {control}")
    assert wrong == []
    phone.page.keyboard.press("Escape")  # the menu
    if size[0] < 600 and text == 100:
        _a_form_with_errors_at_a_phones_200_percent(phone)


def _a_form_with_errors_at_a_phones_200_percent(phone: Phone) -> None:
    """Its fields have room beside what is always in sight, and what is wrong is told where one is."""

    def until_in_sight(name: str) -> None:
        """Between the bar above and the one at the foot, and not cut at a side."""
        phone.until(f"""(() => {{
          const all = [...document.querySelectorAll("input, flt-semantics[role=button]")];
          const named = all.filter((e) => (e.ariaLabel || e.innerText).trim() === "{name}");
          return innerWidth === 195 && named.map((e) => e.getBoundingClientRect()).some((box) =>
            box.top >= 56 && box.bottom <= 342 && box.left >= 0 && box.right <= 195);
        }})()""")

    phone.page.set_viewport_size({"width": 195, "height": 422})
    phone.visit("/records/Lead/new")
    until_in_sight("First Name")
    phone.type("First Name", "Ida")
    phone.page.keyboard.press("Enter")  # saves
    for name in ("Last Name", "Company", "Save"):
        until_in_sight(name)
    phone.tap("Company")
    phone.until("(document.activeElement?.ariaLabel ?? '').startsWith('Company')")


def heard(phone: Phone) -> dict[str, str]:
    """The text fields with what they hold, as the browser tells it to a screen reader."""
    session = phone.page.context.new_cdp_session(phone.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    fields = [n for n in nodes if not n["ignored"] and n["role"]["value"] in ("textbox", "searchbox")]
    return {n["name"]["value"].removesuffix(" *"): n.get("value", {}).get("value", "") for n in fields}


def test_a_field_says_what_it_holds_before_anybody_was_in_it_and_after(at_home: Phone) -> None:
    phone = at_home
    phone.page.set_viewport_size({"width": 390, "height": 1800})
    phone.visit("/records/Account")
    phone.tap(re.compile("^Alder Energy"))
    phone.sees("Account Information")
    page = phone.page.locator("flt-semantics-host").inner_text()
    phone.tap("Edit")
    phone.sees("Change Alder Energy")
    phone.page.get_by_role("button", name=re.compile("^Account Type: .")).first.wait_for()
    said = heard(phone)
    assert said["Account Name"] == "Alder Energy"
    for name in ("Industry", "Account Phone", "Employees", "Billing City", "Billing Country"):
        assert said[name], said
        assert said[name] in page
    phone.type("Account Phone", "+44 20 7946 0111")
    phone.page.get_by_label("Website").first.click()
    phone.until("document.activeElement.ariaLabel === 'Website'")
    assert heard(phone)["Account Phone"] == "+44 20 7946 0111"


def test_the_first_tap_arrives_whenever_it_comes(at_home: Phone) -> None:
    """On the bar a finger may be down while a place appears under it; in a field one types as soon as it is there."""
    phone = at_home
    phone.page.locator("#start").wait_for(state="detached")  # what was there before the app takes no taps for it
    page = phone.page
    bar = {"Accounts": (117, "Account"), "Contacts": (195, "Contact"), "Opportunities": (273, "Opportunity")}
    for first, then in (("Accounts", "Contacts"), ("Opportunities", "Accounts"), ("Contacts", "Opportunities")):
        page.mouse.click(bar[first][0], 810)
        page.mouse.move(bar[then][0], 810)
        page.mouse.down()
        phone.until(f"location.pathname === '/records/{bar[first][1]}'")
        page.wait_for_timeout(200)
        page.mouse.up()
        phone.until(f"location.pathname === '/records/{bar[then][1]}'")
        box = page.get_by_label(f"Search in {then}").first
        box.wait_for(state="attached")
        page.wait_for_timeout(800)  # long enough for the tooltip of what the mouse rests on
        at = box.bounding_box()
        assert at is not None
        page.mouse.click(at["x"] + 100, at["y"] + at["height"] / 2)
        page.wait_for_timeout(600)  # in which the focus was lost again
        page.keyboard.type("wil", delay=30)
        assert box.input_value() == "wil"
        box.press("Control+A")
        box.press("Delete")


def test_a_keyboard_alone_opens_changes_and_saves(signed_in: Phone) -> None:
    """From the link that skips the navigation through rail, filters and list to a record, whose text can be taken."""
    phone = signed_in
    phone.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    phone.page.set_viewport_size({"width": 1280, "height": 800})
    phone.open()
    phone.sees("Open pipeline")

    def focused() -> str:
        return " ".join(str(phone.page.evaluate(_FOCUSED)).split())

    def press(key: str) -> str:
        """Returns what has the focus then."""
        before = focused()
        phone.page.keyboard.press(key)
        for _ in range(20):  # Flutter moves the browser's focus a frame later, which may be long on a busy machine
            phone.page.wait_for_timeout(60)
            if focused() != before:
                break
        return focused()

    def reach(name: str) -> list[str]:
        """Tab until the control has the focus. Returns what had it on the way."""
        stops = list[str]()
        for _ in range(80):
            stops.append(press("Tab"))
            if re.search(name, stops[-1]):
                return stops
        raise AssertionError(f"{name} cannot be reached by keyboard: {stops}")

    assert reach("^Skip to content") == ["Skip to content"]
    phone.until("document.activeElement.getBoundingClientRect().height === 48")  # it is seen
    rail = [s.partition(" Tab ")[0] for s in reach("^Profile Tab") if " Tab " in s]
    assert rail == ["Home", "Accounts", "Contacts", "Opportunities", "Leads", "Cases", "Tasks", "Profile"]
    reach("^Accounts Tab")
    press("Enter")
    phone.sees("Alder Foods")
    phone.until("document.title === 'Accounts – Salesforce Sample'")
    stops = reach("^Alder Foods")  # the focus has stayed on the rail
    begin = next(n for n, name in enumerate(stops) if name.startswith("Search in Accounts"))
    assert stops[begin + 1].startswith("Sorted by Account Name")
    assert [s.split()[0] for s in stops[begin + 2 :]] == ["Account", "Industry", "Account", "Account", "Alder", "Alder"]
    assert phone.page.evaluate(_FILTERS)
    press("Enter")
    phone.sees("Account Information")
    phone.until("document.title === 'Alder Foods – Salesforce Sample'")
    stops = reach("^Edit")  # the focus is on the record, and goes neither through the list nor through the rail
    assert len(stops) <= 5, stops
    assert phone.page.evaluate(_FILTERS), "another title had Flutter build everything anew"
    press("Enter")
    phone.sees("Change Alder Foods")
    reach("^Account Phone")
    phone.page.keyboard.press("Control+A")
    phone.page.keyboard.type("+44 20 7946 0321", delay=15)
    press("Enter")
    phone.sees("Saved.")
    phone.sees("+44 20 7946 0321")
    line = phone.page.get_by_label(re.compile("^Account Type")).or_(phone.page.get_by_text(re.compile("^Account Type")))
    box = line.last.bounding_box()
    assert box is not None
    mouse, height = phone.page.mouse, box["y"] + box["height"] - 10
    mouse.move(box["x"] + 1, height)
    mouse.down()
    mouse.move(box["x"] + 30, height, steps=3)
    mouse.move(box["x"] + box["width"], height, steps=3)
    mouse.up()
    phone.page.keyboard.press("Control+C")
    phone.until("async () => (await navigator.clipboard.readText()) === 'Other'")
