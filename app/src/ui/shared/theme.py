"""Material 3, light and dark, from one seed colour."""

import flet as ft

SEED = "#0B5CAB"


def apply(page: ft.Page) -> None:
    """Gives the page the app's look; light or dark as the device has it."""
    page.theme = ft.Theme(color_scheme_seed=SEED, use_material3=True)
    page.dark_theme = ft.Theme(color_scheme_seed=SEED, use_material3=True)
    page.theme_mode = ft.ThemeMode.SYSTEM
    page.padding = 0
