"""The picture of the gradient check's playground: the relative error of every entry."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Patch, Rectangle

from rnn.report.figures import style

__all__ = ["LOWEST", "ErrorMap", "error_figure", "png"]

#: The colours' scale begins here, and ends at 1.
LOWEST = 1e-16

_WIDTH = 6.8  # inches
_LEFT, _RIGHT = 0.62, 0.12
_LARGEST_CELL = 0.36
_TALLEST = 3.6  # all cells together
_STRIP = 42  # characters beside one another, at most
_ZERO, _EDGE = "#e4e4e4", "#9a9a9a"
_OMITTED = 2.6  # columns that stand for all that were not looked at


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """The errors of one parameter, with what its rows and columns are.

    Attributes
    ----------
    errors : (rows, columns)
        Relative errors.
    zero : (rows, columns) booleans
        Where both gradients are exactly zero.
    across, down : str
        What the columns and the rows are; `down` is empty for a vector.
    characters : sequence of str
        The columns' names if they are characters, else empty.
    left_out : int
        Characters whose columns were not looked at.
    thresholds : dict of str to float
        Verdicts with the errors that they end at.
    """

    errors: np.ndarray
    zero: np.ndarray
    across: str
    down: str
    characters: Sequence[str]
    left_out: int
    thresholds: dict[str, float]


def error_figure(shown: ErrorMap) -> Figure:
    """Draw the errors in colours of a logarithmic scale.

    Characters stand in as many strips as they need to be legible; entries whose gradient is
    exactly zero are hatched, and the largest error has a frame.

    Parameters
    ----------
    shown : ErrorMap
        What to draw.

    Returns
    -------
    matplotlib.figure.Figure
        With a white ground of its own, for pages of any colour.
    """
    rows, columns = shown.errors.shape
    strips = math.ceil(columns / _STRIP) if shown.characters else 1
    per_strip = math.ceil(columns / strips)
    omitted = _OMITTED + 0.5 if shown.left_out else 0.0
    cell = min(_LARGEST_CELL, (_WIDTH - _LEFT - _RIGHT) / (per_strip + omitted))
    height = max(min(cell, _TALLEST / (rows * strips)), 0.012) * rows
    if rows == 1:
        height = max(height, 0.22)
    names = [_drawable(name) for name in shown.characters]
    spans = [(i, min(i + per_strip, columns)) for i in range(0, columns, per_strip)]
    below = [_room(names[first:last]) for first, last in spans]
    note = 0.3 if shown.zero.any() or shown.left_out else 0.06
    scale_top = note + 0.72
    total = scale_top + 0.22 + sum(below) + strips * height + 0.1
    left = _LEFT if strips > 1 else max(_LEFT, (_WIDTH - cell * (columns + omitted)) / 2)
    middle = left + cell * per_strip / 2
    colours = _colours(shown)
    with style(), matplotlib.rc_context({"figure.constrained_layout.use": False}):
        figure = Figure(figsize=(_WIDTH, total), facecolor="white")

        def add(x: float, y: float, width: float, height: float) -> Axes:
            return figure.add_axes((x / _WIDTH, y / total, width / _WIDTH, height / total))

        bottom = total - 0.1
        for (first, last), room in zip(spans, below, strict=True):
            bottom -= height
            axes = add(left, bottom, cell * (last - first), height)
            _draw_strip(axes, shown, colours[:, first:last], names[first:last], first, cell, height)
            if shown.left_out and last == columns:
                right = left + cell * (last - first + 0.5)
                _draw_omitted(add(right, bottom, _OMITTED * cell, height))
            bottom -= room
        figure.text(middle / _WIDTH, bottom / total, shown.across, ha="center", va="top")
        _draw_scale(add(0.8, note + 0.36, _WIDTH - 1.6, 0.15), shown.thresholds)
        if shown.zero.any() or shown.left_out:
            _draw_note(figure, shown, 0.02 / total)
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, sharp on fine screens."""
    drawn = io.BytesIO()
    with style():
        figure.savefig(drawn, format="png", dpi=192, facecolor="white")
    return drawn.getvalue()


def _room(names: Sequence[str]) -> float:
    """Return the inches that the names under a strip take; long ones stand upright."""
    longest = max(map(len, names), default=1)
    return 0.25 + (0.052 * longest if longest > 1 else 0.0)


def _position(errors: np.ndarray | float) -> np.ndarray:
    """Return where errors are on the scale, 0 at `LOWEST` and 1 at 1."""
    lowest = math.log10(LOWEST)
    return 1 - np.log10(np.clip(errors, LOWEST, 1)) / lowest


def _scale_colours(thresholds: dict[str, float]) -> LinearSegmentedColormap:
    """Return colours that darken with the error and change their hue at the thresholds."""
    hues = [("#f7fbfe", "#5f9dc9"), ("#fbe6a6", "#efc04e"), ("#ee9440", "#d4621c"),
            ("#a82a20", "#4d0a10")]  # fmt: skip
    edges = [0.0, *(float(_position(end)) for end in thresholds.values()), 1.0]
    places = [
        (place, colour)
        for low, high, pair in zip(edges[:-1], edges[1:], hues, strict=True)
        for place, colour in zip((low, high), pair, strict=True)
    ]
    return LinearSegmentedColormap.from_list("", places, N=1024)


