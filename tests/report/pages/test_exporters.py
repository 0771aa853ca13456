"""Any notebook becomes a typeset PDF and a page of its own."""

import base64
import logging
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pandas as pd
import pypandoc
import pytest
from nbconvert.exporters import get_exporter
from nbformat import NotebookNode
from nbformat.v4 import new_output, new_raw_cell
from pages import (
    PNG,
    SVG,
    Page,
    code,
    figure,
    notebook,
    pdf_lines,
    pdf_text,
    png_bytes,
    prose,
    reader,
    result,
    sample,
    shown,
    spoken,
    stream,
    table,
    texts,
    to_html,
    to_pdf,
)

from rnn.errors import ReportError
from rnn.report.pages import typesetting
from rnn.report.pages.exporters import ReportExporter, ReportHTMLExporter, ReportPDFExporter

STORY = notebook(
    prose(
        "# First part\n\nSee [Table](#tab-one), [Figure](#fig-one) and $x^2$.\n\n$$\\frac{a}{b}$$"
    ),
    code("make_table()", table("tab-one", "Caption of the table")),
    code("make_figure()", figure("fig-one", "Caption of the figure", "A line that falls")),
    prose("## A detail\n\n\\begin{align}\na &= b \\label{eq}\\\\\nc &= d\n\\end{align}"),
    prose("# Second part"),
    code("show()", sample("some *text* as it is"), stream("noise", "stderr"), figure("fig-two")),
    title="A title",
    authors=[{"name": "An author"}],
    date="2021-06-05",
)


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return to_pdf(STORY)


@pytest.fixture(scope="module")
def html() -> str:
    return to_html(STORY, embed_fonts=True)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_nbconvert_knows_both_exporters_by_name() -> None:
    assert get_exporter("report-pdf") is ReportPDFExporter
    assert get_exporter("report-html") is ReportHTMLExporter


def test_every_option_has_a_help_text() -> None:
    for exporter in (ReportExporter, ReportPDFExporter, ReportHTMLExporter):
        own = exporter.class_own_traits(config=True)
        assert own, exporter
        assert not [name for name, trait in own.items() if not trait.help], exporter


def test_pdf_has_title_author_language_and_no_clock(pdf: bytes) -> None:
    document = reader(pdf)
    assert document.metadata is not None
    assert document.metadata.title == "A title"
    assert document.metadata.author == "An author"
    assert document.trailer["/Root"]["/Lang"] == "en"
    assert document.metadata.get("/CreationDate") is None


def test_pdf_says_it_is_tagged_and_accessible(pdf: bytes) -> None:
    root = reader(pdf).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"].value is True
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert re.search(r"pdfuaid:part(>|=\")1", metadata)


def test_pdf_speaks_its_formulas_and_figures(pdf: bytes) -> None:
    words = spoken(pdf)
    assert "x^2" in words
    assert r"\frac{a}{b}" in words
    assert "A line that falls" in words


def test_title_block_shows_an_iso_date_in_words(pdf: bytes, page: Page) -> None:
    assert pdf_lines(pdf)[:3] == ["A title", "An author", "June 5, 2021"]
    assert page.text.startswith("A title An author June 5, 2021")


def test_figures_and_tables_are_numbered_and_referred_to_alike(pdf: bytes, page: Page) -> None:
    for text in (pdf_text(pdf), page.text):
        assert "See Table 1, Figure 1 and" in text
        assert "Table 1: Caption of the table" in text
        assert "Figure 1: Caption of the figure" in text
        assert "Figure 2: A caption" in text


def test_references_are_links(pdf: bytes, page: Page) -> None:
    links = [a.get("href") for a in page.of("a")]
    assert {"#tab-one", "#fig-one"} <= set(links)
    assert {"tab-one", "fig-one"} <= {a.get("id") for a in page.of("figure")}
    annotations = [note.get_object() for note in reader(pdf).pages[0].get("/Annots", [])]
    assert [note["/Subtype"] for note in annotations].count("/Link") == 2


def test_sections_are_numbered_in_both_pages(pdf: bytes, page: Page) -> None:
    lines = pdf_lines(pdf)
    assert "1 First part" in lines
    assert "1.1 A detail" in lines
    assert "2 Second part" in lines
    assert "2 Second part" in page.text
    plain = to_pdf(STORY, number_sections=False)
    assert "Second part" in pdf_lines(plain)


def test_html_headings_descend_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 3, 2]


