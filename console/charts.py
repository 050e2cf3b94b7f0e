"""Charts as SVG, drawn here: no script, no inline style, a text for who cannot see them; a table stands beside each.

Shades differ in lightness, not only in hue, and each is named in the legend with its pattern's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 640, 170, 60, 8, 22, 10
HEIGHT = 260


@dataclass(frozen=True)
class Bars:
    """Bars lying one below another: for each a label and the parts it is made of, in the order of ``parts``."""

    title: str
    parts: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    unit: str

    def svg(self, identity: str) -> Markup:
        """The drawing; ``identity`` is unique on its page."""
        most = max((sum(values) for _, values in self.rows), default=0) or 1
        scale = (WIDTH - LEFT - RIGHT) / most
        height = TOP * 2 + len(self.rows) * (BAR + GAP)
        drawn = []
        for number, (label, values) in enumerate(self.rows):
            y, x = TOP + number * (BAR + GAP), float(LEFT)
            drawn.append(_text(LEFT - 8, y + BAR * 0.7, label, "end"))
            for part, value in enumerate(values):
                width = value * scale
                if width:
                    drawn.append(f'<rect class="part-{part}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"/>')
                x += width
            drawn.append(_text(x + 6, y + BAR * 0.7, f"{sum(values):,.0f}", "start"))
        told = f"{self.title}, in {self.unit}: " + "; ".join(
            f"{label} {sum(values):,.0f}" for label, values in self.rows[:12]
        )
        return _drawing(identity, self.title, told, height, drawn)


@dataclass(frozen=True)
class Lines:
    """Values over time: the labels along the bottom, and for each name the values at them."""

    title: str
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[float, ...]], ...]
    unit: str

    def svg(self, identity: str) -> Markup:
        """The drawing; ``identity`` is unique on its page."""
        most = max((max(values, default=0) for _, values in self.series), default=0) or 1
        left, bottom, right = 60, HEIGHT - 34, WIDTH - 16
        step = (right - left) / max(1, len(self.labels) - 1)
        drawn = [f'<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>']
        drawn.append(_text(left - 8, TOP + 10, f"{most:,.0f}", "end"))
        drawn.append(_text(left - 8, bottom, "0", "end"))
        for number, (_, values) in enumerate(self.series):
            points = [
                (left + position * step, bottom - value / most * (bottom - TOP))
                for position, value in enumerate(values)
            ]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            drawn.append(f'<polyline class="line-{number}" points="{path}"/>')
            drawn += [f'<circle class="part-{number}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
        for position in _spread(len(self.labels)):
            anchor = "start" if position == 0 else "end" if position == len(self.labels) - 1 else "middle"
            drawn.append(_text(left + position * step, HEIGHT - 12, self.labels[position], anchor))
        told = (
            f"{self.title}, in {self.unit}, from {self.labels[0]} to {self.labels[-1]}." if self.labels else self.title
        )
        return _drawing(identity, self.title, told, HEIGHT, drawn)


def _spread(number: int, most: int = 6) -> Sequence[int]:
    """At most so many positions, the first and the last among them."""
    if number <= most:
        return range(number)
    return sorted({round(part * (number - 1) / (most - 1)) for part in range(most)})


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _drawing(identity: str, title: str, told: str, height: int, drawn: Sequence[str]) -> Markup:
    head = (
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {height}" aria-labelledby="{identity}-t {identity}-d">'
        f'<title id="{identity}-t">{escape(title)}</title><desc id="{identity}-d">{escape(told)}</desc>'
    )
    return Markup(head + "".join(drawn) + "</svg>")
