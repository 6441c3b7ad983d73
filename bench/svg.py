"""Drawings as SVG that read well in light and in dark, on a phone and to a screen reader.

The colours follow the page that embeds the picture (Media Queries Level 5, "prefers-color-scheme", says so for images),
and the ground is the drawing's own, so that its text can be read on any page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH = 480  # a phone shows it at three quarters, where 14 px are still 10
_MARGIN, _ROW, _BAR = 16, 22, 14
_LABEL, _VALUE = 148, 92  # widths of what stands before and behind a bar
_CHARACTER = 7.3  # the mean width of a character at 14 px, generously
# Name: light, dark. Text has 4.5 : 1 against the ground, areas 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.11).
COLOURS = {
    "ground": ("#ffffff", "#0d1117"),
    "ink": ("#1f2328", "#e6edf3"),
    "quiet": ("#59636e", "#9198a1"),
    "line": ("#d1d9e0", "#3d444d"),
    "first": ("#0969da", "#58a6ff"),
    "second": ("#768390", "#768390"),
    "third": ("#9a6700", "#d29922"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure with its range. `colour`: first, second or third of COLOURS. `goal`: a figure that is wanted."""

    label: str
    value: float
    text: str
    colour: str = "first"
    low: float | None = None
    high: float | None = None
    goal: float | None = None


@dataclass
class Drawing:
    """An SVG that grows downwards. `title` says what it shows, `description` what is to be seen, both as text."""

    title: str
    description: str
    y: float = _MARGIN
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, style: str = "ink", anchor: str = "start") -> None:
        """One line. Raises ValueError when it would leave the drawing."""
        wide = len(words) * _CHARACTER * (0.93 if "small" in style else 1)
        left = {"start": x, "end": x - wide, "middle": x - wide / 2}[anchor]
        if left < 4 or left + wide > WIDTH - 4:
            raise ValueError(f"no room for {words!r}")
        placed = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.parts.append(f'<text class="{style}" x="{x:.5g}" y="{y:.5g}"{placed}>{escape(words)}</text>')

    def rectangle(self, x: float, y: float, width: float, height: float, style: str) -> None:
        self.parts.append(
            f'<rect class="{style}" x="{x:.5g}" y="{y:.5g}" width="{max(width, 0.5):.5g}" height="{height:.5g}"/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self.parts.append(f'<path class="{style}" d="M{x1:.5g} {y1:.5g}L{x2:.5g} {y2:.5g}"/>')

    def heading(self, words: str, *, sub: bool = False) -> None:
        """A line of its own, over more than one where it is long."""
        self.y += 0 if sub or self.y == _MARGIN else 10
        for line in wrapped(words, WIDTH - 2 * _MARGIN):
            self.y += 20
            self.text(_MARGIN, self.y, line, "ink" if sub else "ink bold")
        self.y += 6

    def note(self, words: str) -> None:
        """Small print."""
        for line in wrapped(words, WIDTH - 2 * _MARGIN):
            self.y += 18
            self.text(_MARGIN, self.y, line, "quiet small")
        self.y += 4

    def bars(self, bars: Sequence[Bar], most: float) -> None:
        """Bars below each other; the one of `most` is as long as there is room."""
        begin, room = _MARGIN + _LABEL, WIDTH - 2 * _MARGIN - _LABEL - _VALUE
        for bar in bars:
            middle = self.y + _ROW / 2
            self.text(_MARGIN, middle + 5, bar.label, "quiet")
            long = room * min(bar.value / most, 1.0)
            self.rectangle(begin, middle - _BAR / 2, long, _BAR, bar.colour)
            if bar.low is not None and bar.high is not None and bar.high > bar.low:
                low, high = (begin + room * min(one / most, 1.0) for one in (bar.low, bar.high))
                self.line(low, middle, high, middle, "whisker")
                for end in (low, high):
                    self.line(end, middle - 4, end, middle + 4, "whisker")
                long = max(long, high - begin)
            if bar.goal is not None:
                at = begin + room * min(bar.goal / most, 1.0)
                self.line(at, middle - _BAR / 2 - 3, at, middle + _BAR / 2 + 3, "goal")
                long = max(long, at - begin)
            self.text(begin + long + 7, middle + 5, bar.text, "ink")
            self.y += _ROW
        self.line(begin, self.y - _ROW * len(bars), begin, self.y, "axis")
        self.y += 4

    def source(self) -> str:
        """The whole file."""
        height = round(self.y + _MARGIN)
        light, dark = ("".join(f"--{name}:{both[n]};" for name, both in COLOURS.items()) for n in range(2))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
            f' height="{height}" role="img" aria-labelledby="t d">\n'
            f'<title id="t">{escape(self.title)}</title>\n<desc id="d">{escape(self.description)}</desc>\n'
            f"<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}{_STYLE}</style>\n"
            f'<rect class="ground" width="{WIDTH}" height="{height}" rx="8"/>\n' + "\n".join(self.parts) + "\n</svg>\n"
        )


_STYLE = (
    "text{font:14px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
    "text.bold{font-weight:600}text.small{font-size:13px}"
    ".ground{fill:var(--ground)}.ink{fill:var(--ink)}.quiet{fill:var(--quiet)}"
    ".first{fill:var(--first)}.second{fill:var(--second)}.third{fill:var(--third)}"
    ".pale{fill:var(--line)}.paper{fill:var(--ground)}"
    "path{fill:none}path.axis{stroke:var(--line)}path.whisker{stroke:var(--ink);stroke-width:1.5}"
    "path.goal{stroke:var(--ink);stroke-width:2;stroke-dasharray:3 2}"
    "path.first{fill:var(--first)}path.third{fill:var(--third)}"
)


def wrapped(words: str, width: float) -> list[str]:
    """A text in lines that have room in so many pixels."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and len(longer) * _CHARACTER > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
