// Starts Flutter by its loader (flutter_bootstrap.js), which chooses: skwasm where the browser can, else CanvasKit.
{
  const NO_SKWASM = "no-skwasm"; // in this tab, once skwasm has failed
  let entered = false;

  const recall = () => { try { return sessionStorage.getItem(NO_SKWASM) !== null; } catch { return false; } };
  const keep = () => { try { sessionStorage.setItem(NO_SKWASM, ""); } catch { /* the next start tries it again */ } };
  // skwasm paints in an OffscreenCanvas; whether that has WebGL, Flutter's loader does not ask, and nothing would be painted.
  const canPaint = () => {
    try { return (new OffscreenCanvas(1, 1).getContext("webgl2") ?? new OffscreenCanvas(1, 1).getContext("webgl")) !== null; } catch { return false; }
  };
  const tell = (error) => {
    console.error(error);
    dispatchEvent(new Event("start-failed"));
  };

  const load = async (renderer) => {
    const config = {
      multiViewEnabled: flet.multiView, entrypointBaseUrl: flet.entrypointBaseUrl, assetBase: flet.assetBase,
      canvasKitBaseUrl: flet.canvasKitBaseUrl, fontFallbackBaseUrl: flet.fontFallbackBaseUrl, ...(renderer && { renderer }),
    };
    const onEntrypointLoaded = async (initializer) => {
      entered = true;
      performance.mark("flutter loaded");
      try {
        const engine = await initializer.initializeEngine(config);
        flet.flutterApp = await engine.runApp();
        performance.mark("flutter runs");
        flet.flutterAppResolve(flet.flutterApp);
      } catch (error) {
        if (isSkwasm) keep(); // where it is loaded again
        tell(error);
      }
    };
    const loaded = _flutter.loader.load({ config, onEntrypointLoaded });
    const isSkwasm = !window.flutterCanvasKitLoaded;
    try {
      await loaded;
    } catch (error) {
      if (!isSkwasm || entered) return tell(error);
      console.info("started without skwasm");
      keep();
      await load("canvaskit");
    }
  };
  addEventListener("flutter-first-frame", () => performance.mark("first frame"), { once: true });
  load(recall() || !canPaint() ? "canvaskit" : null);
}
