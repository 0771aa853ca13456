"""Files of a run are whole or not there, have one writer at a time, and are never believed."""

import errno
import io
import os
import pickle
import stat
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnn import ROOT
from rnn.errors import ReportError
from rnn.runs.storage import (
    Headers,
    hold,
    read_arrays,
    read_file,
    read_json,
    run_folder,
    write_arrays,
    write_whole,
)


def line(error: pytest.ExceptionInfo[ReportError]) -> str:
    """Return the message of an error, which is one line."""
    message = str(error.value)
    assert "\n" not in message and len(message) < 300
    return message


# -- Writing


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=os.strerror)
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
            patch.setattr("rnn.text.files.open", fails, raising=False)
        else:
            patch.setattr(os, call, fails)
        with pytest.raises(ReportError) as caught:
            write_whole(path, b"after")
    assert line(caught).startswith("history.csv: expected ") and os.strerror(code) in line(caught)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"history.csv": b"before"}


def test_a_file_is_written_where_folders_cannot_be_synchronized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "history.csv", b"whole")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"history.csv": b"whole"}


def test_a_folder_in_the_way_of_which_there_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportError, match=r"^states: expected a folder that can be written"):
        run_folder(tmp_path / "file" / "states")


def test_a_relative_folder_is_taken_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn.runs.storage.ROOT", tmp_path)
    assert run_folder("reports/a") == tmp_path / "reports" / "a"
    assert (tmp_path / "reports" / "a").is_dir()


# -- The lock


@pytest.mark.skipif(sys.platform == "win32", reason="locks of Unix")
def test_a_lock_is_refused_or_waited_for_until_its_holder_dies(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    script = (
        "import sys, time; from pathlib import Path; from rnn.runs.storage import hold\n"
        "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(ReportError) as caught, hold(lock, wait=False):
            raise AssertionError("another process holds it")
        assert f"got process {other.pid}; wait until it ends" in line(caught)
        begun = time.monotonic()
        subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {other.pid}"])
        with hold(lock):
            assert time.monotonic() - begun > 0.2
            assert lock.read_text().split()[0] == str(os.getpid())
    with hold(lock, wait=False):
        pass


def test_without_locks_nobody_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with hold(tmp_path / "lock"), hold(tmp_path / "lock", wait=False):
        pass


# -- JSON and what else is parsed


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).astype({"update": int})


def test_a_file_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert read_json(tmp_path / "a.json", object) is None
    assert read_json(tmp_path / "a.json", object, {}) == {}
    assert read_file(tmp_path / "a.csv", table) is None


def test_a_file_comes_back_as_it_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, null]}')
    (tmp_path / "a.csv").write_text("update\n1\n2\n")
    assert read_json(tmp_path / "a.json", object) == {"a": [1, None]}
    assert read_file(tmp_path / "a.csv", table)["update"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{\n"),
        ("a.json", b"\xff"),
        ("a.csv", b""),
        ("a.csv", b"a,b\n1,2\n"),
        ("a.csv", b"update\nmany\n"),
        ("a.csv", b"update\n1,2,3\n1,2,3,4,5\n"),
    ],
)
def test_a_file_of_others_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReportError) as caught:
        read_json(path, object) if path.suffix == ".json" else read_file(path, table)
    assert line(caught).startswith(f"{name}: expected a file that this program wrote, got ")


# -- Arrays

ARRAYS = {"W": np.arange(36.0).reshape(6, 6), "b": np.arange(6.0), "n": np.int64(3)}


def wanted(headers: Headers) -> Headers:
    """Want what `ARRAYS` are, for any number of rows."""
    (m,), _ = headers["b"]
    real = np.dtype(float)
    return {"W": ((m, m), real), "b": ((m,), real), "n": ((), np.dtype(np.int64))}


def refusal(path: Path) -> str:
    """Read arrays that must be refused, in one line and without much memory."""
    tracemalloc.start()
    with pytest.raises(ReportError) as caught:
        read_arrays(path, wanted)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000
    assert line(caught).startswith(f"{path.name}: expected a file that this program wrote, got ")
    return line(caught)


