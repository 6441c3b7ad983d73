"""What is typed arrives whole, through an input method too (Japanese, Korean, a dead key), while answers are late."""

import json
import re

import pytest
from playwright.sync_api import CDPSession, Request

from devtools import loopback
from devtools.clients import authorize, exchange
from tests.e2e.phone import Phone

pytestmark = pytest.mark.browser
# While `late` is set, what Python sends to Flutter comes that many milliseconds later, in its order.
LATE = """(() => {
  window.late = 0;
  let before = Promise.resolve(), waiting = 0;
  const later = (take) => function (event) {
    if (!window.late && !waiting) return take.call(this, event);
    waiting++;
    const time = new Promise((come) => setTimeout(come, window.late));
    before = Promise.all([before, time]).then(() => { waiting--; take.call(this, event); });
  };
  const { set, get } = Object.getOwnPropertyDescriptor(Worker.prototype, "onmessage");
  Object.defineProperty(Worker.prototype, "onmessage", { get, set(take) { set.call(this, take && later(take)); } });
  const add = Worker.prototype.addEventListener;
  Worker.prototype.addEventListener = function (type, take, ...more) {
    add.call(this, type, type === "message" ? later(take) : take, ...more);
  };
})()"""
# Save is on the screen as it is now, which may be that of a phone with its keyboard out.
SAVE_IN_SIGHT = """(() => {
  const save = [...document.querySelectorAll("flt-semantics[role=button]")].find((e) => e.innerText.trim() === "Save");
  const box = save?.getBoundingClientRect();
  return box && innerWidth === WIDTH && innerHeight === HEIGHT && box.top > 0 && box.bottom <= innerHeight;
})()"""
IN_ORDER = ("Account Name *", "Parent Account", "Annual Revenue", "Employees", "Account Phone", "Website",
            "Billing Street", "Billing City", "Billing Country", "Save")  # fmt: skip
NIHON = ("n", "に", "にh", "にほ", "にほn", "にほん")  # as it is typed: n i h o n n


class Typist:
    """Types through an input method, 50 milliseconds between two keys, into a field that has the focus."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self._devtools: CDPSession = phone.page.context.new_cdp_session(phone.page)

    def enter(self, label: str) -> None:
        """Taps a field; Flutter attaches its input a moment after that. A tap that met a page that moved is made
        again."""
        for _ in range(5):
            self.phone.page.get_by_label(label).first.click()
            for _ in range(40):
                if self.phone.page.evaluate("(document.activeElement?.ariaLabel ?? '')").startswith(label):
                    return
                self.phone.page.wait_for_timeout(50)
        raise AssertionError(f"{label} did not take the focus")

    def holds(self) -> str:
        """The text of the field that has the focus."""
        return str(self.phone.page.evaluate("document.activeElement.value ?? 'no field has the focus'"))

    def at(self) -> str:
        """The name of what has the focus; "" when nothing has."""
        name = "(document.activeElement.ariaLabel || document.activeElement.innerText).trim()"
        name = f"document.activeElement === document.body ? '' : {name}"
        return str(self.phone.page.evaluate(name))

    def compose(self, *steps: str, keys: tuple[str, ...] = ()) -> None:
        """Composes step by step, presses keys that are the input method's own meanwhile, and takes the last step."""
        for step in steps:
            at_end = {"selectionStart": len(step), "selectionEnd": len(step)}
            self._devtools.send("Input.imeSetComposition", {"text": step, **at_end})
            self.phone.page.wait_for_timeout(50)
        for name in keys:  # as macOS tells them, by their names
            key = {"key": name, "code": name, "windowsVirtualKeyCode": 229}
            self._devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
            self._devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
            self.phone.page.wait_for_timeout(50)
        self._devtools.send("Input.insertText", {"text": steps[-1]})
        self.phone.page.wait_for_timeout(50)

    def settle(self) -> None:
        """Everything that is late comes, and what follows from it."""
        self.phone.page.evaluate("window.late = 0")
        self.phone.page.wait_for_timeout(600)


