"""Three executed notebooks become one: the report's source."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from rnn.errors import ReportError

__all__ = ["assemble"]

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
