"""Assemble and render a run's report: ``python -m rnn.report.pages.render reports/assignment``."""

import argparse
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from rnn.errors import ReportError
from rnn.report.fonts import own_fonts
from rnn.report.pages.exporters import ReportHTMLExporter, ReportPDFExporter
from rnn.text.files import atomic_write

#: Cells that set values rather than tell something, and those that only tell it to a reader of
#: the one notebook.
_HIDDEN_TAGS = {"parameters", "injected-parameters", "remove-cell", "standalone"}


def assemble(folder: Path, *, title: str, author: str = "", date: str = "") -> NotebookNode:
    """Join the executed notebooks ``0*.ipynb`` of a run, in the order of their names.

    Every notebook's first-level heading becomes a section of the report.  Parameters, progress,
    cell numbers, timings and the machine's traces are left behind, so that the same results
    give the same bytes.

    Parameters
    ----------
    folder : Path
        A run's folder.
    title, author, date : str
        Plain text for the title block.

    Raises
    ------
    ReportError
        If the folder holds no executed notebook or one that cannot be read.
    """
    paths = sorted(folder.glob("0*.ipynb"))
    if not paths:
        raise ReportError(
            f"expected executed notebooks 0*.ipynb in {folder}, got none; run make report"
        )
    cells = []
    for path in paths:
        for number, cell in enumerate(_read(path).cells, start=1):
            if not _HIDDEN_TAGS & set(cell.metadata.get("tags", ())):
                cell.id = f"{path.stem[:2]}-{number:03d}"
                cells.append(_bare(cell, f"{path.stem} cell {number}"))
    block = {"title": title, "authors": [{"name": author}] if author else [], "date": date}
    return new_notebook(cells=cells, metadata=block | {"language_info": {"name": "python"}})


def _read(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ReportError(f"{path.name}: expected a notebook, got: {reason}") from None


def _bare(cell: NotebookNode, source: str) -> NotebookNode:
    """Keep of a cell what the report shows, and where it comes from."""
    tags = cell.metadata.get("tags", [])
    cell.metadata = NotebookNode({"source": source, **({"tags": tags} if tags else {})})
    if cell.cell_type == "code":
        cell.execution_count = None
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = None
    return cell


def render(folder: Path, *, title: str, author: str = "", date: str = "") -> list[Path]:
    """Write ``report.ipynb``, ``report.pdf`` and ``report.html`` into a run's folder; return them.

    Nothing is executed.  The files appear once all of them are made.  The fonts of the folder that
    the environment variable ``FONTS`` names are used too.

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
    # Not traitlets' logger, which is silent outside of its applications.
    log = logging.getLogger(__name__)
    usual = {"strict": True, "exclude_stderr": True, "exclude_tracebacks": True, "log": log}
    exporters = (
        ReportPDFExporter(font_paths=own_fonts(), **usual),
        ReportHTMLExporter(interactive=True, **usual),
    )
    with ThreadPoolExecutor() as pool:  # Typst works while Python makes the other page
        pdf, page = pool.map(lambda one: one.from_notebook_node(notebook)[0], exporters)
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
