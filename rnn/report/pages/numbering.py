"""What the pages show of each cell, and the numbers of figures and tables: once, for both pages."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from rnn.errors import ReportError
from rnn.report.shown import INTERACTIVE, Shown

__all__ = ["NumberingPreprocessor", "Placed", "placed"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")
_FORMATS = {"text/markdown": "markdown", "text/latex": "markdown", "text/html": "html"}
_ONE_FORMULA = re.compile(r"\A\s*\$(?:\\displaystyle)?([^$]+)\$\s*\Z")
#: The representations that the pages can set, by the kind of output, the best first.
_WANTED = {
    "": (*_PICTURES, "text/markdown", "text/latex", "text/html", "text/plain"),
    "figure": _PICTURES,
    "table": ("text/html",),
    "sample": ("text/plain",),
    "texts": ("text/plain",),
    "interactive": (INTERACTIVE,),
}
#: What only a reader of the notebook needs (see `rnn.report.show` and `rnn.report.lab.live`).
_NOT_ON_PAGES = {"caption", "live", "note"}
_NOTHING = Shown("")
_LINES = ("caption", "title", "lead")  # of a record, those that are Markdown


@dataclass
class Placed:
    """What the pages know of a cell or an output; in its metadata, under ``report``."""

    where: str  # the cell, for messages
    shown: Shown = _NOTHING  # what the notebook says that an output is; of the kind "" if nothing
    mime: str = ""  # the representation of an output that is shown
    number: int = 0  # that of a figure or a table
    picture: str = ""  # the address of a picture in the page
    data: Any = None  # what the page's own script works with
    #: What pandoc is to set, with its format, ``markdown`` or ``html``: paragraphs under ``body``,
    #: a line of `shown` under its name, the title of a text beside others under its place.
    prose: dict[str | int, tuple[str, str]] = field(default_factory=dict)
    rendered: dict[str | int, str] = field(default_factory=dict)  # the same as Typst or HTML


def placed(node: NotebookNode) -> Placed | None:
    """Return the record of a cell or an output; None of one that needs none."""
    found = node.get("metadata", {}).get("report")
    return found if isinstance(found, Placed) else None


class NumberingPreprocessor(Preprocessor):
    """Choose what is shown and number it.

    Every output keeps the one representation that the pages can set best; progress on the
    error stream, widgets and what is made for JupyterLab alone are left out.  Figures and tables
    that carry a label and a caption (see `rnn.report.show`) are numbered in the order of the
    page, and ``resources["references"]`` says what a label stands for: ``{"fig-loss":
    "Figure 1"}``.  What needs a script is left out unless ``resources["interactive"]`` is true.
    The exporters have given every cell its `Placed`.
    """

    enabled = True

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Prepare a notebook; a label that is used twice or is no plain word is a ReportError."""
        counts: Counter[str] = Counter()
        references: dict[str, str] = {}
        for cell in nb.cells:
            here = placed(cell)
            if here and cell.cell_type == "code":
                alive = bool(resources.get("interactive"))
                cell.outputs = [output for output in cell.outputs if _keep(output, here, alive)]
                for one in filter(None, map(placed, cell.outputs)):
                    if one.shown.kind in ("figure", "table"):
                        _number(one, counts, references)
        resources["references"] = references
        return nb, resources


def _keep(output: NotebookNode, here: Placed, interactive: bool) -> bool:
    """Reduce an output to what the pages show of it; tell whether there is anything."""
    if output.output_type in ("stream", "error"):
        return output.get("name", "stdout") == "stdout" and bool(output.get("text", "x").strip())
    try:
        shown = Shown.read(output.metadata) or _NOTHING
    except ReportError as error:
        raise ReportError(f"{here.where}: {error}") from None
    unused = {*_NOT_ON_PAGES, *(() if interactive else ("interactive",))}
    if shown.kind in unused or _WIDGET in output.data:
        return False
    shown = shown if shown.kind in _WANTED else _NOTHING
    mime = next((mime for mime in _WANTED[shown.kind] if mime in output.data), "")
    if mime in _PICTURES and not shown.alt:
        words = str(output.data.get("text/plain", "")).strip("<> \n")
        shown = replace(shown, alt=words or f"Picture made by {here.where}")
    output.output_type = "display_data"
    output.pop("execution_count", None)
    data = output.data.get(INTERACTIVE)
    output.data = NotebookNode({mime: output.data[mime]} if mime else {})
    lines: dict[str | int, str] = {name: getattr(shown, name) for name in _LINES}
    lines |= {place: title for place, (title, _) in enumerate(shown.texts)}
    prose = {key: (line, "markdown") for key, line in lines.items() if line}
    one = Placed(here.where, shown, mime, prose=prose)
    one.data = data if interactive and isinstance(data, dict) else None
    if mime in _FORMATS:
        text = str(output.data[mime])
        text = _ONE_FORMULA.sub(r"$$\1$$", text) if mime == "text/latex" else text
        one.prose["body"] = text, _FORMATS[mime]
    output.metadata = NotebookNode({"report": one})
    return bool(mime)


def _number(one: Placed, counts: Counter[str], references: dict[str, str]) -> None:
    """Give a figure or a table its number and remember its label."""
    kind, label = one.shown.kind, one.shown.label
    wrong = ""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", label):
        wrong = f"a label of letters, digits, '-' and '_', got {label!r}; choose another"
    elif label in references:
        wrong = f"a new label, got {label!r} again; give each figure and table its own"
    if wrong:
        raise ReportError(f"{one.where}: expected {wrong}")
    counts[kind] += 1
    one.number = counts[kind]
    references[label] = f"{kind.capitalize()} {one.number}"