def test_a_heading_that_skips_levels_is_put_in_order() -> None:
    page = Page(to_html(notebook(prose("# One"), prose("#### Deep"), prose("# Two"), title="T")))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels == [1, 2, 3, 2]


def test_html_contents_lead_to_headings_and_identifiers_are_unique(page: Page) -> None:
    identifiers = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(identifiers) == len(set(identifiers))
    inner = {str(a["href"])[1:] for a in page.of("a") if str(a.get("href")).startswith("#")}
    assert inner <= set(identifiers)
    assert {"s-first-part", "s-a-detail", "s-second-part"} <= inner


def test_headings_of_the_same_name_get_identifiers_of_their_own() -> None:
    page = Page(to_html(notebook(prose("# Same"), prose("# Same\n\n[there](#Same)"), title="T")))
    assert [a["id"] for a in page.of("h2")] == ["s-same", "s-same-2"]
    assert "#s-same" in [a.get("href") for a in page.of("a")]


def test_html_is_one_file_without_scripts(html: str, page: Page) -> None:
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert page.addresses()
    assert all(address.startswith("data:") for address in page.addresses())
    assert not re.search(r"url\((?!data:)|@import", html)
    policies = [a["content"] for a in page.of("meta") if a.get("http-equiv")]
    assert len(policies) == 1
    assert "default-src 'none'" in str(policies[0])
    assert "script-src" not in str(policies[0])


def test_html_declares_its_language(page: Page) -> None:
    assert next(page.of("html"))["lang"] == "en"
    assert next(Page(to_html(STORY, lang="sv")).of("html"))["lang"] == "sv"


def test_html_formulas_are_mathml_with_a_font_of_their_own(html: str, page: Page) -> None:
    assert len(list(page.of("math"))) == 3
    assert 'font-family:"Page Math"' in html
    assert 'font-family:"Page Math"' not in to_html(notebook(prose("none")), embed_fonts=True)


def test_every_picture_in_html_has_an_alternative_text(page: Page) -> None:
    assert [a["alt"] for a in page.of("img")] == ["A line that falls", "What it shows"]


def test_same_notebook_gives_the_same_bytes(pdf: bytes, html: str) -> None:
    again: NotebookNode = nbformat.from_dict(nbformat.v4.reads(nbformat.v4.writes(STORY)))
    for number, cell in enumerate(again.cells):
        cell.id = f"other-{number}"
        cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
        if cell.cell_type == "code":
            cell.execution_count = number
    assert to_pdf(again) == pdf
    assert to_html(again, embed_fonts=True) == html


def test_code_is_left_out_of_the_pdf_until_asked_for(pdf: bytes) -> None:
    assert "make_table" not in pdf_text(pdf)
    assert "make_table()" in pdf_text(to_pdf(STORY, exclude_input=False))


def test_code_is_folded_in_html_until_left_out(page: Page) -> None:
    assert len(list(page.of("details"))) == 3
    assert not list(Page(to_html(STORY, exclude_input=True)).of("details"))


def test_tags_hide_cells_inputs_and_outputs() -> None:
    nb = notebook(
        code("gone", stream("gone-out"), tags=("remove-cell",)),
        code("input", stream("kept-out"), tags=("hide-input",)),
        code("kept", stream("output"), tags=("remove-output",)),
    )
    text = pdf_text(to_pdf(nb, exclude_input=False))
    assert "gone" not in text
    assert "input" not in text
    assert "kept-out" in text
    assert "kept" in text.replace("kept-out", "")
    assert "output" not in text


def test_progress_is_left_out_where_that_is_wished_for() -> None:
    nb = notebook(code("run", stream("loading", "stderr"), stream("printed")))
    for text in (pdf_text(to_pdf(nb)), Page(to_html(nb)).text):
        assert "printed" in text and "loading" in text
    for text in (
        pdf_text(to_pdf(nb, exclude_stderr=True)),
        Page(to_html(nb, exclude_stderr=True)).text,
    ):
        assert "printed" in text and "loading" not in text


def test_progress_bars_are_left_out_and_what_is_printed_beside_them_is_not() -> None:
    bar = "epoch 1/7:  50%|#####     | 2/4 [00:01<00:01, 1.9it/s]"
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "0"}, "text/plain": bar}
    told = stream(f"\r{bar}\r{bar}\n50% of it | [printed]\n", "stderr")
    page = Page(to_html(notebook(code("run", new_output("display_data", widget), told)))).text
    assert "50% of it | [printed]" in page and "epoch" not in page


