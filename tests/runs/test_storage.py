"""Model files come back as they were, and no file is believed."""

import errno
import io
import os
import pickle
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference

from rnn.errors import ReportError
from rnn.runs import storage as archive
from rnn.runs.driver import train
from rnn.runs.models import Model, load_model, save_model
from rnn.runs.storage import write_whole
from rnn.settings import Settings
from rnn.text.corpus import Corpus


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return reference.book(tmp_path_factory.mktemp("books"), 2000)


def settings(dtype: str = "float64") -> Settings:
    return Settings(m=6, seq_length=5, max_updates=200, sig=0.3, dtype=dtype)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
def test_a_failed_write_is_one_line_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(b"before")

    def fails(*args: Any, **how: Any) -> Any:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        if call == "open":
            patch.setattr(archive, "open", fails, raising=False)
        else:
            patch.setattr(os, call, fails)
        with pytest.raises(ReportError) as caught:
            write_whole(path, b"after")
    message = str(caught.value)
    assert message.startswith("history.csv: expected ") and os.strerror(code) in message
    assert "\n" not in message
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"history.csv": b"before"}


@pytest.fixture(scope="module")
def model(book: Corpus) -> Model:
    return train(book, settings(), progress=False).best_model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_as_it_was(book: Corpus, tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "best_model.npz"
    saved = train(book, settings(dtype), progress=False).best_model
    save_model(path, saved)
    loaded = load_model(path)
    for name in saved.parameters._fields:
        one, other = getattr(saved.parameters, name), getattr(loaded.parameters, name)
        np.testing.assert_array_equal(one, other)
        assert other.dtype == dtype and other.flags.c_contiguous
    np.testing.assert_array_equal(saved.h, loaded.h)
    for name in ("x", "vocabulary", "update", "smooth_loss", "book"):
        assert getattr(loaded, name) == getattr(saved, name)


def test_the_same_model_gives_the_same_bytes(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / "one.npz", model)
    save_model(tmp_path / "two.npz", model)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_anyone_can_read_a_model_with_numpy_alone(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / "model.npz", model)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["W"], model.parameters.W)
        assert int(arrays["update"]) == model.update


