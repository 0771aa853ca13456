"""What single hidden units indicate: the table, and text coloured by their activations."""

import math
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from rnn.analysis.hidden_units import CLEARLY, FEATURES, Stretch, tell
from rnn.report.figures import PAGE_WIDTH, page_figure
from rnn.report.show import Section
from rnn.runs.models import Model
from rnn.text.corpus import Corpus

_SHOWN = 3  # units whose text is coloured
_PASSAGE = 252  # characters of a passage
_COLUMNS = 84  # characters of a line
_CELL = PAGE_WIDTH * 72 / _COLUMNS  # width of a character's cell, in points
_LINE = 2.1 * _CELL
_ADVANCE = 0.60205  # of DejaVu Sans Mono, in units of its size
_SIGNS = LinearSegmentedColormap.from_list("", ["#5ba4d9", "#ffffff", "#f0a050"])


class Passage(NamedTuple):
    """A piece of text under a title, with a unit's activation, -1 to 1, at each character."""

    title: str
    text: str
    activations: np.ndarray


def show(section: Section, model: Model, corpus: Corpus) -> None:
    """Show which hidden units indicate something, and the text coloured by them."""
    stretch = Stretch.of(model.parameters, model.h, model.vocabulary, corpus.ids)
    told = tell(stretch)
    values, source = facts(stretch, told), "best_model.npz"
    section.prose("reading", values)
    if not values["clear"]:
        return
    section.table(table(told), "tab-units", values, source=source, caption="table_caption",
                  float_format="{:.2f}")  # fmt: skip
    values["passages"] = [
        Passage(section.line("title", row, plain=True), stretch.text[part],
                stretch.H[part, row["unit"] - 1])
        for row, part in passages(stretch, told)
    ]  # fmt: skip
    section.figure(figure(values["passages"]), "fig-units", values, source=source)


def clear_units(told: pd.DataFrame) -> pd.DataFrame:
    """Return the features that a unit indicates clearly, best over the character read first."""
    clear = told[told["clear"].astype(bool)]
    clear = clear.assign(gain=clear["score"] - clear["character_alone"])
    return clear.sort_values("gain", ascending=False, kind="stable")


def facts(stretch: Stretch, told: pd.DataFrame) -> dict[str, Any]:
    """Return which features units indicate, and which of them need a memory."""
    clear = clear_units(told)
    return {
        "features": len(told),
        "units": stretch.H.shape[1],
        "chosen_on": stretch.half,
        "measured_on": len(stretch.text) - stretch.half,
        "least": CLEARLY,
        "clear": len(clear),
        "remembering": clear[clear["gain"] >= 0.01].to_dict("records"),
        "missed": told["feature"].drop(clear.index).tolist(),
    }


def table(told: pd.DataFrame) -> pd.DataFrame:
    """Return the features that units indicate clearly, to be shown."""
    heads = {"feature": "feature", "unit": "unit", "measure": "measure",
             "score": "unit's score", "character_alone": "character alone"}  # fmt: skip
    return clear_units(told)[[*heads]].round(2).rename(columns=heads).reset_index(drop=True)


def passages(stretch: Stretch, told: pd.DataFrame) -> list[tuple[dict, slice]]:
    """Choose the rows of `told` and the places in the stretch that are to be coloured.

    Of the clearly indicated features the three in which the unit surpasses the character just
    read most, each with a unit of its own; of the stretch's second half, for a yes-or-no feature
    the passage with the most equal share of both, else the first.
    """
    begins = np.arange(stretch.half, max(len(stretch.text) - _PASSAGE, stretch.half) + 1)
    found = []
    for row in clear_units(told).drop_duplicates("unit").head(_SHOWN).to_dict("records"):
        values, begin = FEATURES[row["feature"]](stretch.text), stretch.half
        if values.dtype == bool:
            yes = np.append(0, np.cumsum(values))
            ends = np.minimum(begins + _PASSAGE, len(values))
            uneven = np.abs((yes[ends] - yes[begins]) / (ends - begins) - 0.5)
            begin = int(begins[np.argmin(uneven)])
        found.append((row, slice(begin, begin + _PASSAGE)))
    return found


def figure(passages: Sequence[Passage]) -> Figure:
    """Draw passages of text, each character on the colour of a unit's activation.

    Orange is positive and blue negative, white is zero; in grey print a bar under the character
    marks negative ones, the thicker the more negative.
    """
    rows = [math.ceil(len(passage.text) / _COLUMNS) for passage in passages]
    height = sum(rows) * _LINE + len(passages) * 2.2 * _LINE
    with page_figure(height / 72) as figure:
        axes = figure.subplots()
        axes.set_position((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, PAGE_WIDTH * 72)
        axes.set_ylim(height, 0)
        top = 0.0
        for passage, lines in zip(passages, rows, strict=True):
            axes.text(0, top + 1.45 * _LINE, passage.title.replace("$", r"\$"), fontsize=8.5)
            top += 1.9 * _LINE
            _draw_cells(axes, np.asarray(passage.activations, float), top)
            _draw_letters(axes, passage.text, top)
            top += (lines + 0.3) * _LINE
    return figure


def _draw_cells(axes: Axes, activations: np.ndarray, top: float) -> None:
    """Colour the cells, and put bars into those that are negative."""

    def draw(left: np.ndarray, top: np.ndarray, bottom: np.ndarray, colours: Any) -> None:
        right = left + _CELL
        corners = np.stack([left, top, right, top, right, bottom, left, bottom], axis=1)
        boxes = list(corners.reshape(-1, 4, 2))
        axes.add_collection(PolyCollection(boxes, facecolors=colours, edgecolors="none"))

    places = np.arange(len(activations))
    left, upper = places % _COLUMNS * _CELL, top + places // _COLUMNS * _LINE
    lower, below = upper + 0.94 * _LINE, activations < 0
    bars = lower + activations * 0.16 * _LINE
    draw(left, upper, lower, _SIGNS((activations + 1) / 2))
    draw(left[below], bars[below], lower[below], (0.08, 0.2, 0.45, 1))


def _draw_letters(axes: Axes, text: str, top: float) -> None:
    """Write the characters into their cells; those without a glyph as small code points."""
    mono = FontProperties(family="DejaVu Sans Mono", size=_CELL / _ADVANCE)
    drawable = get_font(findfont(mono)).get_charmap()
    for begin in range(0, len(text), _COLUMNS):
        upper, shown = top + begin // _COLUMNS * _LINE, ""
        for column, character in enumerate(text[begin : begin + _COLUMNS]):
            plain = (
                ord(character) in drawable
                and character.isprintable()
                and not unicodedata.category(character).startswith("M")
            )
            shown += "↵" if character == "\n" else character if plain else "\xa0"
            if not plain and character != "\n":
                _draw_code_point(axes, ord(character), column * _CELL, upper)
        axes.text(0, upper + 0.66 * _LINE, shown.replace(" ", "\xa0"), fontproperties=mono,
                  parse_math=False)  # fmt: skip


def _draw_code_point(axes: Axes, point: int, left: float, top: float) -> None:
    """Write a code point in hexadecimal into a cell, two digits a line."""
    digits = f"{point:04X}" if point < 0x10000 else f"{point:06X}"
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    size = min(0.8 * _CELL, 1.6 * _CELL / len(pairs))
    axes.text(left + _CELL / 2, top + 0.45 * _LINE, "\n".join(pairs), ha="center", va="center",
              fontsize=size, linespacing=0.95, family="DejaVu Sans Mono")  # fmt: skip
