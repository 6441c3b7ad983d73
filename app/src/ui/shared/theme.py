"""Material 3, light and dark, in the brand's colours (app/brand.toml)."""

import flet as ft

import brand
from ui.shared.words import LANGUAGES

CONTENT_WIDTH = 1040
NARROW = 300  # logical pixels; no phone is narrower, a phone's page at 200 % is
# Material 3's window size classes, in logical pixels.
RAIL = 600  # "medium" begins: the navigation moves from the foot to the side
TWO_COLUMNS = 720  # a record's fields stand in two columns
TWO_PANES = 1200  # "large" begins: list and record stand side by side
TARGET = 48  # what can be tapped is at least this high and wide

LIGHT = ft.ColorScheme(**brand.LIGHT)
DARK = ft.ColorScheme(**brand.DARK)
# White letters stand on these.
AVATARS = ("#1565C0", "#00695C", "#5E35B1", "#6D4C41", "#3949AB", "#AD1457")

# For what has fields in it. On a computer Flutter makes them 8 pixels lower than a drop-down with a button as large as
# a finger; so they are as high as on a phone.
FIELDS = ft.Theme(visual_density=ft.VisualDensity.STANDARD)

_MODES = {"system": ft.ThemeMode.SYSTEM, "light": ft.ThemeMode.LIGHT, "dark": ft.ThemeMode.DARK}


# A word that is too long for its place ends in an ellipsis; else Flutter breaks it anywhere.
_BAR_LABEL = ft.TextStyle(size=11, weight=ft.FontWeight.W_500, letter_spacing=0, overflow=ft.TextOverflow.ELLIPSIS)


def apply(page: ft.Page, mode: str, language: str) -> None:
    """Gives the page the app's look, and Flutter's own words (of the date picker and the like) in the person's
    language.
    """
    page.theme = _theme(LIGHT)
    page.dark_theme = _theme(DARK)
    page.theme_mode = _MODES[mode]
    page.locale_configuration = ft.LocaleConfiguration([ft.Locale(one) for one in LANGUAGES], ft.Locale(language))
    page.padding = 0


def _theme(scheme: ft.ColorScheme) -> ft.Theme:
    return ft.Theme(
        color_scheme=scheme,
        scaffold_bgcolor=scheme.surface,
        use_material3=True,
        # For a mouse that rests. A tooltip that goes has Flutter rebuild its semantics tree, and a field that was just
        # tapped loses the focus.
        tooltip_theme=ft.TooltipTheme(wait_duration=ft.Duration(milliseconds=600)),
        # As text, not in the bar's own theme: what a theme gives for states never equals itself, and Flutter builds the
        # whole app anew whenever the page's title changes (tests/app/test_theme.py).
        text_theme=ft.TextTheme(label_medium=_BAR_LABEL),
        list_tile_theme=ft.ListTileTheme(
            content_padding=ft.Padding.symmetric(horizontal=8),
            shape=ft.RoundedRectangleBorder(radius=12),
            selected_tile_color=scheme.secondary_container,
            selected_color=scheme.on_secondary_container,
        ),
    )
