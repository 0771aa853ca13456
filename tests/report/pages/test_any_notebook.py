"""A page appears for any notebook, and what it shows is what JupyterLab shows, or says what not."""

import base64
import hashlib
import json
import logging
import re
import resource
import time
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib._mathtext_data import tex2uni
from nbformat import NotebookNode
from nbformat.v4 import new_output
from pages import (
    PNG,
    SVG,
    Page,
    code,
    notebook,
    pdf_lines,
    pdf_text,
    prose,
    reader,
    result,
    sample,
    shown,
    spoken,
    squeezed,
    stream,
    to_html,
    to_pdf,
)

from rnn.report.pages.exporters import ReportHTMLExporter, ReportPDFExporter
from rnn.report.pages.formulas import Formulas
from rnn.report.pages.pandoc import read
from rnn.report.pages.terminal import as_on_terminal


class Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def both(nb: NotebookNode, **options: Any) -> tuple[bytes, str, list[str]]:
    """Render both pages; return them and the lines of warning of the PDF."""
    told = Warnings()
    log = logging.Logger("pages", logging.WARNING)
    log.addHandler(told)
    pdf, _ = ReportPDFExporter(log=log, **options).from_notebook_node(nb)
    return pdf, to_html(nb, **options), told.lines


def texts_of(nb: NotebookNode, **options: Any) -> list[str]:
    pdf, page, _ = both(nb, **options)
    return [pdf_text(pdf), Page(page).text]


def leaves(tex: str) -> str:
    """Return the signs of the formulas in a Markdown cell, after checking that each is read."""
    formulas = Formulas()
    formulas.take(tex, "here")
    formulas.prepare()
    assert [*formulas.read(read([], formulas.all)[1])] == []
    trees = (formula.tree for formula in formulas.all if formula.tree is not None)
    return "".join(
        node.text or ""
        for tree in trees
        for node in tree.iter()
        if node.tag in ("mi", "mn", "mo", "mtext")
    )


def as_code(page: str) -> list[str]:
    return re.findall(r"<code[^>]*>(.*?)</code>", page, re.DOTALL)


# -- A1: a detail never takes the page with it ---------------------------------------------------

BAD_PICTURES = {
    "a png that ends early": b"\x89PNG\r\n\x1a\n and no more",
    "a pointer to a large file": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "nothing": b"",
}


@pytest.mark.parametrize(
    "detail",
    [
        r"$A \cap B$ $\bigcap \sqcap \otimes \odot \llbracket x \rrbracket \lBrace$",
        r"$\begin{vmatrix}a&b\\c&d\end{vmatrix}$ and $\left. b \right|_0$",
        "[Figure](#fig:x) and [Table](#nowhere)",
        "`" + "word " * 600 + "`",
        "# ",
        "$$ $$",
        "$$\n\n$$",
        "> " * 300 + "deep",
        "- " * 300 + "deep",
        "*" * 500,
        "[a]: <b>\n[",
    ],
)
def test_a_detail_of_prose_does_not_take_the_page_with_it(detail: str) -> None:
    nb = notebook(prose("before"), prose(detail), prose("after"))
    for text in texts_of(nb):
        assert "before" in text and "after" in text


