"""The texts that the network synthesized while it was trained, and what they are like."""

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from rnn.analysis.text_quality import Book, quality_table
from rnn.report.figures import COLOURS, page_figure
from rnn.report.show import Section
from rnn.runs.run import Run

_SHOWN = 11  # snapshots: the assignment asks for the first and ten more ...
_APART = 10_000  # ... so many updates apart
_CHANGED = 0.1  # shares that differ by less are said to have hardly changed
_ENOUGH = 5  # long words of a snapshot from which on their share says something
_AS_NEAR = 0.1  # of the book's own difference, or of what it lacks to 1: so much more is as near
_BY_CHANCE = 0.03  # ... and so is this: stretches of the book differ as much from each other
_BY_HEART = 2  # times what the book repeats of itself: longer copies look learned by heart


def show(section: Section, run: Run) -> None:
    """Show the snapshots that the assignment asks for, and say how they were made."""
    last = selected(run)[-1]["update"]
    section.prose("setting", {"settings": run.settings, "every": _step(run), "last": last})
    for snapshot in selected(run):
        section.sample(snapshot["text"], snapshot)


def _step(run: Run) -> int:
    """Return how many updates the snapshots that are shown are apart: the run's own, or a multiple.

    With it they reach to the end of the run, or they are as far apart as the assignment asks.
    """
    every, last = run.settings.snapshot_every, run.state.snapshots[-1]["update"]
    return every * min(math.ceil(last / every / (_SHOWN - 1)), math.ceil(_APART / every))


def selected(run: Run) -> list[dict[str, Any]]:
    """Return the snapshots that are shown: the first, and up to ten at equal distances."""
    step = _step(run)
    return [s for s in run.state.snapshots if s["update"] == 1 or s["update"] % step == 0][:_SHOWN]


def quality(section: Section, run: Run) -> None:
    """Say what the snapshots are like in numbers, and show it in a figure and a table."""
    book, source = Book.of(run.corpus), "snapshots.json"
    measured = quality_table(selected(run), book)
    own = book.own(run.settings.snapshot_length)
    values = facts(measured, book, own)
    section.prose("reading", values)
    section.figure(figure(measured, own), "fig-quality", values, source=source)
    table = section.rows("table", values)
    section.table(table, "tab-quality", values, source=source, caption="table_caption")


def facts(measured: pd.DataFrame, book: Book, own: dict[str, float]) -> dict[str, Any]:
    """Return what the sentences mention of what `quality_table` and `Book.own` have measured.

    A measure has its first and its last value, each with its update: two, one, or none.
    """
    rows = measured.to_dict("records")
    limits = {
        name: own[name] + max(_AS_NEAR * min(own[name], 1 - own[name]), _BY_CHANCE)
        for name in ("characters_off", "pairs_off")
    }
    near = [row["update"] for row in rows if all(row[name] <= limits[name] for name in limits)]
    longest = max(rows, key=lambda row: row["copied"])
    ends = {}
    for name in ("words", "long_words", "characters_off", "pairs_off", "copied"):
        # Characters and pairs are told together, and a text of one character has no pair.
        told = "pairs_off" if name == "characters_off" else name
        known = [(row["update"], row[name]) for row in rows if not math.isnan(row[told])]
        ends[name] = [*known[:1], *known[1:][-1:]]
    return ends | {
        "snapshots": rows,
        "updates": [row["update"] for row in rows],
        "has_words": book.has_words,
        "spelling": _spelling(measured),
        "near_before": near[0] if near else 0,
        "book_names": book.names,
        "names": [(name, row["update"]) for row in rows for name in row["names"]],
        "longest": longest,
        "by_heart": longest["copied"] > _BY_HEART * own["copied"],
        "own": own,
    }


def _spelling(measured: pd.DataFrame) -> dict[str, Any]:
    """Return how the shares of real words changed over the snapshots, where two can be compared.

    The longer words decide, as letters drawn by chance make short words; a share of a few words
    says nothing.
    """
    measured = measured[measured["long_judged"] >= _ENOUGH]
    if len(measured) < 2:
        return {}
    shares, words = measured["long_words"].tolist(), measured["words"].tolist()
    best, last, change = max(shares), shares[-1], shares[-1] - shares[0]
    return {
        "short_by_chance": words[0] - shares[0] >= _CHANGED,
        "better": change >= _CHANGED,
        "worse": change <= -_CHANGED,
        "spells": last >= 0.5,
        "all_fell": words[-1] - words[0] <= -_CHANGED,
        "all_rose": words[-1] - words[0] >= _CHANGED,
        "was_better": best - last >= _CHANGED,
        "best": best,
        "best_before": measured["update"].iloc[shares.index(best)],
        "made_up": 1 - last,
        "first_before": measured["update"].iloc[0],
        "last_before": measured["update"].iloc[-1],
    }


def figure(measured: pd.DataFrame, own: dict[str, float]) -> Figure:
    """Draw the measures of the snapshots over the updates, the book's own as thin lines."""
    panels = [
        ("share of real words", {"words": "all", "long_words": "4+ letters"}),
        ("share that is off", {"characters_off": "characters", "pairs_off": "pairs"}),
        ("longest copy (characters)", {"copied": "copied"}),
    ]
    panels = [panel for panel in panels if not measured[next(iter(panel[1]))].isna().all()]
    updates, unit = measured["update"], "update"
    if updates.max() >= 1000:
        updates, unit = updates / 1000, "update (thousands)"
    with page_figure(1.9) as figure:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, curves) in zip(grid, panels, strict=True):
            for i, (name, label) in enumerate(curves.items()):
                if measured[name].isna().all():
                    continue
                axes.plot(updates, measured[name], marker="os"[i], markersize=2.5, label=label,
                          clip_on=False)  # fmt: skip
                if math.isfinite(own.get(name, math.nan)):
                    axes.axhline(own[name], color=COLOURS[i], linewidth=0.6, dashes=(2, 2))
            if len(curves) > 1:
                axes.set_ylim(0, 1)
                axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
                # Beside a single snapshot the legend's own marks would look like others.
                below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.35), "ncols": 2}
                where = below if len(updates) == 1 else {"loc": "best"}
                axes.legend(handlelength=1.6, borderaxespad=0.2, **where)
            else:
                axes.set_ylim(0, 1.15 * max(measured["copied"].max(), own["copied"], 1))
            axes.set_title(title, fontsize=9)
            axes.set_xlabel(unit)
            if len(updates) == 1:
                axes.set_xticks(updates)
    return figure
