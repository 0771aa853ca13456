"""Figures of what the numbers mean: place in the text, losses side by side, quality, units."""

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from rnn.report.figures import COLOURS, PAGE_WIDTH, style
from rnn.report.sections.place import lowest_places

__all__ = ["Passage", "comparison_figure", "place_figure", "quality_figure", "units_figure"]

_GREY = "#555555"
_LABELLED = 8  # epochs, at most, that each have a label at their line


def place_figure(history: pd.DataFrame, updates_per_epoch: int, unit: str = "segment") -> Figure:
    """Draw the smooth loss against the place in the text, one line an epoch.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns ``update``, ``epoch`` and ``smooth_loss``.
    updates_per_epoch : int
        Updates that read the text once.
    unit : str
        What the loss is a sum or mean over: 'segment' or 'character'.

    Returns
    -------
    matplotlib.figure.Figure
        As wide as the page's text.
    """
    table = lowest_places(history, updates_per_epoch)
    rows = history[np.isfinite(history["smooth_loss"])]
    epochs = table["epoch"].tolist()
    shades = LinearSegmentedColormap.from_list("", ["#5f9fd0", COLOURS[0], "#021a33"])
    later = rows[rows["epoch"] > epochs[0]] if len(epochs) > 1 else rows
    low, high = rows["smooth_loss"].min(), later["smooth_loss"].max()
    room = max(high - low, 1e-9) * 0.06
    ends: list[tuple[float, str, tuple]] = []
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 3.0))
        axes = figure.subplots()
        for i, epoch in enumerate(epochs):
            colour = shades(i / max(len(epochs) - 1, 1))
            part = rows[rows["epoch"] == epoch]
            place = ((part["update"] - 1) % updates_per_epoch + 1) / updates_per_epoch
            axes.plot(place, part["smooth_loss"], "-", color=colour, linewidth=0.8)
            lowest = table.iloc[i]
            axes.plot(lowest["place"], lowest["lowest"], "o", color=COLOURS[1], zorder=3,
                      markeredgecolor=colour, markeredgewidth=0.6)  # fmt: skip
            if place.iloc[-1] < 0.9:
                axes.annotate(f"epoch {epoch}", (place.iloc[-1], part["smooth_loss"].iloc[-1]),
                              xytext=(4, 0), textcoords="offset points", va="center", fontsize=8,
                              color=colour)  # fmt: skip
            elif len(epochs) <= _LABELLED or epoch in (epochs[0], epochs[-1]):
                ends.append((float(part["smooth_loss"].iloc[-1]), f"epoch {epoch}", colour))
        axes.set_ylim(low - room, high + room)
        axes.set_xlim(0, 1)
        _label_ends(axes, ends)
        axes.set_xlabel("place in the text (share read)")
        axes.set_ylabel(f"smooth loss (nats a {unit})")
    return figure


def _label_ends(axes: Axes, ends: list[tuple[float, str, tuple]]) -> None:
    """Write the lines' names beside their ends, moved apart where they would touch."""
    bottom, top = axes.get_ylim()
    least = (top - bottom) / 17
    height = bottom - least
    for end, name, colour in sorted(ends):
        height = max(min(end, top), height + least)
        axes.annotate(name, (1, height), xytext=(4, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", va="center", fontsize=8, color=colour,
                      annotation_clip=False)  # fmt: skip


def comparison_figure(models: dict[str, float], baselines: dict[str, float]) -> Figure:
    """Draw losses as dots on one axis, the baselines hollow and above.

    Parameters
    ----------
    models, baselines : dict
        From a name to nats a character; what is not finite is written so.
    """
    names = [*baselines, *models]
    losses = np.array([*baselines.values(), *models.values()], float)
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.55 + 0.24 * len(names)))
        axes = figure.subplots()
        rows = np.arange(len(names))
        axes.grid(axis="y", visible=False)
        axes.hlines(rows, 0, np.nan_to_num(losses, posinf=0), color="#bbbbbb", linewidth=0.5)
        for row, loss in zip(rows, losses, strict=True):
            told = f"{loss:.3f}" if math.isfinite(loss) else "not finite"
            at = loss if math.isfinite(loss) else 0.0
            if math.isfinite(loss):
                counted = row < len(baselines)
                axes.plot(loss, row, "o", markeredgecolor=_GREY if counted else COLOURS[0],
                          markerfacecolor="white" if counted else COLOURS[0])  # fmt: skip
            axes.annotate(told, (at, row), xytext=(6, 0), textcoords="offset points", va="center",
                          fontsize=8.5)  # fmt: skip
        axes.set_yticks(rows, [_short(name, 45) for name in names])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1.12 * float(np.nanmax(losses[np.isfinite(losses)], initial=1e-9)))
        axes.set_xlabel("loss over the whole text (nats a character)")
    return figure


def _short(name: str, width: int) -> str:
    return textwrap.shorten(name, width, placeholder=" …").replace("$", r"\$")


