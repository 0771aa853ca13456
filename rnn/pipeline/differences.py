"""Where a file of a run and the same file made again differ first, in words."""

import csv
import io
import json
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from rnn.errors import ReportError, shown
from rnn.runs.storage import read_arrays

_FIGURE = re.compile(r'<figure id="([^"]*)">\s*<img[^>]* src="(data:image/[^"]*)"')
_OTHERWISE = "the same values, written otherwise"
_NONE = object()  # what is not there
_TOO_DEEP = (RecursionError, csv.Error)


def first_difference(there: Path, again: Path) -> str:
    """Tell the first difference between a file and the same file made again.

    It is a place, with both values where they fit into a line: a key of JSON, a row and column of
    CSV, the index of an array, a cell of a notebook, a figure or a line of a page, a byte of any
    other file.  It is empty where the bytes are the same, and for notebooks where they differ in no
    more than messages, which do not get onto the pages.
    Whatever is in the file is read as data; of one that cannot be read so, that is said.
    """
    try:
        if there.read_bytes() == again.read_bytes():
            return ""
        return _BY_SUFFIX.get(there.suffix, _bytes)(there, again)
    except (ReportError, OSError, ValueError, TypeError, LookupError, AttributeError, *_TOO_DEEP):
        return f"expected a {there.suffix[1:]} file that the project wrote, got another"


def _json(there: Path, again: Path) -> str:
    found = _values(*(json.loads(path.read_bytes()) for path in (there, again)))
    return found or _OTHERWISE


def _csv(there: Path, again: Path) -> str:
    tables = [list(csv.reader(io.StringIO(_text(path)))) for path in (there, again)]
    heads = tables[1][0]
    for number, rows in enumerate(zip_longest(*tables, fillvalue=[])):
        if rows[0] != rows[1]:
            cells = enumerate(zip_longest(*rows, fillvalue=_NONE))
            column, (one, other) = next((i, pair) for i, pair in cells if pair[0] != pair[1])
            name = heads[column] if column < len(heads) else f"{column + 1}"
            return f"row {number}, column {name}: {_both(one, other)}"
    return _OTHERWISE


def _arrays(there: Path, again: Path) -> str:
    first, second = (read_arrays(path, lambda headers: headers) for path in (there, again))
    for name in first | second:
        if name not in first or name not in second:
            return f"{name}: {_both(first.get(name, _NONE), second.get(name, _NONE))}"
        one, other = first[name], second[name]
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            return f"{name}: {one.dtype} {one.shape}, made again {other.dtype} {other.shape}"
        raw = f"V{one.itemsize}"  # bytes, so that NaN equals itself and -0 is not 0
        differing = np.argwhere(one.view(raw) != other.view(raw))
        if len(differing):
            place = tuple(differing[0])
            index = f"[{', '.join(map(str, place))}]" if place else ""
            return f"{name}{index}: {_both(one[place].item(), other[place].item())}"
    return "the same arrays, packed otherwise"


def _notebook(there: Path, again: Path) -> str:
    first, second = (json.loads(path.read_bytes()) for path in (there, again))
    if first == second:
        return _OTHERWISE
    first, second = map(_without_messages, (first, second))
    for number, cells in enumerate(zip_longest(first.pop("cells"), second.pop("cells")), start=1):
        if None in cells:
            return f"cell {number}: {'one more' if cells[0] else 'one less'} than made again"
        outputs = [cell.get("outputs", []) for cell in cells]
        for pair in zip(*outputs, strict=False):
            figures = [_pictures(output) for output in pair]
            if figures[0] != figures[1]:
                label = pair[1].get("metadata", {}).get("report", {}).get("label", "figure")
                return f"cell {number}: {label} is drawn otherwise"
        if found := _values(*cells):
            return f"cell {number}: {found}"
    return _values(first, second)


def _without_messages(notebook: Any) -> Any:
    """Leave out of an executed notebook its messages, which tell of interruptions."""
    for cell in notebook["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [
                output
                for output in cell["outputs"]
                if (output["output_type"], output.get("name")) != ("stream", "stderr")
            ]
    return notebook


def _pictures(output: Any) -> dict[str, Any]:
    data = output.get("data", {})
    return {mime: data[mime] for mime in data if mime.startswith("image/")}


def _page(there: Path, again: Path) -> str:
    first, second = _text(there), _text(again)
    figures = [dict(_FIGURE.findall(page)) for page in (first, second)]
    for label, drawing in figures[1].items():
        if figures[0].get(label, drawing) != drawing:
            return f"{label} is drawn otherwise"
    return _lines(first, second) or "the same lines, written otherwise"


def _bytes(there: Path, again: Path) -> str:
    first, second = there.read_bytes(), again.read_bytes()
    return f"set otherwise from byte {_alike(first, second):,} of {len(second):,}"


_BY_SUFFIX = {
    ".json": _json,
    ".csv": _csv,
    ".npz": _arrays,
    ".ipynb": _notebook,
    ".html": _page,
}


def _lines(first: str, second: str) -> str:
    lines = zip_longest(first.split("\n"), second.split("\n"), fillvalue=_NONE)
    for number, pair in enumerate(lines, start=1):
        if pair[0] != pair[1]:
            return f"line {number:,}: {_both(*pair)}"
    return ""


def _values(first: Any, second: Any, path: str = "") -> str:
    """Tell the first place at which two values of JSON differ; empty if there is none."""
    if type(first) is type(second) and isinstance(first, dict | list):
        one, other = (x if isinstance(x, dict) else dict(enumerate(x)) for x in (first, second))
        for key in sorted(one | other):
            pair = one.get(key, _NONE), other.get(key, _NONE)
            if found := _values(*pair, f"{path}.{key}" if path else str(key)):
                return found
        return ""
    if type(first) is type(second) and (first == second or (first != first and second != second)):
        return ""
    if isinstance(first, str) and isinstance(second, str) and "\n" in first + second:
        return f"{path}, {_lines(first, second)}"
    return f"{path}: {_both(first, second)}"


def _both(first: Any, second: Any) -> str:
    if isinstance(first, str) and isinstance(second, str):
        # From where they differ, so that what is shown differs too.
        start = _alike(first, second)
        start = 0 if max(len(first), len(second)) < 50 else max(start - 15, 0)
        first, second = first[start:], second[start:]
    words = ["none" if value is _NONE else shown(value) for value in (first, second)]
    return f"{words[0]}, made again {words[1]}"


def _alike(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Return how many characters or bytes are the same before the first that differs."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(first), len(second)))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
