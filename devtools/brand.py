"""Writes the brand of app/brand.toml, and its picture, wherever name, colours, icons and ids of the app stand.

Each of these places holds plain text that other tools read as it is; `apply` writes the brand's part of it anew.
"""

import base64
import html
import io
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from devtools import colors
from devtools.paths import ROOT

SOURCE = "app/brand.toml"
PICTURE = "app/src/assets/icon.png"
PICTURE_SIZE = 1024  # pixels, which the App Store's icon has
CALLBACK = "oauth/callback"
_LOGO_SIZE = 240  # pixels; it is shown 80 wide, on screens with up to three for one
_SHORT = 12  # letters below an icon, before a phone cuts it off
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_TEXTS = ("name", "short_name", "description", "publisher", "copyright", "id", "backend", "support")
# What Flet's names of the web icons are here.
_WEB_ICONS = {
    "web/favicon.png": "app/web/favicon.png",
    "web/icons/Icon-192.png": "app/web/icons/icon-192.png",
    "web/icons/Icon-512.png": "app/web/icons/icon-512.png",
    "web/icons/Icon-maskable-192.png": "app/web/icons/icon-maskable-192.png",
    "web/icons/Icon-maskable-512.png": "app/web/icons/icon-maskable-512.png",
    "web/icons/apple-touch-icon-192.png": "app/web/icons/apple-touch-icon-192.png",
}
# The start page's names for colours.
_START_COLORS = {
    "surface": "surface", "text": "on_surface", "faint": "on_surface_variant", "line": "outline",
    "primary": "primary", "on-primary": "on_primary", "note": "error_container", "on-note": "on_error_container",
}  # fmt: skip
_LABELS = (
    "externalClientApps/Salesforce_Sample.eca-meta.xml",
    "extlClntAppGlobalOauthSets/Salesforce_Sample_glbloauth.ecaGlblOauth-meta.xml",
    "extlClntAppOauthPolicies/Salesforce_Sample_oauthPlcy.ecaOauthPlcy-meta.xml",
    "extlClntAppOauthSettings/Salesforce_Sample_oauth.ecaOauth-meta.xml",
)


class BrandError(Exception):
    """The brand cannot be used. The text says what is wrong in which file, and what would be right."""


@dataclass(frozen=True)
class Brand:
    """What app/brand.toml says. `light` and `dark` have a colour `#RRGGBB` for each role of Material 3."""

    name: str
    short_name: str
    description: str
    publisher: str
    copyright: str
    id: str
    backend: str
    support: str
    light: Mapping[str, str]
    dark: Mapping[str, str]

    @property
    def redirect_uri(self) -> str:
        """Where Salesforce sends a phone back to. A host follows the scheme, because Flet's builder makes no deep link
        without one."""
        return f"{self.id}://{CALLBACK}"


def read(root: Path = ROOT) -> Brand:
    """The brand. Raises BrandError, also where a text could not be read on the colours."""
    try:
        said: dict[str, Any] = tomllib.loads((root / SOURCE).read_text())
    except tomllib.TOMLDecodeError as wrong:
        raise BrandError(f"{SOURCE}: {wrong}") from None
    chosen = said.pop("colors", None)
    if not isinstance(chosen, dict) or set(chosen) - {"primary", "light", "dark"}:
        raise BrandError(f"{SOURCE}: [colors] has primary, [colors.light] and [colors.dark]")
    if set(said) != set(_TEXTS) or not all(isinstance(text, str) for text in said.values()):
        raise BrandError(f"{SOURCE} has a text for each of {', '.join(_TEXTS)}, and nothing else before [colors]")
    _check_texts(said)
    light, dark = _schemes(chosen)
    return Brand(**said, light=light, dark=dark)


def _check_texts(said: Mapping[str, str]) -> None:
    for name in ("name", "short_name", "description", "publisher"):
        if not said[name].strip() or any(ord(c) < 32 or c in '"\\<>&' for c in said[name]):
            raise BrandError(f'{SOURCE}: {name} is a line of text without any of " \\ < > &')
    if len(said["short_name"]) > _SHORT:
        raise BrandError(f"{SOURCE}: short_name has {len(said['short_name'])} letters, and a phone shows {_SHORT}")
    # What Android, Apple and RFC 3986 section 3.1 all take. Android writes its "-" as "_" (Flet's template does that).
    if not re.fullmatch(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9]*)+(-[a-z0-9]+)*", said["id"]):
        raise BrandError(
            f"{SOURCE}: id is a domain of yours backwards and a name, in small letters and digits, with - only in the"
            f" name, such as com.example.my-app; not {said['id']!r}"
        )
    if not re.fullmatch(r"https://[^/\s]+|http://(127\.0\.0\.1|localhost)(:\d+)?", said["backend"]):
        raise BrandError(f"{SOURCE}: backend is an address such as https://your-project.web.app, with nothing after it")
    if said["support"] and not re.fullmatch(r"(https://|mailto:)[^\s\"]+", said["support"]):
        raise BrandError(f"{SOURCE}: support begins with https:// or mailto:, or is empty")


