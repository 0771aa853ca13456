"""The files of a run: written whole or not at all, one writer at a time, read with suspicion.

Reading runs no code from a file, and takes no memory before what the file claims to hold was
compared with what it can hold and with what is wanted.
"""

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnn import ROOT
from rnn.errors import LARGEST, ReportError, shown
from rnn.runs.progress import note
from rnn.text.files import atomic_write, is_orphaned, lock

#: Shape and type of every array, as a file claims them or as they are wanted.
Headers = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]

#: What plain data should be, by its names; see `misfit`.
Schema = dict[Any, Any]

#: A count, and one that is not zero.
COUNT, POSITIVE = range(LARGEST), range(1, LARGEST)


def run_folder(run_dir: str | Path) -> Path:
    """Return the folder of a run, made if need be.

    A relative one is taken from the project's root, so that a notebook finds it from any working
    directory.  Raises a ReportError if it cannot be made.
    """
    folder = ROOT / run_dir
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def hold(path: Path, wait: bool = True) -> Iterator[None]:
    """Keep other processes from holding the same lock, a file, until the block ends.

    The lock of a process that died does not exist.  If another process holds it, `wait` for it or
    raise a ReportError; one that is about to end, as what had started it has, is always waited for.
    """
    with _writing(path):
        try:
            file = lock(path, wait)
        except BlockingIOError as holder:
            if not is_orphaned(path):
                raise ReportError(
                    f"{path.parent.name}: expected no other process at work in it, got process "
                    f"{holder}; wait until it ends or choose another run_dir"
                ) from None
            note(f"{path.parent.name}: waiting for process {holder}, whose parent has ended")
            file = lock(path)
    with file:
        yield


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole, on disk; else what was before stays.

    Raises a ReportError if it cannot be written (a full disk, a read-only folder).
    """
    with _writing(path), atomic_write(path) as file:
        file.write(content)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn an OSError into a ReportError."""
    try:
        yield
    except OSError as error:
        raise ReportError(
            f"{path.name}: expected a folder that can be written, got {path.parent.name!r} "
            f"({error.strerror or error}); make room or choose another run_dir"
        ) from None


def read_file(path: Path, parse: Callable[[Path], Any], otherwise: Any = None) -> Any:
    """Return what `parse` makes of a file, a ReportError if it fails; `otherwise` if none is."""
    with _reading(path):
        return parse(path) if path.exists() else otherwise


def read_json(path: Path, schema: Any, otherwise: Any = None) -> Any:
    """Return what a JSON file of a run holds, as `read_file` does, if a `misfit` schema has it."""

    def parse(path: Path) -> Any:
        content = json.loads(path.read_bytes())
        if wrong := misfit(content, schema):
            raise ValueError(wrong)
        return content

    return read_file(path, parse, otherwise)


def read_table(path: Path, schema: Schema, optional: Schema | None = None) -> Any:
    """Return the columns named in the schemas of a CSV file, as a DataFrame, None if there is none.

    A `ReportError` if one that is not optional is missing, or has a value that is no `misfit`; a
    number that is missing is None there, and NaN in the table.
    """

    def parse(path: Path) -> pd.DataFrame:
        table = pd.read_csv(path)
        table = table[[*schema, *(name for name in optional or () if name in table)]]
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        if wrong := misfit(rows, [schema | (optional or {})], "row"):
            raise ValueError(wrong)
        return table

    return read_file(path, parse)


def plain(value: Any) -> Any:
    """Return plain data as JSON gives it back, with None in the place of NaN and infinity."""
    text = json.dumps(value, default=np.generic.item)
    return json.loads(text, parse_constant=lambda _: None)


def misfit(value: Any, schema: Any, place: str = "") -> str:
    """Return where plain data is not what a schema says, with what is there; empty if nowhere.

    A schema is a type (`float` is a finite number, `object` anything), a range of whole numbers,
    None, a tuple of alternatives, a list with the schema of every item, or a dict of those of
    names, any of which may be missing; the one of `str` is that of all other names.
    """
    if isinstance(schema, tuple):
        wrong = [misfit(value, one, place) for one in schema]
        return wrong[0] if all(wrong) else ""
    parts: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(schema, dict):
        good, others = isinstance(value, dict), schema.get(str, object)
        parts = [(n, x, schema.get(n, others)) for n, x in value.items()] if good else ()
    elif isinstance(schema, list):
        good = isinstance(value, list)
        parts = [(i, x, schema[0]) for i, x in enumerate(value)] if good else ()
    elif isinstance(schema, range):
        good = type(value) is int and value in schema
    elif schema is float:
        good = type(value) in (int, float) and math.isfinite(value)
    else:
        good = value is None if schema is None else type(value) is schema or schema is object
    if not good:
        return f"{place.lstrip('.') or 'it'} is {shown(value)}"
    return next(filter(None, (misfit(x, kind, f"{place}.{name}") for name, x, kind in parts)), "")


def write_arrays(path: Path, arrays: dict[str, Any], digest: bool = False) -> None:
    """Write arrays by name as `numpy.savez` does; the same arrays give the same bytes.

    With `digest` the file begins with the sha256 of the rest.
    """
    file = io.BytesIO()
    np.savez(file, **arrays)
    content = file.getvalue()
    write_whole(path, hashlib.sha256(content).digest() + content if digest else content)


def read_arrays(
    path: Path, wanted: Callable[[Headers], Headers], digest: bool = False
) -> dict[str, np.ndarray]:
    """Read the arrays that `write_arrays` wrote; a ReportError if they are damaged or others.

    `wanted` returns the shapes and types that the file should have, given those that it claims, as
    some may depend on others.
    """
    arrays = {}
    with _reading(path), open(path, "rb") as file:
        if digest and file.read(32) != hashlib.file_digest(file, "sha256").digest():
            raise ReportError(f"{path.name}: expected a whole file, got a damaged one")
        with zipfile.ZipFile(file) as archive:
            headers = _headers(archive, os.fstat(file.fileno()).st_size)
            expected = wanted(headers)
            for name in headers | expected:
                if headers.get(name) != expected.get(name):
                    raise ValueError(f"{name} is {headers.get(name)}, not {expected.get(name)}")
            for name in headers:
                with archive.open(f"{name}.npy") as part:
                    arrays[name] = np.lib.format.read_array(part, allow_pickle=False)
    return arrays


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever reading a file raises into a ReportError."""
    try:
        yield
    except ReportError:
        raise
    except OSError as error:
        raise ReportError(
            f"{path.name}: expected a file that can be read, got {error.strerror}"
        ) from None
    # The readers of NumPy, pandas and zipfile raise a dozen kinds of errors on what is not theirs.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ReportError(
            f"{path.name}: expected a file that this program wrote, got another or a damaged one "
            f"({reason[:100]}); delete it and run again"
        ) from None


def _headers(archive: zipfile.ZipFile, size: int) -> Headers:
    """Read what the entries claim to be, and refuse more than `size` bytes can hold."""
    headers: Headers = {}
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
            if name in headers or transposed or dtype.hasobject or min(shape, default=0) < 0:
                raise ValueError(f"{name!r} is not a plain array")
            if math.prod(shape) * dtype.itemsize + part.tell() != entry.file_size:
                raise ValueError(f"{name!r} claims the shape {shape}")
        headers[name] = shape, dtype
    return headers
