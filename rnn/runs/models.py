"""Trained models: their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.model import Architecture, named
from rnn.runs.storage import Header, archive, check_headers, read_arrays, write_whole

__all__ = ["Model", "load_model", "save_model"]

#: The cell of files that name none.
_FIRST_CELL = next(iter(CELLS))


@dataclass(frozen=True)
class Model:
    """A trained model with all that is needed to use it.

    Attributes
    ----------
    parameters : Parameters
        Its parameters, named tuple of its cell.
    h : (state size,)
        The state of the network after its last update.
    x : int
        The character that follows in the text: what is read next.
    vocabulary : str
        The characters; a character's id is its place.
    update : int
        The update it was taken after.
    smooth_loss : float
        The smooth loss at that update.
    book : str
        The sha256 of the text it was trained on.
    """

    parameters: Any
    h: np.ndarray
    x: int
    vocabulary: str
    update: int
    smooth_loss: float
    book: str


def save_model(path: Path, model: Model) -> None:
    """Write a model; the same model gives the same bytes."""
    arrays: dict[str, Any] = {**named(model.parameters), "h": model.h}
    arrays["x"] = np.int64(model.x)
    arrays["vocabulary"] = np.frombuffer(model.vocabulary.encode("utf-32-le"), "<u4")
    arrays["update"] = np.int64(model.update)
    arrays["smooth_loss"] = np.float64(model.smooth_loss)
    arrays["book"] = np.frombuffer(bytes.fromhex(model.book), np.uint8)
    cell = next(name for name, cell in CELLS.items() if cell is type(model.parameters))
    if cell != _FIRST_CELL:
        arrays["cell"] = np.frombuffer(cell.encode(), np.uint8)
    write_whole(path, archive(arrays))


def load_model(path: Path) -> Model:
    """Read a model.

    Raises
    ------
    ReportError
        If there is none, or the file is not one of ours.
    """
    try:
        with open(path, "rb") as file:
            arrays = read_arrays(file, path.name, _check)
    except FileNotFoundError:
        raise ReportError(
            f"expected a trained model in {path.parent.name}/{path.name}, got none; "
            "run 02_training_evolution.ipynb with the same run_dir first"
        ) from None
    except OSError as error:
        raise ReportError(
            f"{path.name}: expected a file that can be read, got {error.strerror}"
        ) from None
    points = arrays["vocabulary"]
    cell = CELLS.get(arrays["cell"].tobytes().decode() if "cell" in arrays else _FIRST_CELL)
    headers = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    good = (
        cell is not None
        and headers == _wanted(headers, cell)
        and all(np.isfinite(part).all() for part in arrays.values())
        and points.max() < 0x110000
        and (np.diff(points.astype(np.int64)) > 0).all()
        and 0 <= arrays["x"] < len(points)
    )
    if not good:
        raise ReportError(
            f"{path.name}: expected finite parameters of a known cell and a sorted vocabulary, got "
            "others; train again"
        )
    architecture = _architecture(headers, cell)
    parameters = architecture.parameters(np.empty(architecture.size, arrays["V"].dtype))
    for name, part in named(parameters).items():
        part[...] = arrays[name]
    return Model(
        parameters=parameters,
        h=arrays["h"],
        x=int(arrays["x"]),
        vocabulary="".join(map(chr, points)),
        update=int(arrays["update"]),
        smooth_loss=float(arrays["smooth_loss"]),
        book=arrays["book"].tobytes().hex(),
    )


def _check(headers: dict[str, Header]) -> None:
    """Compare what a file claims to hold with models of every cell; the closest names the error."""
    if all(headers != _wanted(headers, cell) for cell in CELLS.values()):
        check_headers(headers, _wanted(headers, CELLS[_FIRST_CELL]))


def _wanted(headers: dict[str, Header], cell: Any) -> dict[str, Header]:
    """Return what a model with a cell holds, of the size that a file claims."""
    architecture, real = _architecture(headers, cell), headers["V"][1]
    if real not in (np.float32, np.float64) or min(architecture.m, architecture.K) < 1:
        raise ValueError(f"parameters of type {real} for m = {architecture.m}")
    shapes = architecture.named_shapes | {"h": (architecture.state_size,)}
    wanted: dict[str, Header] = {name: (shape, real) for name, shape in shapes.items()}
    wanted |= {"x": ((), np.dtype(np.int64)), "vocabulary": ((architecture.K,), np.dtype("<u4"))}
    wanted |= {"update": ((), np.dtype(np.int64)), "smooth_loss": ((), np.dtype(np.float64))}
    wanted |= {"book": ((32,), np.dtype(np.uint8))}
    if "cell" in headers:
        wanted["cell"] = (headers["cell"][0][:1], np.dtype(np.uint8))
    return wanted


def _architecture(headers: dict[str, Header], cell: Any) -> Architecture:
    """Return what the network in a file is made of, by the shapes of its arrays."""
    (K, m), _ = headers["V"]
    return Architecture(cell, m, K, sum(name.startswith("W") for name in headers))