def _schemes(chosen: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    primary = chosen.get("primary")
    if not isinstance(primary, str) or not _HEX.fullmatch(primary):
        raise BrandError(f'{SOURCE}: colors.primary is a colour such as "#0B5CAB", not {primary!r}')
    made: list[dict[str, str]] = []
    for name, scheme in zip(("light", "dark"), colors.schemes(primary), strict=True):
        own = chosen.get(name, {})
        for role, color in own.items():
            if role not in scheme or not isinstance(color, str) or not _HEX.fullmatch(color):
                raise BrandError(
                    f'{SOURCE}: [colors.{name}] gives a role a colour such as "#0B5CAB"; {role} = {color!r} does not.'
                    f" The roles are {', '.join(scheme)}"
                )
        scheme |= {role: color.upper() for role, color in own.items()}
        for text, behind, ratio in colors.unreadable(scheme):
            better = ""
            if not own:
                better = f"; the nearest primary that can be read is {colors.readable_like(primary, scheme)}"
            raise BrandError(
                f"{SOURCE}: in the {name} look {text} {scheme[text]} on {behind} {scheme[behind]} has a contrast of"
                f" {int(ratio * 10) / 10} to 1, and text needs {colors.READABLE} (WCAG 2.2, 1.4.3){better}"
            )
        made.append(scheme)
    return made[0], made[1]


def texts(root: Path = ROOT, folder: str = "") -> dict[str, str]:
    """What each file of a folder that has a part of the brand in it is to hold, by its path below `root`; all but the
    icons, and the picture in app/src/brand.py stays as it is. Raises BrandError, also when such a file has lost its
    marks.
    """
    brand = read(root)
    before = root / "app/src/brand.py"
    kept = re.search(r"^LOGO = .*", before.read_text(), re.MULTILINE | re.DOTALL) if before.exists() else None
    made = {
        "app/src/brand.py": lambda: _module(brand, kept[0] if kept else 'LOGO = b""\n'),
        "app/pyproject.toml": lambda: _pyproject(brand, root),
        "app/web/manifest.json": lambda: _manifest(brand),
        "app/web/start/start.html": lambda: _start_page(brand, root),
        "app/web/start/start.css": lambda: _start_style(brand, root),
        **{f"deploy/salesforce/app/{file}": partial(_label, brand, root, file) for file in _LABELS},
    }
    return {name: text() for name, text in made.items() if name.startswith(folder)}


def pictures(root: Path = ROOT) -> dict[str, bytes]:
    """The icons of the web client and of the sign-in page, out of the picture, by their path below `root`; the latter
    as "logo". Raises BrandError for a picture that cannot be used.

    Flet's own code draws them, so that a browser's icons look like those that `flet build` makes for the phones.
    """
    from flet_platform_assets import IconOptions, SourceError, load_source, parse_hex_color, render_icons
    from PIL import Image

    brand = read(root)
    try:
        picture, shaped = load_source(root / PICTURE)
    except (SourceError, OSError) as wrong:
        raise BrandError(f"{PICTURE}: {wrong}") from None
    if picture.width != picture.height or picture.width < PICTURE_SIZE:
        raise BrandError(
            f"{PICTURE} is {picture.width} × {picture.height} pixels: a square of {PICTURE_SIZE} or more is needed"
        )
    options = IconOptions(background=parse_hex_color(brand.light["primary"]))
    drawn = render_icons(picture, options, platform="web", pre_rendered=shaped, derived=True)
    made = {_WEB_ICONS[asset.relative_path]: _png(asset.image) for asset in drawn.assets}
    made["logo"] = _png(picture.resize((_LOGO_SIZE, _LOGO_SIZE), Image.Resampling.LANCZOS))
    return made


def _png(image: Any) -> bytes:
    """The image as a PNG file of 64 colours: plenty for an icon, and a fifth of the size."""
    made = io.BytesIO()
    few = image.quantize(64, method=2, dither=0)
    if few.palette.mode == "RGBA":
        # What is solid or empty stays so; where Pillow puts like colours together, it rounds.
        palette = bytearray(few.palette.palette)
        palette[3::4] = bytes(0 if alpha < 4 else 255 if alpha > 251 else alpha for alpha in palette[3::4])
        few.putpalette(bytes(palette), "RGBA")
    few.save(made, "png", optimize=True)
    return made.getvalue()


def stale(root: Path = ROOT, folder: str = "") -> list[str]:
    """The files of a folder that do not hold what app/brand.toml says. Icons are not looked at, which takes longer.
    Raises BrandError.
    """
    return [
        name
        for name, text in texts(root, folder).items()
        if not (root / name).exists() or (root / name).read_text() != text
    ]


def apply(root: Path = ROOT) -> list[str]:
    """Writes the brand everywhere. Returns the paths of what has changed, below `root`. Raises BrandError before
    anything is written.
    """
    files, icons = {name: text.encode() for name, text in texts(root).items()}, pictures(root)
    logo = icons.pop("logo")
    module = files["app/src/brand.py"].decode()
    files["app/src/brand.py"] = (module[: module.index("\nLOGO = ") + 1] + _logo(logo)).encode()
    changed: list[str] = []
    for name, content in {**files, **icons}.items():
        path = root / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            changed.append(name)
    return changed


def _module(brand: Brand, logo: str) -> str:
    def literal(name: str, scheme: Mapping[str, str]) -> list[str]:
        return [f"{name} = {{", *(f"    {_quoted(role)}: {_quoted(color)}," for role, color in scheme.items()), "}"]

    lines = [
        '"""The brand, as the app uses it. Do not edit: `make brand` writes this file from app/brand.toml."""',
        "",
        "import base64",
        "",
        f"NAME = {_quoted(brand.name)}",
        f"SUPPORT = {_quoted(brand.support)}",
        f"BACKEND = {_quoted(brand.backend)}",
        f"SCHEME_REDIRECT = {_quoted(brand.redirect_uri)}",
        "# The colours of Material 3's roles.",
        *literal("LIGHT", brand.light),
        *literal("DARK", brand.dark),
        "# The picture, as a PNG file: after a start from the snapshot there are no files to read it from.",
    ]
    return "\n".join(lines) + "\n" + logo


def _logo(picture: bytes) -> str:
    text = base64.b64encode(picture).decode()
    lines = [f'    "{text[at : at + 112]}"' for at in range(0, len(text), 112)]
    return "\n".join(["LOGO = base64.b64decode(", *lines, ")"]) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _pyproject(brand: Brand, root: Path) -> str:
    name = "app/pyproject.toml"
    org, _, artifact = brand.id.rpartition(".")
    host = CALLBACK.partition("/")[0]
    values = {
        "project": {"description": f"The client of {brand.name}"},
        "tool.flet": {
            "org": org,
            "product": brand.name,
            "artifact": artifact,
            "bundle_id": brand.id,
            "company": brand.publisher,
            "copyright": brand.copyright,
            "icon_background": brand.light["primary"],
        },
        "tool.flet.splash": {"color": brand.light["surface"], "dark_color": brand.dark["surface"]},
        "tool.flet.android.deep_linking": {"scheme": brand.id, "host": host},
        "tool.flet.ios.deep_linking": {"scheme": brand.id, "host": host},
    }
    text = (root / name).read_text()
    for table, keys in values.items():
        for key, value in keys.items():
            line = re.compile(
                rf"(^\[{re.escape(table)}\]\n(?:(?!\[).*\n)*?{key} = )\"[^\"\n]*\"", re.MULTILINE
            )  # its place among the lines of the table
            text, count = line.subn(lambda match, value=value: match[1] + _quoted(value), text)
            if count != 1:
                raise BrandError(f'{name}: the line {key} = "…" is missing from [{table}]')
    return text


def _manifest(brand: Brand) -> str:
    icons = [
        {"src": f"icons/icon-{kind}{size}.png", "sizes": f"{size}x{size}", "type": "image/png", **purpose}
        for kind, purpose in (("", {}), ("maskable-", {"purpose": "maskable"}))
        for size in (192, 512)
    ]
    manifest = {
        "name": brand.name,
        "short_name": brand.short_name,
        "description": brand.description,
        "start_url": ".",
        "display": "standalone",
        "background_color": brand.light["surface"],
        "theme_color": brand.light["primary"],
        "icons": icons,
    }
    return json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"


def _start_page(brand: Brand, root: Path) -> str:
    name = "app/web/start/start.html"
    places = re.compile(r'(<(\w+)[^>]* data-brand="name"[^>]*>)[^<]*(</\2>)')
    page, count = places.subn(
        lambda match: match[1] + html.escape(brand.name, quote=False) + match[3], (root / name).read_text()
    )
    if count < 2:
        raise BrandError(f'{name}: two elements have data-brand="name", which show the name')
    return page


def _start_style(brand: Brand, root: Path) -> str:
    name = "app/web/start/start.css"
    blocks = "\n".join(
        f"{place} {{ " + " ".join(f"--{own}: {scheme[role]};" for own, role in _START_COLORS.items()) + " }"
        for place, scheme in (("#start", brand.light), ("#start.dark", brand.dark))
    )
    marks = re.compile(r"(/\* The brand's colours[^\n]*\*/\n).*?(/\* End of the brand's colours\. \*/)", re.DOTALL)
    style, count = marks.subn(lambda match: f"{match[1]}{blocks}\n{match[2]}", (root / name).read_text())
    if count != 1:
        raise BrandError(f"{name}: the two comments around the brand's colours are missing")
    return style


def _label(brand: Brand, root: Path, file: str) -> str:
    """The name on Salesforce's own consent page is the label of the External Client App."""
    text, count = re.subn(
        r"<label>[^<:]*(: [^<]*)?</label>",
        lambda match: f"<label>{html.escape(brand.name, quote=False)}{match[1] or ''}</label>",
        (root / "deploy/salesforce/app" / file).read_text(),
    )
    if count != 1:
        raise BrandError(f"deploy/salesforce/app/{file} has no label")
    return text
