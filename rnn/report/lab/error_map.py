"""The picture of the gradient playground: the relative error of every entry of a parameter."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch, Rectangle

from rnn.gradient_check import THRESHOLDS, Case, relative_errors
from rnn.report.figures import style
from rnn.text.characters import visible

__all__ = ["ErrorMap", "error_figure", "error_map"]

_LOWEST = 1e-16  # the colours' scale begins here, and ends at 1
_WIDTH, _LEFT, _RIGHT = 6.8, 0.62, 0.12  # inches: the figure, and its margins
_LARGEST_CELL, _TALLEST = 0.36, 3.6  # inches: a cell, and all rows together
_STRIP = 42  # characters beside one another, at most
_OMITTED = 2.6  # columns that stand for all that were not looked at
_HUES = "#f7fbfe #5f9dc9 #fbe6a6 #efc04e #ee9440 #d4621c #a82a20 #4d0a10".split()
_ZERO: Any = {"facecolor": "#e4e4e4", "hatch": "//////", "edgecolor": "#b5b5b5", "linewidth": 0}
_EMPTY: Any = {"facecolor": "white", "edgecolor": "#9a9a9a", "linewidth": 0.6}


#: Where errors are on the scale: 0 at `_LOWEST` and 1 at 1.
_position = LogNorm(_LOWEST, 1, clip=True)


#: Where each verdict begins and ends on the scale; the colours change their hue there.
_SPANS = list(itertools.pairwise([0.0, *map(float, map(_position, THRESHOLDS.values())), 1.0]))
_STOPS = list(zip(itertools.chain(*_SPANS), _HUES, strict=True))
_COLOURS = LinearSegmentedColormap.from_list("", _STOPS, N=1024)


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """The errors of one parameter, with what its rows and columns are."""

    errors: np.ndarray  # (rows, columns), relative
    zero: np.ndarray  # (rows, columns), booleans: where both gradients are exactly zero
    across: str  # what the columns are
    down: str = ""  # what the rows are; empty for a vector
    characters: Sequence[str] = ()  # the columns' names if they are characters
    left_out: int = 0  # characters whose columns were not looked at

    @property
    def worst(self) -> tuple[int, int]:
        """Row and column of the largest error; NaN is larger than any other."""
        errors = np.where(np.isfinite(self.errors), self.errors, np.inf)
        row, column = np.unravel_index(errors.argmax(), errors.shape)
        return int(row), int(column)


def error_map(
    case: Case, name: str, ga: np.ndarray, gn: np.ndarray, eps: float, vocabulary: str
) -> ErrorMap:
    """Lay the errors of the parameter `name` out as they are drawn: characters from left to right.

    The case says which entries are whose; of the characters, whole rows are looked at.  `ga`, `gn`
    and `eps` are as for `rnn.gradient_check.relative_errors`.
    """
    index = case.index()[name]
    places = np.arange(case.theta.size)[case.places]
    characters, left_out = [], 0
    if name in ("U", "V", "c"):
        looked_at = np.isin(index, places).reshape(case.architecture.K, -1).all(axis=1)
        characters = [visible(vocabulary[k]) for k in np.flatnonzero(looked_at)]
        left_out = case.architecture.K - len(characters)
        index = index[looked_at].T
    at = np.searchsorted(places, np.atleast_2d(index))
    return ErrorMap(
        errors=relative_errors(ga, gn, eps)[at],
        zero=((ga == 0) & (gn == 0))[at],
        across={"W": "hidden unit of the step before", "b": "hidden unit"}.get(name, "character"),
        down="hidden unit" if index.ndim == 2 else "",
        characters=characters,
        left_out=left_out,
    )


def error_figure(shown: ErrorMap) -> Figure:
    """Draw the errors in colours of a logarithmic scale, on a white ground.

    Characters stand in as many strips as they need to be legible; entries whose gradient is
    exactly zero are hatched, and the largest error has a frame.
    """
    rows, columns = shown.errors.shape
    strips = math.ceil(columns / _STRIP) if shown.characters else 1
    per_strip = math.ceil(columns / strips)
    omitted = _OMITTED + 0.5 if shown.left_out else 0.0
    cell = min(_LARGEST_CELL, (_WIDTH - _LEFT - _RIGHT) / (per_strip + omitted))
    lowest = 0.22 if rows == 1 else 0.012 * rows
    height = max(min(cell * rows, _TALLEST / strips), lowest)
    names = [_drawable(name) for name in shown.characters]
    spans = [(i, min(i + per_strip, columns)) for i in range(0, columns, per_strip)]
    # Names of several characters stand upright.
    below = [0.2 + 0.052 * max(map(len, names[i:end]), default=1) for i, end in spans]
    omission = f"{shown.left_out:,} more characters: not looked at"
    handles = [Patch(label="both gradients are exactly zero", **_ZERO)] * bool(shown.zero.any())
    handles += [Patch(label=omission, **_EMPTY)] * bool(shown.left_out)
    note = 0.3 if handles else 0.06
    total = note + 1.04 + sum(below) + strips * height
    left = _LEFT if strips > 1 else max(_LEFT, (_WIDTH - cell * (columns + omitted)) / 2)
    with style():
        figure = Figure(figsize=(_WIDTH, total), facecolor="white")
        figure.set_layout_engine("none")

        def add(x: float, y: float, width: float, height: float) -> Axes:
            return figure.add_axes((x / _WIDTH, y / total, width / _WIDTH, height / total))

        bottom = total - 0.1
        for (first, last), room in zip(spans, below, strict=True):
            bottom -= height
            axes = add(left, bottom, cell * (last - first), height)
            _draw_strip(axes, shown, names, first, last, min(cell, height / rows))
            if shown.down:
                _number(axes.yaxis, rows, int(height / 0.138))
            bottom -= room
        middle = (left + cell * per_strip / 2) / _WIDTH
        figure.text(middle, bottom / total, shown.across, ha="center", va="top")
        _draw_scale(add(0.8, note + 0.36, _WIDTH - 1.6, 0.15))
        if handles:
            figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.02 / total),
                          ncols=2, fontsize=8, borderaxespad=0, borderpad=0.1)  # fmt: skip
    return figure


def _draw_strip(
    axes: Axes, shown: ErrorMap, names: list[str], first: int, last: int, cell: float
) -> None:
    """Draw the columns from `first` to before `last`; the sides of a cell have `cell` inches."""
    rows, columns = len(shown.errors), last - first
    errors, zero = shown.errors[:, first:last], shown.zero[:, first:last]
    finite = np.isfinite(errors)
    colours = _COLOURS(_position(np.where(finite, errors, 1)))
    colours[~finite] = (0, 0, 0, 1)
    colours[zero, 3] = 0  # the hatched ground is seen
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, zorder=0, **_ZERO))
    axes.imshow(colours, aspect="auto", interpolation="nearest", zorder=1)
    if cell > 0.08:
        axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, "white", linewidth=0.6)
        axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, "white", linewidth=0.6)
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), yticks=[])
    axes.set_ylabel(shown.down, labelpad=4)
    axes.tick_params(length=0 if names or columns <= 20 else 3, pad=3, labelsize=8)
    if names:
        axes.set_xticks(range(columns), names[first:last])
        for label in axes.get_xticklabels():
            label.set(rotation=90 if len(label.get_text()) > 1 else 0, parse_math=False)
    else:
        _number(axes.xaxis, columns, 20)
    row, column = shown.worst
    if first <= column < last:
        axes.add_patch(Rectangle((column - first - 0.5, row - 0.5), 1, 1, fill=False, zorder=3,
                                 edgecolor="black", linewidth=1.2, clip_on=False))  # fmt: skip
    if shown.left_out and last == len(shown.characters):
        axes.add_patch(Rectangle((columns, -0.5), _OMITTED, rows, clip_on=False, **_EMPTY))
        centre = (columns + _OMITTED / 2, (rows - 1) / 2)
        axes.text(*centre, "…", ha="center", va="center", fontsize=11, color="#555555")


def _number(axis: Axis, n: int, most: int) -> None:
    """Write numbers of hidden units from 1, as many of them as there is room for."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200) if n <= step * max(most, 1))
    axis.set_ticks(range(step - 1, n, step), [str(tick + 1) for tick in range(step - 1, n, step)])


