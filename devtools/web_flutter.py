"""Changes in Flet's build of Flutter: main.dart.js for CanvasKit, main.dart.wasm with main.dart.mjs for skwasm."""

from pathlib import Path

from devtools.web_files import replace

# Texts and what takes their place, of the same length.
_TEXTS = {
    "Working...": " " * 10,  # Flet's sign of waiting, which stands behind the page's own and is in English
    # The kind of the only script that the plugins add: Rive's, from a CDN. Of another kind it is never asked for.
    "application/javascript": "application/x-not-used",
}
_BUILTINS = "{builtins: ['js-string']}"


def change(assets: Path) -> None:
    """Empties Flet's sign of waiting, keeps Flutter's Rive plugin from asking a CDN for its script, and lets the
    browser itself read the texts of main.dart.wasm. Raises RuntimeError when Flet's files have changed.
    """
    module, script = assets / "main.dart.wasm", assets / "main.dart.mjs"
    code, glue = module.read_bytes(), script.read_text()
    for text, instead in _TEXTS.items():
        replace(assets / "main.dart.js", f'"{text}"', f'"{instead}"')
        # In WebAssembly a text is the name of an import.
        name = bytes([len(text)]) + text.encode()
        if code.count(name) != 1 or len(instead) != len(text):
            raise RuntimeError("Flutter's main.dart.wasm has changed: see devtools/web_flutter.py")
        code = code.replace(name, name[:1] + instead.encode())
    if glue.count(_BUILTINS) != 2:
        raise RuntimeError("Flutter's main.dart.mjs has changed: see devtools/web_flutter.py")
    module.write_bytes(code)
    # There are 39,000 of them: one by one through a function they take 0.1 s.
    script.write_text(glue.replace(_BUILTINS, "{builtins: ['js-string'], importedStringConstants: ''}"))
