"""A phone's browser with the app in it, as the tests drive it: it notes all that comes to the browser."""

import base64
import json
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from playwright.sync_api import BrowserContext, Error, Request, Response

from devtools.browsers import Tab

# The name under which the app's storage on the web keeps its key, and before the names of what it keeps:
# app/web/start/storage.js.
_STORAGE = "FletSecureStorage"

_NOTE_PLAINTEXTS = """(() => {
  const encrypt = crypto.subtle.encrypt.bind(crypto.subtle);
  crypto.subtle.encrypt = (how, key, text) => {
    const kept = JSON.parse(sessionStorage.getItem("test-plaintexts") ?? "[]");
    sessionStorage.setItem("test-plaintexts", JSON.stringify([...kept, new TextDecoder().decode(text)]));
    return encrypt(how, key, text);
  };
})()"""
_READ_STORAGES = """async () => {
  const found = { local: { ...localStorage }, session: { ...sessionStorage }, cookie: document.cookie,
                  databases: {}, caches: {} };
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((done, fail) => { const r = indexedDB.open(name);
      r.onsuccess = () => done(r.result); r.onerror = fail; });
    for (const store of db.objectStoreNames) {
      found.databases[`${name}/${store}`] = await new Promise((done, fail) => {
        const r = db.transaction(store).objectStore(store).getAll();
        r.onsuccess = () => done(r.result.map(String)); r.onerror = fail; });
    }
    db.close();
  }
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys())
      found.caches[request.url] = await (await caches.match(request)).text();
  }
  return found;
}"""

_READ_SCREEN = """() => [...document.querySelectorAll("#start, flt-semantics-host")].map((part) =>
  `${part.id || part.localName} ${part.dataset.shows ?? ""} ${part.className}: ${part.innerText}`).join("\\n")"""

# Opens a browser that knows nothing but the app's files; takes the options of Playwright's contexts.
Open = Callable[..., BrowserContext]


OPENED: list["Phone"] = []  # those of the test that runs


class Phone(Tab):
    """A tab that notes all that comes to the browser."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        super().__init__(context.new_page(), url)
        OPENED.append(self)
        self.bearers: list[str] = []
        self.seen: list[str] = []  # all that came to the browser: URLs, headers and bodies of answers, console lines
        self.unread = 0
        context.add_init_script(_NOTE_PLAINTEXTS)
        context.on("request", self._note_request)
        context.on("response", self._note_response)
        context.on("console", lambda message: self.seen.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.seen.append(f"error: {error}"))

    def _note_request(self, request: Request) -> None:
        self.seen.append(f"request: {request.url}")
        header = request.headers.get("authorization", "")
        if header.startswith("Bearer "):
            self.bearers.append(header.removeprefix("Bearer "))

    def _note_response(self, response: Response) -> None:
        body = ""
        # The build's own files, alike for everyone.
        if not 300 <= response.status < 400 and not response.url.startswith(f"{self.url}/v/"):
            try:
                body = response.body().decode("utf-8", "replace")
            except Error:  # a page that was left before its body had come, or a stream that the browser keeps to itself
                self.unread += 1
        self.seen.append(f"response: {response.url}\n{response.headers}\n{body}")

    def screen(self) -> str:
        """What is on the screen and how it came there, for whoever reads of a test that failed: no address's query, no
        body and no header.
        """
        try:
            words = [self.page.evaluate(_READ_SCREEN)]
        except Error as failed:
            words = [failed.message]
        lines = [f"{self.page.url.partition('?')[0]}", *words, "last requests, answers and lines of the console:"]
        for line in self.seen[-30:]:
            kind, _, rest = line.partition(": ")
            address = rest.partition("\n")[0]
            lines.append(f"{kind}: {address.partition('?')[0] if kind in ('request', 'response') else address}"[:200])
        return "\n".join(lines)

    def kept(self) -> str:
        """Every key and value of every storage, and what was encrypted before it was stored."""
        return json.dumps([self.page.context.storage_state(indexed_db=True), self.page.evaluate(_READ_STORAGES)])

    def take_up(self, kept: dict[str, str]) -> None:
        """Puts what another installation of the app keeps (name: text) into this browser, as the app's own storage
        would.
        """
        key = os.urandom(32)
        entries = {_STORAGE: _text(key)} | {f"{_STORAGE}.{name}": _sealed(key, text) for name, text in kept.items()}
        self.page.goto(f"{self.url}/manifest.json")  # of the app's origin, and not the app
        self.page.evaluate("(entries) => Object.assign(localStorage, entries)", entries)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _sealed(key: bytes, text: str) -> str:
    vector = os.urandom(12)
    return f"{_text(vector)}.{_text(AESGCM(key).encrypt(vector, text.encode(), None))}"
