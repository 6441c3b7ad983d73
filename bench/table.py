"""Tables in Markdown, medians with their range."""

from collections.abc import Sequence
from statistics import median


def lines(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table as it stands in docs/performance.md."""
    all_rows = ([*head], ["---" for _ in head], *rows)
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in all_rows)


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table as it stands in docs/performance.md."""
    print(f"{title}\n\n{lines(head, rows)}")


def spread(values: Sequence[float], unit: str, digits: int = 1) -> str:
    """`median (min–max) unit`."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f}) {unit}"
