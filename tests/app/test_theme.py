"""Colours that can be read: WCAG 2.2, success criterion 1.4.3, in light and dark."""

import flet as ft
import pytest

from ui.shared import theme


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", theme.PAIRS, ids=" on ".join)
def test_text_can_be_read(scheme: ft.ColorScheme, pair: tuple[str, str]) -> None:
    text, behind = (getattr(scheme, name) for name in pair)
    assert contrast(text, behind) >= 4.5


@pytest.mark.parametrize("color", theme.AVATARS)
def test_letters_on_avatars_can_be_read(color: str) -> None:
    assert contrast("#FFFFFF", color) >= 4.5
