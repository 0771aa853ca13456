"""One seed gives the same bits on every processor.

The hashes of a short run are in `equal_bits.json`; those of the files of the default run belong to
`rnn.pipeline.verify`.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import papermill
import pytest
from equal_bits import functions, optimizers
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

from rnn.pipeline.verify import DEFAULT_RUN

TESTS = Path(__file__).resolve().parent
STORED = json.loads((TESTS / "equal_bits.json").read_text(encoding="utf-8"))

#: Processors that code can be compiled for on this one: of two makers, with vectors of 32 and of 64
#: bytes, and one without fused multiply-adds, which the C library then makes, slowly.
TARGETS = {
    "Intel and AMD, 32 bytes": ("x86-64-v3", "+avx2,+fma"),
    "AMD, 32 bytes": ("znver3", "+avx2,+fma"),
    "Intel, 64 bytes": ("skylake-avx512", "+avx512f,+avx512dq,+avx512bw,+avx512vl,+fma"),
    "AMD, 64 bytes": ("znver4", "+avx512f,+avx512dq,+avx512bw,+avx512vl,+fma"),
    "without fused multiply-adds": ("nehalem", "+sse4.2"),
}

#: A Python for 64-bit Arm, emulated, if it has been made.
ARM = TESTS.parent / ".cache" / "arm" / "python"

_chosen = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]

#: What NumPy and its BLAS choose code by, and another choice.
LIBRARIES = {
    "plain NumPy": {"NPY_DISABLE_CPU_FEATURES": " ".join(_chosen)},
    "BLAS for Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "BLAS for Skylake": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "BLAS for Zen": {"OPENBLAS_CORETYPE": "Zen"},
}


def hashes(updates: int, python: str = sys.executable, **environment: str) -> dict[str, str]:
    """Compute the hashes of a short run in a process of its own."""
    done = subprocess.run(
        [python, "-W", "ignore", str(TESTS / "equal_bits.py"), str(updates)],
        env=os.environ | {"PYTHONPATH": str(TESTS.parent)} | environment,
        cwd=TESTS.parent, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_functions_and_optimizers_give_the_stored_bits() -> None:
    stored = STORED["3000"]
    assert (functions(), optimizers()) == (stored["functions"], stored["optimizers"])


def test_a_short_run_gives_the_stored_bits() -> None:
    assert hashes(300) == STORED["300"]


@pytest.mark.slow
@pytest.mark.parametrize("libraries", LIBRARIES)
def test_a_short_run_gives_the_stored_bits_whatever_numpy_and_blas_choose(libraries: str) -> None:
    assert hashes(3000, **LIBRARIES[libraries]) == STORED["3000"]


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_a_short_run_gives_the_stored_bits_compiled_for(target: str, tmp_path: Path) -> None:
    name, features = TARGETS[target]
    if "avx512f" in features and "avx512f" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor cannot run code with vectors of 64 bytes")
    updates = 300 if "fma" not in features else 3000
    found = hashes(
        updates, NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=features, NUMBA_CACHE_DIR=str(tmp_path)
    )
    assert found == STORED[str(updates)]


@pytest.mark.slow
@pytest.mark.skipif(
    not (ARM.exists() and shutil.which("qemu-aarch64")),
    reason="expected a Python for 64-bit Arm, got none; install qemu-user and run .ci/arm",
)
def test_a_short_run_gives_the_stored_bits_on_64_bit_arm(tmp_path: Path) -> None:
    machine = [str(ARM), "-c", "import platform; print(platform.machine())"]
    assert subprocess.check_output(machine, text=True).strip() == "aarch64"
    assert hashes(300, python=str(ARM), NUMBA_CACHE_DIR=str(tmp_path)) == STORED["300"]


@pytest.mark.slow
def test_the_default_run_leaves_the_stored_files(tmp_path: Path) -> None:
    for step, files in DEFAULT_RUN.items():
        notebook = TESTS.parent / "notebooks" / f"{step}.ipynb"
        parameters = {"run_dir": str(tmp_path)}
        papermill.execute_notebook(notebook, tmp_path / "out.ipynb", parameters, progress_bar=False)
        for name, sha256 in files.items():
            assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256, name
