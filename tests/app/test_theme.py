"""Colours that can be read (WCAG 2.2, success criterion 1.4.3), in light and dark; a theme that Flutter knows again."""

import dataclasses
from collections.abc import Iterator
from typing import Any

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


def _by_state(where: str, value: Any) -> Iterator[str]:
    """The parts of a theme that are given for states of a control (hovered, selected …)."""
    if isinstance(value, dict):
        if any(isinstance(key, ft.ControlState) for key in value):
            yield where
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _by_state(f"{where}.{field.name}", getattr(value, field.name))


class _Page:
    """Takes the look that the app gives its page."""

    theme: ft.Theme
    dark_theme: ft.Theme
    theme_mode: ft.ThemeMode
    locale_configuration: ft.LocaleConfiguration
    padding: int


def test_flutter_knows_the_theme_again_when_the_page_changes() -> None:
    """At each change of the page's title Flet builds its theme anew and compares. What is given for states never equals
    itself: WidgetStateFromJSON in flet's utils/widget_state.dart has no ==. Flutter then builds the whole app for 200
    ms and takes the scroll area of every list out of the semantics tree, with the focus in it
    (https://github.com/flutter/flutter/issues/192792)."""
    page = _Page()
    theme.apply(page, "system", "en")  # pyright: ignore[reportArgumentType]  all that it needs of a page
    assert [*_by_state("light", page.theme), *_by_state("dark", page.dark_theme)] == []
