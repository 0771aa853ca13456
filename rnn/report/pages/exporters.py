"""Two nbconvert exporters: any notebook to a typeset PDF or to one self-contained HTML page.

After installation they are known to nbconvert by name::

    jupyter nbconvert --to report-pdf notebook.ipynb
    jupyter nbconvert --to report-html notebook.ipynb

A page always appears: what cannot be set is shown in the next best way, and one line of warning
names the cell.  With ``strict`` every such line is an error.
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
from xml.etree.ElementTree import Element

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
from rnn.report.escaping import html_text, html_visible, joined, typst_string, without_surrogates
from rnn.report.fonts import borrowed_fonts, font_faces, lacking_fonts, linked
from rnn.report.pages.formulas import Formulas
from rnn.report.pages.hypertext import Reader, has_content, text_of
from rnn.report.pages.numbering import Placed, all_placed, choose_and_number
from rnn.report.pages.outline import number_headings, take_title
from rnn.report.pages.pandoc import read
from rnn.report.pages.pictures import PICTURES, Pictures, content_of
from rnn.report.pages.prose import HTMLWriter, TypstWriter, Writer
from rnn.report.pages.sorting import rules, sortable
from rnn.report.pages.terminal import as_on_terminal
from rnn.report.pages.typesetting import compile_pdf

_TEMPLATES = Path(__file__).parent / "templates"
#: What Python shows of an object that has no words for itself.
_NO_WORDS = re.compile(r"\s*<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>\s*")
_ONE_FORMULA = re.compile(r"\s*\$(?:\\displaystyle)?([^$]+)\$\s*")
_OUTPUTS = ("stream", "error", "display_data", "execute_result")
_Rendered = tuple[Any, dict[str, Any]]  # what an exporter makes, and its resources


class ReportExporter(TemplateExporter):
    """What the PDF and the HTML share: options, prose, pictures, the title."""

    title = Unicode(
        help="Title; empty: the notebook's own (metadata, first-level heading at its beginning, "
        "file name)."
    ).tag(config=True)
    author = Unicode(help="Author; empty: those in the notebook's metadata.").tag(config=True)
    date = Unicode(
        help="Date shown under the title, as it is or as YYYY-MM-DD; empty: the one in the "
        "notebook's metadata, or none. Never taken from the clock."
    ).tag(config=True)
    lang = Unicode("en", help="Language of the text, as a two-letter code.").tag(config=True)
    number_sections = Bool(True, help="Number the sections.").tag(config=True)
    contents = Bool(help="Show a list of contents.").tag(config=True)
    code_language = Unicode(
        help="Language to highlight code in; empty: the one in the notebook's metadata."
    ).tag(config=True)
    exclude_stderr = Bool(help="Leave out what cells wrote to the error stream.").tag(config=True)
    exclude_tracebacks = Bool(help="Show of an error its last line alone.").tag(config=True)
    strict = Bool(
        help="Make an error of every warning: of all that cannot be shown as it is meant."
    ).tag(config=True)

    interactive = Bool(False)  # not to be configured: notebooks of others bring no script
    _page = _suffix = ""  # the page, in the name of the template; the suffix of its source
    _writer: type[Writer]

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
        yield "typst_string", typst_string
        yield "html_text", html_text
        yield "as_on_terminal", as_on_terminal
        yield "failure", self._failure

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a file; under ``jupyter nbconvert`` an error ends it with that one line."""
        try:
            return super().from_filename(filename, resources, **kw)
        except ReportError as error:
            if Application.initialized() and Application.instance().name == "jupyter-nbconvert":
                raise SystemExit(f"{filename}: {error}") from None
            raise

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a notebook; a ReportError says what cannot be set (if strict: as meant)."""
        nb = nbformat.from_dict(json.loads(without_surrogates(json.dumps(nb, ensure_ascii=False))))
        for number, cell in enumerate(nb.cells, start=1):
            cell.setdefault("metadata", NotebookNode())
            cell.source = joined(cell.get("source", ""))
            for output in cell.get("outputs", ()):
                if output.get("output_type") not in _OUTPUTS:  # nbconvert would refuse it
                    data = {str(output.get("output_type")): ""}
                    output |= {"output_type": "display_data", "data": data, "metadata": {}}
            name = re.sub(r"[^\w ,.-]", "", str(cell.metadata.get("source", "")))
            cell.metadata["report"] = Placed(name or f"cell {number}")
        return super().from_notebook_node(nb, resources, **kw)

    def _warn(self, line: str) -> None:
        if self.strict:
            raise ReportError(line)
        self.log.warning(line)

    def _failure(self, output: NotebookNode) -> str:
        """Return the lines that are shown of an error."""
        last = f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
        lines = [] if self.exclude_tracebacks else output.get("traceback", [])
        text = as_on_terminal("\n".join(map(str, lines))).rstrip("\n")
        return text if text.strip() else as_on_terminal(last)

    def _preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> _Rendered:
        """Read and write the prose and collect the pictures, once all cells are chosen."""
        nb, resources = super()._preprocess(nb, resources)
        references = choose_and_number(nb, self.interactive, self._warn)
        file = resources.get("metadata", {})
        formulas = Formulas()
        here = ""  # the cell in hand, for warnings
        folder = Path(file["path"]) if "path" in file else None
        warn = lambda line: self._warn(f"{here}: {line}")  # noqa: E731
        pictures = Pictures(self._page == "html", folder, warn)
        prose: list[tuple[NotebookNode, Placed, str | int, str, str]] = []
        for node, one in all_placed(nb):
            here = one.where
            lines = one.shown.lines()
            if node.get("cell_type") == "markdown":
                lines["body"] = node.source
            elif node.get("cell_type") == "raw":
                one.mime = str(node.metadata.get("raw_mimetype") or node.metadata.get("format", ""))
                lines |= {"body": node.source} if one.mime == "text/markdown" else {}
                if one.mime == "text/html":
                    one.trees["body"] = Reader(formulas, pictures, here).tree(node.source)
            elif "output_type" in node:
                reader = Reader(formulas, pictures, here if one.shown.kind != "table" else "")
                lines |= self._chosen(node, one, reader, pictures)
            for key, text in lines.items():
                form = "latex" if key == "body" and one.mime == "text/latex" else "markdown"
                prose.append((node, one, key, formulas.take(text, here), form))
        formulas.prepare()
        html, mathml = read([(text, form) for *_, text, form in prose], formulas.all)
        for formula in formulas.read(mathml):
            shown = f"is shown as its TeX: {formula.spoken}"
            self._warn(f"{formula.where}: a formula cannot be read, and {shown}")
        reader = Reader(formulas, pictures)
        for (node, one, key, text, _), found in zip(prose, html, strict=True):
            here = one.where
            attachments = node.get("attachments")
            pictures.attachments = attachments if isinstance(attachments, dict) else {}
            found = found or f"<pre>{html_text(formulas.source(text))}</pre>"
            one.trees[key] = reader.tree(found) if key == "body" else reader.line(found)
        resources["pictures"] = pictures.files
        title = self.title or str(nb.metadata.get("title", ""))
        bodies = [one.trees["body"] for _, one in all_placed(nb) if "body" in one.trees]
        title_line = Element("body") if title else take_title(bodies)
        title = title or " ".join(text_of(title_line).split()) or file.get("name", "Notebook")
        headings, anchors = number_headings(bodies, references, self.number_sections)
        writer = self._writer(formulas.all, anchors, references, warn)
        resources["writer"] = writer
        for _, one in all_placed(nb):
            here = writer.where = one.where
            for key, tree in one.trees.items():
                free = one.shown.kind != "table"  # one with a caption stays with it
                one.rendered[key] = writer.write(tree, free)
        authors = nb.metadata.get("authors", [])
        authors = authors if isinstance(authors, list) else [authors]
        names = [str(a.get("name", "")) if isinstance(a, dict) else str(a) for a in authors]
        about = nb.metadata.get("language_info", {})
        language = about.get("pygments_lexer") or about.get("name", "")
        language = language or nb.metadata.get("kernelspec", {}).get("language", "python")
        resources["report"] = self.trait_values(config=True) | {
            "title": title,
            "title_body": writer.write(title_line) if len(title_line) else None,
            "author": self.author or ", ".join(filter(None, names)),
            "date": _long_date(self.date or str(nb.metadata.get("date", ""))),
            "headings": [h | {"body": writer.write(h["tree"])} for h in headings],
            "language": self.code_language or str(language).lower(),
            "generator": f"nbconvert {version('nbconvert')}",
        }
        return nb, resources

    def _chosen(
        self, output: NotebookNode, one: Placed, reader: Reader, pictures: Pictures
    ) -> dict[str | int, str]:
        """Choose what is shown of an output, the best that has anything; return its prose."""
        for mime in one.mimes:
            content = output.data[mime]
            one.mime = mime
            if one.shown.kind == "interactive":
                return {}
            if mime in PICTURES:
                one.picture = pictures.keep(content_of(content, mime)) or ""
                if one.picture:
                    return {}
            elif mime == "text/html":
                tree = reader.tree(content)
                if has_content(tree) or (len(one.mimes) == 1 and len(tree)):
                    one.trees["body"] = tree
                    return {}
            elif mime == "text/plain":
                if len(output.data) == 1 or not _NO_WORDS.fullmatch(content):
                    return {}
                one.note = f"Here the notebook shows {content.strip()[:200]}"
            elif content.strip():
                lone = _ONE_FORMULA.fullmatch(content) if mime == "text/latex" else None
                return {"body": f"$${lone[1]}$$" if lone else content}
        one.mime = ""
        kinds = ", ".join(sorted(output.data))[:200]
        one.note = one.note or f"Here the notebook shows something that a page cannot: {kinds}"
        pictures.warn(f"an output is left out, and a note stands for it: {kinds}")
        return {}


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

    _page, _suffix, _writer = "pdf", ".typ", TypstWriter

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
        pieces = resources.pop("writer").pieces
        return compile_pdf(source, files, fonts, pieces, self._warn, borrowed), resources


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

    _page, _suffix, _writer = "html", ".html", HTMLWriter

    def default_filters(self) -> Any:
        """Add highlighted code and tables that can be sorted."""
        yield from super().default_filters()
        yield "sortable", sortable
        yield "code", self._highlighted

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> _Rendered:
        """Render a notebook and return the page."""
        page, resources = super().from_notebook_node(nb, resources, **kw)
        page = re.sub(r"<th(?: [^>]*)?>\s*</th>", "<td></td>", html_visible(page))
        faces = font_faces(page) if self.embed_fonts else ""
        style = _html_part("style.css")
        if resources["report"]["script"]:
            style += _html_part("interactive.css")
        return page.replace("/*style*/", faces + style + rules(page), 1), resources

    def _preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> _Rendered:
        """Bring the script that the page's own data ask for."""
        nb, resources = super()._preprocess(nb, resources)
        places = [one for _, one in all_placed(nb)]
        script = _html_part("interactive.js") if any(one.data for one in places) else ""
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        before, title = _try_it(places)
        about = {"script": script, "script_hash": digest, "before_try_it": before, "try_it": title}
        resources["report"] |= about
        return nb, resources

    def _highlighted(self, source: str, language: str) -> str:
        try:
            lexer = get_lexer_by_name(language, stripnl=False)
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
    """Write an ISO date, or seconds since 1970, out in words, and leave other text as it is."""
    try:
        if re.fullmatch(r"\d{9,11}(\.\d*)?", date):
            day = datetime.datetime.fromtimestamp(float(date), datetime.UTC).date()
        else:
            day = datetime.datetime.fromisoformat(date).date()
    except ValueError:
        return date
    return f"{day:%B} {day.day}, {day.year}"
