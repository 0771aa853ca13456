"""Two nbconvert exporters: any notebook to a typeset PDF or to one self-contained HTML page.

After installation they are known to nbconvert by name::

    jupyter nbconvert --to report-pdf notebook.ipynb
    jupyter nbconvert --to report-html notebook.ipynb
"""

import base64
import datetime
import json
import re
import tempfile
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
from rnn.report import fonts
from rnn.report.prose import Fragment, Outline, convert
from rnn.report.visible import (
    INVISIBLE,
    html_text,
    html_visible,
    stand_in,
    typst_string,
    without_surrogates,
)

__all__ = ["ReportExporter", "ReportHTMLExporter", "ReportPDFExporter"]

_TEMPLATES = Path(__file__).parent / "templates"
_ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PROSE_MIMES = {"text/markdown": "markdown", "text/latex": "markdown", "text/html": "html"}
_ONE_FORMULA = re.compile(r"\A\s*\$(?:\\displaystyle)?([^$]+)\$\s*\Z")
_LOCAL_PICTURE = re.compile(r"[^\s()<>\"']+\.(?:png|jpe?g|gif|svg|webp)", re.IGNORECASE)
_SUFFIX = {
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_MIME = {suffix: mime for mime, suffix in _SUFFIX.items()} | {"jpeg": "image/jpeg"}
_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]


