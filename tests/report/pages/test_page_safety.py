"""Text from a book, a model or a command line is data: no page takes it for markup."""

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat import NotebookNode
from pages import (
    Page,
    code,
    figure,
    notebook,
    opened,
    pdf_text,
    prose,
    reader,
    sample,
    shown,
    squeezed,
    stream,
    table,
    texts,
    to_html,
    to_pdf,
)

from rnn.report.escaping import escape, html_text, html_visible, typst_string
from rnn.report.pages import exporters

HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "<svg onload=alert(1)>",
    '#read("/etc/passwd")',
    "#panic() #{while true {}} #import",
    "$x^2$ and $$y$$",
    r"\input{/etc/passwd} \begin{align} x \end{align}",
    "[a link](javascript:alert(1)) ![p](https://example.org/p.png)",
    "`code` ``more`` ```",
    "*stars* _lines_ ~~gone~~ **bold**",
    "</pre></details></title><h1>out</h1>",
    "</style></head><body onload=alert(1)>",
    '"quotes" \'and\' \\backslashes\\ \\" \\n',
    "// no comment /* none */ @label <label> https://example.org",
    "# no heading",
    "- no item",
    "1. no item",
    "> no quote",
    "| no | table |",
    "---",
    "&lt;b&gt; &amp; &#60;",
    "{{ cell.source }} {% raw %} {# gone #}",
    "]] ]) }); */ --> <!-- ",
    "= no heading <label>",
    "~~~ ::: {.class} {=html}",
    "x" * 130,
]

#: Shown as the code point, in PDF and HTML.
UNSEEN = {
    "\x00": "U+0000",
    "\x07": "U+0007",
    "\x1b": "U+001B",
    "\x0c": "U+000C",
    "\x85": "U+0085",
    "\u00ad": "U+00AD",
    "\u200b": "U+200B",
    "\u200d": "U+200D",
    "\u202e": "U+202E",
    "\u2028": "U+2028",
    "\u2066": "U+2066",
    "\ufeff": "U+FEFF",
    "\ue000": "U+E000",
}

#: Characters no embedded font has; a browser finds them elsewhere.
GLYPHLESS = {"中": "U+4E2D", "😀": "U+1F600", "𓀀": "U+13000", "ꦄ": "U+A984"}


