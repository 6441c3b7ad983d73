"""Colours that can be read: WCAG 2.2, success criterion 1.4.3, in light and dark."""

import flet as ft
import pytest

from devtools.colors import TEXT_ON, contrast
from ui.shared import theme


def test_the_measure_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("pair", TEXT_ON, ids=" on ".join)
def test_text_can_be_read(scheme: ft.ColorScheme, pair: tuple[str, str]) -> None:
    text, behind = (getattr(scheme, name) for name in pair)
    assert contrast(text, behind) >= 4.5


@pytest.mark.parametrize("color", theme.AVATARS)
def test_letters_on_avatars_can_be_read(color: str) -> None:
    assert contrast("#FFFFFF", color) >= 4.5