@pytest.mark.parametrize("content", BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_a_picture_that_cannot_be_read_is_named_with_its_cell(content: bytes) -> None:
    data = {"image/png": base64.b64encode(content).decode(), "text/plain": "words instead"}
    nb = notebook(prose("before"), code("x", shown(data)), prose("after"))
    pdf, page, told = both(nb)
    assert len(told) == 1 and "cell 2" in told[0]
    for text in (pdf_text(pdf), Page(page).text):
        assert re.search("before.*after", text)
    assert "words instead" in pdf_text(pdf)


def test_a_picture_under_another_type_is_shown_all_the_same() -> None:
    cell = prose("![x](attachment:a.jpg)", attachments={"a.jpg": {"image/jpeg": PNG}})
    pdf, page, told = both(notebook(cell))
    assert not told and "x" in spoken(pdf)
    assert [a["src"] for a in Page(page).of("img")] == [f"data:image/png;base64,{PNG}"]


@pytest.mark.parametrize("data", [SVG, base64.b64encode(SVG.encode()).decode()])
def test_an_attached_drawing_is_shown(data: str) -> None:
    cell = prose("![x](attachment:a.svg)", attachments={"a.svg": {"image/svg+xml": data}})
    pdf, page, told = both(notebook(cell))
    assert not told and "x" in spoken(pdf)
    [picture] = Page(page).of("img")
    assert base64.b64decode(str(picture["src"]).split(",")[1]) == SVG.encode()


@pytest.mark.usefixtures("embedded_fonts_alone")
def test_a_drawing_with_signs_that_no_font_has_leaves_the_rest_as_it_is() -> None:
    drawn = SVG.replace("<rect", '<text y="9">中文</text><rect')
    nb = notebook(prose("# One"), code("x", shown({"image/svg+xml": drawn})), prose("after 中"))
    pdf, page, told = both(nb)
    assert [line.split(":")[0] for line in told if line.startswith("cell")] == ["cell 2"]
    assert "after" in pdf_text(pdf) and len(list(Page(page).of("img"))) == 1


@pytest.mark.parametrize("name", ["**bold**", "*em*.text", "#panic()", "$x$ <b>", "=", "_"])
def test_a_file_may_have_any_name(name: str) -> None:
    resources = {"metadata": {"name": name}}
    pdf, _ = ReportPDFExporter().from_notebook_node(notebook(prose("text")), resources)
    assert pdf_lines(pdf)[0] == name
    page, _ = ReportHTMLExporter(embed_fonts=False).from_notebook_node(
        notebook(prose("text")), resources
    )
    assert Page(page).text.startswith(f"{name} text")


def test_an_output_of_an_unknown_kind_is_noted() -> None:
    odd = NotebookNode({"output_type": "hologram", "metadata": {}})
    other = shown({"application/x-odd": "1"})
    nb = notebook(code("x", other), prose("after"))
    nb.cells[0].outputs.append(odd)
    for text in texts_of(nb):
        assert "hologram" in text and "application/x-odd" in text and "after" in text


def test_an_output_that_is_a_script_is_noted() -> None:
    for more in ({}, {"text/plain": "<IPython.core.display.Javascript object>"}):
        output = shown({"application/javascript": "element.text('drawn')", **more})
        pdf, page, told = both(notebook(code("x", output), prose("after")))
        for text in (pdf_text(pdf), Page(page).text):
            assert "Here the notebook shows" in text and "drawn" not in text
        assert len(told) == 1 and "application/javascript" in told[0]


def test_a_record_without_a_kind_says_nothing() -> None:
    for text in texts_of(notebook(code("x", shown({"text/plain": "words"}, {"kind": ""})))):
        assert "words" in text


def test_html_that_ends_in_a_line_break_is_set() -> None:
    for text in texts_of(notebook(code("x", result({"text/html": "words<br>"})))):
        assert "words" in text


# -- A2: formulas ----------------------------------------------------------------------------


AS_JUPYTERLAB_READS_THEM = [
    ("$ x $", "x"),
    (r"\\( x \\)", "x"),
    (r"\\[ x \\]", "x"),
    ("$\n\\begin{split} a &= b \\end{split}\n$", "a=b"),
    ("$$\nx\n$$", "x"),
    (r"\begin{equation} x \end{equation}", "x"),
    (r"\begin{alignat}{2} x &= y \end{alignat}", "x=y"),
    (r"$x$2 and$y$", "xy"),
    (r"$\text{if $y$}$", "if y"),
    (r"$\newcommand{\R}{\mathbb{R}}$ $\R$", "ℝ"),
    (r"$\def\f#1{g(#1)}$ $\f{x}$", "g(x)"),
    (r"$\newcommand{\s}[2][z]{#1+#2}$ $\s x$ $\s[y]{x}$", "z+xy+x"),
    (r"$\DeclareMathOperator{\am}{am}$ $\am x$", "amx"),
    (r"$\let\e\epsilon$ $\e$", "ϵ"),
    (r"${\rm d}x$", "dx"),
    (r"$a \over b$", "ab"),
    (r"$\left(a \over b\right)$", "(ab)"),
    (r"$\pmatrix{a & b \cr c & d}$", "(abcd)"),
    (r"$\textcolor{red}{x} {\color{blue} y}$", "xy"),
    (r"$\substack{a\\b}$", "ab"),
    (r"$x % comment" + "\n$", "x"),
    (r"$A \cap B$", "A∩B"),
    (r"$\begin{array}{*{2}c|p{2cm}@{x}c} a & b & c \end{array}$", "abc"),
    (r"$\begin{array}{*{99}{*9*9}*99*} a \end{array}$", "a"),
    (r"$$a \\ \mathop{\arg b}_{x} c$$", "aargbxc"),
    (r"$\left\langle n\right|\frac{\langle a|}{|b\rangle}e^{\lfloor x}$", "⟨n|⟨a||b⟩e⌊x"),
    (r"$$\boxed{\frac{a}{b}}$$", "ab"),
]


@pytest.mark.parametrize(("source", "expected"), AS_JUPYTERLAB_READS_THEM)
def test_formulas_are_read_as_jupyterlab_reads_them(source: str, expected: str) -> None:
    found = re.sub(r"\s+", " ", leaves(source))
    assert found.replace("\u2061", "") == expected


def test_no_such_formula_is_left_as_source_on_a_page() -> None:
    nb = notebook(*(prose(source) for source, _ in AS_JUPYTERLAB_READS_THEM))
    pdf, page, told = both(nb)
    assert not told and not as_code(page)
    assert len(spoken(pdf)) == page.count("<math") >= len(AS_JUPYTERLAB_READS_THEM)


@pytest.mark.parametrize(
    "source", ["costs $5 and $6", r"\$x$ alone", "`$x$`", "    $x$", "$ a\n\nb $"]
)
def test_what_is_no_formula_is_left_alone(source: str) -> None:
    assert "<math" not in to_html(notebook(prose(source)))


def test_macros_hold_across_cells_and_formulas_are_numbered_where_they_are_named() -> None:
    nb = notebook(
        prose(r"$\newcommand{\R}{\mathbb{R}}$"),
        prose(r"By \eqref{b} and \ref{c}, $$x \tag{*}\label{a}$$"),
        prose(r"$$\R \label{b}$$ $$z \label{unnamed}$$ \eqref{a}"),
        prose(r"\begin{align} p &= q \label{c} \\ r &= s \end{align}"),
    )
    for text in texts_of(nb, title="t"):
        assert "(1) and 2" in text and text.count("(1)") == 2
        assert text.count("(*)") == 2 and text.count("(2)") == 1 and "(3)" not in text


def test_a_macro_without_an_end_does_no_harm() -> None:
    nb = notebook(prose(r"$\def\a{\a\a}$ $\a$ and $\newcommand{\b}[1]{\b{#1#1}} \b{x}$"))
    for text in texts_of(nb):
        assert "and" in text


def test_negative_space_does_not_overprint_and_bars_keep_their_size() -> None:
    for tex in (r"a\!b", r"\frac{v}{\left\|v\right\|}", r"\bigl|x\bigr|", r"p(x|y)"):
        assert "class" not in pdf_text(to_pdf(notebook(prose(f"${tex}$"))))
    lines = pdf_text(to_pdf(notebook(prose(r"$\int\!\!\int f(x)\,dx$"))))
    assert "class" not in lines


def test_functions_have_no_sign_behind_them() -> None:
    for text in texts_of(notebook(prose(r"$\max(a, b)$ and $\operatorname{Im} z$"))):
        assert "max" in text and "Im" in text and "2061" not in text
    page = to_html(notebook(prose(r"$\max(a, b)$")))
    assert re.findall(r"<mo([^>]*)></mo>", page) == [' lspace="0" rspace="0"']


def test_arrays_keep_their_rules_and_lose_the_row_that_is_not_there() -> None:
    page = to_html(notebook(prose(r"$\begin{array}{c|c} a & b \\ \hline c & d \\ \end{array}$")))
    page = page.partition("<main>")[2]
    assert page.count("border-left") == 2 and page.count("border-top") == 2
    assert page.count("<mtr>") == 2


def test_columns_of_an_array_may_be_repeated() -> None:
    page = to_html(notebook(prose(r"$\begin{array}{*{2}{c|}c} a & b & c \end{array}$")))
    assert page.partition("<main>")[2].count("border-left") == 2


def long_formulas() -> dict[str, str]:
    return {
        "sum": " + ".join(rf"\frac{{a_{{{i}}}}}{{b_{{{i}}}}}" for i in range(60)) + " = y",
        "chain": "x = " + " = ".join(f"f_{{{i}}}(x_{{{i}}})" for i in range(40)),
        "fence": r"y = \left(" + " + ".join(f"abcde_{{{i}}}" for i in range(40)) + r"\right)",
        "product": " ".join(f"q_{{{i}}}" for i in range(120)),
        "matrix": r"\begin{pmatrix}"
        + " & ".join(f"abc_{{{i}}}" for i in range(40))
        + r"\end{pmatrix}",
        "rows": r"\begin{align} a &= "
        + " + ".join("xyz" for _ in range(40))
        + r" \\ b &= c \end{align}",
        "numbered": r"\tag{7} " + " + ".join(f"abc_{{{i}}}" for i in range(50)),
        "numbered matrix": r"\tag{7} \begin{pmatrix}"
        + " & ".join(f"b_{{{i}}}" for i in range(24))
        + r"\end{pmatrix}",
        "space": r"x \hspace{50em} y",
        "words": r"f = g \qquad \text{since " + "words " * 12 + r"} \sqrt{x}",
    }


def placed(pdf: bytes) -> list[tuple[str, float, float]]:
    """Return the texts of the first page with where they begin, in points."""
    found: list[tuple[str, float, float]] = []

    def visit(text: str, cm: list[float], tm: list[float], *_: object) -> None:
        if text.strip():
            found.append((text.strip(), cm[4] + cm[0] * tm[4], cm[5] + cm[3] * tm[5]))

    reader(pdf).pages[0].extract_text(visitor_text=visit)
    return found


@pytest.mark.parametrize("in_line", [False, True])
@pytest.mark.parametrize("name", long_formulas())
def test_a_formula_wider_than_the_page_stays_on_the_paper(name: str, in_line: bool) -> None:
    tex = long_formulas()[name]
    formula = f"Text ${tex}$ text." if in_line else tex if "align" in tex else f"$${tex}$$"
    pdf = to_pdf(notebook(prose(formula)))
    left = {text: x for text, x, _ in placed(pdf)}
    assert len(left) > 2
    assert min(left.values()) > 60
    assert max(left.values()) < float(reader(pdf).pages[0].mediabox.width) - 20
    if "numbered" in name and not in_line:
        assert left.pop("(7)") > max(left.values()) + 10


@pytest.mark.parametrize("name", ["sum", "matrix", "space"])
def test_a_heading_may_be_a_formula_wider_than_a_line(name: str) -> None:
    nb = notebook(
        prose("# Title"), prose(f"# One\n\n### ${long_formulas()[name]}$"), prose("# Two")
    )
    pdf, _, told = both(nb)
    assert not told and {"1 One", "2 Two"} <= set(pdf_lines(pdf))


@pytest.mark.parametrize("name", ["sum", "product", "matrix"])
def test_a_wide_formula_in_a_table_leaves_the_next_column_its_place(name: str) -> None:
    nb = notebook(prose(f"| x | y |\n|---|---|\n| ${long_formulas()[name]}$ | beside |\n"))
    found = [(text, x) for text, x, y in placed(to_pdf(nb)) if y > 60]
    left = dict(found).pop("beside")
    assert left > max(x for text, x in found if text not in ("beside", "y")) + 10


def test_fractions_in_a_table_leave_the_next_row_its_place() -> None:
    table = "| x |\n|---|\n| $\\dfrac{a}{b}$ |\n| $\\dfrac{c}{d}$ |\n"
    height = {text: y for text, _, y in placed(to_pdf(notebook(prose(table))))}
    a, b, c, d = (height[letter] for letter in "𝑎𝑏𝑐𝑑")
    assert a > b > c + 9 and c > d


#: What neither reader knows although Matplotlib does; MathJax does not know them either.
UNKNOWN = re.compile(
    r"combining|text|scr|frak|guil|(left|right)(brace|paren|Models|assert|zigzagarrow)$|small"
    r"|(AA|AE|DH|H|L|O|OE|P|Thorn|aa|ac|ae|asterisk|c|circumflexaccent|clubsuitopen|copyright|d|dh"
    r"|emdash|endash|i|k|l|lambdabar|lasp|lq|macron|merge|minuscolon|notsmallowns|o|oe|oequal"
    r"|overarc|perthousand|rasp|ratio|rq|solbar|spadesuitopen|ss|t|thorn|triangleeq|widebar)$"
)
OTHER_COMMANDS = r"""
\hat{x} \check{x} \tilde{x} \acute{x} \grave{x} \dot{x} \ddot{x} \dddot{x} \breve{x} \bar{x} \vec{x}
\mathring{x} \widehat{xy} \widetilde{xy} \overline{xy} \underline{xy} \overbrace{xy}^{n}
\underbrace{xy}_{n} \overrightarrow{xy} \overleftarrow{xy} \overleftrightarrow{xy} \overset{a}{b}
\underset{a}{b} \stackrel{a}{=} \frac{a}{b} \dfrac{a}{b} \tfrac{a}{b} \cfrac{a}{b} \binom{a}{b}
\dbinom{a}{b} \tbinom{a}{b} \sqrt{x} \sqrt[3]{x} \mathbf{x} \mathrm{x} \mathit{x} \mathsf{x}
\mathtt{x} \mathcal{X} \mathscr{X} \mathfrak{x} \mathbb{X} \mathbbm{1} \mathds{1} \boldsymbol{x}
\bm{x} \pmb{x} \text{x} \textbf{x} \textit{x} \textrm{x} \mbox{x} \hbox{x} \operatorname{x}
\operatorname*{x} \mathop{x} \mathrel{x} \mathbin{x} \mathord{x} \mathopen{(} \mathclose{)}
\mathpunct{,} \phantom{x} \hphantom{x} \vphantom{x} \boxed{x} \cancel{x} \bcancel{x} \xcancel{x}
\xrightarrow{x} \xleftarrow{x} \xrightarrow[a]{x} \bmod \pmod{n} \mod{n} \not= \not\in \color{red}
\textcolor{red}{x} \big( \Big( \bigg( \Bigg( \bigl( \bigr) \Bigl[ \Bigr] \biggl\{ \biggr\}
\left(x\right) \left[x\right] \left\{x\right\} \left|x\right| \left\|x\right\| \left<x\right>
\left\lfloor{x}\right\rfloor \left\lceil{x}\right\rceil \left.x\right| \left(a\middle|b\right)
\arccos \arcsin \arctan \arg \cos \cosh \cot \coth \csc \deg \det \dim \exp \gcd \hom \inf \ker \lg
\lim \liminf \limsup \ln \log \max \min \Pr \sec \sin \sinh \sup \tan \tanh \injlim \projlim
\varliminf \varlimsup \sum_{a}^{b} \int_{a}^{b} \int\limits_{a} \sum\nolimits_{a} \iint \iiint
\oint \substack{a\\b} \sideset{_a}{^b}\sum \, \: \; \! \quad \qquad \enspace \hspace{1em} \ldots
\cdots \vdots \ddots \dots \dotsc \dotsb \prime x' x'' \displaystyle \textstyle \scriptstyle
\limits \nonumber \notag \bra{x} \ket{x} \braket{x} \lvert{x}\rvert \lVert{x}\rVert \hline
""".split()


def test_every_usual_command_is_set_as_a_formula() -> None:
    commands = [*(f"\\{name}" for name in tex2uni if not UNKNOWN.match(name)), *OTHER_COMMANDS]
    commands.remove("\\hline"), commands.remove("\\limits")
    assert len(commands) > 700
    formulas = Formulas()
    for command in commands:
        formulas.take(f"${command} x$", command)
    formulas.prepare()
    unread = formulas.read(read([], formulas.all)[1])
    assert [formula.spoken for formula in unread] == []
    cells = (" ".join(f"${c} x$" for c in commands[at : at + 50]) for at in range(0, 1000, 50))
    assert to_pdf(notebook(*map(prose, cells)), strict=True)


# -- A3, A4: outputs and HTML ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Box(a=1)"}, "Box(a=1)"),
        ({"text/html": "<div></div><script>1</script>", "text/plain": "alt.Chart"}, "alt.Chart"),
        ({"text/html": "<b>seen</b>", "text/latex": r"\begin{tabular}x"}, "seen"),
        ({"text/latex": r"\begin{tabular}{l}in a table\end{tabular}"}, "in a table"),
        ({"text/markdown": "*leant*"}, "leant"),
        ({"text/plain": "<module.Thing at 0x7f00>"}, "<module.Thing at 0x7f00>"),
    ],
)
def test_every_output_has_a_representation(data: dict[str, Any], words: str) -> None:
    pdf, page, told = both(notebook(code("x", shown(data))))
    assert words in pdf_text(pdf) and words in Page(page).text and not told


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"text/html": "<script>1</script>"}, "text/html"),
        ({"application/vnd.plotly.v1+json": {}}, "plotly"),
        ({"text/html": "<iframe src='https://a.example/b'></iframe>"}, "https://a.example/b"),
        ({"text/html": "<video><source src='https://a.example/v.mp4'></video>"}, "a.example/v.mp4"),
    ],
)
def test_a_note_stands_for_what_is_left_out_and_a_line_says_so(
    data: dict[str, Any], words: str
) -> None:
    pdf, page, told = both(notebook(prose("before"), code("x", shown(data))))
    assert words in pdf_text(pdf) and words in Page(page).text
    assert len(told) == 1 and told[0].startswith("cell 2")


