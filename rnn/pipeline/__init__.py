"""What the Makefile and the notebooks' first cells call."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from rnn.text.files import is_orphaned, lock


def refuse(what: str, expected: str, got: str, remedy: str) -> NoReturn:
    """End the process with one line that says what cannot be, and what to do."""
    sys.exit(f"{what}: expected {expected}, got {got}; {remedy}")


def hold(folder: Path) -> None:
    """Hold a folder until this process, or the command that takes its place, has ended.

    The folder is made if need be.  If another process holds it, this one ends here; but what a make
    that was killed has left at work is told to stop, and waited for: it saves what it has reached.
    """
    path, seen = folder / ".lock", 0
    while True:
        try:
            with lock(path, wait=False) as file:
                os.set_inheritable(os.dup(file.fileno()), True)
            return
        except BlockingIOError as error:
            holder = str(error)
            if not is_orphaned(path):
                remedy = "wait for it, or choose another name with RUN=, COMPARISON= or SWEEP="
                refuse(str(folder), "a folder that nobody works in", f"process {holder}", remedy)
            seen += 1
            if seen == 2:  # once may be before a new holder has written its name
                _stop_orphans(folder, path, holder)
            time.sleep(0.1)


def _stop_orphans(folder: Path, path: Path, holder: str) -> None:
    """Tell the processes that hold a lock without a make above them to stop, and say so."""
    # Only those that have the lock open: another process may have been given an old number.
    at_work = _open_in(path)
    if holder.isdecimal() and int(holder) in at_work:
        at_work = [int(holder)]  # make, which stops its steps
    named = ", ".join(map(str, at_work)) or "a step"
    went_on = f"process {named} still works in it for a make that has ended (process {holder})"
    print(f"{folder}: {went_on}; stopping it, to go on from what it saves", flush=True)
    for process in at_work:
        with suppress(OSError):
            os.kill(process, signal.SIGTERM)


def _open_in(path: Path) -> list[int]:
    """Return the other processes that have a file open, where the system tells."""
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if descriptor.samefile(path):
                found.add(int(descriptor.parts[2]))
    return sorted(found - {os.getpid()})
