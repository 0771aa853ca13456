"""Arrays in files: written whole or not at all, read with suspicion.

Reading runs no code from a file, and takes no memory before what the file claims to hold was
compared with what it can hold and with what is wanted.
"""

import contextlib
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from rnn import ROOT
from rnn.errors import ReportError

__all__ = ["Header", "archive", "check_headers", "read_arrays", "run_folder", "write_whole"]

#: Shape and type of an array, as a file claims them.
Header = tuple[tuple[int, ...], np.dtype[Any]]


def run_folder(run_dir: str) -> Path:
    """Return the folder of a run, made if need be.

    Parameters
    ----------
    run_dir : str
        A folder; a relative one is taken from the project's root, so that a notebook finds it
        from any working directory.

    Raises
    ------
    ReportError
        If the folder cannot be made.
    """
    folder = ROOT / run_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"run_dir: expected a folder that can be written, got {run_dir!r} ({error.strerror})"
        ) from None
    return folder


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, on disk, or not at all.

    Parameters
    ----------
    path : Path
        The file; what was there before is replaced in one step.
    content : bytes
        What it is to hold.

    Raises
    ------
    ReportError
        If it cannot be written (a full disk, a read-only folder); what was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        # The new name, too, is to survive a power cut.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ReportError(
            f"{path.name}: expected a folder with room to write in, got {path.parent.name!r} "
            f"({error.strerror or error}); make room or take another run_dir"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def archive(arrays: dict[str, Any]) -> bytes:
    """Return arrays as an archive for `read_arrays`; the same arrays give the same bytes."""
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def check_headers(headers: dict[str, Header], wanted: dict[str, Header]) -> None:
    """Raise a ValueError if an archive claims to hold something other than what is wanted."""
    if headers.keys() != wanted.keys():
        raise ValueError(f"arrays {', '.join(headers)}")
    for name, (shape, dtype) in headers.items():
        if (shape, dtype) != wanted[name]:
            right_shape, right_type = wanted[name]
            raise ValueError(
                f"{name} of shape {shape} and type {dtype}, not {right_shape} and {right_type}"
            )


def read_arrays(
    file: BinaryIO, name: str, check: Callable[[dict[str, Header]], None]
) -> dict[str, np.ndarray]:
    """Read the arrays of an archive as `numpy.savez` writes it.

    Parameters
    ----------
    file : binary file
        Open for reading.
    name : str
        What to call it in a message.
    check : function
        Given what the archive claims to hold, by name; raises a ValueError if that is not what
        is wanted.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ReportError
        If it is no such archive, is damaged, or `check` says so.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            check(_headers(archive, file.seek(0, os.SEEK_END)))
            arrays = {}
            for entry in archive.infolist():
                with archive.open(entry) as part:
                    arrays[entry.filename.removesuffix(".npy")] = np.lib.format.read_array(
                        part, allow_pickle=False
                    )
            return arrays
    # The readers of NumPy and of zipfile raise a dozen kinds of errors on what is not theirs.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReportError(
            f"{name}: expected a file that this program wrote, got another or a damaged one "
            f"({reason[:100]}); delete it or put the right one there"
        ) from None


def _headers(archive: zipfile.ZipFile, size: int) -> dict[str, Header]:
    """Read what the entries claim to be, and refuse more than `size` bytes can hold."""
    headers: dict[str, Header] = {}
    left = size
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        left -= entry.file_size
        if entry.compress_type != zipfile.ZIP_STORED or left < 0:
            raise ValueError(f"{name!r} claims {entry.file_size:,} bytes")
        with archive.open(entry) as part:
            if np.lib.format.read_magic(part) != (1, 0):
                raise ValueError(f"{name!r} has an unknown format")
            shape, transposed, dtype = np.lib.format.read_array_header_1_0(part)
            count = 1
            for length in shape:
                count *= length
            if name in headers or transposed or dtype.hasobject or min(shape, default=0) < 0:
                raise ValueError(f"{name!r} is not a plain array")
            if count * dtype.itemsize + part.tell() != entry.file_size:
                raise ValueError(f"{name!r} claims the shape {shape}")
        headers[name] = shape, dtype
    return headers
