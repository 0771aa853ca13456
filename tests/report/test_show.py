"""What notebooks show carries what the pages need, and looks right in JupyterLab too."""

import base64
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pages import Page, pdf_lines, pdf_text, spoken, to_html, to_pdf

from rnn.errors import ReportError
from rnn.report import show
from rnn.report.escaping import escape
from rnn.report.show import show_folder
from rnn.report.shown import INTERACTIVE, Shown
from rnn.runs.progress import CLEAR

Make = Callable[..., show.Section]
CURVE = {"caption": "Some *curve*", "alt": "It rises"}


def pages(outputs: list[Any]) -> tuple[str, Page]:
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    return pdf_text(to_pdf(nb)), Page(to_html(nb))


def test_a_figure_reaches_both_pages_with_number_caption_and_alternative(
    section: Make, outputs: list[Any]
) -> None:
    drawing = Figure(figsize=(2, 1))
    drawing.subplots().plot([1, 2])
    section(**CURVE).figure(drawing, "fig-a", {})
    pdf, page = pages(outputs)
    assert "Figure 1: Some curve" in pdf
    assert "Figure 1: Some curve" in page.text
    assert [a["alt"] for a in page.of("img")] == ["It rises"]
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    assert "It rises" in spoken(to_pdf(nb))


def test_a_figure_shows_its_caption_in_jupyterlab(section: Make, outputs: list[Any]) -> None:
    section(**CURVE | {"caption": "Some curve"}).figure(Figure(figsize=(2, 1)), "fig-a", {})
    assert set(outputs[0].data) == {"image/svg+xml", "text/plain"}
    assert outputs[1].data["text/markdown"] == "**Figure.** Some curve"
    pdf, page = pages(outputs)
    assert pdf.count("Some curve") == page.text.count("Some curve") == 1


def test_points_are_placed_where_the_figure_has_them(section: Make, outputs: list[Any]) -> None:
    drawing = Figure(figsize=(5, 3))
    axes = drawing.add_axes((0.1, 0.2, 0.8, 0.7))
    axes.set(xlim=(0, 10), yscale="log", ylim=(1, 100))
    blocks = {"points": "All points", "point": "{{ loss | decimals(1) }} nats"}
    points = [(0, 1, {"loss": 1}), (5, 10, {"loss": 2}), (10, 100, {"loss": 3})]
    section(**CURVE | blocks).figure(drawing, "fig-a", {}, points=points)
    told = outputs[0].data[INTERACTIVE]
    assert told["label"] == "All points"
    assert [words for _, _, words in told["points"]] == ["1.0 nats", "2.0 nats", "3.0 nats"]
    places = [place for *place, _ in told["points"]]
    np.testing.assert_allclose(places, [[0.1, 0.2], [0.5, 0.55], [0.9, 0.9]], atol=1e-4)


def test_a_table_keeps_names_numbers_and_order(section: Make, outputs: list[Any]) -> None:
    frame = pd.DataFrame({"W": [2.8038e-07, 1.0], "U": [np.nan, -0.5]}, index=["Mean", "Max"])
    section(caption="Errors").table(frame, "tab-a", {}, float_format="{:.4e}")
    pdf, page = pages(outputs)
    assert "Table 1: Errors W U Mean 2.8038e-07 Max 1.0000e+00 −5.0000e-01" in pdf
    assert "Table 1: Errors" in page.text
    assert "2.8038e-07" in page.text
    assert pdf.count("Errors") == page.text.count("Errors") == 1


def test_a_table_without_named_rows_has_no_column_for_them(
    section: Make, outputs: list[Any]
) -> None:
    section(caption="c").table(pd.DataFrame({"a": [1], "b": ["x"]}), "tab-a", {})
    assert len(list(pages(outputs)[1].of("th"))) == 2


def test_a_first_column_without_a_head_names_the_rows(section: Make) -> None:
    named = section(table="| | a | b\n| x | 1 | 2").rows("table", {})
    assert named.to_dict("index") == {"x": {"a": "1", "b": "2"}}
    bare = section(table="| n | a\n| x | 1").rows("table", {})
    assert bare.to_dict("index") == {0: {"n": "x", "a": "1"}}


@pytest.mark.parametrize(
    ("columns", "widths"), [(0, [7]), (7, [7]), (6, [4, 3]), (3, [3, 2, 2]), (1, [1] * 7)]
)
def test_a_wide_table_is_shown_in_parts(
    section: Make, outputs: list[Any], columns: int, widths: list[int]
) -> None:
    frame = pd.DataFrame([range(7)], columns=list("abcdefg"), index=["x"])
    section(caption="All", more="More").table(frame, "tab-a", {}, columns=columns)
    tables = [out for out in outputs if "text/html" in out.data]
    assert [out.data["text/html"].count("<td") for out in tables] == widths
    records = [Shown.read(out.metadata) for out in tables]
    told = [(one.label, one.caption) for one in records]
    rest = [(f"tab-a-{part}", "More") for part in range(2, len(widths) + 1)]
    assert told == [("tab-a", "All"), *rest]


def test_words_stand_flush_left_in_jupyterlab_and_numbers_flush_right(
    section: Make, outputs: list[Any]
) -> None:
    frame = pd.DataFrame({"n": [1.5, -2e-7], "w": ["3", "x"], "p": ["3 %", "–"]}, index=["a", "1"])
    section(caption="c").table(frame, "tab-a", {})
    cells = re.findall(r"<(t[hd])([^>]*)>([^<]*)<", outputs[1].data["text/html"])
    left = {text for _, attributes, text in cells if "text-align: left" in attributes}
    assert left == {"", "a", "1", "w", "3", "x"}
    assert {text for *_, text in cells} - left == {"n", "p", "1.5", "-2e-07", "3 %", "–"}