def _colours(shown: ErrorMap) -> np.ndarray:
    """Return a colour for each entry; none where the gradient is exactly zero."""
    number = np.isfinite(shown.errors)
    colours = _scale_colours(shown.thresholds)(_position(np.where(number, shown.errors, 1)))
    colours[~number] = (0, 0, 0, 1)
    colours[shown.zero, 3] = 0
    return colours


def _draw_strip(
    axes: Axes, shown: ErrorMap, colours: np.ndarray, names: list[str], first: int,
    cell: float, height: float,
) -> None:  # fmt: skip
    rows, columns = colours.shape[:2]
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    ground = Rectangle((0, 0), 1, 1, transform=axes.transAxes, facecolor=_ZERO, hatch="//////",
                       edgecolor="#b5b5b5", linewidth=0, zorder=0)  # fmt: skip
    axes.add_patch(ground)
    axes.imshow(colours, aspect="auto", interpolation="nearest", zorder=1)
    if cell > 0.08 and height / rows > 0.08:
        axes.vlines(np.arange(1, columns) - 0.5, -0.5, rows - 0.5, "white", linewidth=0.6)
        axes.hlines(np.arange(1, rows) - 0.5, -0.5, columns - 0.5, "white", linewidth=0.6)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.tick_params(length=0 if names or columns <= 20 else 3, pad=3, labelsize=8)
    if names:
        axes.set_xticks(range(columns), names)
        for label in axes.get_xticklabels():
            if len(label.get_text()) > 1:
                label.set_rotation(90)
    else:
        _number(axes, "x", columns)
    if shown.down:
        _number(axes, "y", rows, height)
        axes.set_ylabel(shown.down, labelpad=4)
    else:
        axes.set_yticks([])
    row, column = np.unravel_index(_worst(shown), shown.errors.shape)
    if first <= column < first + columns:
        frame = Rectangle((column - first - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="black",
                          linewidth=1.2, clip_on=False, zorder=3)  # fmt: skip
        axes.add_patch(frame)


def _draw_omitted(axes: Axes) -> None:
    """Draw an empty block for the columns that were not looked at."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=_EDGE)
    axes.text(0.5, 0.5, "…", ha="center", va="center", fontsize=11, color="#555555")


def _number(axes: Axes, axis: str, n: int, inches: float = 6.0) -> None:
    """Write numbers of hidden units from 1, as many of them as there is room for."""
    most = max(int(inches / 0.138), 1) if axis == "y" else 20
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200) if n <= step * most)
    ticks = range(step - 1, n, step)
    getattr(axes, f"set_{axis}ticks")(ticks, [str(tick + 1) for tick in ticks])


def _worst(shown: ErrorMap) -> int:
    return int(np.where(np.isfinite(shown.errors), shown.errors, np.inf).argmax())


def _draw_scale(axes: Axes, thresholds: dict[str, float]) -> None:
    """Draw the colours' scale with the thresholds and what the errors between them are called."""
    axes.imshow(np.linspace(0, 1, 1024)[None], cmap=_scale_colours(thresholds), aspect="auto",
                extent=(0, 1, 0, 1))  # fmt: skip
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    axes.set_yticks([])
    powers = sorted({-16, -13, -10, 0, *(round(math.log10(end)) for end in thresholds.values())})
    axes.set_xticks(
        [float(_position(10.0**power)) for power in powers],
        [rf"$\leq 10^{{{power}}}$" if power == -16 else f"$10^{{{power}}}$" if power else "1"
         for power in powers],
    )  # fmt: skip
    edges = [0.0, *(float(_position(end)) for end in thresholds.values()), 1.0]
    for low, high, word in zip(edges[:-1], edges[1:], [*thresholds, "wrong"], strict=True):
        axes.text((low + high) / 2, 1.25, word, ha="center", va="bottom", fontsize=8)
        if low:
            axes.axvline(low, color="black", linewidth=0.8)
    axes.set_xlabel("relative error", fontsize=8.5, labelpad=1)


def _draw_note(figure: Figure, shown: ErrorMap, bottom: float) -> None:
    """Say what the entries without a colour of the scale are."""
    handles = []
    if shown.zero.any():
        handles.append(Patch(facecolor=_ZERO, hatch="//////", edgecolor="#b5b5b5", linewidth=0,
                             label="both gradients are exactly zero"))  # fmt: skip
    if shown.left_out:
        label = f"{shown.left_out:,} more characters: not looked at"
        handles.append(Patch(facecolor="white", edgecolor=_EDGE, linewidth=0.6, label=label))
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, bottom), ncols=2,
                  fontsize=8, borderaxespad=0, borderpad=0.1)  # fmt: skip


def _drawable(name: str) -> str:
    """Return a character's name, or its code point where the figure's font has no glyph for it."""
    glyphs = get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap()
    if all(ord(character) in glyphs for character in name):
        return name.replace("$", r"\$")
    return " ".join(f"U+{ord(c):04X}" for c in name.removeprefix("\N{DOTTED CIRCLE}"))
