"""Files that are there whole or not at all, and locks that end with the process."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when the block ends.

    The new content is on disk by then.  Until then, and after an error in the block, `path` is
    what it was before; a process that is killed leaves at most a file ``.NAME.PID.tmp`` behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        # The new name, too, is to survive a power failure.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def lock(path: Path, wait: bool = True) -> BinaryIO:
    """Lock a file, made with its folder if need be, and return it open; closing it ends the lock.

    The file names the process that holds the lock; one that died holds none.  If another process
    holds it, `wait` for it, or raise a BlockingIOError that says which.  On a system or a file
    system without locks nobody is kept out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+b", buffering=0)  # noqa: SIM115
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        with file:
            file.seek(0)
            raise BlockingIOError(file.read(20).decode(errors="replace") or "unknown") from None
    except (ImportError, OSError):
        pass
    file.truncate(0)
    file.write(str(os.getpid()).encode())
    return file
