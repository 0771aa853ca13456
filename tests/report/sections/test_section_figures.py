"""Figures of sections: whatever the data, drawn whole and the same every time."""

import warnings
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from rnn.analysis.text_quality import Book, quality_table
from rnn.report.figures import PAGE_WIDTH, svg
from rnn.report.sections import place, snapshots, units
from rnn.report.sections.units import Passage
from rnn.settings import Settings

U = 1000


def history(epochs: float) -> pd.DataFrame:
    update = np.arange(100, epochs * U + 1, 100, dtype=int)
    loss = 40 + 70 * np.exp(-update / 300) + np.sin(update / 50)
    return pd.DataFrame({"update": update, "epoch": (update - 1) // U + 1, "smooth_loss": loss})


def places(epochs: float, loss: str = "sum") -> Figure:
    run = SimpleNamespace(
        history=history(epochs), updates_per_epoch=U, settings=Settings(loss=loss)
    )
    return place.figure(run, place.lowest_places(run))


def qualities(*texts: str) -> Figure:
    book = Book("the sea and the sand and the sea again " * 20)
    written = [{"update": i, "smooth_loss": 1.0, "text": x} for i, x in enumerate(texts)]
    return snapshots.figure(quality_table(written, book), book.own(len(texts[0])))


ODD = "小川 $x^2$ {\\frac} 😀 e\u0301 \t\0\u202e ↵ “q”\n\n"
FIGURES: dict[str, Callable[[], Figure]] = {
    "half an epoch": lambda: places(0.5),
    "two and a half epochs": lambda: places(2.5),
    "thirty epochs": lambda: places(30, "mean"),
    "quality": lambda: qualities("the sea qq and", "the sand and the sea"),
    "quality of one": lambda: qualities("小川"),
    "quality of nothing": lambda: qualities(""),
    "units": lambda: units.figure([Passage("unit 1", "text " * 50, np.sin(np.arange(250)))]),
    "odd text": lambda: units.figure([Passage("$x$", ODD, np.linspace(-1, 1, len(ODD)))]),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_every_figure_is_as_wide_as_the_page_and_the_same_bytes_twice(
    draw: Callable[[], Figure],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = svg(draw()), svg(draw())
    assert first == second
    assert draw().get_figwidth() == PAGE_WIDTH


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_no_word_of_a_figure_reaches_beyond_it(draw: Callable[[], Figure]) -> None:
    figure = draw()
    svg(figure)  # lays it out
    tight = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    slack = 0.03  # inches: the half of a line's width
    assert tight.x0 > -slack and tight.x1 < width + slack
    assert tight.y0 > -slack and tight.y1 < height + slack


def test_partial_and_whole_epochs_are_lines_of_their_own() -> None:
    axes = places(2.5).axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert [round(float(max(line.get_xdata())), 1) for line in lines] == [1, 1, 0.5]


def test_the_first_epochs_fall_is_cut_off_and_later_epochs_are_not() -> None:
    rows = history(3)
    low, high = places(3).axes[0].get_ylim()
    later = rows[rows["epoch"] > 1]["smooth_loss"]
    assert low < rows["smooth_loss"].min() and later.max() < high < rows["smooth_loss"].max()


def test_a_panel_of_words_is_left_out_where_there_are_none() -> None:
    assert len(qualities("the sea qq and").axes) == 3
    book = Book("小川")
    measured = quality_table([{"update": 1, "smooth_loss": 1.0, "text": "小川"}], book)
    assert len(snapshots.figure(measured, book.own(2)).axes) == 2


def test_a_single_snapshot_stands_over_its_own_update() -> None:
    for axes in qualities("the sea qq and").axes:
        assert [*axes.get_xticks()] == [axes.lines[0].get_xdata()[0]]


def test_negative_activations_have_bars_and_positive_ones_have_none() -> None:
    drawn = units.figure([Passage("t", "abcd", np.array([-1.0, -0.5, 0.0, 1.0]))])
    cells, bars = drawn.axes[0].collections
    assert len(cells.get_paths()) == 4
    heights = [np.ptp(path.vertices[:, 1]) for path in bars.get_paths()]
    assert len(heights) == 2 and heights[0] == pytest.approx(2 * heights[1])


@pytest.mark.usefixtures("embedded_fonts_alone")
def test_characters_without_a_glyph_are_written_as_code_points() -> None:
    drawn = units.figure([Passage("t", "a小\n\0", np.zeros(4))])
    written = [text.get_text() for text in drawn.axes[0].texts]
    assert "5C\n0F" in written and "00\n00" in written
    assert "a\xa0\xa0↵\xa0" in written  # the second character is two cells wide