def refusal(path: Path) -> str:
    """Load a file that must be refused, in one line and without much memory."""
    tracemalloc.start()
    with pytest.raises(ReportError) as caught:
        load_model(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    message = str(caught.value)
    assert path.name in message and "\n" not in message and len(message) < 300
    assert peak < 4_000_000
    return message


def arrays_of(model: Model) -> dict[str, Any]:
    return {
        **model.parameters._asdict(),
        "h": model.h,
        "x": np.int64(model.x),
        "vocabulary": np.array([ord(c) for c in model.vocabulary], "<u4"),
        "update": np.int64(model.update),
        "smooth_loss": np.float64(model.smooth_loss),
        "book": np.frombuffer(bytes.fromhex(model.book), np.uint8),
    }


def test_arrays_put_together_by_hand_are_taken(tmp_path: Path, model: Model) -> None:
    np.savez(tmp_path / "model.npz", **arrays_of(model))
    assert load_model(tmp_path / "model.npz").vocabulary == model.vocabulary


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an array is missing": lambda a: a.pop("W"),
    "the one that tells m is missing": lambda a: a.pop("b"),
    "an array too many": lambda a: a.update(Z=np.zeros(3)),
    "a matrix of another shape": lambda a: a.update(W=np.zeros((7, 7))),
    "a matrix flattened": lambda a: a.update(W=a["W"].ravel()),
    "a matrix transposed in memory": lambda a: a.update(W=np.asfortranarray(a["W"])),
    "a bias that is a matrix": lambda a: a.update(b=a["b"].reshape(1, -1)),
    "two types of numbers": lambda a: a.update(W=a["W"].astype(np.float32)),
    "whole numbers": lambda a: a.update({n: a[n].astype(int) for n in "WUVbch"}),
    "big-endian numbers": lambda a: a.update({n: a[n].astype(">f8") for n in "WUVbch"}),
    "complex numbers": lambda a: a.update({n: a[n].astype(complex) for n in "WUVbch"}),
    "half numbers": lambda a: a.update({n: a[n].astype(np.float16) for n in "WUVbch"}),
    "a weight that is no number": lambda a: a.update(W=a["W"] * np.nan),
    "an infinite state": lambda a: a.update(h=a["h"] + np.inf),
    "an unsorted vocabulary": lambda a: a.update(vocabulary=a["vocabulary"][::-1].copy()),
    "a character twice": lambda a: a["vocabulary"].__setitem__(1, a["vocabulary"][0]),
    "no Unicode": lambda a: a["vocabulary"].__setitem__(-1, 0xFFFFFFFF),
    "another number of characters": lambda a: a.update(vocabulary=a["vocabulary"][:-1]),
    "a character outside": lambda a: a.update(x=np.int64(len(a["vocabulary"]))),
    "a negative character": lambda a: a.update(x=np.int64(-1)),
    "a text for a number": lambda a: a.update(update="many"),
    "no units and no characters": lambda a: a.update(
        {n: np.zeros((0,) * np.ndim(a[n])) for n in "WUVbch"}, vocabulary=np.zeros(0, "<u4")
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_arrays_that_do_not_belong_together_are_refused(
    tmp_path: Path, model: Model, change: Callable[[dict[str, Any]], Any]
) -> None:
    arrays = {name: np.array(array) for name, array in arrays_of(model).items()}
    change(arrays)
    np.savez(tmp_path / "model.npz", **arrays)
    assert refusal(tmp_path / "model.npz").startswith("model.npz: expected ")


class Dangerous:
    """Would leave a file behind if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def npy(header: dict[str, Any], data: bytes = b"") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + data


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def huge(shape: tuple[int, ...]) -> bytes:
    return npy({"descr": "<f8", "fortran_order": False, "shape": shape}, b"\0" * 64)


def whole(model: Model, **changed: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays_of(model) | changed)
    return file.getvalue()


def objects(path: Path) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = Dangerous(path)
    return array


def compressed(model: Model) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays_of(model) | {"W": np.zeros((3000, 3000))})
    return file.getvalue()


def all_arrays(content: bytes) -> bytes:
    """Put the same content under the name of every array of a model."""
    names = ("W", "b", "V", "c", "U", "h", "x", "vocabulary", "update", "smooth_loss", "book")
    return zipped({f"{name}.npy": content for name in names})


NO_BYTES_EACH = npy({"descr": "|V0", "fortran_order": False, "shape": (2**60,)})
CODE = b"\x93NUMPY\x01\x00\x20\x00__import__('os').system('true')\n"
DEEP = b"\x93NUMPY\x01\x00\x00\x20" + b"(" * 0x2000

#: Files by what is wrong with them, made from a good model and a path that must stay untouched.
FOREIGN: dict[str, Callable[[Model, Path], bytes]] = {
    "empty": lambda model, path: b"",
    "text": lambda model, path: b"This is no model.\n" * 50,
    "picture": lambda model, path: b"\x89PNG\r\n\x1a\n" + bytes(500),
    "pickle": lambda model, path: pickle.dumps(Dangerous(path)),
    "objects": lambda model, path: whole(model, W=objects(path)),
    "bomb": lambda model, path: compressed(model),
    "petabytes": lambda model, path: all_arrays(huge((2**50, 8))),
    "more than 64 bits": lambda model, path: all_arrays(huge((2**62, 2**62))),
    "64 bits and a little": lambda model, path: all_arrays(huge((2**61 + 1, 8))),
    "negative": lambda model, path: all_arrays(huge((-1, -8))),
    "no bytes each": lambda model, path: all_arrays(NO_BYTES_EACH),
    "a header that is code": lambda model, path: all_arrays(CODE),
    "a deep header": lambda model, path: all_arrays(DEEP),
    "another format": lambda model, path: all_arrays(b"\x93NUMPY\x03\x00" + bytes(100)),
    "no arrays": lambda model, path: all_arrays(b"nothing"),
    "a lying header": lambda model, path: whole(model).replace(b"(6, 6)", b"(9**9,", 1),
    "an empty archive": lambda model, path: zipped({}),
    "many files": lambda model, path: zipped({f"{i}.npy": huge((8,)) for i in range(500)}),
    "a single array": lambda model, path: huge((8,)),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=list(FOREIGN))
def test_a_foreign_file_is_refused_before_memory_is_taken_or_code_is_run(
    tmp_path: Path, model: Model, content: Callable[[Model, Path], bytes]
) -> None:
    path, touched = tmp_path / "model.npz", tmp_path / "touched"
    path.write_bytes(content(model, touched))
    assert refusal(path).startswith("model.npz: expected a file that this program wrote, got ")
    assert not touched.exists()


def test_entries_that_share_their_bytes_cannot_claim_more_than_the_file(
    tmp_path: Path, model: Model
) -> None:
    content = bytearray(zipped({"W.npy": huge((8,)), "U.npy": huge((8,))}))
    # Both entries of the directory point at the first one's bytes, under two names.
    second = content.rfind(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)
    (tmp_path / "model.npz").write_bytes(content)
    refusal(tmp_path / "model.npz")


def test_no_damage_to_a_model_goes_unnoticed(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "model.npz"
    save_model(path, model)
    whole, rng = path.read_bytes(), random.Random(0)
    before = {name: np.array(array) for name, array in arrays_of(model).items()}
    refused = 0
    for trial in range(400):
        damaged = bytearray(whole)
        if trial % 2:
            damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        else:
            del damaged[rng.randrange(len(whole)) :]
        path.write_bytes(damaged)
        try:
            loaded = load_model(path)
        except ReportError as error:
            assert "\n" not in str(error)
            refused += 1
        else:  # a byte that nobody reads, such as a date
            for name, array in arrays_of(loaded).items():
                np.testing.assert_array_equal(array, before[name])
    assert refused > 300


def test_a_missing_model_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(ReportError) as caught:
        load_model(tmp_path / "best_model.npz")
    assert str(caught.value).startswith("expected a trained model in ")
    assert str(caught.value).endswith("run 02_training_evolution.ipynb with the same run_dir first")


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="expected a file that can be read, got Is a directory"):
        load_model(tmp_path)
