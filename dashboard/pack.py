"""The board pack: one accessible PDF of the overview, the exceptions, the improvement plan and every trend."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import typst

from dashboard.charts import Artist
from dashboard.edition import Edition, Indicator
from dashboard.suppression import NOT_AVAILABLE, WITHHELD
from dashboard.wording import RATINGS, SIGNALS, change_in_words, day_name, period_name, rating_of, target_in_words

TEMPLATE = Path(__file__).parent / "templates" / "board_pack.typ"


def write_pack(edition: Edition, out: Path, drawings: Path) -> None:
    """Writes the pack; charts drawn before are taken from ``drawings``."""
    artist = Artist(drawings / edition.audience)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copyfile(TEMPLATE, folder / "pack.typ")
        charts = []
        for indicator in edition.indicators:
            drawn = artist.trend(indicator)
            file = f"{indicator.indicator_id}.svg" if drawn else None
            if file:
                (folder / file).write_text(drawn, encoding="utf-8")
            charts.append({**_summary(indicator), "file": file, "alt": f"{indicator.name} over time"})
        (folder / "data.json").write_text(json.dumps(_contents(edition, charts)), encoding="utf-8")
        typst.compile(
            str(folder / "pack.typ"),
            output=str(out),
            root=str(folder),
            ignore_system_fonts=True,
            pdf_standards=["ua-1"],  # tagged, with a title, a language and a text for each picture
        )


def _contents(edition: Edition, charts: list[dict[str, Any]]) -> dict[str, Any]:
    counts = Counter(i.latest.rag if i.latest else "none" for i in edition.indicators)
    passed = sum(check["outcome"] == "passed" for check in edition.checks)
    return {
        "title": f"{edition.la_name} SEND board pack",
        "as_at": day_name(edition.as_at),
        "known_at": edition.known_at.strftime("%H:%M on ") + day_name(edition.known_at),
        "checks": f"{passed} of {len(edition.checks)} checks of the data found nothing.",
        "note": f"{WITHHELD} is withheld so that no child can be recognised; {NOT_AVAILABLE} is not available.",
        "ratings": [
            {"rag": rag, "rating": RATINGS[rag], "count": counts.get(rag, 0)}
            for rag in ("red", "amber", "green", "none")
        ],
        "priorities": [
            {"name": name, "indicators": [_summary(indicator) for indicator in indicators]}
            for name, indicators in edition.by_priority.items()
        ],
        "exceptions": [_exception(indicator) for indicator in edition.exceptions],
        "actions": [
            {
                "action_id": action.action_id,
                "action": action.action,
                "officer": action.officer or "–",
                "due": day_name(action.due_date),
                "rag": rating_of(action.latest_rating),
                "rating": RATINGS[rating_of(action.latest_rating)],
            }
            for action in edition.actions
        ],
        "charts": charts,
    }


def _summary(indicator: Indicator) -> dict[str, Any]:
    latest, signal = indicator.latest, indicator.latest_signal
    rag = latest.rag if latest else "none"
    return {
        "name": indicator.name,
        "definition": indicator.definition,
        "owner": indicator.owner,
        "period": period_name(latest) if latest else "–",
        "shown": latest.shown if latest else NOT_AVAILABLE,
        "rag": rag,
        "rating": RATINGS[rag],
        "target": target_in_words(indicator, latest.target if latest else indicator.target),
        "change_on_year": change_in_words(indicator, latest.change_on_year if latest else None),
        "signal": SIGNALS[signal.signal] if signal else "–",
    }


def _exception(indicator: Indicator) -> dict[str, Any]:
    comment = indicator.comment_on(indicator.latest.period_end) if indicator.latest else None
    said = {"text": comment.text, "author": comment.author} if comment else None
    return {**_summary(indicator), "comment": said}