def test_what_is_typed_arrives_whole_while_answers_are_late(signed_in: Phone, org_url: str) -> None:
    phone, typist = signed_in, Typist(signed_in)
    phone.page.context.add_init_script(LATE)
    phone.open("/records/Account/new")
    phone.sees("New Account")
    phone.page.locator("#start").wait_for(state="detached")
    for width, height in ((1280, 800), (390, 508), (390, 844)):
        phone.page.set_viewport_size({"width": width, "height": height})
        phone.until(SAVE_IN_SIGHT.replace("WIDTH", str(width)).replace("HEIGHT", str(height)))

    # Tab goes through the form as its labels stand, and then to Save.
    typist.enter("Account Name")
    met = [typist.at()]
    while met[-1] != "Save" and len(met) < 60:
        phone.page.keyboard.press("Tab")
        for _ in range(20):  # Flutter moves the browser's focus with a later frame, and for a drop-down not at all
            phone.page.evaluate("new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))")
            if typist.at() not in ("", met[-1]):
                break
            phone.page.wait_for_timeout(50)
        met.append(typist.at())
    assert [name for name in dict.fromkeys(met) if name in IN_ORDER] == list(IN_ORDER)

    # A form. The keys of a composition neither leave the field nor save.
    typist.enter("Account Name")
    phone.page.evaluate("window.late = 400")
    typist.compose(*NIHON, keys=("ArrowDown", "Tab", "Enter"))
    assert typist.holds() == "にほん"
    phone.page.keyboard.type(" ab. example.com")
    typist.compose("´", "é")
    typist.compose("ㅎ", "하", "한")
    phone.page.keyboard.insert_text("🙂")
    name = "にほん ab. example.comé한🙂"
    assert typist.holds() == name
    typist.settle()
    assert typist.holds() == name
    phone.page.keyboard.press("Enter")
    phone.sees("Account created.")
    session = exchange(org_url, authorize(org_url))
    answer = loopback.get(
        f"{org_url}/services/data/v66.0/query",
        params={"q": "SELECT Name FROM Account WHERE Name LIKE 'にほん%'"},
        headers={"Authorization": f"Bearer {session['access_token']}"},
    )
    assert [record["Name"] for record in answer.json()["records"]] == [name]

    asked: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith(("/api/listRecords", "/api/search")):
            question = json.loads(request.post_data or "")["data"]
            asked.append(question.get("text") or question.get("search") or "")

    # Find on a list, and the search over everything.
    phone.page.context.on("request", note)
    for path, label in (("/records/Account", "Search in Accounts"), ("/search", "Search everything")):
        phone.visit(path)
        if path == "/search":  # one types at once
            phone.until(f"document.activeElement?.ariaLabel === '{label}'")
        else:
            typist.enter(label)
        phone.page.evaluate("window.late = 400")
        typist.compose(*NIHON, keys=("Enter", "Tab"))
        assert typist.holds() == "にほん"
        typist.settle()
        assert typist.holds() == "にほん"
        # How often on the way is told by tests/app/test_searching.py, whose clock nobody else's work moves.
        for _ in range(200):
            if asked[-1:] == ["にほん"]:
                break
            phone.page.wait_for_timeout(50)
        assert asked[-1:] == ["にほん"], asked
        phone.sees(re.compile("^" + re.escape(name)))
        button = phone.page.get_by_role("button", name="Clear search").bounding_box()
        assert button is not None
        assert min(button["width"], button["height"]) >= 48
        phone.tap("Clear search")  # and one types on
        phone.until(f"document.activeElement?.ariaLabel === '{label}' && document.activeElement.value === ''")

    # A look-up: Escape takes the composition back, and the dialog stays.
    phone.visit("/records/Contact/new")
    phone.tap(re.compile("^Look up Account"))
    phone.until("(document.activeElement?.ariaLabel ?? '') === 'Search in Accounts'")
    typist.compose(*NIHON, keys=("Escape",))
    assert typist.holds() == "にほん"
    phone.sees(re.compile("^" + re.escape(name)))