def test_an_error_shows_its_traceback_or_its_last_line() -> None:
    trace = ["\x1b[0;31mTraceback\x1b[0m", 'File "/home/someone/secret.py"', "ValueError: wrong"]
    nb = notebook(code("x", new_output("error", ename="ValueError", evalue="bad", traceback=trace)))
    for text in (pdf_text(to_pdf(nb)), Page(to_html(nb)).text):
        assert "Traceback File" in text and "secret" in text
        assert "[0;31m" not in text and "U+001B" not in text
    for text in (
        pdf_text(to_pdf(nb, exclude_tracebacks=True)),
        Page(to_html(nb, exclude_tracebacks=True)).text,
    ):
        assert "ValueError: bad" in text and "secret" not in text


def test_dataframes_become_tables() -> None:
    frame = pd.DataFrame({"a": [1.5, -2.25], "b": ["x <i>", "y & z"]})
    nb = notebook(code("frame", result({"text/html": frame._repr_html_(), "text/plain": "no"})))
    pdf = pdf_text(to_pdf(nb))
    page = Page(to_html(nb))
    for text in (pdf, page.text):
        assert "x <i>" in text
        assert "y & z" in text
        assert "2.25" in text
    assert len(list(page.of("table"))) == 1
    assert len(list(page.of("td"))) == 2 * 2 + 1, "the empty corner is no heading"
    assert "dataframe" not in str(page.tags), "nothing of the source's attributes survives"


def words_placed(pdf: bytes) -> list[tuple[int, float, float, float, str]]:
    """Return page, x, y, size and text of everything that a PDF writes."""
    found: list[tuple[int, float, float, float, str]] = []
    for number, page in enumerate(reader(pdf).pages):

        def visit(text: str, cm: list[float], tm: list[float], *rest: object) -> None:
            size = cm[0] * tm[0] * float(str(rest[1]))
            x, y = cm[4] + cm[0] * tm[4], cm[5] + cm[3] * tm[5]
            if text.strip():
                found.append((number, x, y, size, text.strip()))  # noqa: B023

        page.extract_text(visitor_text=visit)
    return found


@pytest.mark.parametrize("columns", [6, 14, 60])
def test_a_wide_table_keeps_a_size_that_can_be_read_and_its_columns_apart(columns: int) -> None:
    frame = pd.DataFrame(
        [[f"v{row}x{column:03d}" for column in range(columns)] for row in range(3)],
        index=["one", "two", "three"],
    )
    pdf = to_pdf(notebook(code("frame", result({"text/html": frame.to_html()}))))
    pages = [(float(p.mediabox.width), float(p.mediabox.height)) for p in reader(pdf).pages]
    values = [w for w in words_placed(pdf) if re.fullmatch(r"v\dx\d{3}", w[4])]
    assert len(values) == 3 * columns
    assert min(size for *_, size, _ in values) > 0.69 * 11
    assert all(50 < x < pages[page][0] - 80 for page, x, *_ in values)
    lines: dict[tuple[int, float], list[float]] = {}
    for page, x, y, *_ in values:
        lines.setdefault((page, round(y)), []).append(x)
    for xs in lines.values():
        assert all(right - left > 20 for left, right in pairwise(sorted(xs)))
    labels = [text for *_, text in words_placed(pdf) if text == "three"]
    assert len(labels) == len(lines) // 3, "the labels of the rows are repeated"


@pytest.mark.parametrize("place", ["here", "top", "bottom"])
def test_cells_of_a_row_begin_at_one_height_wherever_the_table_stands(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(typesetting, "best_placements", lambda _: {"tab-a": place})
    pdf = to_pdf(notebook(prose("Text"), code("t", table("tab-a", cell="begin " + "word " * 60))))
    heights = {text.split()[0]: y for _, _, y, _, text in reversed(words_placed(pdf))}
    assert heights["row"] == heights["begin"] > heights["word"]


def test_a_formula_alone_in_latex_output_is_displayed() -> None:
    nb = notebook(code("expr", result({"text/latex": "$\\displaystyle y^3$", "text/plain": "y3"})))
    assert next(Page(to_html(nb)).of("math"))["display"] == "block"
    assert "y^3" in spoken(to_pdf(nb))


def test_a_formula_that_cannot_be_read_is_shown_as_tex(caplog: pytest.LogCaptureFixture) -> None:
    nb = notebook(prose("good"), prose("$\\nosuchthing{x}$"))
    exporter = ReportPDFExporter(log=logging.getLogger("test"))
    with caplog.at_level(logging.WARNING, logger="test"):
        pdf, _ = exporter.from_notebook_node(nb)
    assert "\\nosuchthing{x}" in pdf_text(pdf)
    assert "\\nosuchthing{x}" in Page(to_html(nb)).text
    assert "cell 2" in caplog.text


def test_attached_pictures_are_shown() -> None:
    cell = prose("![seen](attachment:a.png)", attachments={"a.png": {"image/png": PNG}})
    assert "seen" in spoken(to_pdf(notebook(cell)))
    pictures = list(Page(to_html(notebook(cell))).of("img"))
    assert pictures == [{"src": f"data:image/png;base64,{PNG}", "alt": "seen"}]


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("image/png", PNG),
        ("image/gif", "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"),
        ("image/svg+xml", SVG),
    ],
)
def test_a_picture_that_a_cell_made_is_shown_with_what_it_said_of_it(mime: str, data: str) -> None:
    nb = notebook(code("x", shown({mime: data, "text/plain": "<a picture>"})))
    assert "a picture" in spoken(to_pdf(nb))
    assert [a["alt"] for a in Page(to_html(nb)).of("img")] == ["a picture"]