def test_pictures_inside_of_html_are_shown_at_their_width() -> None:
    drawn = '<svg width="30" height="20" onload="x()"><script>x()</script><circle r="9"/></svg>'
    html = f'<img src="data:image/png;base64,{PNG}" width="40" alt="first">{drawn}'
    pdf, page, told = both(notebook(code("x", result({"text/html": html})), prose(html)))
    pictures = list(Page(page).of("img"))
    assert not told and len(pictures) == 4 and pictures[0]["width"] == "40"
    inside = base64.b64decode(str(pictures[1]["src"]).split(",")[1]).decode()
    assert "circle" in inside and "x()" not in inside
    assert spoken(pdf).count("first") == 2


def test_tags_inside_of_lines_are_kept() -> None:
    source = "10<sup>6</sup> H<sub>2</sub>O <b>b</b> <i>i</i> <u>u</u> <s>s</s> <kbd>K</kbd>"
    source += " <font color='red'>f</font> <b>open"
    for nb in (notebook(prose(source)), notebook(code("x", result({"text/html": source})))):
        tags = [tag for tag, _ in Page(to_html(nb)).tags]
        assert [tags.count(t) for t in ("sup", "sub", "strong", "em", "u", "del")] == [
            1,
            1,
            2,
            1,
            1,
            1,
        ]
        assert "f" in pdf_text(to_pdf(nb))


