// What a person sees and can do before the app itself is painted: the sign-in page, or their home as it looked last.
import { begin, bind, call, fullMyDomain, keep } from "./sign_in.js";
import { has, read, remove, write } from "./storage.js";
import "./typing.js";
import "./values.js";
import { fonts, words } from "./words.js";

const start = document.getElementById("start");
const form = document.getElementById("start-sign-in");
const find = (selector) => document.querySelector(selector);
let touched = false; // the person uses the page: it stays until they have left for Salesforce
let pressed = Promise.resolve(); // until the finger is lifted
let painted = false; // the app itself is painted behind it
let failed = false;

// What goes wrong is told in plain words, whatever it is. Should the app come after all, it takes the page's place as ever.
const PATIENCE = 30_000; // milliseconds in which nothing comes, for slow phones and slow networks
const SHORT_PATIENCE = 8_000; // after an error that nobody caught, which may be of no account
let longest = PATIENCE, ends;
const own = new URL(".", import.meta.url).href;
start.dataset.runs = "";
start.querySelector("#start-trouble a").onclick = (event) => {
  event.preventDefault();
  location.reload();
};
addEventListener("start-failed", () => { if (!painted) fail(); });
addEventListener("unhandledrejection", doubt);
addEventListener("error", ({ target }) => {
  if (target === window) doubt();
  else if (target.tagName === "SCRIPT" && target.src.startsWith(own) && !painted) fail();
}, true); // what could not be loaded is told on its way down only
new PerformanceObserver(comes).observe({ type: "resource" });
comes();

addEventListener("from-python", ({ detail }) => {
  if (detail === "painted") leave();
  else if (detail === "comes") comes();
  else if (detail === "failed") fail();
  else if (detail === "forget") remove("picture");
  else if (detail.attest) attest(detail);
  else if (detail.keep) setTimeout(keepPicture, 600, detail.keep); // when nothing moves any more
});

