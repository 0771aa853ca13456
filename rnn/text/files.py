"""Files that are there whole or not at all, their sums, and locks that end with the process."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: Where a folder has the sums of what was written into it: lines of a sha256 and a name.
SUMS = ".sums"


def expanded(path: str) -> Path:
    """Return a path with ``~`` and ``~NAME`` as home folders; as it is if nobody has that name."""
    return Path(os.path.expanduser(path))  # pathlib's way raises a RuntimeError


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
        note_sum(path, temporary)
        os.replace(temporary, path)
        # The new name, too, is to survive a power failure, where the file system can do that.
        with contextlib.suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def note_sum(path: Path, new: Path) -> None:
    """Note what `path` is about to hold, the content of `new`, in its folder's `SUMS`, if there.

    What it held before stays noted too: a process may be killed between this and the change.
    """
    if (path.parent / SUMS).is_file():
        line = f"{sha256_of(new)}  {path.name}\n"
        with open(path.parent / SUMS, "ab", buffering=0) as file:
            file.write(line.encode())


def altered_files(folder: Path, tidy: bool = False) -> list[Path]:
    """Return the files of a folder that do not hold what they were left with, by its `SUMS`.

    Those that are gone are among them, those that were never noted are not.  With `tidy`, for
    whoever holds the folder, `SUMS` is made if need be, or made shorter; else nothing is written.
    """
    lines: list[str] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    noted: dict[str, list[str]] = {}
    for line in lines:
        if found := re.fullmatch(r"([0-9a-f]{64})  ([^/]+)", line):
            noted.setdefault(found[2], []).append(found[1])
    kept = {name: sums[-2:] for name, sums in noted.items()}
    if tidy:
        text = "".join(f"{one}  {name}\n" for name, sums in kept.items() for one in sums)
        with atomic_write(folder / SUMS) as file:
            file.write(text.encode())
    return [folder / name for name, sums in kept.items() if not holds(folder / name, *sums)]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def holds(path: Path, *sums: str) -> bool:
    """Tell whether a file is there, can be read and has one of some sums."""
    try:
        return sha256_of(path) in sums
    except OSError:
        return False


def lock(path: Path, wait: bool = True) -> BinaryIO:
    """Lock a file, made with its folder if need be, and return it open; closing it ends the lock.

    The file names the process that holds the lock and the one that started that; one that died
    holds none.  If another process holds it, `wait` for it, or raise a BlockingIOError that says
    which.  On a system or a file system without locks nobody is kept out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = open(path, "a+b", buffering=0)  # noqa: SIM115
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        with file:
            holder = next(iter(_processes(path)), "unknown")
            raise BlockingIOError(str(holder)) from None
    except (ImportError, OSError):
        pass
    file.truncate(0)
    file.write(f"{os.getpid()} {os.getppid()}".encode())
    return file


def is_orphaned(path: Path) -> bool:
    """Tell whether the process that took a lock, or the one that had started that, has ended."""
    return not all(map(is_running, _processes(path)))


def _processes(path: Path) -> list[int]:
    with contextlib.suppress(OSError):
        words = path.read_bytes()[:40].decode(errors="replace").split()
        return [int(word) for word in words if word.isdecimal()]
    return []


def is_running(process: int) -> bool:
    """Tell whether a process is at work; one that has ended and is not yet taken note of is not."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[:1] != [b"Z"]
    return True