def test_sloppy_tables_are_read_as_browsers_read_them() -> None:
    sloppy = "<table><tr><th>a<th>b<tr><td>1<td>2<tr><td colspan=9>3</table>"
    for nb in (notebook(prose(sloppy)), notebook(code("x", result({"text/html": sloppy})))):
        page = Page(to_html(nb))
        assert len(list(page.of("tr"))) == 3
        assert "1 2" in pdf_text(to_pdf(nb))


def test_what_is_written_about_attachments_in_code_stays() -> None:
    cell = prose(
        "`attachment:a.png` ![x](attachment:a.png)", attachments={"a.png": {"image/png": PNG}}
    )
    for text in texts_of(notebook(cell)):
        assert "attachment:a.png" in text


# -- A5: wide, long and odd ----------------------------------------------------------------------


def test_long_texts_in_a_table_wrap_and_do_not_overprint() -> None:
    frame = pd.DataFrame({f"c{i}": ["some words that are long " * 6] for i in range(6)})
    pdf = to_pdf(notebook(code("x", result({"text/html": frame.to_html()}))))
    assert squeezed(pdf_text(pdf)).count("somewordsthatarelong") == 36


def test_a_long_table_that_is_made_smaller_goes_on_overleaf() -> None:
    numbers = [range(i, i + 9) for i in range(1_000_000, 1_001_000, 10)]
    pdf = to_pdf(notebook(code("x", result({"text/html": pd.DataFrame(numbers).to_html()}))))
    words = pdf_text(pdf).split()
    assert all(str(number) in words for row in numbers for number in row)
    heights = [y for text, _, y in placed(pdf) if re.fullmatch(r"\d{6}0", text)]
    assert len(heights) > 40 and len({*heights}) == len(heights)


