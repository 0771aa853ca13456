"""Locks that end with the process that holds them, so that a crash leaves none behind."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from rnn.pipeline import refuse


def hold(folder: Path) -> None:
    """Hold a folder until this process, or the command that takes its place, has ended.

    The folder is made if need be, and a file in it names the process.  The process ends here if
    another one holds the folder, or nobody can write to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        os.set_inheritable(handle, True)
    except BlockingIOError:
        holder = os.read(handle, 20).decode(errors="replace") or "unknown"
        remedy = "wait for it, or choose another name with RUN=, COMPARISON= or SWEEP="
        refuse(str(folder), "a folder that nobody works in", f"process {holder}", remedy)
    except OSError as error:
        refuse(str(folder), "a folder that can be written", str(error.strerror), "make it so")


@contextlib.contextmanager
def turn(path: Path) -> Iterator[None]:
    """Wait until no other process is in its turn at the same file, and take it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
