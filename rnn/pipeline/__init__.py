"""What the Makefile and the notebooks' first cells call."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from rnn.text.files import lock


def refuse(what: str, expected: str, got: str, remedy: str) -> NoReturn:
    """End the process with one line that says what cannot be, and what to do."""
    sys.exit(f"{what}: expected {expected}, got {got}; {remedy}")


def hold(folder: Path) -> None:
    """Hold a folder until this process, or the command that takes its place, has ended.

    The folder is made if need be.  The process ends here if another one holds the folder, or
    nobody can write to it.
    """
    try:
        with lock(folder / ".lock", wait=False) as file:
            os.set_inheritable(os.dup(file.fileno()), True)
    except BlockingIOError as holder:
        remedy = "wait for it, or choose another name with RUN=, COMPARISON= or SWEEP="
        refuse(str(folder), "a folder that nobody works in", f"process {holder}", remedy)
    except OSError as error:
        refuse(str(folder), "a folder that can be written", str(error.strerror), "make it so")