def test_pictures_in_a_table_keep_a_width_of_their_own() -> None:
    cell = f'<td><img src="data:image/png;base64,{PNG}" width="300"></td>'
    words = f"<td>{'w' * 50}</td>"
    for rows in (cell * 4, words + cell):
        html = f"<table><tr>{rows}</tr></table>"
        widths: list[float] = []

        def visit(operator: bytes, _: object, cm: list[float], __: object) -> None:
            if operator == b"Do":
                widths.append(cm[0])  # noqa: B023  (called at once)

        pdf = to_pdf(notebook(code("x", result({"text/html": html}))))
        reader(pdf).pages[0].extract_text(visitor_operand_before=visit)
        assert len(widths) == rows.count("<img") and min(widths) > 60


def test_code_without_blanks_breaks_where_it_may() -> None:
    source = f"call({','.join(f'name{i}=value{i}' for i in range(20))})"
    fence = prose(f"```python\n{source}\n```")
    lines = pdf_lines(to_pdf(notebook(code(source), fence), exclude_input=False))
    assert max(map(len, lines)) < 90 and "".join(lines).count(source) == 2


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    path, told = tmp_path / "x.ipynb", Warnings()
    nbformat.write(notebook(prose("![words](folder/missing.png) ![far](http://a/b.png)")), path)
    log = logging.Logger("pages", logging.WARNING)
    log.addHandler(told)
    ReportPDFExporter(log=log).from_filename(str(path))
    assert len(told.lines) == 1 and "cell 1" in told.lines[0] and "missing.png" in told.lines[0]


