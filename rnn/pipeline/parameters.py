"""The parameters of a notebook as they came: papermill knows neither their names nor their types.

Plain papermill only warns of a name that the notebook does not have, and YAML reads ``1e-8`` as a
text.  So every notebook looks at its own parameters first.
"""

import ast
import contextlib
import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from rnn.errors import ReportError, shown

#: What papermill adds of its own with ``--inject-paths``.
_PATHS = ("PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH")

_KINDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "True or False"}


def accept_parameters(names: dict[str, Any]) -> list[str]:
    """Give every parameter among a notebook's ``globals()`` the type that the notebook declares.

    Return the names of those that papermill was given.

    IPython's record of the cells run so far is in ``In``.  A text becomes a number where a number
    is declared, and a number a text where a text is; None stays where it is the default.

    Raises
    ------
    ReportError
        If there is no cell of parameters, papermill was given one that the notebook does not
        declare, or a value cannot have the declared type.
    """
    cells = names.get("In", [])
    declared = declared_parameters(cells)
    if cells and not declared:
        expected = "expected a cell of lines 'name: type = value' and nothing else, got none"
        raise ReportError(f"parameters: {expected}; restore the notebook's first cell, and run it")
    # papermill's own cell begins with this comment.
    put_in = [line for cell in cells if cell.startswith("# Parameters") for line in _lines(cell)]
    given = [ast.unparse(line.targets[0]) for line in put_in if isinstance(line, ast.Assign)]
    refuse_unknown(given, declared)
    for name, line in declared.items():
        if name in names and not (names[name] is None and ast.unparse(line.value) == "None"):
            names[name] = _as_declared(name, names[name], ast.unparse(line.annotation))
    return given


def declared_parameters(cells: Iterable[str]) -> dict[str, Any]:
    """Return statements by name, from the first cell with nothing but ``name: type = value``."""
    for lines in map(_lines, cells):
        if lines and all(isinstance(line, ast.AnnAssign) and line.value for line in lines):
            return {ast.unparse(line.target): line for line in lines}
    return {}


def refuse_unknown(given: Iterable[Any], declared: Collection[str]) -> None:
    """Raise a ReportError for the first name that is not declared, with what was meant.

    The paths that papermill can add are known, and need not be declared.
    """
    for name in map(str, given):
        if name not in declared and name not in _PATHS:
            near = difflib.get_close_matches(name, declared, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(declared)}"
            expected = "expected a parameter of this notebook, got an unknown name"
            raise ReportError(f"{name}: {expected}; {hint}")


def written_values(values: Mapping[str, Any]) -> bytes:
    """Return parameters in a form that papermill reads as YAML, and `read_values` without it."""
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())
    # JSON would escape a character beyond the first 65,536 as two, which YAML takes for two.
    escaped = re.compile(r"[^\n -~\U00010000-\U0010ffff]")
    return escaped.sub(lambda found: f"\\u{ord(found[0]):04x}", "".join(lines)).encode()


def read_values(path: Path) -> dict[str, Any]:
    """Read a file that `written_values` made; a ValueError if it is another."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(": ") for line in lines)
    return {name: json.loads(value) for name, _, value in pairs}


def _lines(cell: str) -> list[Any]:
    with contextlib.suppress(SyntaxError):
        return ast.parse(cell).body
    return []


def _as_declared(name: str, value: Any, kind: str) -> Any:
    number = value
    if kind in ("int", "float") and isinstance(value, str):
        with contextlib.suppress(ValueError):
            number = float(value)
            number = int(value)
    if isinstance(number, int | float) and not isinstance(number, bool) and kind != "bool":
        if kind == "str":
            return str(value)
        if kind == "float" or isinstance(number, int):
            return number
        if number.is_integer():
            return int(number)
    if type(value).__name__ != kind:
        raise ReportError(f"{name}: expected {_KINDS.get(kind, kind)}, got {shown(value)}")
    return value
