"""Figures are drawn for the page: the same bytes, its fonts, and colours anyone can tell apart."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, PAGE_WIDTH, loss_figure, style, svg


def history(updates: int = 500, epoch: int = 200) -> pd.DataFrame:
    update = np.arange(1, updates + 1, 10)
    loss = 40 + 60 * np.exp(-update / 50)
    return pd.DataFrame({"update": update, "epoch": update // epoch, "smooth_loss": loss})


def drawn() -> Figure:
    return loss_figure(history(), 200, 491, 40.0032)


def lightness(colour: str) -> float:
    """Return the relative luminance of sRGB."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert svg(drawn()) == svg(drawn())


def test_svg_is_a_bare_element_without_date_or_program() -> None:
    text = svg(drawn())
    assert text.startswith("<svg")
    assert "<!DOCTYPE" not in text
    assert "<dc:date>" not in text
    assert "matplotlib.org" not in text.lower()
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"


def test_letters_are_outlines_that_need_no_font_of_the_reader() -> None:
    assert "<text" not in svg(drawn())


def test_the_figure_is_as_wide_as_the_text() -> None:
    width = ET.fromstring(svg(drawn())).attrib["width"]
    assert float(width.removesuffix("pt")) == pytest.approx(PAGE_WIDTH * 72)


def test_the_loss_is_drawn_over_the_updates() -> None:
    line = drawn().axes[0].lines[0]
    np.testing.assert_array_equal(line.get_xdata(), history()["update"])
    np.testing.assert_array_equal(line.get_ydata(), history()["smooth_loss"])


def test_the_best_update_is_marked_and_named() -> None:
    axes = drawn().axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks] == [(491, 40.0032)]
    assert "lowest: 40.0032 at update 491" in [text.get_text() for text in axes.texts]


def test_epochs_are_marked_where_they_begin_and_named() -> None:
    axes = drawn().axes[0]
    starts = [line.get_xdata()[0] for line in axes.lines[1:] if line.get_marker() != "o"]
    assert starts == [200, 400]
    names = [text.get_text() for text in axes.texts]
    assert [name for name in names if name.startswith("epoch")] == ["epoch 1", "epoch 2", "epoch 3"]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_history_of_a_row_or_two_can_be_drawn(rows: int) -> None:
    short = history()[:rows]
    figure = loss_figure(short, 200, 1, float(short["smooth_loss"].iloc[0]))
    assert svg(figure).startswith("<svg")


def test_a_loss_that_became_infinite_can_be_drawn() -> None:
    broken = history()
    broken.loc[20:, "smooth_loss"] = np.inf
    broken.loc[30:, "smooth_loss"] = np.nan
    assert svg(loss_figure(broken, 200, 191, 41.0)).startswith("<svg")


def test_drawing_leaves_the_settings_of_others_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    svg(drawn())
    assert dict(matplotlib.rcParams) == before


def test_neighbouring_colours_differ_without_colour_too() -> None:
    for one, other in itertools.pairwise(COLOURS):
        light, dark = sorted((lightness(one), lightness(other)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 1.4


def test_lines_differ_in_their_strokes_as_well() -> None:
    with style():
        axes = Figure().subplots()
        lines = [axes.plot([0, 1])[0] for _ in COLOURS]
    assert len({str(line._dash_pattern) for line in lines}) == len(COLOURS)  # type: ignore[attr-defined]


def test_greek_accents_and_minus_signs_have_glyphs(recwarn: pytest.WarningsRecorder) -> None:
    with style():
        figure = Figure(figsize=(2, 1))
        figure.subplots().set_title("−1 η é Łódź ‘q’ →")
    svg(figure)
    assert not [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)]