def test_a_text_from_right_to_left_begins_at_the_right() -> None:
    words = "قال الشيخ"
    nb = notebook(code("x", sample(words)), code("y", stream(words)), code("z", sample("left")))
    pdf, page, told = both(nb)
    begin = [(text, x) for text, x, _ in placed(pdf)]
    assert not told and dict(begin)["left"] < 150
    assert [text for text, x in begin if x > 400] == 2 * words.split()[::-1]
    assert [pre["dir"] for pre in Page(page).of("pre") if pre] == ["auto"] * 3


def test_a_hash_is_copied_from_a_table_as_it_is() -> None:
    digest = hashlib.sha256(b"").hexdigest()
    frame = pd.DataFrame({"words": ["some words that are long " * 6], "sha256": [digest * 2]})
    pdf = to_pdf(notebook(code("x", result({"text/html": frame.to_html()}))))
    assert digest * 2 in "".join(reader(pdf).pages[0].extract_text().splitlines())


def test_a_terminal_is_what_lines_are_shown_on() -> None:
    assert as_on_terminal("1 %\r2 %\r\n\x1b[31mred\x1b[0m ab\bc") == "2 %\nred ac"
    assert as_on_terminal("a\tb\nlonger\tb") == "a       b\nlonger  b"
    assert as_on_terminal("\x1b[1ma\x1b[0m\tb") == "a       b"
    assert as_on_terminal("one\ntwo\x1b[A\rONE\x1b[K\n") == "ONE\ntwo"
    assert as_on_terminal("\x1b]8;;http://a\x07link\x1b]8;;\x07") == "link"
    assert as_on_terminal("plain\nlines\n") == "plain\nlines\n"
    for text in texts_of(notebook(code("x", stream("10%\r99%\x1b[K done\n")))):
        assert "99% done" in text and "10%" not in text and "U+000D" not in text


