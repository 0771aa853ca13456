"""What notebooks show carries what the pages need, and looks right in JupyterLab too."""

import base64
import re
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
from rnn.report.show_old import (
    escape,
    show_figure,
    show_folder,
    show_prose,
    show_table,
    show_text,
    show_texts,
)


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what would be displayed, as a notebook would store it."""
    collected: list[Any] = []

    def display(bundle: dict[str, str], *, raw: bool, metadata: Any = None) -> None:
        assert raw
        collected.append(new_output("display_data", bundle, metadata=metadata or {}))

    monkeypatch.setattr(show, "display", display)
    return collected


def pages(outputs: list[Any]) -> tuple[str, Page]:
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    return pdf_text(to_pdf(nb)), Page(to_html(nb))


def test_a_figure_reaches_both_pages_with_number_caption_and_alternative(
    outputs: list[Any],
) -> None:
    drawing = Figure(figsize=(2, 1))
    drawing.subplots().plot([1, 2])
    show_figure(drawing, label="fig-a", caption="Some *curve*", alt="It rises")
    pdf, page = pages(outputs)
    assert "Figure 1: Some curve" in pdf
    assert "Figure 1: Some curve" in page.text
    assert [a["alt"] for a in page.of("img")] == ["It rises"]
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    assert "It rises" in spoken(to_pdf(nb))


def test_a_figure_shows_its_caption_in_jupyterlab(outputs: list[Any]) -> None:
    show_figure(Figure(figsize=(2, 1)), label="fig-a", caption="Some curve", alt="It rises")
    assert set(outputs[0].data) == {"image/svg+xml", "text/plain"}
    assert outputs[1].data["text/markdown"] == "**Figure.** Some curve"
    pdf, page = pages(outputs)
    assert pdf.count("Some curve") == page.text.count("Some curve") == 1


def test_a_table_keeps_names_numbers_and_order(outputs: list[Any]) -> None:
    frame = pd.DataFrame({"W": [2.8038e-07, 1.0], "U": [np.nan, -0.5]}, index=["Mean", "Max"])
    show_table(frame, label="tab-a", caption="Errors", float_format="{:.4e}")
    pdf, page = pages(outputs)
    assert "Table 1: Errors W U Mean 2.8038e-07 Max 1.0000e+00 −5.0000e-01" in pdf
    assert "Table 1: Errors" in page.text
    assert "2.8038e-07" in page.text
    assert pdf.count("Errors") == page.text.count("Errors") == 1


def test_a_table_without_named_rows_has_no_column_for_them(outputs: list[Any]) -> None:
    show_table(pd.DataFrame({"a": [1], "b": ["x"]}), label="tab-a", caption="c")
    assert len(list(pages(outputs)[1].of("th"))) == 2


def test_words_stand_flush_left_in_jupyterlab_and_numbers_flush_right(outputs: list[Any]) -> None:
    frame = pd.DataFrame({"n": [1.5, -2e-7], "w": ["3", "x"], "p": ["3 %", "–"]}, index=["a", "1"])
    show_table(frame, label="tab-a", caption="c")
    cells = re.findall(r"<(t[hd])([^>]*)>([^<]*)<", outputs[1].data["text/html"])
    left = {text for _, attributes, text in cells if "text-align: left" in attributes}
    assert left == {"", "a", "1", "w", "3", "x"}
    assert {text for *_, text in cells} - left == {"n", "p", "1.5", "-2e-07", "3 %", "–"}


def test_a_figure_lies_on_white_paper_in_jupyterlab_alone(outputs: list[Any]) -> None:
    show_figure(Figure(figsize=(2, 1)), label="fig-a", caption="c", alt="a")
    svg = outputs[0].data["image/svg+xml"]
    paper = 'fill="white"'
    assert paper in svg.split("<metadata>")[0], "below everything that is drawn"
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    (source,) = [str(a["src"]) for a in Page(to_html(nb)).of("img")]
    assert paper not in base64.b64decode(source.partition(",")[2]).decode()


def test_table_cells_and_names_are_text(outputs: list[Any]) -> None:
    frame = pd.DataFrame({"<b>$x$": ["<i>*a*</i>", "#read"]}, index=["`r`", "&amp;"])
    show_table(frame, label="tab-a", caption=escape("<u>"))
    pdf, page = pages(outputs)
    for text in (pdf, page.text):
        for words in ("<b>$x$", "<i>*a*</i>", "#read", "`r`", "&amp;", "Table 1: <u>"):
            assert words in text


def test_text_is_shown_character_by_character_under_its_title(outputs: list[Any]) -> None:
    words = 'He  said: "<b>*no*</b>"\n\n$x$ `y` #z'
    show_text(words, title="iter: 10000 (smooth loss: 53.2417)")
    pdf, page = pages(outputs)
    assert 'iter: 10000 (smooth loss: 53.2417) He said: "<b>*no*</b>" $x$ `y` #z' in pdf
    assert words in "".join(page.words)
    assert "&lt;b&gt;" in outputs[1].data["text/html"], "JupyterLab gets it escaped"


def test_texts_side_by_side_keep_their_titles_and_the_order_of_reading(outputs: list[Any]) -> None:
    given = {"a_run *1*": "one <b>two</b>\n  three", "b": "$x$ `y` #z", "c": "four", "d": "five"}
    show_texts(given, lead="What *they* write:")
    pdf, page = pages(outputs)
    for text in (pdf, page.text):
        told = "What they write: a_run *1* one <b>two</b> three b $x$ `y` #z c four d five"
        assert told in text
    assert [a["class"] for a in page.of("figure")] == ["sample"] * 4
    assert "one <b>two</b>\n  three" in "".join(page.words)


def test_texts_side_by_side_are_escaped_in_jupyterlab(outputs: list[Any]) -> None:
    show_texts({"<i>t</i>": "<b>x</b>"}, lead="Lead")
    assert outputs[0].data["text/markdown"] == "Lead"
    shown = outputs[1].data["text/html"]
    assert "&lt;i&gt;t&lt;/i&gt;" in shown and "&lt;b&gt;x&lt;/b&gt;" in shown


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_any_number_of_texts_stands_side_by_side(outputs: list[Any], count: int) -> None:
    show_texts({f"title {i}": f"text {i}" for i in range(count)}, lead="Lead")
    pdf, page = pages(outputs)
    told = " ".join(f"title {i} text {i}" for i in range(count))
    assert told in pdf and told in page.text


def test_a_long_word_stays_within_its_column(outputs: list[Any]) -> None:
    show_texts({"a": "w" * 34, "b": "x" * 34, "c": "y" * 34}, lead="Lead")
    nb = new_notebook(cells=[new_code_cell("x", outputs=outputs)])
    lines = [line for line in pdf_lines(to_pdf(nb)) if set(line) <= set("wxy ") and line]
    assert max(len(word) for line in lines for word in line.split()) < 34
    assert sum(line.count("w") for line in lines) == 34


def test_a_text_without_a_title_is_told_of_where_it_is() -> None:
    about = {"report": {"kind": "texts", "texts": ["x"]}}
    output = new_output("display_data", {"text/plain": "x"}, metadata=about)
    with pytest.raises(ReportError, match="cell 1: expected texts with a title each"):
        to_html(new_notebook(cells=[new_code_cell("x", outputs=[output])]))


def test_prose_is_markdown_with_what_was_computed(outputs: list[Any]) -> None:
    show_prose(f"The *best* of {escape('A_book_*')} is $4.5 \\times 10^{{-6}}$.")
    pdf, page = pages(outputs)
    assert "The best of A_book_* is" in pdf
    assert [tag for tag, _ in page.tags].count("em") == 1
    assert len(list(page.of("math"))) == 1


@pytest.mark.parametrize(("looks_on", "told"), [(False, "results are in a_run\n"), (True, "")])
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
    assert escape("a\tb\n") == "a␉b␊"
    assert escape("") == ""
