"""Material 3, light and dark.

Every colour is written out, so that a test can hold the contrast of each pair (WCAG 2.2, 1.4.3).
"""

import flet as ft

CONTENT_WIDTH = 1040
# Material 3's window size classes, in logical pixels.
RAIL = 600  # "medium" begins: the navigation moves from the foot to the side
TWO_COLUMNS = 720  # a record's fields stand in two columns
TWO_PANES = 1200  # "large" begins: list and record stand side by side
TARGET = 48  # what can be tapped is at least this high and wide

LIGHT = ft.ColorScheme(
    primary="#0B5CAB", on_primary="#FFFFFF", primary_container="#D5E3FF", on_primary_container="#001B3C",
    secondary="#545F71", on_secondary="#FFFFFF", secondary_container="#D8E3F8", on_secondary_container="#111C2B",
    tertiary="#6B5778", on_tertiary="#FFFFFF", tertiary_container="#F2DAFF", on_tertiary_container="#251431",
    error="#B3261E", on_error="#FFFFFF", error_container="#F9DEDC", on_error_container="#410E0B",
    surface="#FAFAFD", on_surface="#191C20", on_surface_variant="#43474E",
    surface_container_lowest="#FFFFFF", surface_container_low="#F1F3F9", surface_container="#ECEEF4",
    surface_container_high="#E6E8EE", surface_container_highest="#E0E2E8",
    outline="#6F757E", outline_variant="#C3C7CF", inverse_surface="#2E3135", on_inverse_surface="#F0F0F4",
    inverse_primary="#A6C8FF",
    shadow="#000000", scrim="#000000", surface_tint="#0B5CAB",
)  # fmt: skip
DARK = ft.ColorScheme(
    primary="#A6C8FF", on_primary="#003061", primary_container="#004689", on_primary_container="#D5E3FF",
    secondary="#BCC7DB", on_secondary="#263141", secondary_container="#3C4758", on_secondary_container="#D8E3F8",
    tertiary="#D7BEE4", on_tertiary="#3B2948", tertiary_container="#523F5F", on_tertiary_container="#F2DAFF",
    error="#F2B8B5", on_error="#601410", error_container="#8C1D18", on_error_container="#F9DEDC",
    surface="#111418", on_surface="#E1E2E8", on_surface_variant="#C3C7CF",
    surface_container_lowest="#0C0E13", surface_container_low="#191C20", surface_container="#1D2024",
    surface_container_high="#272A2F", surface_container_highest="#32353A",
    outline="#8D9199", outline_variant="#43474E", inverse_surface="#E1E2E8", on_inverse_surface="#2E3135",
    inverse_primary="#0B5CAB",
    shadow="#000000", scrim="#000000", surface_tint="#A6C8FF",
)  # fmt: skip
# Text on each of these behind it; the test of the contrast goes through them.
PAIRS = (
    ("on_primary", "primary"), ("on_primary_container", "primary_container"), ("on_secondary_container",
        "secondary_container"),
    ("on_tertiary_container", "tertiary_container"), ("on_error", "error"), ("on_error_container", "error_container"),
    ("on_inverse_surface", "inverse_surface"), ("inverse_primary", "inverse_surface"),
    *((text, behind) for behind in ("surface", "surface_container_low", "surface_container", "surface_container_high")
      for text in ("on_surface", "on_surface_variant", "primary", "error")),
)  # fmt: skip
# White letters stand on these.
AVATARS = ("#1565C0", "#00695C", "#5E35B1", "#6D4C41", "#3949AB", "#AD1457")

_MODES = {"system": ft.ThemeMode.SYSTEM, "light": ft.ThemeMode.LIGHT, "dark": ft.ThemeMode.DARK}


# A word that is too long for its place ends in an ellipsis; else Flutter breaks it anywhere.
_BAR_LABEL = ft.TextStyle(size=11, weight=ft.FontWeight.W_500, overflow=ft.TextOverflow.ELLIPSIS)


def apply(page: ft.Page, mode: str, language: str) -> None:
    """Gives the page the app's look, and Flutter's own words (of the date picker and the like) in the person's
    language.
    """
    page.theme = _theme(LIGHT)
    page.dark_theme = _theme(DARK)
    page.theme_mode = _MODES[mode]
    page.locale_configuration = ft.LocaleConfiguration(
        [ft.Locale("en"), ft.Locale("de"), ft.Locale("ja")], ft.Locale(language)
    )
    page.padding = 0


def _theme(scheme: ft.ColorScheme) -> ft.Theme:
    return ft.Theme(
        color_scheme=scheme,
        scaffold_bgcolor=scheme.surface,
        use_material3=True,
        # For a mouse that rests. A tooltip that goes has Flutter rebuild its semantics tree, and a field that was just
        # tapped loses the focus.
        tooltip_theme=ft.TooltipTheme(wait_duration=ft.Duration(milliseconds=600)),
        navigation_bar_theme=ft.NavigationBarTheme(label_text_style={ft.ControlState.DEFAULT: _BAR_LABEL}),
        list_tile_theme=ft.ListTileTheme(
            content_padding=ft.Padding.symmetric(horizontal=8),
            shape=ft.RoundedRectangleBorder(radius=12),
            selected_tile_color=scheme.secondary_container,
            selected_color=scheme.on_secondary_container,
        ),
    )