def test_pictures_beside_the_notebook_are_shown_and_others_never(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "near.png").write_bytes(png_bytes())
    (tmp_path / "far.png").write_bytes(png_bytes())
    links = "![near](near.png)\n\n![far](../far.png)\n\n![net](https://example.org/net.png)"
    absolute = f"\n\n![root]({tmp_path / 'far.png'})"
    nbformat.write(notebook(prose(links + absolute)), folder / "a.ipynb")
    page = Page(ReportHTMLExporter().from_filename(str(folder / "a.ipynb"))[0])
    assert [a["alt"] for a in page.of("img")] == ["near"]
    pdf, _ = ReportPDFExporter().from_filename(str(folder / "a.ipynb"))
    assert [words for words in spoken(pdf) if words in ("near", "far", "net", "root")] == ["near"]


def test_the_only_first_heading_becomes_the_title() -> None:
    nb = notebook(prose("# The *one* title\n\ntext"), prose("## Section"))
    pdf = to_pdf(nb)
    assert reader(pdf).metadata.title == "The one title"  # type: ignore[union-attr]
    assert "1 Section" in pdf_lines(pdf)
    page = Page(to_html(nb))
    assert len(list(page.of("h1"))) == 1
    assert page.text.startswith("The one title")


def test_a_notebook_without_a_title_is_called_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "my analysis.ipynb"
    nbformat.write(notebook(prose("text")), path)
    pdf, _ = ReportPDFExporter().from_filename(str(path))
    assert reader(pdf).metadata.title == "my analysis"  # type: ignore[union-attr]


def test_options_win_over_metadata() -> None:
    page = Page(to_html(STORY, title="Other", author="Someone", date="in spring"))
    assert page.text.startswith("Other Someone in spring")


def test_paper_and_size_are_options() -> None:
    letter = reader(to_pdf(STORY, paper="us-letter")).pages[0]
    assert (float(letter.mediabox.width), float(letter.mediabox.height)) == (612, 792)
    long = notebook(prose("word " * 900))
    assert len(reader(to_pdf(long, font_size="18pt")).pages) > len(reader(to_pdf(long)).pages)


def test_an_impossible_size_is_refused_in_one_line() -> None:
    with pytest.raises(
        ReportError, match=r"font_size: expected a length such as 11pt, got '1; #x'"
    ):
        to_pdf(STORY, font_size="1; #x")


def test_an_unknown_paper_is_refused_in_one_line() -> None:
    with pytest.raises(ReportError, match="title block or an option") as caught:
        to_pdf(STORY, paper="a99")
    assert "\n" not in str(caught.value)


def test_a_missing_reference_names_the_cell_and_what_exists() -> None:
    nb = notebook(code("x", figure("fig-loss")), prose("See [Figure](#fig-los)."))
    for export in (to_pdf, to_html):
        with pytest.raises(ReportError, match=r"cell 2: expected a reference.*#fig-los.*fig-loss"):
            export(nb, strict=True)


def test_a_label_used_twice_is_refused() -> None:
    with pytest.raises(ReportError, match="cell 2: expected a new label, got 'fig-a' again"):
        to_html(notebook(code("x", figure("fig-a")), code("y", figure("fig-a"))), strict=True)


def test_a_label_that_is_no_word_is_refused() -> None:
    with pytest.raises(ReportError, match="cell 1: expected a label"):
        to_html(notebook(code("x", figure('a" onload="b'))), strict=True)


