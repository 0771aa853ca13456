"""The picture of the gradient playground: the relative error of every entry of a parameter."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from rnn.gradient_check import THRESHOLDS, Case, relative_errors
from rnn.report.figures import style
from rnn.text.characters import visible

_LOWEST = 1e-16  # the colours' scale begins here, and ends at 1
_WIDTH = 6.8  # inches
_LARGEST_CELL, _TALLEST = 0.36, 3.6  # inches: a cell, and all rows together
_STRIP = 42  # characters beside one another, at most
_OMITTED = 2.6  # columns that stand for all that were not looked at
_HUES = "#f7fbfe #5f9dc9 #fbe6a6 #efc04e #ee9440 #d4621c #a82a20 #4d0a10".split()
_ZERO: Any = {"facecolor": "#e4e4e4", "hatch": "//////", "edgecolor": "#b5b5b5", "linewidth": 0}
_EMPTY: Any = {"facecolor": "white", "edgecolor": "#9a9a9a", "linewidth": 0.6}

#: Where each verdict begins and ends; the colours change their hue there.
_SPANS = list(itertools.pairwise([_LOWEST, *THRESHOLDS.values(), 1.0]))
_SCALE = LogNorm(_LOWEST, 1)
_STOPS = zip(map(float, map(_SCALE, itertools.chain(*_SPANS))), _HUES, strict=True)
#: Exact zeros, which are masked, show the hatched ground; what is no number is black.
_COLOURS = LinearSegmentedColormap.from_list("", list(_STOPS), N=1024).with_extremes(
    bad=(0, 0, 0, 0), over="black"
)


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
    index, K = case.index()[name], case.architecture.K
    places = np.arange(case.theta.size)[case.places]
    gated = len(case.architecture.cell.biases) > 1 and name != "V"
    unit = "hidden unit, gate by gate" if gated else "hidden unit"
    characters, left_out = [], 0
    if name in ("U", "U1", "V", "c"):
        looked_at = np.isin(index, places).reshape(K, -1).all(axis=1)
        characters = [visible(vocabulary[k]) for k in np.flatnonzero(looked_at)]
        across, left_out = "character", K - len(characters)
        index = index[looked_at].T
    else:
        below = "hidden unit of the layer below"
        across = {"W": "hidden unit of the step before", "U": below, "b": unit}[name[0]]
    at = np.searchsorted(places, np.atleast_2d(index))
    return ErrorMap(
        errors=relative_errors(ga, gn, eps)[at],
        zero=((ga == 0) & (gn == 0))[at],
        across=across,
        down=unit if index.ndim == 2 else "",
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
    cell = min(_LARGEST_CELL, 0.88 * _WIDTH / (per_strip + omitted))
    height = max(min(cell * rows, _TALLEST / strips), 0.22 if rows == 1 else 0.012 * rows)
    names = [_drawable(name) for name in shown.characters]
    parts = [slice(begin, begin + per_strip) for begin in range(0, columns, per_strip)]
    # Names of several characters stand upright.
    below = sum(0.2 + 0.052 * max(map(len, names[part]), default=1) for part in parts)
    omission = f"{shown.left_out:,} more characters: not looked at"
    handles = [Patch(label="both gradients are exactly zero", **_ZERO)] * bool(shown.zero.any())
    handles += [Patch(label=omission, **_EMPTY)] * bool(shown.left_out)
    with style():
        total = strips * height + below + 1.0 + 0.25 * bool(handles)
        figure = Figure(figsize=(_WIDTH, total), facecolor="white")
        *grid, scale = figure.subplots(strips + 1, height_ratios=[*[height] * strips, 0.15])
        for axes, part in zip(grid, parts, strict=True):
            _draw_strip(axes, shown, names, part, min(cell, height / rows))
            axes.set(xlim=(0.5, per_strip + omitted + 0.5), ylim=(rows + 0.5, 0.5), yticks=[])
            axes.set_aspect(height / rows / cell)
            if shown.down:
                axes.set_ylabel(shown.down, labelpad=4)
                axes.yaxis.set_major_locator(MaxNLocator(int(height / 0.138), integer=True))
        grid[-1].set_xlabel(shown.across)
        _draw_scale(figure, scale)
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8,
                          borderaxespad=0, borderpad=0.1)  # fmt: skip
    return figure


def _draw_strip(axes: Axes, shown: ErrorMap, names: list[str], part: slice, cell: float) -> None:
    """Draw some of the columns, counted from 1; the sides of a cell have `cell` inches."""
    errors = np.nan_to_num(shown.errors[:, part], nan=2, posinf=2).clip(_LOWEST)
    errors = np.ma.masked_where(shown.zero[:, part], errors)
    rows, columns = errors.shape
    box = (0.5, columns + 0.5, rows + 0.5, 0.5)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.add_patch(Rectangle((0.5, 0.5), columns, rows, zorder=0, **_ZERO))
    axes.imshow(errors, _COLOURS, _SCALE, extent=box, interpolation="nearest", zorder=1)
    if cell > 0.08:
        axes.vlines(np.arange(1, columns) + 0.5, 0.5, rows + 0.5, "white", linewidth=0.6)
        axes.hlines(np.arange(1, rows) + 0.5, 0.5, columns + 0.5, "white", linewidth=0.6)
    axes.tick_params(length=0 if names or columns <= 20 else 3, pad=3, labelsize=8)
    axes.xaxis.set_major_locator(MaxNLocator(20, integer=True))
    if names:
        axes.set_xticks(range(1, columns + 1), names[part])
        for label in axes.get_xticklabels():
            label.set(rotation=90 if len(label.get_text()) > 1 else 0, parse_math=False)
    row, column = shown.worst
    if part.start <= column < part.stop:
        axes.add_patch(Rectangle((column - part.start + 0.5, row + 0.5), 1, 1, fill=False, zorder=3,
                                 edgecolor="black", linewidth=1.2, clip_on=False))  # fmt: skip
    if shown.left_out and part.stop >= len(names):
        axes.add_patch(Rectangle((columns + 1, 0.5), _OMITTED, rows, clip_on=False, **_EMPTY))
        axes.text(columns + 1 + _OMITTED / 2, (rows + 1) / 2, "…", ha="center", va="center",
                  fontsize=11, color="#555555")  # fmt: skip


def _draw_scale(figure: Figure, axes: Axes) -> None:
    """Draw the colours' scale with the verdicts and the errors that they end at."""
    scale = figure.colorbar(ScalarMappable(_SCALE, _COLOURS), axes, orientation="horizontal")
    ticks = sorted({_LOWEST, 1e-13, 1e-10, 1.0, *THRESHOLDS.values()})
    powers = [f"10^{{{round(math.log10(tick))}}}" for tick in ticks]
    labels = [rf"$\leq {powers[0]}$", *(f"${power}$" for power in powers[1:-1]), "1"]
    scale.set_ticks(ticks, labels=labels)
    scale.minorticks_off()
    for (low, high), word in zip(_SPANS, [*THRESHOLDS, "wrong"], strict=True):
        axes.text(math.sqrt(low * high), 1.25, word, ha="center", va="bottom", fontsize=8,
                      transform=axes.get_xaxis_transform())  # fmt: skip
        axes.axvline(high, color="black", linewidth=0.8)
    scale.set_label("relative error", fontsize=8.5, labelpad=1)


def _drawable(name: str) -> str:
    """Return a character's name, or its code point where the figure's font has no glyph for it."""
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    if all(ord(character) in glyphs for character in name):
        return name
    return " ".join(f"U+{ord(c):04X}" for c in name.removeprefix("\N{DOTTED CIRCLE}"))
