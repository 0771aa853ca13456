"""Two nbconvert exporters: any notebook to a typeset PDF or to one self-contained HTML page.

After installation they are known to nbconvert by name::

    jupyter nbconvert --to report-pdf notebook.ipynb
    jupyter nbconvert --to report-html notebook.ipynb
"""

import base64
import datetime
import hashlib
import json
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import typst
from nbconvert.exporters import TemplateExporter
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound
from traitlets import Bool, List, Unicode, default
from traitlets.config import Application

from rnn.errors import ReportError
from rnn.report.escaping import html_text, html_visible, typst_string, without_surrogates
from rnn.report.fonts import borrowed_fonts, font_faces, lacking_fonts, linked
from rnn.report.pages.numbering import Placed, placed
from rnn.report.pages.pandoc import convert
from rnn.report.pages.pictures import Pictures
from rnn.report.pages.typesetting import compile_pdf

__all__ = ["ReportExporter", "ReportHTMLExporter", "ReportPDFExporter"]

_TEMPLATES = Path(__file__).parent / "templates"
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_Rendered = tuple[Any, dict[str, Any]]  # what an exporter makes, and its resources


class ReportExporter(TemplateExporter):
    """What the PDF and the HTML share: options, prose, pictures, the title."""

    title = Unicode(
        help="Title; empty: the notebook's own (metadata, only first-level heading, file name)."
    ).tag(config=True)
    author = Unicode(help="Author; empty: those in the notebook's metadata.").tag(config=True)
    date = Unicode(
        help="Date shown under the title, as it is or as YYYY-MM-DD; empty: the one in the "
        "notebook's metadata, or none. Never taken from the clock."
    ).tag(config=True)
    lang = Unicode("en", help="Language of the text, as a two-letter code.").tag(config=True)
    number_sections = Bool(True, help="Number the sections.").tag(config=True)
    contents = Bool(help="Show a list of contents.").tag(config=True)

    _page = _target = _suffix = ""  # the template's name ends in it; pandoc's format; the source's

    @default("extra_template_basedirs")
    def _own_templates(self) -> list[str]:
        return [str(_TEMPLATES)]

    @default("template_name")
    def _own_template(self) -> str:
        return f"report-{self._page}"

    @default("file_extension")
    def _own_suffix(self) -> str:
        return self._suffix

    def default_filters(self) -> Any:
        """Add the filters of the templates to nbconvert's."""
        yield from super().default_filters()
        yield "filter_data_type", lambda data: [*data]  # numbering has left the best one
        yield "typst_string", typst_string
        yield "html_text", html_text
        yield "plain_stream", lambda text: _ANSI_COLOUR.sub("", text).rstrip("\n")

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a file; under ``jupyter nbconvert`` an error ends it with that one line."""
        try:
            return super().from_filename(filename, resources, **kw)
        except ReportError as error:
            if Application.initialized() and Application.instance().name == "jupyter-nbconvert":
                raise SystemExit(f"{filename}: {error}") from None
            raise

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a notebook; a ReportError names the cell that pandoc or Typst cannot set."""
        nb = nbformat.from_dict(json.loads(without_surrogates(json.dumps(nb, ensure_ascii=False))))
        for number, cell in enumerate(nb.cells, start=1):
            name = re.sub(r"[^\w ,.-]", "", str(cell.metadata.get("source", "")))
            cell.metadata["report"] = Placed(name or f"cell {number}")
        return super().from_notebook_node(nb, resources, **kw)

    def _preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> _Rendered:
        """Typeset the prose and collect the pictures once all cells are chosen and numbered."""
        nb, resources = super()._preprocess(nb, resources)
        file = resources.get("metadata", {})
        folder = Path(file["path"]) if "path" in file else None
        pictures = Pictures(embed=self._target == "html")
        for cell in nb.cells:
            pictures.collect(cell, folder)
            if cell.cell_type == "markdown":
                cell.metadata["report"].prose["body"] = cell.source, "markdown"
        resources["pictures"] = pictures.files
        title = self.title or str(nb.metadata.get("title", ""))
        nodes = [node for cell in nb.cells for node in (cell, *cell.get("outputs", ()))]
        outline = convert(
            filter(None, map(placed, nodes)),
            resources.get("references", {}),
            to=self._target,
            images=pictures.known,
            number_sections=self.number_sections,
            take_title=not title,
        )
        for line in outline.warnings:
            self.log.warning(line)
        authors = nb.metadata.get("authors", [])
        names = [str(a.get("name", "")) if isinstance(a, dict) else str(a) for a in authors]
        resources["report"] = self.trait_values(config=True) | {
            "title": title or outline.title.get("plain") or file.get("name", "Notebook"),
            "title_body": outline.title.get("body"),
            "author": self.author or ", ".join(filter(None, names)),
            "date": _long_date(self.date or str(nb.metadata.get("date", ""))),
            "headings": outline.headings,
            "generator": f"nbconvert {version('nbconvert')}",
        }
        return nb, resources


