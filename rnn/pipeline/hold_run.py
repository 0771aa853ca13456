"""Run a command while holding a run's folder: ``hold_run.py FOLDER COMMAND...``.

The command takes this process's place and inherits the lock with its open file, so the lock lasts
exactly as long as the command and the steps it has started; one left by a crash does not exist.
"""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Take the lock or say who has it."""
    folder, *command = sys.argv[1:]
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        handle = os.open(Path(folder, ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        holder = _lock(handle)
        if holder:
            sys.exit(
                f"{folder}: expected nobody at work in it, got process {holder}; "
                "do wait for it, or choose another name with RUN= or COMPARISON="
            )
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
    except OSError as error:
        sys.exit(f"{folder}: expected a folder that can be written, got {error.strerror}")
    os.set_inheritable(handle, True)
    # Python ignores it, and what a process ignores its successor does too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(command[0], command)


def _lock(handle: int) -> str:
    """Lock the file; return who holds it, or an empty text when it is ours."""
    try:
        import fcntl
    except ImportError:  # Windows: no such lock, and no make to speak of
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(handle, 20).decode(errors="replace") or "unknown"
    return ""


if __name__ == "__main__":
    main()
