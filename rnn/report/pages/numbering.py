"""What the pages show of each cell, and the numbers of figures and tables: once, for both pages."""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from rnn.errors import ReportError
from rnn.report.shown import Shown

__all__ = ["NumberingPreprocessor", "Placed", "placed"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")
_FORMATS = {"text/markdown": "markdown", "text/latex": "markdown", "text/html": "html"}
_ONE_FORMULA = re.compile(r"\A\s*\$(?:\\displaystyle)?([^$]+)\$\s*\Z")
_NUMBERED = {"figure": "Figure", "table": "Table"}
#: The representations that the pages can set, by the kind of output, the best first.
_WANTED = {
    "": (*_PICTURES, "text/markdown", "text/latex", "text/html", "text/plain"),
    "figure": _PICTURES,
    "table": ("text/html",),
    "sample": ("text/plain",),
    "texts": ("text/plain",),
}
#: What only a reader of the notebook needs (see `rnn.report.show` and `rnn.report.lab.live`).
_NOT_ON_PAGES = {"caption", "live", "note"}
_NOTHING = Shown("")
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass
class Placed:
    """What the pages know of a cell or an output; in its metadata, under ``report``.

    Attributes
    ----------
    where : str
        The cell, for messages.
    shown : Shown
        What the notebook says that an output is; of the kind ``""`` where it says nothing.
    mime : str
        The representation of an output that is shown.
    number : int
        That of a figure or a table.
    picture : str
        The address of a picture in the page.
    prose : dict
        What pandoc is to set, with its format, ``markdown`` or ``html``: paragraphs under ``body``,
        a line of `shown` under its name, the title of a text beside others under its place.
    rendered : dict
        The same as Typst or HTML.
    """

    where: str
    shown: Shown = _NOTHING
    mime: str = ""
    number: int = 0
    picture: str = ""
    prose: dict[str | int, tuple[str, str]] = field(default_factory=dict)
    rendered: dict[str | int, str] = field(default_factory=dict)


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
    "Figure 1"}``.  The exporters have given every cell its `Placed`.
    """

    enabled = True

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Prepare a notebook.

        Raises
        ------
        ReportError
            If a label is used twice or is not a word of letters, digits, ``-`` and ``_``.
        """
        counts = dict.fromkeys(_NUMBERED, 0)
        references: dict[str, str] = {}
        for cell in nb.cells:
            here = placed(cell)
            if here and cell.cell_type == "code":
                cell.outputs = [output for output in cell.outputs if _keep(output, here)]
                for one in filter(None, map(placed, cell.outputs)):
                    if one.shown.kind in _NUMBERED:
                        _number(one, counts, references)
        resources["references"] = references
        return nb, resources


def _keep(output: NotebookNode, here: Placed) -> bool:
    """Reduce an output to what the pages show of it; tell whether there is anything."""
    if output.output_type == "stream":
        return output.name == "stdout" and bool(output.text.strip())
    if output.output_type == "error":
        return True
    try:
        shown = Shown.read(output.metadata) or _NOTHING
    except ReportError as error:
        raise ReportError(f"{here.where}: {error}") from None
    if shown.kind in _NOT_ON_PAGES or _WIDGET in output.data:
        return False
    shown = shown if shown.kind in _WANTED else _NOTHING
    mime = next((mime for mime in _WANTED[shown.kind] if mime in output.data), "")
    if mime in _PICTURES and not shown.alt:
        words = str(output.data.get("text/plain", "")).strip("<> \n")
        shown = replace(shown, alt=words or f"Picture made by {here.where}")
    output.output_type = "display_data"
    output.pop("execution_count", None)
    output.data = NotebookNode({mime: output.data[mime]} if mime else {})
    one = Placed(here.where, shown, mime, prose=_prose(shown))
    if mime in _FORMATS:
        text = str(output.data[mime])
        text = _ONE_FORMULA.sub(r"$$\1$$", text) if mime == "text/latex" else text
        one.prose["body"] = text, _FORMATS[mime]
    output.metadata = NotebookNode({"report": one})
    return bool(mime)


def _prose(shown: Shown) -> dict[str | int, tuple[str, str]]:
    """Return the lines of a record that are Markdown."""
    lines = {"caption": shown.caption, "title": shown.title, "lead": shown.lead}
    titles = {place: title for place, (title, _) in enumerate(shown.texts)}
    return {key: (line, "markdown") for key, line in (lines | titles).items() if line}


def _number(one: Placed, counts: dict[str, int], references: dict[str, str]) -> None:
    """Give a figure or a table its number and remember its label."""
    kind, label = one.shown.kind, one.shown.label
    if not _LABEL.fullmatch(label):
        raise ReportError(
            f"{one.where}: expected a label of letters, digits, '-' and '_', got {label!r}; "
            "choose another"
        )
    if label in references:
        raise ReportError(
            f"{one.where}: expected a new label, got {label!r} again; give each figure and table "
            "its own"
        )
    counts[kind] += 1
    one.number = counts[kind]
    references[label] = f"{_NUMBERED[kind]} {one.number}"