class ReportPDFExporter(ReportExporter):
    """A notebook as a typeset, tagged PDF (PDF/UA-1), through Typst.

    Code is left out unless ``exclude_input`` is set to false.
    """

    export_from_notebook = "Report (PDF)"
    output_mimetype = "application/pdf"
    exclude_input = Bool(True, help="Leave the code out.").tag(config=True)
    paper = Unicode("a4", help="Paper size as Typst names it: a4, us-letter, ...").tag(config=True)
    font_size = Unicode("11pt", help="Size of the text.").tag(config=True)
    font = Unicode("New Computer Modern", help="Font of the text.").tag(config=True)
    math_font = Unicode("New Computer Modern Math", help="Font of formulas.").tag(config=True)
    code_font = Unicode("DejaVu Sans Mono", help="Font of code and samples.").tag(config=True)
    font_paths = List(
        Unicode(), help="Folders with further fonts, the first choice for what is lacking."
    ).tag(config=True)
    system_fonts = Bool(
        False,
        help="Let this machine's fonts be named too. What no other font has is taken from them "
        "anyway, and the same PDF on every machine is then lost.",
    ).tag(config=True)

    _page, _target, _suffix = "pdf", "typst", ".typ"

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a notebook and return the bytes of the PDF."""
        if not re.fullmatch(r"\d+(\.\d+)?(pt|mm|cm|em)", self.font_size):
            raise ReportError(f"font_size: expected a length such as 11pt, got {self.font_size!r}")
        source, resources = super().from_notebook_node(nb, resources, **kw)
        style = (_TEMPLATES / "report-pdf/style.typ").read_bytes()
        files = {"style.typ": style, **resources.pop("pictures")}
        resources["output_extension"] = ".pdf"
        borrowed = borrowed_fonts(source, self.font_paths)
        if lacking := lacking_fonts(source, borrowed):
            self.log.warning(lacking)
        others = [linked(tuple(sorted({font.path for font in borrowed})))] if borrowed else []
        fonts = typst.Fonts(self.system_fonts, True, [*self.font_paths, *others])
        return compile_pdf(source, files, fonts, borrowed), resources


class ReportHTMLExporter(ReportExporter):
    """A notebook as one HTML file that loads nothing from a network.

    No script is in it, or the project's own where `interactive` is set, as the report's renderer
    alone does.
    """

    export_from_notebook = "Report (HTML)"
    output_mimetype = "text/html"
    contents = Bool(True, help="Show a list of contents.").tag(config=True)
    embed_fonts = Bool(
        True, help="Put the fonts of text and formulas into the page; else the reader's are used."
    ).tag(config=True)
    code_language = Unicode("python", help="Language to highlight code in.").tag(config=True)

    interactive = Bool(False)  # not to be configured: notebooks of others bring no script
    _page, _target, _suffix = "html", "html", ".html"

    def default_filters(self) -> Any:
        """Add highlighted code."""
        yield from super().default_filters()
        yield "code", self._highlighted

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a notebook and return the page."""
        page, resources = super().from_notebook_node(nb, resources, **kw)
        page = re.sub(r"<th(?: [^>]*)?>\s*</th>", "<td></td>", html_visible(page))
        faces = font_faces(page) if self.embed_fonts else ""
        style = _html_part("style.css")
        if resources["report"]["script"]:
            style += _html_part("interactive.css")
        return page.replace("/*style*/", faces + style, 1), resources

    def _preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> _Rendered:
        """Bring the script that the page's own data ask for."""
        resources["interactive"] = self.interactive
        nb, resources = super()._preprocess(nb, resources)
        nodes = [node for cell in nb.cells for node in (cell, *cell.get("outputs", ()))]
        alive = any(one.data for one in map(placed, nodes) if one)
        script = _html_part("interactive.js") if alive else ""
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        before, title = _try_it(filter(None, map(placed, nodes)))
        about = {"script": script, "script_hash": digest, "before_try_it": before, "try_it": title}
        resources["report"] |= about
        return nb, resources

    def _highlighted(self, source: str) -> str:
        try:
            lexer = get_lexer_by_name(self.code_language, stripnl=False)
        except ClassNotFound:
            return html_text(source)
        return str(highlight(source, lexer, HtmlFormatter(nowrap=True))).rstrip("\n")


def _try_it(places: Iterable[Placed]) -> tuple[str, str]:
    """Return the identifier of the heading before the section of the page's script, and its title.

    That section is no part of the outline: without scripts it is absent.
    """
    heading = ""
    for one in places:
        headings = re.findall(r'<h[2-6][^>]* id="([^"]*)"', one.rendered.get("body", ""))
        heading = [heading, *headings][-1]
        if one.shown.kind == "interactive" and one.data:
            return heading, one.rendered.get("title", "")
    return "", ""


def _html_part(name: str) -> str:
    return (_TEMPLATES / "report-html" / name).read_text(encoding="utf-8")


def _long_date(date: str) -> str:
    """Write an ISO date out in words, and leave any other text as it is."""
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:
        return date
    return f"{day:%B} {day.day}, {day.year}"