def test_the_heading_that_begins_a_notebook_is_its_title() -> None:
    nb = notebook(prose("# The title"), prose("# One"), prose("# Two"))
    pdf, page, _ = both(nb)
    assert reader(pdf).metadata.title == "The title"  # type: ignore[union-attr]
    assert Page(page).text.startswith("The title")
    assert {"1 One", "2 Two"} <= set(pdf_lines(pdf))


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("1786684084.87", "August 14, 2026"),
        ("2021-06-05T10:00:00Z", "June 5, 2021"),
        ("soon", "soon"),
    ],
)
def test_dates_are_shown_in_words(date: str, expected: str) -> None:
    for text in texts_of(notebook(prose("x"), date=date)):
        assert expected in text


def test_code_is_coloured_in_the_notebooks_language() -> None:
    cell = code("x <- TRUE  # R")
    r = to_html(notebook(cell, language_info={"name": "R"}))
    assert '<span class="kc">TRUE</span>' in r
    assert '<span class="kc">TRUE</span>' not in to_html(notebook(cell))


def test_a_very_long_output_looks_like_a_long_one() -> None:
    odd = [
        "word " * 40,
        "y" * 200,
        "  two before",
        "a    four between",
        "",
        "*no* _markup_ # $",
        "'a'",
    ]

    def first_page(lines: int) -> list[tuple[object, ...]]:
        seen: list[tuple[object, ...]] = []

        def visit(text: str, _: Any, place: Any, font: Any, size: float) -> None:
            if text.strip():
                seen.append((text.strip(), place[4:], font["/BaseFont"][8:], size))

        text = "\n".join((odd * lines)[:lines])
        reader(to_pdf(notebook(code("x", stream(text))))).pages[0].extract_text(visitor_text=visit)
        return seen

    assert len(first_page(1000)) > 50
    assert first_page(1000) == first_page(1001)


