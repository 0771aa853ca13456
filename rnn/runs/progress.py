"""Bars with an end in sight: on the terminal, in a log, or in a notebook that a person looks at."""

import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

__all__ = ["bar", "is_interactive", "terminal"]

_WIDEST = 100  # characters


def is_interactive() -> bool:
    """Tell whether this is a notebook in front of a person, who could be asked something.

    Papermill, nbconvert and scripts run a notebook without one.
    """
    kernel = _kernel()
    return bool(getattr(kernel, "_allow_stdin", False))


def terminal() -> TextIO | None:
    """Return the terminal that this process, or the one that started its kernel, writes to.

    A kernel's own ``sys.stderr`` goes into the notebook; its file number still leads to where the
    command was given, so that plain papermill shows what a person waits for.

    Returns
    -------
    text stream or None
        None where there is no terminal.
    """
    try:
        number = sys.stderr.fileno()
        if not os.isatty(number):
            return None
        return sys.stderr if _kernel() is None else open(number, "w", closefd=False)
    except (OSError, ValueError, AttributeError):
        return None


def bar(iterable: Iterable[Any] | None = None, *, shown: bool = True, **options: Any) -> Any:
    """Make a tqdm bar for wherever this runs.

    Parameters
    ----------
    iterable : iterable, optional
        What is counted; else the bar is moved by hand.
    shown : bool
        Whether to show it at all.
    **options
        tqdm's: ``desc``, ``total``, ``unit``, ``bar_format``, ...

    Returns
    -------
    tqdm.tqdm
        A widget where a person looks at the notebook, text on the terminal or standard error
        elsewhere.
    """
    if shown and is_interactive():
        from tqdm.notebook import tqdm as notebook_bar

        return notebook_bar(iterable, dynamic_ncols=True, **options)
    screen = terminal()
    if shown and screen and _kernel():
        screen.write("\r\x1b[K")  # papermill's own bar may stand there
    return tqdm(
        iterable,
        disable=not shown,
        file=screen or sys.stderr,
        ncols=min(_WIDEST, _columns(screen) - 1),
        **options,
    )


def _columns(screen: TextIO | None) -> int:
    """Return the width of a terminal; one that has none, as some have, counts as wide."""
    try:
        width = os.get_terminal_size(screen.fileno()).columns if screen else 0
    except OSError:
        width = 0
    return width or _WIDEST + 1


def _kernel() -> Any:
    """Return the kernel that this code runs in, if any, without importing IPython."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython else None