class ReportExporter(TemplateExporter):
    """What the PDF and the HTML share: options, prose, pictures, the title."""

    title = Unicode(help="Title; empty: the notebook's own (metadata, only H1, file name).").tag(
        config=True
    )
    author = Unicode(help="Author; empty: those in the notebook's metadata.").tag(config=True)
    date = Unicode(
        help="Date shown under the title, as it is or as YYYY-MM-DD; empty: the one in the "
        "notebook's metadata, or none. Never taken from the clock."
    ).tag(config=True)
    lang = Unicode("en", help="Language of the text, as a two-letter code.").tag(config=True)
    number_sections = Bool(True, help="Number the sections.").tag(config=True)
    contents = Bool(help="Show a list of contents.").tag(config=True)
    display_data_priority = List(
        Unicode(),
        [
            "image/svg+xml",
            "image/png",
            "image/jpeg",
            "image/gif",
            "text/markdown",
            "text/latex",
            "text/html",
            "text/plain",
        ],
        help="Representations of an output, the best first.",
    ).tag(config=True)
    exclude_input_prompt = Bool(True)
    exclude_output_prompt = Bool(True)

    _target = ""

    @default("extra_template_basedirs")
    def _own_templates(self) -> list[str]:
        return [str(_TEMPLATES)]

    def default_filters(self) -> Any:
        """Add the filters of the two templates to nbconvert's."""
        yield from super().default_filters()
        yield "typst_string", typst_string
        yield "html_text", html_text
        yield "plain_stream", lambda text: _ANSI_COLOUR.sub("", text).rstrip("\n")

    def from_filename(
        self, filename: str, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Render a file; under ``jupyter nbconvert`` an error ends it with that one line."""
        try:
            return super().from_filename(filename, resources, **kw)
        except ReportError as error:
            if Application.initialized() and Application.instance().name == "jupyter-nbconvert":
                raise SystemExit(f"{filename}: {error}") from None
            raise

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Render a notebook.

        Raises
        ------
        ReportError
            One line that names the cell, if pandoc or Typst cannot set it.
        """
        nb = nbformat.from_dict(json.loads(without_surrogates(json.dumps(nb, ensure_ascii=False))))
        for number, cell in enumerate(nb.cells, start=1):
            name = re.sub(r"[^\w ,.-]", "", str(cell.metadata.get("source", "")))
            cell.metadata["report"] = {"cell": number, "where": name or f"cell {number}"}
        return super().from_notebook_node(nb, resources, **kw)

    def _preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Typeset the prose and collect the pictures once all cells are chosen and numbered."""
        nb, resources = super()._preprocess(nb, resources)
        folder = resources.get("metadata", {}).get("path")
        images: dict[str, str] = {}
        resources["report_files"] = {}
        for cell in nb.cells:
            images |= self._attachments(cell, resources)
            if folder is not None and cell.cell_type == "markdown":
                images |= self._neighbours(cell, Path(folder or "."), resources)
            for index, output in enumerate(cell.get("outputs", ())):
                about = output.get("metadata", {}).get("report", {})
                if about.get("mime", "").startswith("image/"):
                    name = f"cell{about['cell']}-{index}"
                    about["picture"] = self._picture(
                        name,
                        about["mime"],
                        _picture_bytes(output.data[about["mime"]], about),
                        resources,
                    )
        head = self._head(nb, resources)
        outline = convert(
            _fragments(nb),
            self._target,
            references=resources.get("references", {}),
            images=images,
            number_sections=self.number_sections,
            take_title=not head["title"],
        )
        for line in outline.warnings:
            self.log.warning(line)
        resources["report"] = self._with_title(head, outline, resources)
        return nb, resources

    def _head(self, nb: NotebookNode, resources: dict[str, Any]) -> dict[str, str]:
        authors = nb.metadata.get("authors", [])
        names = [str(a.get("name", "")) if isinstance(a, dict) else str(a) for a in authors]
        return {
            "title": self.title or str(nb.metadata.get("title", "")),
            "author": self.author or ", ".join(filter(None, names)),
            "date": _long_date(self.date or str(nb.metadata.get("date", ""))),
        }

    def _with_title(
        self, head: dict[str, str], outline: Outline, resources: dict[str, Any]
    ) -> dict[str, Any]:
        body = None
        if not head["title"]:
            found = outline.title or {"plain": "", "body": ""}
            head["title"] = found["plain"] or resources.get("metadata", {}).get("name", "Notebook")
            body = found["body"] or None
        return head | {
            "title_body": body,
            "lang": self.lang,
            "headings": outline.headings,
            "contents": self.contents,
            "number_sections": self.number_sections,
            "generator": f"nbconvert {version('nbconvert')}",
        }

    def _attachments(self, cell: NotebookNode, resources: dict[str, Any]) -> dict[str, str]:
        """Give a cell's attachments names of their own, and return where they are."""
        found = {}
        for count, (name, data) in enumerate(sorted(cell.get("attachments", {}).items())):
            for mime in _SUFFIX:
                if mime in data:
                    about = cell.metadata["report"]
                    address = f"attachment:{about['cell']}-{count}"
                    cell.source = cell.source.replace(f"attachment:{name}", address)
                    content = _picture_bytes(data[mime], {"mime": mime, **about})
                    found[address] = self._picture(
                        f"attached{about['cell']}-{count}", mime, content, resources
                    )
                    break
        return found

    def _neighbours(
        self, cell: NotebookNode, folder: Path, resources: dict[str, Any]
    ) -> dict[str, str]:
        """Return the pictures beside the notebook that a cell speaks of; none from elsewhere."""
        found = {}
        root = folder.resolve()
        for address in sorted(set(_LOCAL_PICTURE.findall(cell.source))):
            path = (root / address).resolve()
            if path.is_relative_to(root) and path.is_file():
                name = f"file{len(resources['report_files'])}"
                mime = _MIME[path.suffix[1:].lower()]
                found[address] = self._picture(name, mime, path.read_bytes(), resources)
        return found

    def _picture(self, name: str, mime: str, content: bytes, resources: dict[str, Any]) -> str:
        """Keep a picture for the page and return how the template is to name it."""
        raise TypeError("expected one of the two exporters, got their common base")


class ReportPDFExporter(ReportExporter):
    """A notebook as a typeset, tagged PDF (PDF/UA-1), through Typst.

    Code is left out unless ``exclude_input`` is set to false.
    """

    export_from_notebook = "Report (PDF)"
    output_mimetype = "application/pdf"
    exclude_input = Bool(True, help="Leave the code out.").tag(config=True)
    contents = Bool(False, help="Show a list of contents.").tag(config=True)
    paper = Unicode("a4", help="Paper size as Typst names it: a4, us-letter, ...").tag(config=True)
    font_size = Unicode("11pt", help="Size of the text.").tag(config=True)
    font = Unicode("New Computer Modern", help="Font of the text.").tag(config=True)
    math_font = Unicode("New Computer Modern Math", help="Font of formulas.").tag(config=True)
    code_font = Unicode("DejaVu Sans Mono", help="Font of code and samples.").tag(config=True)
    font_paths = List(Unicode(), help="Folders with further fonts.").tag(config=True)
    system_fonts = Bool(
        False, help="Also use this machine's fonts; the same PDF on every machine is then lost."
    ).tag(config=True)

    _target = "typst"

    @default("file_extension")
    def _source_extension(self) -> str:
        return ".typ"

    @default("template_name")
    def _own_template(self) -> str:
        return "report-pdf"

    def _preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        nb, resources = super()._preprocess(nb, resources)
        if not re.fullmatch(r"\d+(\.\d+)?(pt|mm|cm|em)", self.font_size):
            raise ReportError(f"font_size: expected a length such as 11pt, got {self.font_size!r}")
        resources["report"] |= {
            name: getattr(self, name)
            for name in ("paper", "font_size", "font", "math_font", "code_font")
        }
        return nb, resources

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Render a notebook and return the bytes of the PDF."""
        source, resources = super().from_notebook_node(nb, resources, **kw)
        pdf = self._compile(stand_in(source), resources.pop("report_files"))
        resources["output_extension"] = ".pdf"
        return pdf, resources

    def _picture(self, name: str, mime: str, content: bytes, resources: dict[str, Any]) -> str:
        file = f"{name}.{_SUFFIX[mime]}"
        resources["report_files"][file] = content
        return file

    def _compile(self, source: str, files: dict[str, bytes]) -> bytes:
        """Compile Typst source in a folder that holds nothing but the page's own files."""
        known = typst.Fonts(self.system_fonts, True, list(self.font_paths))
        font_files = tuple(sorted({Path(font.path) for font in known.fonts() if font.path}))
        unseen = _unseen(source, fonts.code_points(font_files))
        with tempfile.TemporaryDirectory(prefix="report-") as folder:
            root = Path(folder)
            (root / "style.typ").write_bytes((_TEMPLATES / "report-pdf/style.typ").read_bytes())
            (root / "main.typ").write_text(source, encoding="utf-8")
            for name, content in files.items():
                (root / name).write_bytes(content)
            inputs = {}
            for _ in range(50):
                inputs["unseen"] = "".join(f"\\x{{{point:x}}}" for point in sorted(unseen))
                try:
                    return typst.compile(
                        root / "main.typ",
                        root=root,
                        font_paths=known,
                        package_path=root / "packages",
                        package_cache_path=root / "packages",
                        sys_inputs=inputs,
                        pdf_standards=["ua-1"],
                        timestamp=0,
                    )
                except typst.TypstError as error:
                    # A sequence of characters can lack a glyph although each of them has one.
                    more = _named_characters(error.diagnostic) - unseen
                    if "grouping depth" in error.message and "flat" not in inputs:
                        inputs["flat"] = "yes"
                    elif not more:
                        raise _typst_failure(error, source) from None
                    unseen |= more
        raise ReportError("expected text that the fonts can show, got one that none of them can")


class ReportHTMLExporter(ReportExporter):
    """A notebook as one HTML file without scripts that loads nothing from a network."""

    export_from_notebook = "Report (HTML)"
    output_mimetype = "text/html"
    contents = Bool(True, help="Show a list of contents.").tag(config=True)
    embed_fonts = Bool(
        True, help="Put the fonts of text and formulas into the page; else the reader's are used."
    ).tag(config=True)
    code_language = Unicode("python", help="Language to highlight code in.").tag(config=True)

    _target = "html"

    @default("file_extension")
    def _source_extension(self) -> str:
        return ".html"

    @default("template_name")
    def _own_template(self) -> str:
        return "report-html"

    def default_filters(self) -> Any:
        """Add highlighted code."""
        yield from super().default_filters()
        yield "code", self._highlighted

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Render a notebook and return the page."""
        page, resources = super().from_notebook_node(nb, resources, **kw)
        page = re.sub(r"<th(?: [^>]*)?>\s*</th>", "<td></td>", html_visible(page))
        faces = _font_faces(page) if self.embed_fonts else ""
        style = (_TEMPLATES / "report-html/style.css").read_text(encoding="utf-8")
        return page.replace("/*style*/", faces + style, 1), resources

    def _picture(self, name: str, mime: str, content: bytes, resources: dict[str, Any]) -> str:
        return f"data:{mime};base64,{base64.b64encode(content).decode()}"

    def _highlighted(self, source: str) -> str:
        try:
            lexer = get_lexer_by_name(self.code_language, stripnl=False)
        except ClassNotFound:
            return html_text(source)
        return str(highlight(source, lexer, HtmlFormatter(nowrap=True))).rstrip("\n")


def _fragments(nb: NotebookNode) -> list[Fragment]:
    """Collect everything of a notebook that pandoc sets."""
    found = []
    for cell in nb.cells:
        about = cell.metadata["report"]
        where = about["where"]
        if cell.cell_type == "markdown":
            found.append(Fragment(cell.source, "markdown", about, "body", where))
        for output in cell.get("outputs", ()):
            about = output.get("metadata", {}).get("report", {})
            for key in ("caption", "title"):
                if key in about:
                    found.append(Fragment(about[key], "markdown", about, key, where))
            source = _PROSE_MIMES.get(about.get("mime", ""))
            if source:
                text = str(output.data[about["mime"]])
                if about["mime"] == "text/latex":
                    text = _ONE_FORMULA.sub(r"$$\1$$", text)
                found.append(Fragment(text, source, about, "body", where))
    return found


def _picture_bytes(data: Any, about: dict[str, Any]) -> bytes:
    """Return a picture's bytes from the way notebooks keep it."""
    if about["mime"] == "image/svg+xml":
        return str(data).encode()
    try:
        return base64.b64decode(str(data), validate=False)
    except ValueError:
        raise ReportError(
            f"{about['where']}: expected a picture in base64, got something else"
        ) from None


def _long_date(date: str) -> str:
    """Write an ISO date out in words, and leave any other text as it is."""
    try:
        day = datetime.date.fromisoformat(date)
    except ValueError:
        return date
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def _unseen(source: str, known: frozenset[int]) -> set[int]:
    """Return the code points of Typst source that no font can show or no reader can see."""
    points = {ord(character) for character in source if ord(character) > 0x7E}
    points |= {int(code, 16) for code in re.findall(r"\\u\{([0-9a-f]+)\}", source)}
    invisible = re.compile(f"[{INVISIBLE}]")
    return {c for c in points if c not in known or invisible.match(chr(c))}


def _named_characters(diagnostic: str) -> set[int]:
    """Return the characters beyond ASCII in Typst's messages about text without a glyph."""
    points: set[int] = set()
    for text in re.findall(r"the text `\"(.*?)\"` could not be displayed", diagnostic):
        points |= {int(code, 16) for code in re.findall(r"\\u\{([0-9a-f]+)\}", text)}
        points |= {ord(character) for character in text if ord(character) > 0x7E}
    return points


def _typst_failure(error: typst.TypstError, source: str) -> ReportError:
    """Turn Typst's diagnostics into one line that names the cell."""
    place = re.search(r"main\.typ:(\d+):", error.diagnostic)
    above = "\n".join(source.splitlines()[: int(place[1])]) if place else ""
    cells = re.findall(r"^// at (.*)$", above, re.MULTILINE)
    where = cells[-1] if cells else "the title block or an option"
    words = " ".join([error.message, *(f"({hint})" for hint in error.hints)])
    return ReportError(f"{where}: Typst cannot set it: {_shortened(words)}")


def _shortened(text: str) -> str:
    """Return a message as one line of a bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:299]}…"


def _font_faces(page: str) -> str:
    """Return the style rules that embed the page's fonts, cut down to its characters."""
    formulas = "".join(re.findall(r"<math.*?</math>", page, re.DOTALL))
    text = "".join(sorted(set(page)))
    faces = [
        ("Page", "normal", "400", "NewCM10-Regular", text),
        ("Page", "italic", "400", "NewCM10-Italic", text),
        ("Page", "normal", "700", "NewCM10-Bold", text),
        ("Page Mono", "normal", "400", "DejaVuSansMono", text),
    ]
    if formulas:
        letters = "".join(sorted(set(formulas)))
        letters += fonts.slanted(letters) + "√"  # which <msqrt> draws without naming it
        faces.append(("Page Math", "normal", "400", "NewCMMath-Book", letters))
    rules = []
    for family, style, weight, name, characters in faces:
        address = fonts.woff2_subset(name, characters)
        if address:
            rules.append(
                f'@font-face{{font-family:"{family}";font-style:{style};font-weight:{weight};'
                f"src:url({address}) format('woff2')}}\n"
            )
    return "".join(rules)
