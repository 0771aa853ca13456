"""Figures are drawn for the page: the same bytes, its fonts, and colours anyone can tell apart."""

import itertools
import xml.etree.ElementTree as ET

import matplotlib
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from rnn.report.figures import COLOURS, PAGE_WIDTH, style, svg


def drawn() -> Figure:
    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 2))
        axes = figure.subplots()
        axes.plot([1, 2, 3], [3, 1, 2], label="a curve")
        axes.fill_between([1, 2], [1, 2], [2, 3], alpha=0.3)
        axes.set_xlabel("$h_0$ and some words")
        axes.legend()
    return figure


def lightness(colour: str) -> float:
    """Return the relative luminance of sRGB."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert svg(drawn()) == svg(drawn())


def test_the_users_own_settings_change_nothing() -> None:
    plain = svg(drawn())
    own = {"text.usetex": True, "axes.labelsize": 30, "savefig.dpi": 20, "svg.image_inline": False}
    own |= {"lines.markeredgewidth": 9, "savefig.bbox": "tight", "figure.dpi": 33}
    with matplotlib.rc_context(own):
        assert svg(drawn()) == plain


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


def test_drawing_leaves_the_settings_of_others_alone() -> None:
    before = dict(matplotlib.rcParams)
    svg(drawn())
    assert dict(matplotlib.rcParams) == before


def test_colours_are_those_of_the_lines_in_their_order() -> None:
    with style():
        axes = Figure().subplots()
        assert tuple(axes.plot([0, 1])[0].get_color() for _ in COLOURS) == COLOURS


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