def test_a_figure_lies_on_white_paper_in_jupyterlab_alone(
    section: Make, outputs: list[Any]
) -> None:
    section(**CURVE).figure(Figure(figsize=(2, 1)), "fig-a", {})
    svg = outputs[0].data["image/svg+xml"]
    paper = 'fill="white"'
    assert paper in svg.split("<metadata>")[0], "below everything that is drawn"
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    (source,) = [str(a["src"]) for a in Page(to_html(nb)).of("img")]
    assert paper not in base64.b64decode(source.partition(",")[2]).decode()


def test_table_cells_and_names_are_text(section: Make, outputs: list[Any]) -> None:
    frame = pd.DataFrame({"<b>$x$": ["<i>*a*</i>", "#read"]}, index=["`r`", "&amp;"])
    section(caption="{{ x }}").table(frame, "tab-a", {"x": "<u>"})
    pdf, page = pages(outputs)
    for text in (pdf, page.text):
        for words in ("<b>$x$", "<i>*a*</i>", "#read", "`r`", "&amp;", "Table 1: <u>"):
            assert words in text


def test_text_is_shown_character_by_character_under_its_title(
    section: Make, outputs: list[Any]
) -> None:
    words = 'He  said: "<b>*no*</b>"\n\n$x$ `y` #z'
    section(title="iter: {{ n }} (smooth loss: 53.2417)").sample(words, {"n": 10000})
    pdf, page = pages(outputs)
    assert 'iter: 10000 (smooth loss: 53.2417) He said: "<b>*no*</b>" $x$ `y` #z' in pdf
    assert words in "".join(page.words)
    assert "&lt;b&gt;" in outputs[1].data["text/html"], "JupyterLab gets it escaped"


def test_texts_side_by_side_keep_their_titles_and_the_order_of_reading(
    section: Make, outputs: list[Any]
) -> None:
    given = {"a_run *1*": "one <b>two</b>\n  three", "b": "$x$ `y` #z", "c": "four", "d": "five"}
    section(lead="What *they* write:").texts(given, {})
    pdf, page = pages(outputs)
    for text in (pdf, page.text):
        told = "What they write: a_run *1* one <b>two</b> three b $x$ `y` #z c four d five"
        assert told in text
    assert [a["class"] for a in page.of("figure")] == ["sample"] * 4
    assert "one <b>two</b>\n  three" in "".join(page.words)


def test_texts_side_by_side_are_escaped_in_jupyterlab(section: Make, outputs: list[Any]) -> None:
    section(lead="Lead").texts({"<i>t</i>": "<b>x</b>"}, {})
    assert outputs[0].data["text/markdown"] == "Lead"
    shown = outputs[1].data["text/html"]
    assert "&lt;i&gt;t&lt;/i&gt;" in shown and "&lt;b&gt;x&lt;/b&gt;" in shown


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_any_number_of_texts_stands_side_by_side(
    section: Make, outputs: list[Any], count: int
) -> None:
    section(lead="Lead").texts({f"title {i}": f"text {i}" for i in range(count)}, {})
    pdf, page = pages(outputs)
    told = " ".join(f"title {i} text {i}" for i in range(count))
    assert told in pdf and told in page.text


def test_a_long_word_stays_within_its_column(section: Make, outputs: list[Any]) -> None:
    section(lead="Lead").texts({"a": "w" * 34, "b": "x" * 34, "c": "y" * 34}, {})
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    lines = [line for line in pdf_lines(to_pdf(nb)) if set(line) <= set("wxy ") and line]
    assert max(len(word) for line in lines for word in line.split()) < 34
    assert sum(line.count("w") for line in lines) == 34


def test_a_text_without_a_title_is_told_of_where_it_is() -> None:
    about = {"report": {"kind": "texts", "texts": ["x"]}}
    output = new_output("display_data", {"text/plain": "x"}, metadata=about)
    with pytest.raises(ReportError, match="cell 1: expected texts with a title each"):
        to_html(new_notebook(cells=[new_code_cell("x", outputs=[output])]), strict=True)


def test_prose_is_markdown_with_what_was_computed(section: Make, outputs: list[Any]) -> None:
    words = section(words="The *best* of {{ name }} is {{ error | power }}.")
    words.prose("words", {"name": "A_book_*", "error": 4.5e-6})
    pdf, page = pages(outputs)
    assert "The best of A_book_* is" in pdf
    assert [tag for tag, _ in page.tags].count("em") == 1
    assert len(list(page.of("math"))) == 1


@pytest.mark.parametrize(
    ("looks_on", "told"), [(False, f"{CLEAR}results are in a_run\n"), (True, "")]
)
def test_folder_of_the_results_is_told_in_the_notebook_and_on_the_terminal_but_on_no_page(
    outputs: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    looks_on: bool,
    told: str,
) -> None:
    screen = StringIO()
    monkeypatch.setattr(show, "terminal", lambda: screen)
    monkeypatch.setattr(show, "is_interactive", lambda: looks_on)
    monkeypatch.chdir(tmp_path)
    show_folder(tmp_path / "a_run")
    (told_here,) = [out.data for out in outputs]
    assert told_here["text/plain"] == "The results are in a_run."
    assert told_here["text/markdown"] == f"The results are in {escape('a_run')}."
    assert screen.getvalue() == told
    pdf, page = pages(outputs)
    assert "results" not in pdf + page.text


def test_escape_takes_anything_and_shows_controls_as_pictures() -> None:
    assert escape(3) == "3"
    assert escape("a\tb\n") == "a⇥b↵"
    assert escape("") == ""
