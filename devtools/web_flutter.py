"""Changes in Flet's build of Flutter: main.dart.js for CanvasKit, main.dart.wasm with main.dart.mjs for skwasm."""

from pathlib import Path

from devtools.web_files import replace

_WAITING = "Working..."
_BUILTINS = "{builtins: ['js-string']}"


def change(assets: Path) -> None:
    """Empties Flet's sign of waiting, which stands behind the page's own and is in English, and lets the browser itself
    read the texts of main.dart.wasm. Raises RuntimeError when Flet's files have changed.
    """
    replace(assets / "main.dart.js", f'"{_WAITING}"', '""')
    # In WebAssembly a text is the name of an import.
    module = assets / "main.dart.wasm"
    code, name = module.read_bytes(), bytes([len(_WAITING)]) + _WAITING.encode()
    # There are 39,000 of them: one by one through a function they take 0.1 s.
    script = assets / "main.dart.mjs"
    text = script.read_text()
    if code.count(name) != 1 or text.count(_BUILTINS) != 2:
        raise RuntimeError("Flutter's main.dart.wasm or main.dart.mjs has changed: see devtools/web_flutter.py")
    module.write_bytes(code.replace(name, name[:1] + b" " * len(_WAITING)))
    script.write_text(text.replace(_BUILTINS, "{builtins: ['js-string'], importedStringConstants: ''}"))
