// Runs before Flet's and Flutter's own scripts, after Flet's settings: starts Python at once, and tells Flutter what it is to read.
{
  const base = new URL(".", document.currentScript.src).href;

  // A browser whose system has no language (WebKit under the locale C) says "c", at which Flutter's engine stops.
  const isTag = (tag) => { try { return Boolean(new Intl.Locale(tag)); } catch { return false; } };
  const tags = (navigator.languages ?? []).filter(isTag);
  const languages = tags.length ? tags : ["en-US"];
  if (tags.length !== navigator.languages?.length) Object.defineProperty(navigator, "languages", { value: languages });
  // The single language decides nothing but whose shapes the characters have that Chinese, Japanese and Korean share (Flutter's
  // font_fallbacks.dart). Of the Chinese fonts the site has the one that covers most.
  const shapes = { zh: "zh-Hans", ko: "ko" }[languages[0].split("-")[0].toLowerCase()] ?? "ja";
  Object.defineProperty(navigator, "language", { value: shapes });

  // Addresses hold below any path; the fonts of devtools/web_fonts.py are among them.
  Object.assign(flet, {
    entrypointBaseUrl: base, assetBase: base, canvasKitBaseUrl: `${base}canvaskit/`, pyodideUrl: `${base}pyodide/pyodide.mjs`,
    appPackageUrl: `${base}app.tar.gz`, fontFallbackBaseUrl: `${base}fonts/`,
  });

  // Until Python sends something Flutter's sign of waiting turns behind the page; its frames take the processor from Python.
  const FREE_FRAMES = 10, SLOW_FRAME = 250; // milliseconds
  const frame = window.requestAnimationFrame.bind(window), later = new Map(); // timer: what paints
  let free = FREE_FRAMES, began = 0, received = 0;
  const next = (paint) => frame((at) => {
    began = performance.now();
    paint(at);
  });
  window.requestAnimationFrame = (paint) => {
    if (received || free-- > 0) return next(paint);
    const timer = setTimeout(() => { later.delete(timer); next(paint); }, SLOW_FRAME);
    later.set(timer, paint);
    return timer;
  };
  flet.heardPython = () => {
    if (!received) performance.mark("first message");
    received = performance.now();
    for (const [timer, paint] of later) {
      clearTimeout(timer);
      next(paint);
    }
    later.clear();
  };
  /** Waits until Flutter has painted what Python sent last. */
  flet.painted = async () => {
    const sent = received, patience = performance.now() + 2000; // milliseconds, should Flutter paint nothing
    while (began <= sent && performance.now() < patience) await new Promise(frame);
    await new Promise(frame); // its picture comes after the frame, and before the next
    window.requestAnimationFrame = frame;
    flet.heardPython = null;
  };

  performance.mark("worker started");
  const address = `${base}python-worker.js`;
  // Flutter's Rive plugin names a script on a CDN, which is never asked for (devtools/web_flutter.py); any other plain text throws.
  const rive = "https://cdn.jsdelivr.net/npm/@rive-app/";
  window.trustedTypes?.createPolicy("default", { createScriptURL: (url) => (url.startsWith(rive) ? url : null) });
  const trusted = window.trustedTypes?.createPolicy("start", { createScriptURL: () => address });
  flet.workerUrl = trusted?.createScriptURL(address) ?? address;
  flet.earlyWorker = new Worker(flet.workerUrl, { type: "module" });
  // Until Flet's python.js listens.
  flet.earlyWorker.onmessage = ({ data }) => dispatchEvent(new CustomEvent("from-python", { detail: data.toPage }));
  flet.earlyWorker.onerror = () => dispatchEvent(new Event("start-failed"));
}
