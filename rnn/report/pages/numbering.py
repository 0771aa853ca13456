"""What the pages show of each cell, and the numbers of figures and tables: once, for both pages."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree.ElementTree import Element

from nbformat import NotebookNode

from rnn.errors import ReportError
from rnn.report.escaping import joined
from rnn.report.pages.pictures import PICTURES
from rnn.report.shown import INTERACTIVE, Shown

#: The representations that the pages can set, by the kind of output, the best first.
_WANTED = {
    "": (*PICTURES, "text/html", "text/latex", "text/markdown", "text/plain"),
    "figure": PICTURES,
    "table": ("text/html",),
    "sample": ("text/plain",),
    "texts": ("text/plain",),
    "interactive": (INTERACTIVE,),
}
#: What only a reader of the notebook needs (see `rnn.report.show` and `rnn.report.lab.live`).
_NOT_ON_PAGES = {"caption", "live", "note"}
_NOTHING = Shown()
#: A line of a progress bar, as tqdm writes it, and the widget that stands for one in JupyterLab.
_BAR = re.compile(r"[^\n]*\d+%\|[^\n]*\|[^\n]*\[[^\n]*\][ \r]*")
_WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass
class Placed:
    """What the pages know of a cell or an output; in its metadata, under ``report``."""

    where: str  # the cell, for messages
    shown: Shown = _NOTHING  # what the notebook says that an output is; of the kind "" if nothing
    mimes: tuple[str, ...] = ()  # the representations of an output that can be shown
    mime: str = ""  # the one that is shown
    width: str = ""  # of a picture, in px, where the notebook says so
    number: int = 0  # that of a figure or a table
    picture: str = ""  # the address of a picture in the page
    data: Any = None  # what the page's own script works with
    note: str = ""  # what is said in place of an output that no page can show
    #: What prose says: under the names of `Shown.lines`, and what a cell or an output is as "body".
    trees: dict[str | int, Element] = field(default_factory=dict)
    rendered: dict[str | int, str] = field(default_factory=dict)  # the same as Typst or HTML


def _placed(node: NotebookNode) -> Placed | None:
    """Return the record of a cell or an output; None of one that needs none."""
    found = node.get("metadata", {}).get("report")
    return found if isinstance(found, Placed) else None


def all_placed(nb: NotebookNode) -> Iterator[tuple[NotebookNode, Placed]]:
    """Yield cells and outputs with their records, in the order of the page."""
    for cell in nb.cells:
        for node in (cell, *cell.get("outputs", ())):
            if one := _placed(node):
                yield node, one


def choose_and_number(
    nb: NotebookNode, interactive: bool, warn: Callable[[str], None]
) -> dict[str, str]:
    """Choose what is shown of a notebook and number it; return what each label stands for.

    What is made for JupyterLab alone is left out, and what needs a script unless `interactive`.
    Figures and tables that carry a label and a caption (see `rnn.report.show`) are numbered in the
    order of the page, and labels are told as ``{"fig-loss": "Figure 1"}``.  `warn` is called with
    a line about each that cannot be used.  The exporters have given every cell its `Placed`.
    """
    counts: Counter[str] = Counter()
    references: dict[str, str] = {}
    for cell in nb.cells:
        here = _placed(cell)
        if here and cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if _keep(o, here, interactive, warn)]
            for one in filter(None, map(_placed, cell.outputs)):
                if one.shown.kind in ("figure", "table"):
                    _number(one, counts, references, warn)
    return references


def _keep(
    output: NotebookNode, here: Placed, interactive: bool, warn: Callable[[str], None]
) -> bool:
    """Find out what the pages can show of an output; tell whether there is anything."""
    if output.output_type == "stream":
        output.text = joined(output.text)
        if output.name == "stderr":
            told = re.split(r"(?<=\n)", output.text)
            output.text = "".join(line for line in told if not _BAR.fullmatch(line.strip("\n")))
        return bool(output.text.strip())
    if output.output_type == "error":
        return True
    data = output.data
    words = joined(data.get("text/plain", ""))
    if _WIDGET in data and _BAR.fullmatch(words.strip("\n")):
        return False
    try:
        shown = Shown.read(output.metadata)
    except ReportError as error:
        shown = _NOTHING
        warn(f"{here.where}: {error}")
    if shown.kind in _NOT_ON_PAGES or (shown.kind == "interactive" and not interactive):
        return False
    shown = shown if shown.kind in _WANTED else _NOTHING
    mimes = tuple(mime for mime in _WANTED[shown.kind] if mime in data)
    data |= {mime: joined(data[mime]) for mime in mimes if mime != INTERACTIVE}
    if not shown.alt:
        alt = words.strip("<> \n")[:500] or f"Picture made by {here.where}"
        shown = replace(shown, alt=alt)
    output.output_type = "display_data"
    one = Placed(here.where, shown, mimes)
    alive = data.get(INTERACTIVE)
    one.data = alive if interactive and isinstance(alive, dict) else None
    size = output.metadata.get(mimes[0]) if mimes else None
    if isinstance(size, dict) and re.fullmatch(r"\d{1,5}(\.\d+)?", str(size.get("width"))):
        one.width = str(size["width"])
    output.metadata = NotebookNode({"report": one})
    return bool(data)


def _number(
    one: Placed, counts: Counter[str], references: dict[str, str], warn: Callable[[str], None]
) -> None:
    """Give a figure or a table its number and remember its label; say what is wrong with it."""
    kind, label = one.shown.kind, one.shown.label
    wrong = ""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", label):
        wrong = f"a label of letters, digits, '-' and '_', got {label!r}; choose another"
    elif label in references:
        wrong = f"a new label, got {label!r} again; give each figure and table its own"
    counts[kind] += 1
    one.number = counts[kind]
    if wrong:
        warn(f"{one.where}: expected {wrong}")
        one.shown = replace(one.shown, label=f"{kind}.{one.number}")
    references[one.shown.label] = f"{kind.capitalize()} {one.number}"
