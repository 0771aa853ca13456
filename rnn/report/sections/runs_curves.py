"""The smooth losses of several runs over one another, and how they compare for the same effort."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnn.report.figures import COLOURS, page_figure, write_out
from rnn.report.sections.runs import Runs, alike, ranked
from rnn.report.sections.runs_finished import AXES
from rnn.report.show import Section

FALL = 0.05  # of a run: the fall at its beginning, which would squash the rest
UNEVEN = 4  # times: from there on the largest squeezes the rest, and an axis is logarithmic
_MARKERS = "os^Dv"  # with the colours, for grey print: dashes of noisy curves look alike
_MARKS = 8  # across a panel
_LEGEND = 4  # names in a row of the legend, at most
_LINE = {"linewidth": 0.8, "markersize": 4, "markerfacecolor": "white", "markeredgewidth": 0.8}

Curve = tuple[np.ndarray, np.ndarray]  # where the losses stand, and the losses


def show(section: Section, runs: Runs) -> None:
    """Show the losses over one another, and what they were after the same effort."""
    labels = {axis: section.line(axis, {}, plain=True) for axis in AXES}
    values = facts(runs) | {"labels": labels}
    section.figure(figure(runs, labels), "fig-runs", values, source="history.csv, speed.json")
    section.prose("budgets", values)


def facts(runs: Runs) -> dict[str, Any]:
    """Return what the sentences about the curves mention.

    ``budgets`` are the finite losses, by run, after as much of an axis as all runs had; none over
    different texts.
    """
    panels, budgets = _panels(runs), []
    for axis in panels if alike(run.book["sha256"] for run in runs) else ():
        curves = _curves(runs, axis)
        most = min(float(x[-1]) for x, _ in curves.values())
        losses = ranked({runs[i].name: np.interp(most, *curve) for i, curve in curves.items()})
        if len(losses) > 1 and most > 1:  # after one update there is little to compare
            budgets.append({"axis": axis, "amount": most, "losses": losses})
    return {
        "runs": runs,
        "panels": panels,
        "against": [axis for axis in AXES if axis in panels or axis == "character"],
        "untimed": [run.name for run in runs if math.isnan(run.seconds_per_update)],
        "budgets": budgets,
        "pace": 0 if "character" in panels else runs[0].characters_per_update,
        "cut_off": cut_off([run.losses for run in runs], loss_limits(runs)[1]),
    }


def _panels(runs: Runs) -> list[str]:
    """Return what the losses have a panel against.

    None of characters where it would only repeat that of updates, none of seconds where no run was
    timed.
    """
    repeats = alike(run.characters_per_update for run in runs)
    return [axis for axis in AXES if _curves(runs, axis) and not (axis == "character" and repeats)]


def _curves(runs: Runs, axis: str) -> dict[int, Curve]:
    """Return where the losses stand and the losses, by the number of the run, if that is known."""
    found = {i: (run.places(axis), run.losses) for i, run in enumerate(runs)}
    return {i: curve for i, curve in found.items() if np.isfinite(curve[0]).all()}


def loss_limits(runs: Runs) -> tuple[float, float]:
    """Return the lowest and the highest loss to draw.

    The fall at the beginning of the runs is cut off, but no run is left out whole: the upper limit
    is the lowest loss that a run has after a twentieth of its length, or higher, so that the lowest
    loss of every run is well inside.
    """
    curves = _curves(runs, "update").values()
    finite = [(x[keep], y[keep]) for x, y in curves if (keep := np.isfinite(y)).any()]
    if not finite:
        return 0.0, 1.0
    lowest = [float(y.min()) for _, y in finite]
    fallen = min(float(np.interp(FALL * x[-1], x, y)) for x, y in finite)
    bottom, worst = min(lowest), max(lowest)
    top = max(fallen, worst + 0.25 * (worst - bottom))
    room = 0.05 * max(top - bottom, 1e-3 * abs(bottom), 1e-9)
    return bottom - room, top + room


def cut_off(curves: Iterable[np.ndarray], top: float) -> str:
    """Tell what of curves lies above the highest loss drawn: a first fall, what is higher, or none.

    Returns
    -------
    str
        ``"fall"`` where only losses before the lowest one of a curve do, ``"more"`` where later
        ones do, too; else an empty text.
    """
    cut = ""
    for losses in curves:
        above = np.flatnonzero(losses > top)
        if len(above):
            cut = "more" if cut == "more" or above[-1] > np.nanargmin(losses) else "fall"
    return cut


def figure(runs: Runs, labels: Mapping[str, str]) -> Figure:
    """Draw the losses of runs over one another, a panel for each thing they are drawn against.

    Parameters
    ----------
    runs : sequence of FinishedRun
        In the order of their colours; one that was not timed has no curve over the seconds.
    labels : mapping
        What the axes are called, by `AXES`.
    """
    panels, lines = _panels(runs), dict[int, Line2D]()
    height = 2.1 if len(panels) < 3 else 1.75
    rows = math.ceil(len(runs) / _LEGEND)
    with page_figure(height * len(panels) + 0.18 * rows + 0.1) as figure:
        grid = figure.subplots(len(panels), squeeze=False)[:, 0]
        for axes, axis in zip(grid, panels, strict=True):
            axes.set_ylim(loss_limits(runs))
            axes.set_xlabel(labels[axis], labelpad=1)
            found = _curves(runs, axis).items()
            curves = {i: (x[np.isfinite(y)], y[np.isfinite(y)]) for i, (x, y) in found}
            places = _scale(axes, list(curves.values()), 2 * len(runs) * _MARKS + 1)
            for i, (x, y) in curves.items():
                # Marked at the end and at a few places, where no other curve is.
                at = np.searchsorted(x, places[2 * i + 1 :: 2 * len(runs)])
                marks = sorted({*at[at < len(x)].tolist(), *range(len(x))[-1:]})
                (lines[i],) = axes.plot(x, y, "-", **_LINE, color=COLOURS[i % len(COLOURS)],
                                        marker=_MARKERS[i % len(_MARKERS)],
                                        markevery=marks)  # fmt: skip
        if "character" not in panels:
            pace = runs[0].characters_per_update
            scale = (lambda x: x * pace, lambda x: x / pace)
            above = grid[0].secondary_xaxis("top", functions=scale)
            above.set_xlabel(labels["character"], labelpad=3)
            write_out(above.xaxis, grid[0])
        figure.supylabel("smooth loss (nats per character)", fontsize=9.5)
        columns = math.ceil(len(runs) / rows)
        # Row by row, where the legend goes column by column.
        order = [i for column in range(columns) for i in range(column, len(runs), columns)]
        legend = figure.legend([lines[i] for i in order], [runs[i].name for i in order],
                               ncols=columns, loc="outside upper center", borderaxespad=0.1,
                               handlelength=2.6)  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def _scale(axes: Axes, curves: list[Curve], n: int) -> np.ndarray:
    """Scale the axis, logarithmic where a short run would be lost; return `n` places along it."""
    ends = [x[-1] for x, _ in curves if len(x)] or [1.0]
    if max(ends) <= UNEVEN * min(ends):
        axes.set_xlim(0, max(ends) * 1.01)
        write_out(axes.xaxis, axes)
        return np.linspace(*axes.get_xlim(), n)
    # From where the first curve comes into sight.
    seen = [x[y <= axes.get_ylim()[1]] for x, y in curves]
    left = min((x[0] for x in seen if len(x)), default=min(ends))
    axes.set_xscale("log")
    axes.set_xlim(left * 0.95, max(ends) * 1.05)
    write_out(axes.xaxis, axes)
    return np.geomspace(*axes.get_xlim(), n)
