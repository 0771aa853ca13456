"""The parameters of a notebook as they came: papermill knows neither their names nor their types.

Plain papermill only warns of a name that the notebook does not have, and YAML reads ``1e-8`` as a
text.  So every notebook looks at its own parameters first.
"""

import ast
import contextlib
import difflib
from collections.abc import Collection, Sequence
from typing import Any

from rnn.errors import ReportError

__all__ = ["accept_parameters", "unknown_parameter"]

#: How papermill begins the cell that it puts in.
_INJECTED = "# Parameters"


def accept_parameters(names: dict[str, Any]) -> None:
    """Refuse unknown parameters, and give the others the types that the notebook declares.

    Parameters
    ----------
    names : dict
        The notebook's ``globals()``, with IPython's record of the cells run so far in ``In``.  A
        text becomes a number where a number is declared and the text is one, and a number a text
        where a text is declared; what cannot be is left for whoever uses it to refuse.

    Raises
    ------
    ReportError
        If papermill was given a parameter that the notebook does not declare.
    """
    declared, given = _declared(names.get("In", ())), _given(names.get("In", ()))
    for name in given:
        if name not in declared:
            raise unknown_parameter(name, declared, "this notebook")
    for name, kind in declared.items():
        if name in names:
            names[name] = _as_declared(names[name], kind)


def unknown_parameter(name: str, known: Collection[str], notebook: str) -> ReportError:
    """Make the error that says that a notebook has no parameter of a name, and which it has."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"do you mean {near[0]}?" if near else f"do choose from {', '.join(known)}"
    return ReportError(f"{name}: expected a parameter of {notebook}, got an unknown name; {hint}")


def _declared(cells: Sequence[str]) -> dict[str, str]:
    """Return names and types of the parameters: the cell with nothing but typed values."""
    for cell in cells:
        lines = _statements(cell)
        if lines and all(isinstance(line, ast.AnnAssign) for line in lines):
            typed = [line for line in lines if isinstance(line, ast.AnnAssign)]
            return {ast.unparse(line.target): ast.unparse(line.annotation) for line in typed}
    return {}


def _given(cells: Sequence[str]) -> list[str]:
    """Return the names that papermill put in."""
    return [
        ast.unparse(line.targets[0])
        for cell in cells
        if cell.startswith(_INJECTED)
        for line in _statements(cell)
        if isinstance(line, ast.Assign)
    ]


def _statements(cell: str) -> list[ast.stmt]:
    try:
        return ast.parse(cell).body
    except SyntaxError:
        return []


def _as_declared(value: Any, kind: str) -> Any:
    if kind in ("int", "float") and isinstance(value, str):
        for number in (int, float):
            with contextlib.suppress(ValueError):
                return number(value)
    if kind == "str" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
