"""The figure of a comparison: the losses of several runs over one another."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from rnn.report.figures import COLOURS, PAGE_WIDTH, style

__all__ = ["Curve", "loss_limits", "runs_figure"]

#: Where a run's losses stand, and the losses in nats a character.
Curve = tuple[np.ndarray, np.ndarray]

#: With the colours, for grey print: curves with noise cannot be told apart by their dashes.
_MARKERS = "os^Dv"

_MARKS = 8  # across a panel
_LEGEND = 4  # names in a row of the legend, at most
_UNEVEN = 4  # times the shortest run: from there on a long one squeezes it

_FALL = 0.05  # of a run: the fall at its beginning, which would squash the rest


def loss_limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return the lowest and the highest loss to draw.

    The fall at the beginning of the runs is cut off, but no run is left out whole: the upper limit
    is the lowest loss that a run has after a twentieth of its length, or higher, so that the lowest
    loss of every run is well inside.

    Parameters
    ----------
    curves : sequence of Curve
        Losses that are not finite are passed over.

    Returns
    -------
    tuple of float
        The two limits, the second above the first.
    """
    finite = [(x[np.isfinite(y)], y[np.isfinite(y)]) for x, y in curves]
    finite = [(x, y) for x, y in finite if len(y)]
    if not finite:
        return 0.0, 1.0
    lowest = [float(y.min()) for _, y in finite]
    fallen = min(float(np.interp(_FALL * x[-1], x, y)) for x, y in finite)
    bottom, worst = min(lowest), max(lowest)
    top = max(fallen, worst + 0.25 * (worst - bottom))
    room = 0.05 * max(top - bottom, 1e-3 * abs(bottom), 1e-9)
    return bottom - room, top + room


def runs_figure(
    panels: dict[str, dict[str, Curve]],
    names: Sequence[str],
    above: tuple[str, float] | None = None,
) -> Figure:
    """Draw the losses of runs over one another, a panel for each thing they are drawn against.

    Parameters
    ----------
    panels : dict
        From the label of an axis to curves by the names of runs; a run may be missing in one.
    names : sequence of str
        All runs, in the order of their colours.
    above : (str, float), optional
        A second label for the first panel, and how much of it goes to one of the first label.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as the page's text; all panels have the same losses.
    """
    everything = [curve for curves in panels.values() for curve in curves.values()]
    low, high = loss_limits(everything)
    rows = math.ceil(len(names) / _LEGEND)
    height = 2.1 if len(panels) < 3 else 1.75
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, height * len(panels) + 0.18 * rows + 0.1))
        grid = figure.subplots(len(panels), squeeze=False)[:, 0]
        lines: dict[int, Line2D] = {}
        for axes, (label, curves) in zip(grid, panels.items(), strict=True):
            drawn = {i: _draw(axes, curves[x], i) for i, x in enumerate(names) if x in curves}
            _scale(axes.xaxis, list(curves.values()), high)
            for i, line in drawn.items():
                _mark(line, axes, (i + 0.5) / len(names))
            lines |= drawn
            axes.set_ylim(low, high)
            axes.set_xlabel(label, labelpad=1)
        if above:
            label, factor = above
            twice = grid[0].secondary_xaxis(
                "top", functions=(lambda x: x * factor, lambda x: x / factor)
            )
            twice.set_xlabel(label, labelpad=3)
            _write_out(twice.xaxis, grid[0].get_xscale() == "log")
        figure.supylabel("smooth loss (nats a character)", fontsize=9.5)
        _legend(figure, lines, names, rows)
    return figure


def _draw(axes: Axes, curve: Curve, i: int) -> Line2D:
    """Draw the curve of the run with the number i."""
    x, y = curve
    finite = np.isfinite(y)
    (line,) = axes.plot(
        x[finite], y[finite], "-", color=COLOURS[i % len(COLOURS)], linewidth=0.8,
        marker=_MARKERS[i % len(_MARKERS)], markersize=4, markerfacecolor="white",
        markeredgewidth=0.8,
    )  # fmt: skip
    return line


def _mark(line: Line2D, axes: Axes, offset: float) -> None:
    """Mark a curve at its end and at a few places, elsewhere than the others by the offset."""
    x = np.asarray(line.get_xdata(), dtype=float)
    shares = (np.arange(_MARKS) + offset) / _MARKS
    left, right = axes.get_xlim()
    if axes.get_xscale() == "log":
        places = left * (right / left) ** shares
    else:
        places = left + (right - left) * shares
    marked = np.searchsorted(x, places[places <= x.max(initial=left)])
    line.set_markevery([int(at) for at in np.unique([*marked, *([len(x) - 1] if len(x) else [])])])
    # A long curve was cut to what is in sight before it had marks, which count all of it.
    line.recache_always()


def _scale(axis: XAxis, curves: Sequence[Curve], high: float) -> None:
    """Let the axis be logarithmic where a short run would be lost beside a long one."""
    ends = [float(x[-1]) for x, _ in curves]
    uneven = max(ends) > _UNEVEN * min(ends)
    if uneven:
        # From where the first curve comes into sight.
        seen = [x[y <= high] for x, y in curves]
        left = min((float(x[0]) for x in seen if len(x)), default=min(ends))
        axis.axes.set_xscale("log")
        axis.axes.set_xlim(left * 0.95, max(ends) * 1.05)
    else:
        axis.axes.set_xlim(0, max(ends) * 1.01)
    _write_out(axis, uneven)


def _write_out(axis: XAxis, logarithmic: bool) -> None:
    """Write the numbers of an axis in full."""
    if logarithmic:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _legend(figure: Figure, lines: dict[int, Line2D], names: Sequence[str], rows: int) -> None:
    """Write the names of the runs above the panels, row by row."""
    columns = math.ceil(len(names) / rows)
    order = [i for column in range(columns) for i in range(column, len(names), columns)]
    legend = figure.legend(
        [lines[i] for i in order], [f"run {i}" for i in order], loc="outside upper center",
        ncols=columns, borderaxespad=0.1, handlelength=2.6,
    )  # fmt: skip
    # A name is no mathematics, and one that begins with "_" is a name all the same.
    for text, i in zip(legend.get_texts(), order, strict=True):
        text.set_parse_math(False)
        text.set_text(names[i])
