"""Helpers for tests of the pages: small notebooks, and what a reader finds in PDF and HTML."""

import base64
import io
import re
import subprocess
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from pypdf import PdfReader

from rnn.report.pages.exporters import ReportHTMLExporter, ReportPDFExporter

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    '<rect width="40" height="20"/></svg>'
)


def notebook(*cells: NotebookNode, **metadata: Any) -> NotebookNode:
    return new_notebook(cells=list(cells), metadata=metadata)


def prose(text: str, **more: Any) -> NotebookNode:
    return new_markdown_cell(text, **more)


def code(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = ()) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def shown(data: dict[str, Any], about: dict[str, Any] | None = None) -> NotebookNode:
    return new_output("display_data", data, metadata={"report": about} if about else {})


def result(data: dict[str, str]) -> NotebookNode:
    return new_output("execute_result", data, execution_count=1)


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def figure(label: str, caption: str = "A caption", alt: str = "What it shows") -> NotebookNode:
    about = {"kind": "figure", "label": label, "caption": caption, "alt": alt}
    return shown({"image/svg+xml": SVG}, about)


def table(label: str, caption: str = "A caption", cell: str = "1.5") -> NotebookNode:
    head = "<thead><tr><th>name</th><th>value</th></tr></thead>"
    body = f"<tbody><tr><th>row</th><td>{cell}</td></tr></tbody>"
    about = {"kind": "table", "label": label, "caption": caption}
    return shown({"text/html": f"<table>{head}{body}</table>"}, about)


def sample(text: str, title: str = "iter: 1 (smooth loss: 2.5)") -> NotebookNode:
    return shown({"text/plain": text}, {"kind": "sample", "title": title})


def texts(*columns: tuple[str, str], lead: str = "A lead") -> NotebookNode:
    plain = "\n".join(text for _, text in columns)
    return shown({"text/plain": plain}, {"kind": "texts", "lead": lead, "texts": columns})


def to_pdf(nb: NotebookNode, **options: Any) -> bytes:
    pdf, _ = ReportPDFExporter(**options).from_notebook_node(nb)
    assert isinstance(pdf, bytes)
    return pdf


def to_html(nb: NotebookNode, **options: Any) -> str:
    """Render HTML, without fonts unless asked for: cutting them out takes most of the time."""
    page, _ = ReportHTMLExporter(**{"embed_fonts": False, **options}).from_notebook_node(nb)
    assert isinstance(page, str)
    return page


def reader(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def pdf_lines(pdf: bytes) -> list[str]:
    """Return the lines of a PDF; break opportunities and layout's spaces are not text."""
    text = "\n".join(page.extract_text() for page in reader(pdf).pages)
    return [" ".join(line.replace("\u200b", "").split()) for line in text.splitlines()]


def pdf_text(pdf: bytes) -> str:
    return " ".join(line for line in pdf_lines(pdf) if line)


def squeezed(text: str) -> str:
    """Return the text without any space, for comparing it with text broken into lines."""
    return re.sub(r"[\s\u200b]+", "", text)


def spoken(pdf: bytes) -> list[str]:
    """Return the alternative texts in a PDF's structure tree."""
    found: list[str] = []

    def visit(node: Any) -> None:
        node = node.get_object() if hasattr(node, "get_object") else node
        if isinstance(node, list):
            for child in node:
                visit(child)
        elif isinstance(node, dict):
            if "/Alt" in node:
                found.append(str(node["/Alt"]))
            if "/K" in node:
                visit(node["/K"])

    visit(reader(pdf).trailer["/Root"]["/StructTreeRoot"])
    return found


class Page(HTMLParser):
    """An HTML page taken apart: its tags in order, and the words a reader sees."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("style", "title", "annotation")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title", "annotation")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.tags if name == tag)

    def addresses(self) -> list[str]:
        """Return what a browser would load: everything but links a reader may follow."""
        names = ("src", "srcset", "data", "poster", "action", "background", "xlink:href")
        found = [a[name] for _, a in self.tags for name in names if a.get(name)]
        found += [a["href"] for tag, a in self.tags if tag != "a" and a.get("href")]
        return [str(address) for address in found]


def png_bytes() -> bytes:
    return base64.b64decode(PNG)


def opened(chromium: str, page: str, folder: Path, *flags: str) -> str:
    """Open a page in a fresh browser, let it settle, and return its document."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    quiet = (
        "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--virtual-time-budget=4000 --dump-dom"
    ).split()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        run = subprocess.run(
            [chromium, *quiet, *flags, f"--user-data-dir={profile}", path.as_uri()],
            capture_output=True,
            timeout=120,
            check=True,
        )
    return run.stdout.decode()
