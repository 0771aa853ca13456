"""Render a run's report: ``python -m rnn.report.pages.render reports/assignment``."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import nbformat

from rnn.errors import ReportError
from rnn.report.pages.assemble import assemble
from rnn.report.pages.exporters import ReportHTMLExporter, ReportPDFExporter
from rnn.text.files import atomic_write

__all__ = ["main", "render"]


def render(folder: Path, *, title: str, author: str = "", date: str = "") -> list[Path]:
    """Write ``report.ipynb``, ``report.pdf`` and ``report.html`` into a run's folder; return them.

    Nothing is executed.  The files appear once all of them are made.

    Parameters
    ----------
    folder, title, author, date
        As for `assemble`; a date as YYYY-MM-DD is written out in words.

    Raises
    ------
    ReportError
        If a notebook is missing, a cell cannot be set, or the folder cannot be written.
    """
    notebook = assemble(folder, title=title, author=author, date=date)
    pdf, _ = ReportPDFExporter().from_notebook_node(notebook)
    page, _ = ReportHTMLExporter().from_notebook_node(notebook)
    contents = {
        "report.ipynb": (nbformat.writes(notebook) + "\n").encode(),
        "report.pdf": pdf,
        "report.html": page.encode(),
    }
    try:
        with ExitStack() as stack:
            for name, content in contents.items():
                stack.enter_context(atomic_write(folder / name)).write(content)
    except OSError as error:
        wrong = f"expected a folder that can be written, got {folder} ({error.strerror})"
        raise ReportError(f"{wrong}; make room or choose another") from None
    return [folder / name for name in contents]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m rnn.report.pages.render", description=__doc__)
    parser.add_argument("folder", type=Path, help="a run's folder with executed notebooks")
    parser.add_argument("--title", default="Training a character-level RNN")
    parser.add_argument("--author", default="")
    parser.add_argument("--date", default="", help="shown under the title; YYYY-MM-DD or words")
    try:
        _, *pages = render(**vars(parser.parse_args(arguments)))
    except ReportError as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    print(*pages, sep="\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
