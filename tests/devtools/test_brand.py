"""The brand stands in one file and one picture: who changes them in a copy finds them everywhere."""

import io
import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from devtools import brand, colors

ACME = {
    "name": "Äcme 'Sales'",
    "short_name": "Äcme",
    "description": "What Äcme sells, on any device",
    "publisher": "Äcme GmbH",
    "copyright": "© 2026 Äcme GmbH",
    "id": "org.acme.field-sales",
    "backend": "https://acme-sales.web.app",
    "support": "mailto:help@acme.org",
}
GREEN = "#006B3C"


def change(root: Path, primary: str = GREEN, more: str = "", **texts: str) -> None:
    """Writes a brand of one's own into a copy."""
    lines = [f"{name} = {json.dumps(text, ensure_ascii=False)}" for name, text in {**ACME, **texts}.items()]
    (root / brand.SOURCE).write_text("\n".join([*lines, "[colors]", f'primary = "{primary}"', more]) + "\n")


def copy_of(repository: Path, folder: Path) -> Path:
    """A copy of what the brand is written into, as it was."""
    for name in (brand.SOURCE, brand.PICTURE, *brand.texts(repository)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repository / name, folder / name)
    return folder


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    return copy_of(repository, tmp_path)


@pytest.fixture(scope="module")
def acme(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which everything follows a brand of one's own; not to be changed."""
    folder = copy_of(repository, tmp_path_factory.mktemp("acme"))
    change(folder)
    assert set(brand.apply(folder)) >= set(brand.texts(folder))
    return folder


def test_the_brand_of_this_repository_stands_everywhere(repository: Path) -> None:
    assert brand.stale(repository) == [], "run make brand"


def test_the_icons_of_this_repository_are_of_its_picture(repository: Path) -> None:
    """Compared by their pixels, because another version of zlib packs the same ones differently."""
    icons = brand.pictures(repository)
    logo = icons.pop("logo")
    for name, content in {**icons, "app/src/brand.py": logo}.items():
        there = module(repository)["LOGO"] if name.endswith(".py") else (repository / name).read_bytes()
        assert isinstance(there, bytes)
        assert pixels(there) == pixels(content), f"{name}: run make brand"


def pixels(file: bytes) -> tuple[tuple[int, int], bytes]:
    image = Image.open(io.BytesIO(file)).convert("RGBA")
    return image.size, image.tobytes()


def module(root: Path) -> dict[str, object]:
    return runpy.run_path(str(root / "app/src/brand.py"))


def test_a_brand_of_ones_own_is_found_everywhere(acme: Path) -> None:
    copy = acme
    app = module(copy)
    assert app["NAME"] == ACME["name"]
    assert app["SUPPORT"] == ACME["support"]
    assert app["BACKEND"] == ACME["backend"]
    assert app["SCHEME_REDIRECT"] == "org.acme.field-sales://oauth/callback"
    light, dark = app["LIGHT"], app["DARK"]
    assert isinstance(light, dict)
    assert isinstance(dark, dict)
    assert light["primary"] == GREEN

    manifest = json.loads((copy / "app/web/manifest.json").read_text())
    assert (manifest["name"], manifest["short_name"]) == (ACME["name"], "Äcme")
    assert (manifest["theme_color"], manifest["background_color"]) == (GREEN, light["surface"])

    page = (copy / "app/web/start/start.html").read_text()
    assert re.findall(r"<(?:h1|span) data-brand=\"name\">([^<]*)<", page) == [ACME["name"], ACME["name"]]
    style = (copy / "app/web/start/start.css").read_text()
    assert f"#start {{ --surface: {light['surface']};" in style
    assert f"--primary: {dark['primary']}; --on-primary: {dark['on_primary']};" in style

    project = tomllib.loads((copy / "app/pyproject.toml").read_text())
    flet = project["tool"]["flet"]
    assert project["project"]["description"] == f"The client of {ACME['name']}"
    assert (flet["org"], flet["artifact"], flet["bundle_id"]) == ("org.acme", "field-sales", "org.acme.field-sales")
    assert (flet["product"], flet["company"], flet["copyright"]) == (
        ACME["name"],
        ACME["publisher"],
        ACME["copyright"],
    )
    assert flet["android"]["deep_linking"] == {"scheme": "org.acme.field-sales", "host": "oauth"}
    assert flet["ios"]["deep_linking"] == {"scheme": "org.acme.field-sales", "host": "oauth"}
    assert (flet["splash"]["color"], flet["splash"]["dark_color"]) == (light["surface"], dark["surface"])
    assert flet["icon_background"] == GREEN
    assert flet["android"]["permission"]["android.permission.INTERNET"] is True  # what is no brand stays

    labels = [(copy / f"deploy/salesforce/app/{file}").read_text() for file in brand._LABELS]
    assert all(f"<label>{ACME['name']}" in label for label in labels)
    assert "<label>Äcme 'Sales': policies</label>" in labels[2]


def test_nothing_of_the_old_brand_is_left_in_a_copy(repository: Path, acme: Path) -> None:
    copy, old = acme, brand.read(repository)
    for name in brand.texts(copy):
        text = (copy / name).read_text()
        assert not re.search(re.escape(old.name), text, re.IGNORECASE), name
        assert old.id not in text, name
        assert old.light["primary"] not in text, name
    assert brand.stale(copy) == []
    assert brand.apply(copy) == []


def test_the_picture_becomes_every_icon(copy: Path) -> None:
    picture = Image.new("RGBA", (1200, 1200), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((100, 100, 1100, 1100), fill=(200, 30, 40, 255))
    picture.save(copy / brand.PICTURE)
    change(copy)
    changed = brand.apply(copy)
    logo = module(copy)["LOGO"]
    assert isinstance(logo, bytes)
    for name, size in (("icon-192", 192), ("icon-512", 512), ("icon-maskable-512", 512), ("apple-touch-icon-192", 192)):
        file = f"app/web/icons/{name}.png"
        assert file in changed
        image = Image.open(copy / file).convert("RGBA")
        assert image.size == (size, size)
        middle, corner = image.getpixel((size // 2, size // 2)), image.getpixel((2, 2))
        assert isinstance(middle, tuple)
        assert isinstance(corner, tuple)
        assert middle[0] > 180
        assert middle[3] == 255
        # Where a phone cuts the icon its own way, and on Apple's, the brand's colour is behind the picture.
        opaque = "maskable" in name or "apple" in name
        assert corner[3] == (255 if opaque else 0)
        assert not opaque or abs(corner[1] - 0x6B) < 4
    assert Image.open(copy / "app/web/favicon.png").size == (32, 32)
    assert Image.open(io.BytesIO(logo)).size == (240, 240)


def test_nothing_else_in_the_app_names_the_brand(repository: Path) -> None:
    """The rest says `brand.NAME` and the theme's roles."""
    wanted, written = brand.read(repository), set(brand.texts(repository))
    avatars = {"#1565C0", "#00695C", "#5E35B1", "#6D4C41", "#3949AB", "#AD1457", "#FFFFFF"}  # letters on a colour
    looked_at = 0
    for path in sources(repository / "app"):
        name = path.relative_to(repository).as_posix()
        if name in written or name == brand.SOURCE:
            continue
        looked_at += 1
        text = path.read_text()
        assert not re.search(re.escape(wanted.name), text, re.IGNORECASE), f"{name} names the app"
        assert wanted.id not in text, f"{name} has the id"
        assert set(re.findall(r"#[0-9A-Fa-f]{6}\b", text)) <= avatars, f"{name} has a colour of its own"
    assert looked_at > 60


def sources(app: Path) -> Iterator[Path]:
    for path in sorted(app.rglob("*")):
        is_source = path.suffix in (".py", ".html", ".css", ".js", ".json", ".toml")
        if is_source and not {"build", "__pycache__"} & set(path.parts):
            yield path


def test_the_name_is_not_translated(repository: Path) -> None:
    for path in sources(repository / "app"):
        if path.suffix in (".py", ".html"):
            assert not re.search(
                r'_\(\s*brand\.|data-words="[^"]*" data-brand|data-brand[^>]*data-words', path.read_text()
            )


@pytest.mark.parametrize(
    ("primary", "says"),
    [
        ("#FFC107", r"on_primary #FFFFFF on primary #FFC107 has a contrast of 1\.6 to 1.* nearest .* is #[0-9A-F]{6}"),
        ("#777777", r"contrast of 4\.4 to 1, and text needs 4\.5"),
        ("blue", r"colors\.primary is a colour such as .* not 'blue'"),
    ],
)
def test_a_colour_that_cannot_be_read_on_is_refused(copy: Path, primary: str, says: str) -> None:
    change(copy, primary)
    before = (copy / "app/src/brand.py").read_text()
    with pytest.raises(brand.BrandError, match=says) as refused:
        brand.apply(copy)
    assert "app/brand.toml" in str(refused.value)
    assert (copy / "app/src/brand.py").read_text() == before
    better = re.search(r"nearest primary that can be read is (#\w+)", str(refused.value))
    if better:
        change(copy, better[1])
        assert brand.read(copy).light["primary"] == better[1]


def test_a_role_can_have_its_own_colour_when_it_can_be_read(copy: Path) -> None:
    change(copy, more='[colors.dark]\nprimary = "#9be7b8"\n')
    assert brand.read(copy).dark["primary"] == "#9BE7B8"
    change(copy, more='[colors.dark]\nprimary = "#224433"\n')
    with pytest.raises(brand.BrandError, match=r"in the dark look .*primary.* has a contrast of"):
        brand.read(copy)
    change(copy, more='[colors.light]\nheadline = "#224433"\n')
    with pytest.raises(brand.BrandError, match=r"headline .* does not\. The roles are primary, "):
        brand.read(copy)


@pytest.mark.parametrize("hue", range(0, 360, 15))
def test_colours_that_go_with_any_hue_can_be_read(hue: int) -> None:
    primary = colors._at(40, 0.13, hue)
    for scheme in colors.schemes(primary):
        assert colors.unreadable(scheme) == []


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({"id": "com.example.my_app"}, "id is a domain of yours backwards"),
        ({"id": "sales"}, "id is a domain of yours backwards"),
        ({"id": "com.my-firm.sales"}, "with - only in the name"),
        ({"short_name": "A much too long name"}, "short_name has 20 letters"),
        ({"name": "<b>Bold"}, "name is a line of text without"),
        ({"backend": "http://acme.example"}, "backend is an address such as https://"),
        ({"support": "www.acme.org"}, "support begins with https:// or mailto:"),
    ],
)
def test_what_the_stores_or_a_page_would_refuse_is_refused_at_once(
    copy: Path, texts: dict[str, str], says: str
) -> None:
    change(copy, **texts)
    with pytest.raises(brand.BrandError, match=re.escape(says)):
        brand.read(copy)


def test_a_missing_or_misspelt_line_is_named(copy: Path) -> None:
    change(copy, nmae="x")
    with pytest.raises(brand.BrandError, match="has a text for each of name, short_name"):
        brand.read(copy)


def test_a_picture_that_is_too_small_is_refused(copy: Path) -> None:
    Image.new("RGB", (512, 512)).save(copy / brand.PICTURE)
    with pytest.raises(brand.BrandError, match=r"icon\.png is 512 × 512 pixels: a square of 1024 or more"):
        brand.apply(copy)


def test_the_command_says_what_is_wrong_in_one_line(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devtools", "brand"], cwd=repository, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "✓ app/brand.toml stands everywhere\n"), done.stderr


def test_the_docs_name_every_line_and_show_what_is_said(repository: Path, copy: Path) -> None:
    docs = (repository / "docs/branding.md").read_text()
    named = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", docs, re.MULTILINE))))
    assert named >= set(brand._TEXTS)
    change(copy, "#FFC107")
    with pytest.raises(brand.BrandError) as refused:
        brand.read(copy)
    assert f"✗ {refused.value}\n" in docs
    example = docs[docs.index("[colors]\n") : docs.index("```\n\nText has to")]
    change(copy)
    source = copy / brand.SOURCE
    source.write_text(source.read_text().partition("[colors]")[0] + example)
    assert brand.read(copy).dark["tertiary"] == "#FFB59D"
