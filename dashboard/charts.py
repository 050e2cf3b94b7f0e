"""Charts as SVG, drawn while the pages are made: a reader's browser runs no script and asks nobody for anything.

Altair describes each kind of chart once; Vega draws it with the data of each indicator. What was drawn before with the
same data is taken from a folder of drawings.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert as vlc

from connectors.manifest import write_whole
from dashboard.edition import Figure, Indicator
from dashboard.wording import breakdown_name, period_name, unit_name, values_in_order

WIDTH, HEIGHT, LABELS = 330, 180, 165
OVERHANG = 0.2
"""How much longer than Arial's a label may be where a reader has not Arial, and another font stands in for it."""
INK, GREY, BAND, TARGET, BENCHMARK = "#1d2a35", "#5b6770", "#dfe5ea", "#a1460b", "#3f5aa8"
SIGNAL_MARKS = {
    "common cause": ("#5b6770", "circle"),
    "improvement": ("#1b6fae", "triangle-up"),
    "concern": ("#b4430f", "triangle-down"),
    "change": ("#6a4c93", "diamond"),
}
"""The colour and shape of a month's mark; blue and orange are told apart by the colour-blind."""
MOST_BARS = 40
"""Of a breakdown into more groups a chart has the largest: more bars are not told apart."""
DATA = "figures"
FONT = "Arial, Helvetica, sans-serif"


def _configured(chart: Any) -> dict[str, Any]:
    """The chart as a Vega specification whose data can be put in."""
    styled = (
        chart.configure(aria=False, font=FONT, background="transparent")
        .configure_axis(labelColor=INK, titleColor=INK, labelFontSize=11, titleFontSize=11, gridColor="#e6eaed")
        .configure_view(stroke=None)
    )
    return dict(vlc.vegalite_to_vega(styled.to_dict()))


@functools.cache
def _trend_template(unit: str, *, is_share: bool) -> dict[str, Any]:
    base = alt.Chart(alt.NamedData(DATA)).encode(
        x=alt.X(
            "day:T",
            title=None,
            axis=alt.Axis(format="%b %y", labelOverlap="greedy", labelSeparation=6, tickCount=6, grid=False),
        )
    )
    scale = alt.Scale(domain=[0, 100]) if is_share else alt.Scale(zero=True, nice=True)
    figure = alt.Y("value:Q", title=unit_name(unit), scale=scale)
    chart = alt.layer(
        base.mark_area(color=BAND).encode(y=alt.Y("low:Q", scale=scale, title=unit_name(unit)), y2="high:Q"),
        base.mark_line(color=GREY, strokeDash=[1, 3], strokeWidth=1.2).encode(y="mean:Q"),
        base.mark_line(color=TARGET, strokeDash=[6, 3], strokeWidth=1.5).encode(y="target:Q"),
        base.mark_line(color=BENCHMARK, strokeDash=[2, 2], strokeWidth=1.5, interpolate="step-after").encode(
            y="benchmark:Q"
        ),
        base.mark_line(color=INK, strokeWidth=1.6).encode(y=figure),
        base.transform_filter("isValid(datum.value)")
        .mark_point(filled=True, size=38, opacity=1)
        .encode(
            y=figure,
            color=alt.Color(
                "signal:N",
                legend=None,
                scale=alt.Scale(domain=list(SIGNAL_MARKS), range=[colour for colour, _ in SIGNAL_MARKS.values()]),
            ),
            shape=alt.Shape(
                "signal:N",
                legend=None,
                scale=alt.Scale(domain=list(SIGNAL_MARKS), range=[shape for _, shape in SIGNAL_MARKS.values()]),
            ),
        ),
    ).properties(width=WIDTH, height=HEIGHT)
    return _configured(chart)


@functools.cache
def _breakdown_template(unit: str, *, is_share: bool) -> dict[str, Any]:
    in_order = alt.EncodingSortField(field="place", op="min")
    y = alt.Y("name:N", title=None, sort=in_order, axis=alt.Axis(labelLimit=LABELS, domain=False, ticks=False))
    x = alt.X(
        "value:Q",
        title=unit_name(unit),
        scale=alt.Scale(domain=[0, 100]) if is_share else alt.Scale(zero=True),
        axis=alt.Axis(tickCount=5),
    )
    base = alt.Chart().encode(y=y)
    chart = (
        alt.layer(
            base.mark_bar(color="#8fb3cf", height={"band": 0.7}).encode(x=x),
            base.mark_rule(color=INK).encode(x=alt.X("lower:Q"), x2="upper:Q"),
            base.mark_text(align="left", dx=4, fontSize=10, color=INK).encode(x=alt.X("end:Q"), text="shown:N"),
        )
        .properties(width=WIDTH - LABELS + 10, height=alt.Step(17))
        .facet(
            row=alt.Row(
                "breakdown:N",
                title=None,
                sort=None,
                header=alt.Header(labelAngle=0, labelAnchor="start", labelOrient="top", labelFontWeight="bold"),
            ),
            data=alt.NamedData(DATA),
            spacing=14,
        )
        .resolve_scale(y="independent")
    )
    return _configured(chart)


def _is_share(unit: str, figures: Iterable[Figure]) -> bool:
    """Whether 100 % is all there can be; more places can be filled than were commissioned."""
    return unit == "percent" and all(figure.value is None or figure.value <= 100 for figure in figures)


