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
  let free = FREE_FRAMES;
  window.requestAnimationFrame = (paint) => {
    if (free-- > 0) return frame(paint);
    const timer = setTimeout(() => { later.delete(timer); frame(paint); }, SLOW_FRAME);
    later.set(timer, paint);
    return timer;
  };
  flet.heardPython = () => {
    flet.heardPython = null;
    performance.mark("first message");
    window.requestAnimationFrame = frame;
    for (const [timer, paint] of later) {
      clearTimeout(timer);
      frame(paint);
    }
  };

  performance.mark("worker started");
  flet.earlyWorker = new Worker(`${base}python-worker.js`, { type: "module" });
  // Until Flet's python.js listens.
  flet.earlyWorker.onmessage = ({ data }) => dispatchEvent(new CustomEvent("from-python", { detail: data.toPage }));
  flet.earlyWorker.onerror = () => dispatchEvent(new Event("start-failed"));
}
