"""Progress bars, and where this runs: on a terminal, in a log, or in a notebook with a user."""

import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

_WIDEST = 100  # characters

#: Empties the line of a terminal that the cursor is in, where a bar may stand.
CLEAR = "\r\x1b[K"


def is_interactive() -> bool:
    """Tell whether this is a notebook in front of a user, who could be asked something.

    Papermill, nbconvert and scripts run a notebook without one.
    """
    return bool(getattr(_kernel(), "_allow_stdin", False))


def terminal() -> TextIO | None:
    """Return the terminal that this process, or the one that started its kernel, writes to, if any.

    A kernel's own ``sys.stderr`` goes into the notebook; its file number still leads to where the
    command was given, so that plain papermill shows what a user waits for.
    """
    try:
        number = sys.stderr.fileno()
        if not os.isatty(number):
            return None
        return sys.stderr if _kernel() is None else open(number, "w", closefd=False)
    except (OSError, ValueError, AttributeError):
        return None


def note(line: str) -> None:
    """Tell whoever watches a line that is no result: an executed notebook does not keep it."""
    screen = terminal() or sys.stderr
    # What ends like a step of a bar is left out as one by `rnn.pipeline.execute`.  It is written at
    # once, as trainings side by side write too.
    clear = CLEAR if screen.isatty() else "\r"
    screen.write(f"{clear}{line}\r\n")
    screen.flush()


def bar(iterable: Iterable[Any] | None = None, *, shown: bool = True, **options: Any) -> Any:
    """Make a bar: a widget in an interactive notebook, text on the terminal or standard error.

    It counts `iterable`, else it is moved by hand; the options are tqdm's.
    """
    if shown and is_interactive():
        from tqdm.notebook import tqdm as notebook_bar

        return notebook_bar(iterable, dynamic_ncols=True, **options)
    screen = terminal()
    if shown and screen and _kernel():
        screen.write(CLEAR)  # papermill's own bar may stand there
    try:
        columns = os.get_terminal_size(screen.fileno()).columns if screen else 0
    except OSError:
        columns = 0
    # Some terminals have no width.
    width = min(_WIDEST, columns - 1) if columns else _WIDEST
    return tqdm(iterable, disable=not shown, file=screen or sys.stderr, ncols=width, **options)


def _kernel() -> Any:
    """Return the kernel that this code runs in, if any, without importing IPython."""
    ipython = sys.modules.get("IPython")
    return getattr(ipython.get_ipython(), "kernel", None) if ipython else None