def test_what_typst_refuses_names_the_cell() -> None:
    broken = shown({"image/png": base64.b64encode(b"\x89PNG\r\n\x1a\n and no more").decode()})
    nb = notebook(prose("a"), code("gone", tags=("remove-cell",)), code("x", broken))
    with pytest.raises(ReportError, match="cell 3: Typst cannot set") as caught:
        to_pdf(nb, strict=True)
    assert "\n" not in str(caught.value)


def test_a_pandoc_that_does_not_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypandoc, "get_pandoc_path", lambda: "/nowhere/pandoc")
    with pytest.raises(ReportError, match="expected a pandoc that runs"):
        to_html(STORY)


def test_long_lines_without_spaces_wrap_on_the_paper() -> None:
    nb = notebook(code("x", sample("x" * 500)), title="y" * 200)
    lines = pdf_lines(to_pdf(nb))
    assert sum(line.count("x") for line in lines if set(line) == {"x"}) == 500
    assert max(len(line) for line in lines) <= 90
    dotted = notebook(code("x", sample("." + "\u00a0." * 200)))
    assert max(len(line) for line in pdf_lines(to_pdf(dotted))) <= 90


def test_a_sample_keeps_its_lines_and_its_title() -> None:
    nb = notebook(code("x", sample("one\n\n  two  three", title="iter: 7 (smooth loss: 1.5)")))
    lines = pdf_lines(to_pdf(nb))
    assert lines[lines.index("iter: 7 (smooth loss: 1.5)") :][:2] == [
        "iter: 7 (smooth loss: 1.5)",
        "one",
    ]
    assert ">one\n\n  two  three</pre>" in to_html(nb)


def test_texts_of_a_notebook_of_an_older_version_keep_their_titles() -> None:
    about = {"kind": "texts", "lead": "A lead", "texts": [{"title": "One", "text": "two"}]}
    old = notebook(code("x", shown({"text/plain": "two"}, about)))
    new = notebook(code("x", texts(("One", "two"))))
    assert to_html(old) == to_html(new)


def test_a_sample_is_not_parted_from_its_title() -> None:
    for lines in (33, 35, 37, 39, 41):
        filler = prose("\n\n".join(["A line of text."] * lines))
        nb = notebook(filler, code("x", sample("words\n" * 9, title="The heading")))
        counts = [
            (text.count("The heading"), text.count("words"))
            for text in (page.extract_text() for page in reader(to_pdf(nb)).pages)
        ]
        assert [count for count in counts if any(count)] == [(1, 9)], lines


def test_markdown_is_read_as_jupyterlab_reads_it() -> None:
    source = (
        "Text right before\n- one\n- two\n    - nested\n\nText\n## Heading\nText\n> quoted\n\n"
        "a~b~ c^d^ @someone [@cite] ~~gone~~ snake_case_name {#id .class}\n\n"
        "```python\nf(x)  # one\n\ng(y)\n```\n\n"
        "<div align='center'>\n\n**bold**\n\n</div>\n\n1986\\. A line."
    )
    nb = notebook(prose("# Title"), prose(source))
    page = Page(to_html(nb))
    tags = [tag for tag, _ in page.tags]
    assert (tags.count("li"), tags.count("h2"), tags.count("blockquote")) == (3, 1, 1)
    assert (tags.count("del"), tags.count("strong"), tags.count("sup")) == (1, 1, 0)
    plain = "a~b~ c^d^ @someone [@cite] gone snake_case_name {#id .class}"
    pdf = to_pdf(nb)
    for text in (page.text, pdf_text(pdf)):
        assert plain in text
        assert "f(x) # one g(y)" in text
        assert "1986. A line." in text
    assert "f(x) # one" in pdf_lines(pdf)


def test_raw_cells_are_shown_as_nbconvert_shows_them() -> None:
    def raw(text: str, kind: str = "") -> NotebookNode:
        return new_raw_cell(text, metadata={"raw_mimetype": kind} if kind else {})

    nb = notebook(
        raw("<script>as it is</script>"),
        raw("*leant*", "text/markdown"),
        raw("<b>bold</b><script>alert(1)</script>", "text/html"),
        raw("for other pages", "text/asciidoc"),
    )
    page = Page(to_html(nb))
    for text in (page.text, pdf_text(to_pdf(nb))):
        assert "<script>as it is</script> leant bold" in text
        assert "alert" not in text and "other pages" not in text
    assert [tag for tag, _ in page.tags if tag in ("em", "strong", "script")] == ["em", "strong"]
    assert "as it is" not in pdf_text(to_pdf(nb, exclude_raw=True))