def _largest(figures: Mapping[str, Figure]) -> Mapping[str, Figure]:
    """The figures, or of many the ``MOST_BARS`` that are of most."""
    if len(figures) <= MOST_BARS:
        return figures
    by_size = sorted(figures, key=lambda value: -(figures[value].denominator or figures[value].numerator or 0))
    return {value: figures[value] for value in by_size[:MOST_BARS]}


class Artist:
    """Draws charts, and remembers in ``folder`` what it drew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def trend(self, indicator: Indicator) -> str:
        """The indicator over time as SVG: figures, target, benchmark, and the limits that tell signal from noise."""
        figures = indicator.trend
        by_start = {signal.period_start: signal for signal in indicator.signals}
        is_monthly = bool(figures) and figures[0].period_kind == "month"
        rows = []
        for figure in figures:
            signal = by_start.get(figure.period_start) if is_monthly else None
            rows.append(
                {
                    "day": figure.period_end.isoformat(),
                    "value": figure.value,
                    "target": figure.target,
                    "benchmark": figure.benchmark,
                    "mean": signal.mean if signal else None,
                    "low": signal.lower_limit if signal else None,
                    "high": signal.upper_limit if signal else None,
                    "signal": signal.signal if signal else "common cause",
                }
            )
        shown = [figure for figure in figures if figure.value is not None]
        if len(shown) < 2:  # one figure has no course
            return ""
        text = (
            f"{indicator.name}, {period_name(figures[0])} to {period_name(figures[-1])}: "
            f"first {shown[0].shown}, last {shown[-1].shown}. The table below has every figure."
        )
        template = _trend_template(indicator.unit, is_share=_is_share(indicator.unit, figures))
        return self._draw(template, rows, f"trend-{indicator.indicator_id}", "Over time", text)

    def breakdowns(self, indicator: Indicator) -> str:
        """The indicator's breakdowns in the last period for which most can be shown, as SVG.

        One of which nothing can be shown is left to the table.
        """
        kind = indicator.breakdown_kind
        if kind is None:
            return ""
        drawn = [f[kind] for values in indicator.breakdowns.values() for f in values.values() if kind in f]
        rows: list[dict[str, Any]] = []
        for breakdown, values in indicator.breakdowns.items():
            if all(kind not in kinds or kinds[kind].value is None for kinds in values.values()):
                continue
            largest = _largest({value: kinds[kind] for value, kinds in values.items() if kind in kinds})
            for value in values_in_order(breakdown, values):
                if value in largest:
                    figure = largest[value]
                    end = max((end for end in (figure.value, figure.upper) if end is not None), default=0)
                    rows.append(
                        {
                            "breakdown": breakdown_name(breakdown),
                            "name": value,
                            "place": len(rows),
                            "value": figure.value,
                            "lower": figure.lower,
                            "upper": figure.upper,
                            "end": end,
                            "shown": figure.shown,
                        }
                    )
        text = f"{indicator.name} in {period_name(drawn[0])}, broken down. The table below has every figure."
        return self._draw(
            _breakdown_template(indicator.unit, is_share=_is_share(indicator.unit, drawn)),
            rows,
            f"breakdown-{indicator.indicator_id}",
            "Breakdown",
            text,
            overhang=round(LABELS * OVERHANG),
        )

    def _draw(
        self,
        template: Mapping[str, Any],
        rows: Sequence[Mapping[str, Any]],
        name: str,
        title: str,
        text: str,
        overhang: int = 0,
    ) -> str:
        filled = {
            **template,
            "data": [{**d, "values": rows} if d["name"] == DATA else d for d in template["data"]],
        }
        key = hashlib.sha256(json.dumps(filled, sort_keys=True).encode()).hexdigest()[:32]
        kept = self._folder / f"{key}.svg"
        self._used.add(kept.name)
        if kept.exists():
            drawn = kept.read_text(encoding="utf-8")
        else:
            drawn = vlc.vega_to_svg(filled)
            write_whole(kept, drawn.encode())
        return _accessible(drawn, name, title, text, overhang)

    def forget_unused(self) -> None:
        """Removes drawings that no chart of this edition used."""
        for drawing in self._folder.glob("*.svg"):
            if drawing.name not in self._used:
                drawing.unlink()


def _accessible(svg: str, name: str, title: str, text: str, overhang: int = 0) -> str:
    """The drawing as one image with a name and a description, at the width of its column, with ids of its own.

    ``overhang`` is left free at its left, for labels that are longer than they were measured.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    svg = re.sub(r' (role|aria-[a-z]+)="[^"]*"', "", svg)
    svg = re.sub(r'id="([^"]+)"', rf'id="{safe}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{safe}-\1)", svg)
    opening = re.match(r"<svg[^>]*>", svg)
    if opening is None:
        raise ValueError("Vega drew no SVG")
    width, height = (re.search(rf'{side}="([0-9.]+)"', opening[0]) for side in ("width", "height"))
    drawn_width = float(width[1]) if width else WIDTH
    box = f"{-overhang} 0 {drawn_width + overhang:g} {height[1] if height else HEIGHT}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="{box}" role="img" '
        f'aria-labelledby="{safe}-title {safe}-desc"><title id="{safe}-title">{escape(title)}</title>'
        f'<desc id="{safe}-desc">{escape(text)}</desc>'
    )
    return head + svg[opening.end() :]