@pytest.mark.slow
def test_long_outputs_take_time_in_proportion() -> None:
    lines = "\n".join(f"{i} {'word ' * 5}{'y' * 50 * (i % 3 == 0)}" for i in range(60_000))
    begin = time.process_time()
    pdf = to_pdf(notebook(code("x", stream(lines))))
    print(time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert len(reader(pdf).pages) > 800  # of some 70 lines


# -- Anything at all -----------------------------------------------------------------------------

SIGNS = "$ $$ \\ { } [ ] ( ) < > # * _ ` ``` ~ | & % ^ ! = - + / \" ' : ; @ --- 1. ## 中 é 😀"
TEX = r"""\( \) \[ \] \\ \\( \\) \frac \left( \right) \begin{align} \end{align} \end{array}
\def\a \a #1 \begin{array}{c|c} \newcommand{\b}[1] \b \over \rm \sqrt \sum_
\label{q} \eqref{q} \tag{1}"""
HTML = """<b> </b> <table> <tr> <td> </table> <script> </script> <svg> </svg> <img src=x> <pre> <ul>
<li> <!-- --> <math> ![a](b.png) [Figure](#x) /*<0>*/ /*</0>*/ ")#panic() $x$ word"""
BLANKS = ["\n", "\n\n", " ", "    ", "\u202e", "\x1b[31m", "\r", "\x00", "\ud800", "\ufdd00\ufdd1"]
PIECES = st.sampled_from([*SIGNS.split(), *TEX.split(), *HTML.split(), *BLANKS])
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=25).map("".join)
MIMES = (
    "text/html text/latex text/markdown text/plain image/svg+xml image/png application/json".split()
)
OUTPUTS = st.one_of(
    TEXTS.map(stream),
    st.builds(lambda mime, text: shown({mime: text}), st.sampled_from(MIMES), TEXTS),
    TEXTS.map(lambda text: new_output("error", ename=text, evalue=text, traceback=[text])),
)
CELLS = st.one_of(TEXTS.map(prose), st.builds(code, TEXTS, OUTPUTS, OUTPUTS))
ALLOWED = """html head meta title style body header h1 main p a em strong u del sub sup code pre
span br img h2 h3 h4 h5 h6 ul ol li blockquote hr table thead tbody tr td th div figure figcaption
details summary nav math""".split()


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_no_notebook_fails_and_none_lets_markup_through(cells: list[NotebookNode]) -> None:
    nb = notebook(prose("It begins"), *cells, prose("It ends"))
    pdf, page, _ = both(nb, exclude_input=False, title="t")
    text = pdf_text(pdf)
    assert "It begins" in text and "It ends" in text
    found = Page(page)
    assert {tag for tag, _ in found.tags if not tag.startswith("m")} <= {*ALLOWED}
    assert all(address.startswith("data:image/") for address in found.addresses())
    assert not [name for _, a in found.tags for name in a if name.startswith("on")]
    assert not [a for a in found.of("a") if not re.match("#|https?:|mailto:", str(a.get("href")))]
    assert "It begins" in found.text and "It ends" in found.text
    json.dumps(text)