@pytest.mark.parametrize("digest", [False, True])
def test_arrays_come_back_and_the_same_ones_give_the_same_bytes(
    tmp_path: Path, digest: bool
) -> None:
    for name in ("one", "two"):
        write_arrays(tmp_path / name, ARRAYS, digest)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = read_arrays(tmp_path / "one", wanted, digest)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    assert found["W"].flags.c_contiguous


def test_a_digest_finds_every_damaged_bit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_arrays(path, ARRAYS, digest=True)
    whole = path.read_bytes()
    for place in range(0, len(whole), 101):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ReportError, match="expected a whole file, got a damaged one"):
            read_arrays(path, wanted, digest=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"W": np.zeros((7, 7))},
        {"W": np.zeros(36)},
        {"W": np.asfortranarray(ARRAYS["W"])},
        {"W": np.zeros((6, 6), np.float32)},
        {"W": np.zeros((6, 6), ">f8")},
        {"b": np.zeros((1, 6))},
        {"n": "many"},
        {"Z": np.zeros(3)},
    ],
    ids=["shape", "flat", "transposed", "type", "bytes", "rows", "text", "too many"],
)
def test_arrays_that_do_not_belong_together_are_refused(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    np.savez(tmp_path / "model.npz", **ARRAYS | changed)
    refusal(tmp_path / "model.npz")


class Dangerous:
    """Would leave a file behind if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def npy(shape: tuple[int, ...], descr: str = "<f8") -> bytes:
    """Return a header that claims a shape, with eight numbers to it."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + b"\0" * 64


def zipped(entries: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def every(content: bytes) -> bytes:
    """Put the same content under the name of every array."""
    return zipped({f"{name}.npy": content for name in ARRAYS})


def saved(save: Callable[..., None] = np.savez, **changed: Any) -> bytes:
    file = io.BytesIO()
    save(file, **ARRAYS | changed)
    return file.getvalue()


def objects(path: Path) -> np.ndarray:
    array = np.empty(1, object)
    array[0] = Dangerous(path)
    return array


def sharing() -> bytes:
    """Return an archive with two names for the bytes of one entry."""
    content = bytearray(zipped({"W.npy": npy((8,)), "b.npy": npy((8,))}))
    second = content.rfind(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)
    return bytes(content)


#: Files by what is wrong with them, made with a path that must stay untouched.
FOREIGN: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda path: b"",
    "text": lambda path: b"This is no model.\n" * 50,
    "pickle": lambda path: pickle.dumps(Dangerous(path)),
    "objects": lambda path: saved(W=objects(path)),
    "bomb": lambda path: saved(np.savez_compressed, W=np.zeros((3000, 3000))),
    "petabytes": lambda path: every(npy((2**50, 8))),
    "more than 64 bits": lambda path: every(npy((2**62, 2**62))),
    "negative": lambda path: every(npy((-1, -8))),
    "no bytes each": lambda path: every(npy((2**60,), "|V0")),
    "code": lambda path: every(b"\x93NUMPY\x01\x00\x20\x00__import__('os').system('true')\n"),
    "deep": lambda path: every(b"\x93NUMPY\x01\x00\x00\x20" + b"(" * 0x2000),
    "another format": lambda path: every(b"\x93NUMPY\x03\x00" + bytes(100)),
    "a lying header": lambda path: saved().replace(b"(6, 6)", b"(9**9,", 1),
    "an empty archive": lambda path: zipped({}),
    "many files": lambda path: zipped({f"{i}.npy": npy((8,)) for i in range(500)}),
    "shared bytes": lambda path: sharing(),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=list(FOREIGN))
def test_a_foreign_file_is_refused_before_memory_is_taken_or_code_is_run(
    tmp_path: Path, content: Callable[[Path], bytes]
) -> None:
    path, touched = tmp_path / "model.npz", tmp_path / "touched"
    path.write_bytes(content(touched))
    refusal(path)
    assert not touched.exists()


def test_a_directory_is_not_a_file_of_arrays(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="expected a file that can be read, got Is a directory"):
        read_arrays(tmp_path, wanted)
