"""The one family of errors that are meant for the user, and the checks that raise them."""

import difflib
import math
from collections.abc import Collection
from numbers import Real
from typing import Any

#: The largest whole number that is accepted; a float64 and a file name can hold it.
LARGEST = 10**15


class ReportError(Exception):
    """An error that the user can correct, reported in one line.

    The message says what was expected, what was found instead, and what to do: 'expected ...,
    got ...; choose another name'.  In a notebook it is shown as that line alone, without a
    traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """Tell IPython to show the message instead of the stack."""
        return [f"{type(self).__name__}: {self}"]


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """Return `value` if it is one of the known names.

    Raises
    ------
    ReportError
        If it is not; the message lists the known names and suggests the nearest.
    """
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value)[:100].lower(), known, 1, 0.4)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ReportError(f"{name}: expected one of {', '.join(known)}, got {shown(value)}{hint}")


def require_whole(name: str, value: Any, least: int, most: int = LARGEST) -> int:
    """Return `value` as an int if it is a whole number from `least` to `most`.

    Raises
    ------
    ReportError
        If it is not; a bool or a string is not a number.
    """
    if not _is_number(value) or not least <= value <= most or value != int(value):
        bounds = f"of at least {least}"
        if _is_number(value) and value > most:
            bounds = f"from {least} to {most:,}"
        raise ReportError(f"{name}: expected a whole number {bounds}, got {shown(value)}")
    return int(value)


def require_number(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> float:
    """Return `value` as a float if it is a finite number within the bounds.

    Raises
    ------
    ReportError
        If it is not; a bool or a string is not a number.
    """
    number = value if _is_number(value) else math.nan
    within = above < number < below and least <= number <= most
    if not within or abs(number) > _LARGEST_FLOAT:
        bounds = {"above": above, "of at least": least, "below": below, "at most": most}
        said = " and ".join(f"{words} {b}" for words, b in bounds.items() if math.isfinite(b))
        raise ReportError(f"{name}: expected a finite number {said}, got {shown(value)}")
    return float(number)


_LARGEST_FLOAT = 1.7e308


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """Return the repr of a value, shortened to fit into one line."""
    if isinstance(value, int) and abs(value) >= 10**50:
        return "a number of more than 50 digits"
    line = " ".join(repr(value).split())
    return line if len(line) <= 60 else line[:57] + "..."
