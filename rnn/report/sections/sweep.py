"""What a sweep found: the answer, all points, what they write, and what went wrong."""

import math
import shlex
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind_from_stats

from rnn import ROOT
from rnn.errors import ReportError
from rnn.report.sections.sweep_finished import NONE, Sweep, SweptPoint, written
from rnn.report.sentences import decimals
from rnn.report.show import Section
from rnn.runs.models import load_model, write
from rnn.runs.results import BEST_MODELS
from rnn.settings import Settings

_TOP = 5  # points in the short table beside the answer
_SURE = 0.95  # of the interval that tells a difference from chance


def answer(section: Section, sweep: Sweep) -> None:
    """Say which setting is best, how sure that is, what it costs, and what to try next."""
    values = answer_facts(sweep)
    section.prose("answer", values)
    if len(sweep.points) > _TOP:
        best = table(sweep).iloc[:_TOP]
        section.table(best, "tab-best", values, caption="best", source="sweep.json")
    section.prose("next", values)


def answer_facts(sweep: Sweep) -> dict[str, Any]:
    """Return what the sentences of the answer mention.

    ``apart`` is how far the next point is behind the best, in nats per character, ``error`` the
    standard error of that, ``sure`` whether it is more than chance makes of equal points, by
    Welch's interval; ``close`` are points of which that cannot be said, ``cheapest`` is the
    quickest of them, if it takes less time than the best.  With one seed nothing is known of that.
    """
    best, *others = sweep.points
    seeds = len(best.losses)
    close = [one for one in others if seeds > 1 and not _surely_apart(best, one)]
    cheapest = min((best, *close), key=lambda one: one.seconds)
    other = others[0] if others else None
    timed = [one.seconds for one in sweep.points if math.isfinite(one.seconds)]
    where = sweep.folder.relative_to(ROOT) if sweep.folder.is_relative_to(ROOT) else sweep.folder
    corpus = sweep.asked["corpus"]
    text = "" if corpus == "saltmarrow" else f" CORPUS={shlex.quote(corpus)}"
    encoding = sweep.asked.get("encoding", "utf-8")
    text += "" if encoding == "utf-8" else f" ENCODING={shlex.quote(encoding)}"
    return {
        "sweep": sweep,
        "best": best,
        "seeds": seeds,
        "held_out": sweep.asked["held_out"],
        "next": other,
        "apart": other.loss - best.loss if other else math.nan,
        "error": math.hypot(best.error, other.error) if other else math.nan,
        "sure": other is not None and _surely_apart(best, other),
        "close": len(close),
        "cheapest": cheapest if cheapest.seconds < 0.9 * best.seconds else None,
        "median_seconds": float(np.median(timed)) if len(timed) > 1 else math.nan,
        "edges": (edges := _edges(sweep, best)),
        "command": f'make report RUN=best{text} PARAMS="-f {where}/best.yaml"',
        "larger": _larger(sweep, edges),
    }


def _surely_apart(one: SweptPoint, other: SweptPoint) -> bool:
    """Tell whether the means of two points differ by more than Welch's interval."""
    if len(one.losses) < 2:
        return False
    told = [(point.loss, point.losses.std(ddof=1), len(point.losses)) for point in (one, other)]
    return bool(ttest_ind_from_stats(*told[0], *told[1], equal_var=False).pvalue < 1 - _SURE)


def _edges(sweep: Sweep, best: SweptPoint) -> list[dict[str, Any]]:
    """Return for which settings the best value is the lowest or the highest, and what lies beyond.

    Beyond is one more step of the grid: by the ratio of its last two values, at most ten, or by
    their difference where one is zero.
    """
    found = []
    for name, values in sweep.varied.items():
        value = best.parameters[name]
        numbers = all(isinstance(one, int | float) for one in values)
        if not numbers or value not in (values[0], values[-1]):
            continue
        last, before = (values[-1], values[-2]) if value == values[-1] else (values[0], values[1])
        ratio = min(max(last / before, 0.1), 10) if before else 0
        beyond = last * ratio or 2 * last - before
        beyond = round(beyond) if isinstance(last, int) else float(f"{beyond:.2g}")
        try:
            Settings(**best.parameters | {name: beyond})
        except ReportError:
            continue
        if beyond not in values:
            side = "highest" if value == values[-1] else "lowest"
            found.append({"name": name, "value": value, "side": side, "beyond": beyond})
    return found


def _larger(sweep: Sweep, edges: list[dict[str, Any]]) -> str:
    """Return the GRID with what lies beyond its edges, if it is one of plain words."""
    grid = str(sweep.asked["grid"]).split()
    if not edges or not all("=" in word for word in grid):
        return ""
    beyond = {one["name"]: f",{written(one['beyond'])}" for one in edges}
    words = [word + beyond.get(word.partition("=")[0], "") for word in grid]
    return f'GRID="{" ".join(words)}"'


def points(section: Section, sweep: Sweep) -> None:
    """Show all points in a table that the HTML page can sort."""
    section.table(table(sweep), "tab-points", {"sweep": sweep}, source="sweep.json", sortable=True)


def table(sweep: Sweep) -> pd.DataFrame:
    """Put the points into a table, the best first, all as text."""
    rows = {}
    quickest = min((one.seconds for one in sweep.measured if one.seconds > 0), default=1.0)
    places = max(1, 1 - math.floor(math.log10(quickest)))  # of seconds: no time is zero
    for one in [*sweep.measured, *sweep.failed]:
        row = {name: written(one.parameters[name]) for name in sweep.varied}
        row |= {"loss": _number(one.loss, 4), "std. error": _number(one.error, 4)}
        row |= {"updates": f"{one.updates:,}", "seconds": _number(one.seconds, places)}
        if sweep.asked["halving"]:
            row["stage"] = str(one.stopped or len(sweep.asked["stages"]))
        rows[one.name] = row
    shown = pd.DataFrame.from_dict(rows, orient="index").rename_axis("point")
    # With one seed, or none that was timed, a column would say nothing.
    return shown.loc[:, (shown != NONE).any() | shown.columns.isin(["loss", *sweep.varied])]


def _number(value: float, places: int) -> str:
    return decimals(value, places) if math.isfinite(value) else NONE


def samples(section: Section, sweep: Sweep, length: int) -> None:
    """Show what the best and the worst point that ran to the end write, side by side."""
    best, worst = sweep.points[0], sweep.points[-1]
    texts = {}
    for point in [best] if best is worst else [best, worst]:
        model = load_model(point.folder / BEST_MODELS["smooth"])
        title = section.line("title", {"point": point, "setting": sweep.setting(point)}, plain=True)
        texts[title] = write(model, length, sweep.asked["seeds"][0])
    section.texts(texts, {"alone": best is worst, "halving": sweep.asked["halving"]})


def troubles(section: Section, sweep: Sweep) -> None:
    """Show which points failed, and after which stage of a halving points were stopped."""
    stages = sweep.asked["stages"] if sweep.asked["halving"] else []
    numbered = [one | {"number": number} for number, one in enumerate(stages, start=1)]
    values = {"sweep": sweep, "stages": numbered, "failed": len(sweep.failed)}
    section.prose("stages", values)
    if stages:
        rows = section.rows("stage_rows", values)
        section.table(rows, "tab-stages", values, caption="stage_caption", source="sweep.json")
    section.prose("failures", values)
    if sweep.failed:
        rows = section.rows("failure_rows", values)
        section.table(rows, "tab-failed", values, caption="failure_caption", source="sweep.json")
