"""A whole colour scheme out of one colour, and the contrast of two colours.

The roles are those of Material 3, with the lightness that Material gives each of them; hue and chroma are measured in
Oklab (https://bottosson.github.io/posts/oklab), where a blue stays blue when it gets lighter.
"""

import math
from collections.abc import Mapping

Scheme = Mapping[str, str]
_Rgb = tuple[float, float, float]

READABLE = 4.5  # contrast of text to what is behind it (WCAG 2.2, success criterion 1.4.3)
# Text on each of these behind it, by role.
TEXT_ON = (
    ("on_primary", "primary"),
    ("on_primary_container", "primary_container"),
    ("on_secondary_container", "secondary_container"),
    ("on_tertiary_container", "tertiary_container"),
    ("on_error", "error"),
    ("on_error_container", "error_container"),
    ("on_inverse_surface", "inverse_surface"),
    ("inverse_primary", "inverse_surface"),
    *(
        (text, behind)
        for behind in ("surface", "surface_container_low", "surface_container", "surface_container_high")
        for text in ("on_surface", "on_surface_variant", "primary", "error")
    ),
)
# Each role's palette and its lightness (L* of CIELAB, from 0 for black to 100 for white), in light and in dark.
_ROLES = {
    "primary": ("primary", 40, 80), "on_primary": ("primary", 100, 20),
    "primary_container": ("primary", 90, 30), "on_primary_container": ("primary", 10, 90),
    "secondary": ("secondary", 40, 80), "on_secondary": ("secondary", 100, 20),
    "secondary_container": ("secondary", 90, 30), "on_secondary_container": ("secondary", 10, 90),
    "tertiary": ("tertiary", 40, 80), "on_tertiary": ("tertiary", 100, 20),
    "tertiary_container": ("tertiary", 90, 30), "on_tertiary_container": ("tertiary", 10, 90),
    "surface": ("neutral", 98, 6), "on_surface": ("neutral", 10, 90), "on_surface_variant": ("variant", 30, 80),
    "surface_container_lowest": ("neutral", 100, 4), "surface_container_low": ("neutral", 96, 10),
    "surface_container": ("neutral", 94, 12), "surface_container_high": ("neutral", 92, 17),
    "surface_container_highest": ("neutral", 90, 22),
    "outline": ("variant", 49, 60), "outline_variant": ("variant", 80, 30),
    "inverse_surface": ("neutral", 20, 90), "on_inverse_surface": ("neutral", 95, 20),
    "inverse_primary": ("primary", 80, 40), "surface_tint": ("primary", 40, 80),
}  # fmt: skip
# What is red or black in every app.
_FIXED = (
    {"error": "#B3261E", "on_error": "#FFFFFF", "error_container": "#F9DEDC", "on_error_container": "#410E0B"},
    {"error": "#F2B8B5", "on_error": "#601410", "error_container": "#8C1D18", "on_error_container": "#F9DEDC"},
)
_SHADOWS = {"shadow": "#000000", "scrim": "#000000"}


def schemes(primary: str) -> tuple[dict[str, str], dict[str, str]]:
    """The light and the dark scheme around a colour `#RRGGBB`, which is the light one's primary."""
    _, chroma, hue = _to_oklch(primary)
    palettes = {
        "primary": (chroma, hue),
        "secondary": (min(chroma, 0.032), hue),
        "tertiary": (min(chroma, 0.055), hue + 60),
        "neutral": (min(chroma, 0.006), hue),
        "variant": (min(chroma, 0.013), hue),
    }
    made: list[dict[str, str]] = []
    for dark in (False, True):
        scheme = {role: _at(levels[dark], *palettes[palette]) for role, (palette, *levels) in _ROLES.items()}
        made.append({**scheme, **_FIXED[dark], **_SHADOWS})
    light, night = made
    light["primary"] = light["surface_tint"] = primary.upper()
    return light, night


def contrast(one: str, other: str) -> float:
    """How far apart two colours are, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(_from_hex(one)), _luminance(_from_hex(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_like(color: str, scheme: Scheme) -> str:
    """The lightest colour of the same hue that can be read wherever a scheme's primary is used."""
    _, chroma, hue = _to_oklch(color)
    for level in range(60, 0, -1):
        made = _at(level, chroma, hue)
        if not unreadable({**scheme, "primary": made}, "primary"):
            return made
    return "#000000"


def unreadable(scheme: Scheme, *roles: str) -> list[tuple[str, str, float]]:
    """The pairs of text and ground whose contrast is too low, with the contrast; of these roles, or of all."""
    return [
        (text, behind, ratio)
        for text, behind in TEXT_ON
        if (not roles or text in roles or behind in roles)
        and (ratio := contrast(scheme[text], scheme[behind])) < READABLE
    ]


def _at(level: float, chroma: float, hue: float) -> str:
    """The colour of this lightness (L*) and hue with as much of the chroma as a screen can show."""
    low, high = 0.0, chroma
    rgb = _fit(level, chroma, hue)
    while rgb is None:
        middle = (low + high) / 2
        if high - low < 1e-4:
            rgb = _fit(level, low, hue) or _fit(level, 0, hue) or (0, 0, 0)
        elif _fit(level, middle, hue) is None:
            high = middle
        else:
            low = middle
    return "#" + "".join(f"{round(255 * _gamma(min(1, max(0, c)))):02X}" for c in rgb)


def _fit(level: float, chroma: float, hue: float) -> _Rgb | None:
    """Linear red, green and blue of this lightness, None where a screen cannot show them."""
    wanted = ((level + 16) / 116) ** 3 if level > 8 else level / 903.3
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _luminance(_to_rgb(middle, chroma, hue)) < wanted else (low, middle)
    rgb = _to_rgb(low, chroma, hue)
    return rgb if all(-2e-4 <= c <= 1 + 2e-4 for c in rgb) else None


def _to_rgb(lightness: float, chroma: float, hue: float) -> _Rgb:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _to_oklch(color: str) -> tuple[float, float, float]:
    red, green, blue = _from_hex(color)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a))


def _from_hex(color: str) -> _Rgb:
    red, green, blue = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _luminance(rgb: _Rgb) -> float:
    return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2]


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
