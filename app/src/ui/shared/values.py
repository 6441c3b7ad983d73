"""Values as people read them."""

from datetime import datetime

from contract.calls import FieldValue


def money(amount: float) -> str:
    """A short amount: 1.9M, 320K, 950."""
    for size, mark in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(amount) >= size:
            return f"{amount / size:.1f}".rstrip("0").rstrip(".") + mark
    return f"{amount:,.0f}"


def value(kind: str, given: FieldValue) -> str:
    """A field's value for display; "" when it is empty."""
    if given is None or given == "":
        return ""
    if kind == "boolean" or isinstance(given, bool):
        return "Yes" if given else "No"
    if isinstance(given, int | float):
        shown = f"{given:,.2f}".rstrip("0").rstrip(".")
        return f"{shown} %" if kind == "percent" else shown
    if kind in ("date", "datetime"):
        try:
            return datetime.fromisoformat(given).strftime("%d %b %Y").lstrip("0")
        except ValueError:
            return given
    return given


def initials(name: str) -> str:
    """One or two letters that stand for a name."""
    words = [w for w in name.split() if w[0].isalnum()]
    return ((words[0][0] + (words[-1][0] if len(words) > 1 else "")) if words else "?").upper()


def joined(*parts: FieldValue) -> str:
    """The parts that are not empty, joined by dots."""
    return " · ".join(str(p) for p in parts if p not in (None, ""))