def _draw_scale(axes: Axes) -> None:
    """Draw the colours' scale with the verdicts and the errors that they end at."""
    axes.imshow(np.linspace(0, 1, 1024)[None], cmap=_COLOURS, aspect="auto", extent=(0, 1, 0, 1))
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    axes.set_yticks([])
    powers = sorted({-16, -13, -10, 0, *(round(math.log10(end)) for end in THRESHOLDS.values())})
    labels = [rf"$\leq 10^{{{powers[0]}}}$", *(f"$10^{{{power}}}$" for power in powers[1:-1]), "1"]
    axes.set_xticks([float(_position(10.0**power)) for power in powers], labels)
    for (low, high), word in zip(_SPANS, [*THRESHOLDS, "wrong"], strict=True):
        axes.text((low + high) / 2, 1.25, word, ha="center", va="bottom", fontsize=8)
        if low:
            axes.axvline(low, color="black", linewidth=0.8)
    axes.set_xlabel("relative error", fontsize=8.5, labelpad=1)


def _drawable(name: str) -> str:
    """Return a character's name, or its code point where the figure's font has no glyph for it."""
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    if all(ord(character) in glyphs for character in name):
        return name
    return " ".join(f"U+{ord(c):04X}" for c in name.removeprefix("\N{DOTTED CIRCLE}"))