@pytest.fixture
def embedded_fonts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page find no fonts but those that it carries."""
    monkeypatch.setattr(exporters, "borrowed_fonts", lambda *_: [])


def everywhere(text: str) -> NotebookNode:
    """Put a text wherever data can stand in a report."""
    marked = escape(text)
    cell = html_text(text)
    return notebook(
        prose(f"Prose {marked} end"),
        code("1", sample(text, title=f"Title {marked} end")),
        code("2", table("tab-a", f"Caption {marked} end", cell)),
        code("3", figure("fig-a", f"Caption {marked} end", alt=f"Alt {text} end")),
        code("4", shown({"text/plain": text}), stream(text)),
        code("5", texts((f"Title {marked} end", text), lead=f"Lead {marked} end")),
        code(text),
    )


@functools.cache
def rendered() -> tuple[bytes, str]:
    """Return a PDF and an HTML with all hostile texts in all places."""
    nb = everywhere("\n".join(HOSTILE))
    nb.cells += [
        cell for text in HOSTILE for cell in [prose(escape(text)), prose(f"# {escape(text)}")]
    ]
    for index, cell in enumerate(nb.cells):
        cell.id = f"cell-{index}"
    options = {"title": " ".join(HOSTILE), "author": " ".join(HOSTILE), "date": " ".join(HOSTILE)}
    return to_pdf(nb, exclude_input=False, **options), to_html(nb, **options)


def test_hostile_text_is_shown_literally_in_the_pdf() -> None:
    # title, author, date, sample, text beside others, plain output, stream, code, table, prose and
    # heading of its own
    read = squeezed(pdf_text(rendered()[0]))
    for text in HOSTILE:
        # pypdf reads the glyph of a hyphen as U+00AD where another one of it breaks a word
        assert read.replace("\xad", "-" if "-" in text else "").count(squeezed(text)) >= 13, text


def test_hostile_text_is_shown_literally_in_the_html() -> None:
    read = squeezed(Page(rendered()[1]).text)
    for text in HOSTILE:
        assert read.count(squeezed(text)) >= 13, text


def test_hostile_text_adds_no_element_and_no_address_to_the_html() -> None:
    page = Page(rendered()[1])
    plain = Page(to_html(everywhere("plain"), author="a", date="b"))
    allowed = {tag for tag, _ in plain.tags} | {"h2", "nav", "ul", "li", "a", "span", "p"}
    assert {tag for tag, _ in page.tags} <= allowed
    assert all(address.startswith("data:") for address in page.addresses())
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]
    assert all(str(a["href"]).startswith("#") for a in page.of("a"))


def test_hostile_text_adds_no_link_and_no_script_to_the_pdf() -> None:
    document = reader(rendered()[0])
    assert "/OpenAction" not in document.trailer["/Root"]
    assert "/Names" not in document.trailer["/Root"] or "/JavaScript" not in str(
        document.trailer["/Root"]["/Names"]
    )
    assert not [page for page in document.pages if page.get("/Annots")]


def test_unseen_characters_become_visible_in_both_pages() -> None:
    alone = [code("x", sample(f"before{character}after")) for character in UNSEEN]
    beside = texts(*((f"{i}", f"left{character}right") for i, character in enumerate(UNSEEN)))
    nb = notebook(*alone, code("x", beside))
    pdf, page = squeezed(pdf_text(to_pdf(nb))), squeezed(Page(to_html(nb)).text)
    for shown_as in UNSEEN.values():
        for words in (f"before{shown_as}after", f"left{shown_as}right"):
            assert words in pdf
            assert words in page


@pytest.mark.usefixtures("embedded_fonts_alone")
def test_characters_without_a_glyph_are_named_in_the_pdf() -> None:
    all_of_them = " ".join(GLYPHLESS)
    nb = everywhere(all_of_them)
    nb.cells.append(prose(f"# Heading {all_of_them}\n\n$\\text{{{all_of_them}}}$"))
    pdf = to_pdf(nb, title=f"Title {all_of_them}", author=all_of_them)
    text, page = squeezed(pdf_text(pdf)), Page(to_html(nb)).text
    for character, shown_as in GLYPHLESS.items():
        assert text.count(shown_as) == 15, shown_as
        assert character not in text
        assert character in page
    assert reader(pdf).metadata.title == f"Title {all_of_them}"  # type: ignore[union-attr]


def test_scripts_the_fonts_know_are_left_alone() -> None:
    words = "Ünïcödé Ελληνικά Русский עברית → ✓ é"
    nb = notebook(code("x", sample(words)))
    text = pdf_text(to_pdf(nb))
    assert "U+" not in text
    assert "Ünïcödé Ελληνικά Русский" in text


@pytest.mark.usefixtures("embedded_fonts_alone")
def test_combining_marks_no_font_can_place_do_not_stop_the_pdf() -> None:
    pile = (
        "".join(f"a{chr(mark)}" for mark in range(0x300, 0x370)) + "ก็ क्ष \U0001f468\u200d\U0001f469"
    )
    pdf = to_pdf(everywhere(pile), title=pile)
    assert len(reader(pdf).pages) >= 1
    assert "U+1F468" in pdf_text(pdf)


def test_every_character_of_the_first_plane_can_be_in_a_sample() -> None:
    points = [p for p in range(0x10000) if not 0xD800 <= p <= 0xDFFF]
    lines = ("".join(map(chr, points[start : start + 64])) for start in range(0, len(points), 2048))
    pdf = to_pdf(notebook(code("x", sample("\n".join(lines)))))
    assert len(reader(pdf).pages) >= 1


@pytest.mark.usefixtures("embedded_fonts_alone")
def test_a_long_text_without_glyphs_does_not_exhaust_typst() -> None:
    words = "한국 " * 600
    text = squeezed(pdf_text(to_pdf(notebook(prose(words), code("x", sample(words))))))
    assert text.count("U+D55C") == text.count("U+AD6D") == 1200


def test_halves_of_surrogate_pairs_do_not_stop_a_page() -> None:
    nb = everywhere("half \ud800 pair")
    assert "half \ufffd pair" in Page(to_html(nb)).text
    assert "half" in pdf_text(to_pdf(nb))


def test_line_ends_of_windows_are_line_ends() -> None:
    nb = notebook(code("x", sample("one\r\ntwo\rthree")))
    text = pdf_text(to_pdf(nb))
    assert "one two" in text
    assert "twoU+000Dthree" in squeezed(text)


def test_escaped_text_is_plain_text_to_pandoc() -> None:
    texts = [*HOSTILE, *UNSEEN, "", " ", "  a  b  ", "\t", "\n\n"]
    page = to_html(notebook(*(prose(f"start{escape(text)}end") for text in texts)), title="t")
    paragraphs = re.findall(r"<p>start.*?end</p>", page, re.DOTALL)
    assert len(paragraphs) == len(texts)
    for paragraph in paragraphs:
        assert [tag for tag, _ in Page(paragraph).tags] in (["p"], ["p", "span"])


def test_escape_keeps_every_space() -> None:
    nb = notebook(prose(f"start{escape('  a  b ')}end"))
    assert "start\xa0 a \xa0b\xa0end".replace("\xa0 a", "\xa0\xa0a") in "".join(
        Page(to_html(nb)).words
    )


def test_a_typst_string_never_ends_early() -> None:
    literal = re.compile(r'"(?:[^"\\\n\r]|\\["\\n]|\\u\{[0-9a-f]+\})*"')
    for text in [*HOSTILE, *UNSEEN, "ends with \\", '"', '\\"', "\n", "\r"]:
        assert literal.fullmatch(typst_string(text)), text


def test_invisible_characters_in_attributes_stay_out_of_markup() -> None:
    page = html_visible('<img alt="a\u202eb"><title>c\u200bd</title>e\u200bf')
    assert page == (
        '<img alt="aU+202Eb"><title>cU+200Bd</title>e<span class="code-point">U+200B</span>f'
    )


def test_hostile_metadata_cannot_pose_as_rendered_text() -> None:
    about = {
        "kind": "sample",
        "title": "t",
        "body": "<script>alert(1)</script>",
        "picture": "x",
        "number": "<b>",
        "where": "\n#panic()",
    }
    cell = code("x", shown({"text/plain": "words"}, about))
    cell.metadata["report"] = {"body": "#panic()", "where": "\n#panic()"}
    cell.metadata["source"] = "\n#panic()"
    heading = prose("text")
    heading.metadata["report"] = {"body": "<script>alert(1)</script>"}
    nb = notebook(cell, heading)
    assert "script" not in {tag for tag, _ in Page(to_html(nb)).tags}
    assert "words" in pdf_text(to_pdf(nb, exclude_input=False))


def test_raw_typst_html_and_tex_in_markdown_have_no_effect() -> None:
    raw = (
        "```{=typst}\n#panic()\n```\n\n`#panic()`{=typst}\n\n"
        '<span typst:text:fill="panic()">coloured</span>\n\n'
        '<div typst:inset="panic()">block</div>\n\n'
        "<script>alert(1)</script>\n\n<iframe src='https://example.org'></iframe>\n\n"
        '<a href="javascript:alert(1)" onclick="alert(1)">click</a>\n\n'
        '<img src="https://example.org/a.png" onerror="alert(1)">\n\n'
        '<p style="background:url(https://example.org)">styled</p>\n\n'
        '<table typst:fill="panic()" onclick="x"><tr typst:fill="panic()"><td typst:fill="panic()" '
        'style="background:url(https://example.org)" onclick="x">cell</td></tr></table>'
    )
    nb = notebook(prose(raw), code("x", shown({"text/html": raw})))
    text = pdf_text(to_pdf(nb))
    assert "coloured" in text
    page = Page(to_html(nb))
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "img"}
    assert not page.addresses()
    names = {name for tag, a in page.tags for name in a if tag not in ("html", "meta")}
    assert names <= {"class", "href", "style", "aria-label", "role", "tabindex"}
    assert {a["style"] for _, a in page.tags if "style" in a} <= {"text-align: left;"}
    assert not [a for a in page.of("a") if "javascript" in str(a.get("href"))]


@pytest.fixture
def visited() -> Iterator[tuple[int, list[str]]]:
    """Serve on this machine, and remember what was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1], asked
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_a_browser_runs_nothing_and_asks_for_nothing(
    chromium: str, visited: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, asked = visited
    act = "document.documentElement.setAttribute('data-caught','yes')"
    attacks = "\n".join(
        [
            f"<script>{act}</script>",
            f'<img src="http://127.0.0.1:{port}/img" onerror="{act}">',
            f"<svg onload=\"{act}\"><image href='http://127.0.0.1:{port}/svg'></svg>",
            f"</pre></title></style><script>{act}</script>",
            f"<style>@import 'http://127.0.0.1:{port}/css'; </style>",
            f'<link rel=stylesheet href="http://127.0.0.1:{port}/link">',
            f"![m](http://127.0.0.1:{port}/markdown.png)",
            f'<body style="background:url(http://127.0.0.1:{port}/style)" onload="{act}">',
        ]
    )
    naive = f"<!DOCTYPE html><html><head></head><body>{attacks}</body></html>"
    document = opened(chromium, naive, tmp_path)
    assert 'data-caught="yes"' in document, "the net must catch a page that is not safe"
    assert asked, "the net must see requests"
    asked.clear()

    nb = everywhere(attacks)
    nb.cells += [prose(attacks), code("x", shown({"text/html": attacks, "text/plain": "x"}))]
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{act}"><script>{act}</script></svg>'
    nb.cells.append(code("x", shown({"image/svg+xml": drawn})))
    document = opened(chromium, to_html(nb, title=attacks, embed_fonts=True), tmp_path)
    assert "</main>" in document
    assert 'data-caught="yes"' not in document
    assert asked == []
