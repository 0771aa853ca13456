"""What single hidden units indicate: the table, and text coloured by their activations."""

import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from wcwidth import wcwidth

from rnn.analysis.hidden_units import CLEARLY, FEATURES, VOWELS, Feature, Stretch, tell
from rnn.analysis.text_quality import Book
from rnn.report.figures import PAGE_WIDTH, family, page_figure
from rnn.report.fonts import borrowed_fonts, cut_out, own_fonts
from rnn.report.show import Section
from rnn.runs.models import Model
from rnn.runs.results import BEST_MODELS
from rnn.text.corpus import Corpus

_VOWELS = 3  # different ones, at least, of a text with vowels
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


def show(section: Section, model: Model, corpus: Corpus, best_by: str = "smooth") -> None:
    """Show what hidden units of a run's best model indicate, and the text coloured by them.

    `best_by` is as for `rnn.runs.results.load_best`.
    """
    stretch = Stretch.of(model.parameters, model.h, model.vocabulary, corpus.ids)
    told = tell(stretch, asked(corpus, stretch.text))
    values, source = facts(stretch, told), BEST_MODELS[best_by]
    section.prose("reading", values)
    if not values["clear"]:
        return
    table = section.rows("table", values)
    section.table(table, "tab-units", values, source=source, caption="table_caption")
    values["passages"] = [
        Passage(section.line("title", row, plain=True), stretch.text[part],
                stretch.H[part, row["unit"] - 1])
        for row, part in passages(stretch, told)
    ]  # fmt: skip
    section.figure(figure(values["passages"]), "fig-units", values, source=source)


def asked(corpus: Corpus, text: str) -> dict[str, Feature]:
    """Return the features that a text has: none of words in one without, of vowels or capitals."""
    has_words = Book.of(corpus).has_words
    bases = set(unicodedata.normalize("NFD", text.lower()))
    there = {
        "a vowel was read": len(bases & set(VOWELS)) >= _VOWELS and has_words,
        "letters of the word so far": has_words,
        "inside a word that began with a capital": has_words,
        "a capital is due after a full stop": has_words and any(map(str.isupper, text)),
    }
    return {name: feature for name, feature in FEATURES.items() if there.get(name, True)}


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
        "cell_states": stretch.H.shape[1] - stretch.m,
        "chosen_on": stretch.half,
        "measured_on": len(stretch.text) - stretch.half,
        "least": CLEARLY,
        "clear": len(clear),
        "indicated": clear.to_dict("records"),
        "remembering": clear[clear["gain"] >= 0.01].to_dict("records"),
        "missed": told["feature"].drop(clear.index).tolist(),
    }


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
    lines = [places(passage.text)[-1][0] + 1 for passage in passages]
    height = sum(lines) + 2.2 * len(passages)
    text = "".join(passage.text for passage in passages)
    borrowed = [(font, cut_out(font, text)) for font in borrowed_fonts(text, own_fonts())]
    families = {point: family(cut) for font, cut in borrowed for point in font.points}
    with page_figure(height * _LINE / 72) as figure:
        figure.set_layout_engine("none")
        room = {"left": 0, "bottom": 0.3 / height, "right": 1, "top": 1 - 1.9 / height}
        room |= {"hspace": 2.2 * len(lines) / sum(lines)}
        grid = figure.subplots(len(lines), squeeze=False, height_ratios=lines, gridspec_kw=room)
        for axes, passage, n in zip(grid[:, 0], passages, lines, strict=True):
            axes.set(xlim=(0, _COLUMNS), ylim=(n, 0))  # in columns and lines
            axes.set_axis_off()
            axes.set_title(passage.title.replace("$", r"\$"), loc="left", fontsize=8.5, pad=5)
            _draw_cells(axes, passage.text, np.asarray(passage.activations, float))
            _draw_letters(axes, passage.text, families)
    return figure


def places(text: str) -> list[tuple[int, int, int]]:
    """Return the line, the first column and the width in columns of every character's cell."""
    found, line, column = [], 0, 0
    for character in text:
        width = max(wcwidth(character), 1)  # East Asian characters are two columns wide
        if column + width > _COLUMNS:
            line, column = line + 1, 0
        found.append((line, column, width))
        column += width
    return found


def _draw_cells(axes: Axes, text: str, activations: np.ndarray) -> None:
    """Colour the cells, and put bars into those that are negative."""
    cells, bars = [], []
    for (line, column, width), activation in zip(places(text), activations, strict=True):
        cells.append(Rectangle((column, line), width, 0.94))
        if activation < 0:
            bars.append(Rectangle((column, line + 0.94), width, 0.16 * activation))
    colours = _SIGNS((activations + 1) / 2)
    axes.add_collection(PatchCollection(cells, facecolors=colours, edgecolors="none"))
    axes.add_collection(PatchCollection(bars, facecolors=(0.08, 0.2, 0.45), edgecolors="none"))


def _draw_letters(axes: Axes, text: str, families: dict[int, str]) -> None:
    """Write the characters into their cells; those without a glyph as small code points.

    Of some code points the families of the fonts are given.
    """
    mono = FontProperties(family="DejaVu Sans Mono", size=_CELL / _ADVANCE)
    drawable, lines = get_font(findfont(mono)).get_charmap(), dict[int, str]()
    for character, (line, column, width) in zip(text, places(text), strict=True):
        point, letter = ord(character), "\xa0" * width
        combines = unicodedata.category(character).startswith("M")
        # Letters that would join or go from right to left stand alone, each in its cell.
        alone = combines or unicodedata.bidirectional(character) in ("R", "AL")
        if character == "\n":
            letter = "↵"
        elif point in families or (point in drawable and alone):
            axes.text(column + width / 2, line + 0.66, "\u25cc" * combines + character,
                      ha="center", fontsize=width * _CELL if width > 1 else 1.3 * _CELL,
                      family=[families.get(point, mono.get_name()), mono.get_name()])  # fmt: skip
        elif point in drawable and character.isprintable():
            letter = "\xa0" if character == " " else character
        else:
            pairs = textwrap.wrap(f"{point:0{4 if point < 0x10000 else 6}X}", 2)
            size = min(0.8 * _CELL, 1.6 * _CELL / len(pairs))
            axes.text(column + width / 2, line + 0.45, "\n".join(pairs), ha="center", va="center",
                      fontsize=size, linespacing=0.95, family="DejaVu Sans Mono")  # fmt: skip
        lines[line] = lines.get(line, "") + letter
    for line, letters in lines.items():
        axes.text(0, line + 0.66, letters, fontproperties=mono, parse_math=False)