const settings = await read("settings") ?? {};
const dark = settings.theme === "dark" || (settings.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
start.classList.toggle("dark", dark);

const language = [settings.language, ...navigator.languages ?? []].map((tag) => (tag || "").split("-")[0].toLowerCase())
  .find((tag) => Object.hasOwn(words, tag)) ?? "en";
const say = (text) => words[language]?.[text] ?? text;
document.documentElement.lang = language;
// The pieces of fonts that the app's words need: Flutter asks for each once it has drawn a box in its place.
for (const piece of fonts[language] ?? []) {
  const address = new URL(`fonts/${piece}`, import.meta.url);
  void fetch(address, { priority: "low" }).then((answer) => answer.arrayBuffer()).catch(() => undefined);
}
for (const element of start.querySelectorAll("[data-words]")) {
  if (element.id !== "start-at") element.textContent = say(element.dataset.words);
}

await show();

async function show() {
  try {
    if (location.pathname === "/oauth/callback") {
      find("#start-splash span").textContent = say("Signing you in …");
    } else if (!has("sessions") && !has("ended-session")) {
      await showSignIn();
    } else if (location.pathname === "/") {
      await showPicture();
    }
  } catch { // the browser forbids storage
    await showSignIn();
    find("#start-refused").hidden = false;
  }
}

async function attest({ attest: app, once, fresh, answer }) {
  answer.postMessage(await proof(app, { once, fresh }));
}

/** A token of App Check; "" when there is none to be had. */
async function proof(app, how) {
  try {
    const page = await import("./app_check.js");
    return await page.attest(app, how);
  } catch { // without a network it cannot be loaded; the call itself will say so
    return "";
  }
}

/** Something came: the start goes on. */
function comes() {
  clearTimeout(ends);
  if (!painted) ends = setTimeout(tellSlow, longest);
}

function doubt() {
  longest = SHORT_PATIENCE;
  comes();
}

/** The page on which one signs in needs no app; the others only wait for it. */
function tellSlow() {
  if (start.dataset.shows !== "sign-in") shows("slow");
}

function fail() {
  failed = true;
  clearTimeout(ends);
  if (touched) return; // they are about to leave, and the next page starts anew
  document.body.append(start); // it may have gone
  shows("failed");
}

/** What is on the screen now; the marks are what bench/first_frame.py reads. */
function shows(what) {
  if (failed && what !== "failed") return;
  start.dataset.shows = what;
  performance.mark(`shows ${what}`);
}

async function showSignIn() {
  shows("sign-in");
  let options = call("getSignInOptions", {});
  form.onkeydown = () => { touched = true; };
  form.onpointerdown = () => {
    touched = true;
    pressed = new Promise((done) => ["pointerup", "pointercancel"].forEach((end) => addEventListener(end, () => setTimeout(done), { once: true })));
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    touched = true; // also where it was not a finger or a key
    waits(true);
    let known = null;
    try {
      known = await options;
      await signIn(known);
    } catch (error) {
      if (known === null || failed) touched = false; // the app itself says why, when it is painted
      if (failed) return fail();
      tellWhy(error.reason);
      if (known !== null) return; // the page stays, with what it says
      options = call("getSignInOptions", {}); // for the next try
      options.catch(() => {});
      if (painted) await leave();
    }
  };
  addEventListener("pageshow", ({ persisted }) => { if (persisted) waits(false); }); // back from Salesforce, to the page as it was left
  options.then(async (known) => {
    await pressed; // else the button moves away from under the finger, and the tap is none
    showHosts(known);
  }).catch(() => {});
}

/** Salesforce's page is about to open, or it is the person's turn again. */
function waits(does) {
  form.querySelector("button").disabled = does;
  form.querySelector("button span").textContent = does ? say("Loading …") : say("Sign in with Salesforce");
  if (does) find("#start-failed").hidden = true;
}

function tellWhy(reason) {
  find("#start-failed").textContent = why(reason);
  find("#start-failed").hidden = false;
  waits(false);
}

/** Why a sign-in could not begin, in words. */
function why(reason) {
  switch (reason) {
    case "offline": return say("You seem to be offline. Please try again.");
    case "silent": return say("The service does not answer right now. Please try again.");
    case "not-the-app": return say("This app could not prove that it is genuine. Close it and open it again.");
    case "too-many-sign-ins": return say("Too many sign-ins have failed just now. Please try again in a minute.");
    case "login-host-not-allowed": return say("This app does not sign in through that address.");
    case "misconfigured": case "redirect-uri-not-allowed": return say("The app is not set up correctly. Please tell your administrator.");
    default: return say("Something went wrong on our side. Please try again.");
  }
}

function showHosts({ loginHosts }) {
  if (loginHosts.length === 1) {
    find("#start-at").textContent = say("Sign in at {host}").replace("{host}", loginHosts[0].label);
    return;
  }
  find("#start-at").hidden = true;
  find("#start-host").hidden = false;
  const select = find("#start-host select");
  select.replaceChildren(...loginHosts.map(({ host, label }) => new Option(label, host)));
  select.onchange = () => { find("#start-my-domain").hidden = !select.value.startsWith("*."); };
}

async function signIn(options) {
  const chosen = find("#start-host select").value;
  let host = options.loginHosts.find((known) => known.host === chosen) ?? options.loginHosts[0];
  if (host.host.startsWith("*.")) {
    const name = fullMyDomain(find("#start-my-domain input").value, host.host);
    find("#start-my-domain small").hidden = name !== null;
    if (name === null) return waits(false);
    host = { ...host, host: name };
  }
  const bound = async (request) => await bind(request, options.appCheck && await proof(options.appCheck, { once: false, fresh: false }));
  const { pending, url } = await begin(options, host, `${location.origin}/oauth/callback`, location.pathname + location.search, bound);
  try {
    await keep(pending);
    if (options.appCheck) await write("app-check", options.appCheck); // the app reads it before its first call
  } catch {
    find("#start-refused").hidden = false;
    waits(false);
    return;
  }
  location.assign(url);
}

async function showPicture() {
  const [picture, sessions] = [await read("picture"), await read("sessions")];
  const fits = picture?.width === innerWidth && picture.height === innerHeight && picture.dark === dark;
  if (fits && picture.uid === sessions?.current) {
    find("#start-picture").src = picture.image;
    await find("#start-picture").decode();
    shows("picture");
  }
}

/** Keeps what Flutter has painted of the home page, as this user's. */
async function keepPicture(uid) {
  if (location.pathname !== "/" || innerWidth * innerHeight === 0) return;
  const scale = Math.min(devicePixelRatio, 1600 / innerWidth);
  const canvas = new OffscreenCanvas(Math.round(innerWidth * scale), Math.round(innerHeight * scale));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  // Where Flutter paints straight to the screen, its canvas can be read only in the frame in which it was painted. When nothing moves
  // any more it paints none, but for a window whose size may have changed.
  for (let tries = 5; ; tries--) {
    (window.visualViewport ?? window).dispatchEvent(new Event("resize"));
    await new Promise(requestAnimationFrame);
    for (const part of canvases(document)) pen.drawImage(part, 0, 0, canvas.width, canvas.height);
    if (!isBlank(pen.getImageData(0, 0, canvas.width, canvas.height).data)) break;
    if (!tries || location.pathname !== "/") return;
    await new Promise((later) => setTimeout(later, 400));
  }
  const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
  const image = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  });
  const sessions = await read("sessions");
  if (sessions?.current !== uid || image.length > 400_000) return;
  await write("picture", { uid, width: innerWidth, height: innerHeight, dark, image }).catch(() => {});
  if ((await read("sessions"))?.current !== uid) remove("picture"); // they have signed out meanwhile
}

function* canvases(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.tagName === "CANVAS") yield element;
    if (element.shadowRoot) yield* canvases(element.shadowRoot);
  }
}

function isBlank(pixels) {
  const colours = new Set();
  for (let at = 0; at < pixels.length; at += 4004) colours.add((pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]);
  return colours.size < 6;
}

/** The app is painted: shows it, unless the person is about to sign in here. */
async function leave() {
  const isFirst = !painted;
  painted = true;
  clearTimeout(ends);
  await flet.painted();
  if (isFirst) performance.mark("painted");
  if (!touched && !failed) start.remove(); // at once: two texts would be seen while one fades, and a tap would fall on neither
}