def quality_figure(table: pd.DataFrame, own: dict[str, float]) -> Figure:
    """Draw the quality of the snapshots over the updates.

    Parameters
    ----------
    table : pandas.DataFrame
        From `rnn.analysis.text_quality.quality_table`.
    own : dict
        From `Book.own`: the book's own measures, as thin lines.
    """
    panels = [
        ("share of real words", [("words", "all"), ("long_words", "4+ letters")], {}),
        (
            "share that is off",
            [("characters_off", "characters"), ("pairs_off", "pairs")],
            {"characters_off": own["characters_off"], "pairs_off": own["pairs_off"]},
        ),
        ("longest copy (characters)", [("copied", "copied")], {"copied": own["copied"]}),
    ]
    panels = [panel for panel in panels if not table[panel[1][0][0]].isna().all()]
    updates = table["update"] / 1000
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.1))
        for axes, (title, curves, levels) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            for i, (column, name) in enumerate(curves):
                axes.plot(updates, table[column], marker="os"[i], markersize=2.5, label=name)
                if math.isfinite(levels.get(column, math.nan)):
                    axes.axhline(levels[column], color=COLOURS[i], linewidth=0.6, dashes=(2, 2))
            if len(curves) > 1:
                axes.set_ylim(0, 1)
                axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
                axes.legend(loc="best", handlelength=1.6, borderaxespad=0.2)
            else:
                axes.set_ylim(0, 1.15 * max(table["copied"].max(), own["copied"], 1))
            axes.set_title(title, fontsize=9)
            axes.set_xlabel("update (thousands)")
    return figure


@dataclass(frozen=True)
class Passage:
    """A piece of text with a unit's activation at each character.

    Attributes
    ----------
    title : str
        Stands above it.
    text : str
        The characters.
    activations : (n,)
        Between -1 and 1, one for each.
    """

    title: str
    text: str
    activations: np.ndarray


_COLUMNS = 84
_CELL = PAGE_WIDTH * 72 / _COLUMNS  # width of a character's cell, in points
_LINE = 2.1 * _CELL
_ADVANCE = 0.60205  # of DejaVu Sans Mono, in units of its size
_SIGNS = LinearSegmentedColormap.from_list("", ["#5ba4d9", "#ffffff", "#f0a050"])


def units_figure(passages: Sequence[Passage]) -> Figure:
    """Draw passages of text, each character on the colour of a unit's activation.

    Orange is positive and blue negative, white is zero; in grey print a bar under the character
    tells negative ones, the thicker the more negative.

    Parameters
    ----------
    passages : sequence of Passage
        From the top to the bottom.
    """
    rows = [math.ceil(len(passage.text) / _COLUMNS) for passage in passages]
    height = sum(rows) * _LINE + len(passages) * 2.2 * _LINE
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, height / 72))
        axes = figure.subplots()
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, PAGE_WIDTH * 72)
        axes.set_ylim(height, 0)
        top = 0.0
        for passage, lines in zip(passages, rows, strict=True):
            axes.text(0, top + 1.45 * _LINE, passage.title.replace("$", r"\$"), fontsize=8.5)
            top += 1.9 * _LINE
            _draw_cells(axes, passage, top)
            _draw_letters(axes, passage.text, top)
            top += (lines + 0.3) * _LINE
    return figure


def _draw_cells(axes: Axes, passage: Passage, top: float) -> None:
    """Colour the cells, and put bars into those that are negative."""
    places = np.arange(len(passage.text))
    left, upper = places % _COLUMNS * _CELL, top + places // _COLUMNS * _LINE
    strength = np.asarray(passage.activations, float)
    axes.add_collection(_boxes(left, upper, np.full(len(left), 0.94 * _LINE),
                               _SIGNS((strength + 1) / 2)))  # fmt: skip
    bars = np.maximum(-strength, 0) * 0.16 * _LINE
    lower = upper + 0.94 * _LINE - bars
    axes.add_collection(
        _boxes(left[bars > 0], lower[bars > 0], bars[bars > 0], np.array([(0.08, 0.2, 0.45, 1)]))
    )


def _boxes(
    left: np.ndarray, top: np.ndarray, height: np.ndarray, colours: np.ndarray
) -> PolyCollection:
    right, bottom = left + _CELL, top + height
    corners = np.stack([left, top, right, top, right, bottom, left, bottom], axis=1)
    return PolyCollection(list(corners.reshape(-1, 4, 2)), facecolors=colours, edgecolors="none")


def _draw_letters(axes: Axes, text: str, top: float) -> None:
    """Write the characters into their cells; those without a glyph as small code points."""
    mono = FontProperties(family="DejaVu Sans Mono", size=_CELL / _ADVANCE)
    drawable = get_font(findfont(mono)).get_charmap()
    for line in range(math.ceil(len(text) / _COLUMNS)):
        baseline = top + (line + 0.66) * _LINE
        shown = ""
        for column, character in enumerate(text[line * _COLUMNS :][:_COLUMNS]):
            plain = (
                ord(character) in drawable
                and character.isprintable()
                and not unicodedata.category(character).startswith("M")
            )
            shown += "↵" if character == "\n" else character if plain else "\xa0"
            if not plain and character not in "\n ":
                _draw_code_point(axes, ord(character), column * _CELL, top + line * _LINE)
        axes.text(0, baseline, shown.replace(" ", "\xa0"), fontproperties=mono, parse_math=False)


def _draw_code_point(axes: Axes, point: int, left: float, top: float) -> None:
    """Write a code point in hexadecimal into a cell, two digits a line."""
    digits = f"{point:04X}" if point < 0x10000 else f"{point:06X}"
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    size = min(0.8 * _CELL, 1.6 * _CELL / len(pairs))
    axes.text(left + _CELL / 2, top + 0.45 * _LINE, "\n".join(pairs), ha="center", va="center",
              fontsize=size, linespacing=0.95, family="DejaVu Sans Mono")  # fmt: skip
