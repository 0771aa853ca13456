"""What was computed by other sources is not mixed in; what only reads differently is."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

import numba
import pytest

import rnn
from rnn.kernels.compilation import SOURCE_DIGEST, digest_of_code

SOURCE = '''
"""A module."""

# A comment.
LIMIT = 10


def halve(x):
    """Halve a number."""
    if x > LIMIT:
        raise ValueError(f"x: expected at most {LIMIT}, got {x}")
    return x / 2
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Halve a number", "Return half of a number"),
        ("A module", "Another module"),
        ("# A comment.", "# Another one,\n# of two lines."),
        ("expected at most", "should have been at most"),
        ("x / 2", "(x  /  2)"),
    ],
)
def test_what_is_only_worded_differently_is_the_same_code(old: str, new: str) -> None:
    assert old in SOURCE
    assert digest_of_code([SOURCE.replace(old, new)]) == digest_of_code([SOURCE])


@pytest.mark.parametrize(
    ("old", "new"),
    [("x / 2", "x / 3"), ("LIMIT = 10", "LIMIT = 11"), ("x > LIMIT", "x >= LIMIT"), ("/", "*")],
)
def test_what_computes_something_else_is_other_code(old: str, new: str) -> None:
    assert old in SOURCE
    assert digest_of_code([SOURCE.replace(old, new)]) != digest_of_code([SOURCE])


@pytest.fixture
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], str]:
    """Return what the sources' digest is with a text replaced in one of the files of ``rnn``."""
    # Or loading the copy would move the cache of the compiled code.
    monkeypatch.setenv("NUMBA_CACHE_DIR", numba.config.CACHE_DIR)
    (folder,) = map(Path, rnn.__path__)

    def changed(file: str, old: str, new: str) -> str:
        copy = tmp_path / "rnn"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__"))
        source = (copy / file).read_text(encoding="utf-8")
        assert old in source
        (copy / file).write_text(source.replace(old, new), encoding="utf-8")
        path = copy / "kernels" / "compilation.py"
        spec = importlib.util.spec_from_file_location("copy", path)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return str(module.SOURCE_DIGEST)

    return changed


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("model.py", "Compute the hidden states", "Calculate the hidden states"),
        ("settings.py", "use a longer text", "take a longer text"),
        ("runs/run.py", "return", "print(); return"),
    ],
)
def test_rewording_the_math_and_changing_other_code_discards_nothing(
    digest: Callable[[str, str, str], str], file: str, old: str, new: str
) -> None:
    assert digest(file, old, new) == SOURCE_DIGEST


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("training.py", "0.999 * losses[0]", "0.99 * losses[0]"),
        ("kernels/elementary.py", "np.float32(355 / 512)", "np.float32(356 / 512)"),
    ],
)
def test_a_number_changed_in_the_math_or_the_kernels_is_noticed(
    digest: Callable[[str, str, str], str], file: str, old: str, new: str
) -> None:
    assert digest(file, old, new) != SOURCE_DIGEST
