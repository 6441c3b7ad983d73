"""Tables in Markdown, medians with their range."""

from collections.abc import Sequence
from statistics import median


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table as it stands in docs/performance.md."""
    print(f"{title}\n")
    print("| " + " | ".join(head) + " |")
    print("| " + " | ".join("---" for _ in head) + " |")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def spread(values: Sequence[float], unit: str, digits: int = 1) -> str:
    """`median (min–max) unit`."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f}) {unit}"
