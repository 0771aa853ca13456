"""What the pages show of each cell, and the numbers of figures and tables: once, for both pages."""

import re
from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from rnn.errors import ReportError

__all__ = ["NumberingPreprocessor"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")
_SHOWN = (*_PICTURES, "text/markdown", "text/latex", "text/html", "text/plain")
_NUMBERED = {"figure": "Figure", "table": "Table"}
_WANTED = {
    "figure": _PICTURES,
    "table": ("text/html",),
    "sample": ("text/plain",),
    "texts": ("text/plain",),
}
#: What only a reader of the notebook needs (see `rnn.report.show` and `rnn.report.lab.live`).
_NOT_ON_PAGES = {"caption", "live", "note"}
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


class NumberingPreprocessor(Preprocessor):
    """Choose what is shown and number it.

    The exporters have written into every cell's metadata where it comes from.

    Every output keeps the one representation that the pages can set best; progress on the
    error stream, widgets and what is made for JupyterLab alone are left out.  Figures and tables
    that carry a label and a caption (see `rnn.report.show`) are numbered in the order of the
    page, and ``resources["references"]`` says what a label stands for: ``{"fig-loss":
    "Figure 1"}``.
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
            if cell.cell_type != "code":
                continue
            here = cell.metadata["report"]
            shown = [self._shown(output, here) for output in cell.outputs]
            cell.outputs = [output for output in shown if output is not None]
            for output in cell.outputs:
                about = output.get("metadata", {}).get("report", {})
                if about.get("kind") in _NUMBERED:
                    self._number(about, counts, references)
        resources["references"] = references
        return nb, resources

    def _shown(self, output: NotebookNode, here: dict[str, Any]) -> NotebookNode | None:
        """Return the output as the pages show it, or None to leave it out."""
        if output.output_type == "stream":
            return output if output.name == "stdout" and output.text.strip() else None
        if output.output_type == "error":
            return output
        given = output.metadata.get("report")
        given = given if isinstance(given, dict) else {}
        kind = str(given.get("kind", ""))
        if kind in _NOT_ON_PAGES or _WIDGET in output.data:
            return None
        available = [mime for mime in _WANTED.get(kind, _SHOWN) if mime in output.data]
        if not available:
            return None
        mime = available[0]
        about: dict[str, Any] = {**here, "mime": mime}
        if kind in _WANTED:
            about["kind"] = kind
            about |= {
                name: str(given[name])
                for name in ("label", "caption", "alt", "title", "lead")
                if given.get(name)
            }
        if kind == "texts":
            about["texts"] = _texts(given.get("texts"), here["where"])
        if mime in _PICTURES:
            words = str(output.data.get("text/plain", "")).strip("<> \n")
            about.setdefault("alt", words or f"Picture made by {here['where']}")
        output.output_type = "display_data"
        output.pop("execution_count", None)
        output.data = NotebookNode({mime: output.data[mime]})
        output.metadata = NotebookNode({"report": about})
        return output

    def _number(
        self,
        about: dict[str, Any],
        counts: dict[str, int],
        references: dict[str, str],
    ) -> None:
        """Give a figure or a table its number and remember its label."""
        label = about.get("label", "")
        if not _LABEL.fullmatch(label):
            raise ReportError(
                f"{about['where']}: expected a label of letters, digits, '-' and '_', got {label!r}"
            )
        if label in references:
            raise ReportError(
                f"{about['where']}: expected a new label, got {label!r} again; labels name one "
                "figure or table each"
            )
        counts[about["kind"]] += 1
        about["number"] = counts[about["kind"]]
        references[label] = f"{_NUMBERED[about['kind']]} {about['number']}"


def _texts(given: Any, where: str) -> list[dict[str, Any]]:
    """Return titles and texts that stand side by side, and nothing else that was given."""
    try:
        return [{"title": str(title), "text": str(text)} for title, text in given]
    except (TypeError, ValueError):
        raise ReportError(
            f"{where}: expected texts with a title each, got something else; "
            "do show them with show_texts"
        ) from None
