"""The set-up, once: ``.venv`` with the locked packages, or a look at the active conda environment.

It leaves stamps, in ``.venv`` or ``.cache``, with what it depends on.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rnn.pipeline import refuse
from rnn.text.files import lock

_VENV = ".venv/bin/python"
_LOCK, _INSTALLED_LOCK = Path("requirements.lock"), Path(".venv/installed.lock")

#: What the large extras that are wanted by few bring: modules, and the names to install them by.
_EXTRAS = {
    "browser": ("axe_core_python, playwright", "axe-core-python playwright"),
    "sweep": ("bokeh, distributed", "bokeh dask distributed"),
}

#: What conda-forge calls differently from the package index of Python.
_CONDA_NAMES = {"brotli": "brotli-python", "pypandoc_binary": "pypandoc", "typst": "typst-py"}


def prepare(python: str, target: str = "") -> None:
    """Set up the Python that runs the project, unless that is done already.

    `python` is ``.venv/bin/python``, which is made with the Python that runs this; or that of an
    active conda environment, into which nothing is installed.  A `target` of make that is named as
    one of the extras needs that too.
    """
    with lock(Path(".cache/set-up.lock")):
        if not is_ready(python):
            if python != _VENV:
                _look_at_conda(python)
            else:
                if not os.access(_VENV, os.X_OK):
                    _make_venv()
                _look_at_venv()
                if not _is_locked():
                    how = "uv" if shutil.which("uv") else "pip (a minute or two, once)"
                    print(f"set-up: installing {_LOCK} into .venv with {how}", flush=True)
                    _install("--require-hashes", "--only-binary", ":all:", "-r", str(_LOCK))
                    shutil.copyfile(_LOCK, _INSTALLED_LOCK)
                # This project itself, so that its exporters have names.
                _install("--no-index", "--no-deps", "--no-build-isolation", "--editable", ".")
            stamp, state = _stamp(python)
            stamp.write_bytes(state)
    modules, names = _EXTRAS.get(target, ("", ""))
    look = [python, "-c", f"import {modules}"]
    if modules and subprocess.run(look, stderr=subprocess.DEVNULL).returncode:
        if python != _VENV:
            expected = f"the active conda environment to hold {names.replace(' ', ' and ')}"
            refuse("set-up", expected, "one without", f"run python -m pip install {names}")
        print(f"set-up: installing pyproject.toml's extra {target!r} into .venv (once)", flush=True)
        _install("--no-build-isolation", "--editable", f".[{target}]")


def is_ready(python: str) -> bool:
    """Tell whether the set-up is done, for this place, this lock and this ``pyproject.toml``."""
    stamp, state = _stamp(python)
    done = os.access(python, os.X_OK) and stamp.exists() and stamp.read_bytes() == state
    return done and (python != _VENV or _is_locked())


def write_lock() -> None:
    """Write ``requirements.lock`` anew from ``pyproject.toml``, with uv and a network."""
    if not shutil.which("uv"):
        refuse("lock", "uv on PATH", "none", "run pip install uv")
    how = "--quiet --upgrade --universal --python-version 3.11 --generate-hashes"
    words = f"{how} --no-emit-index-url --no-header --extra dev --extra lab".split()
    _run("uv", "--no-config", "pip", "compile", *words, "pyproject.toml", "-o", str(_LOCK))


def _stamp(python: str) -> tuple[Path, bytes]:
    """Return the stamp, and what it holds: the place, and what the project says of itself."""
    stamp, place = ".cache/conda.ready", python
    if python == _VENV:
        stamp, place = ".venv/installed.rnn", os.getcwd()
    return Path(stamp), os.fsencode(f"{place}\n") + Path("pyproject.toml").read_bytes()


def _is_locked() -> bool:
    """Tell whether the lock that was installed is today's; one only touched changes nothing."""
    return _INSTALLED_LOCK.exists() and _INSTALLED_LOCK.read_bytes() == _LOCK.read_bytes()


def _make_venv() -> None:
    """Make ``.venv``, whole or not at all, with the Python that runs this."""
    shutil.rmtree(".venv", ignore_errors=True)
    uv = shutil.which("uv")
    if not uv and not all(map(importlib.util.find_spec, ("ensurepip", "venv"))):
        remedy = "install it (Debian: apt install python3-venv)"
        refuse("set-up", "the module venv", "a Python without it", remedy)
    try:
        if uv:
            _run(uv, "venv", "--quiet", "--python", sys.executable, ".venv")
        else:
            _run(sys.executable, "-m", "venv", ".venv")
    except BaseException:
        shutil.rmtree(".venv", ignore_errors=True)
        raise


def _look_at_venv() -> None:
    """Refuse a ``.venv`` that nothing can be installed into, as others may have made it."""
    needs = "import sys; sys.version_info >= (3, 11) or sys.exit(1)"
    needs += "" if shutil.which("uv") else "; import pip"
    if subprocess.run([_VENV, "-c", needs], stderr=subprocess.DEVNULL).returncode:
        expected = "Python 3.11 or newer in .venv, with pip where there is no uv"
        refuse("set-up", expected, "another", "remove .venv and run make again")


def _install(*options: str) -> None:
    """Install into ``.venv`` with uv where there is one, else with pip."""
    pip = ["uv", "pip", "install", "--python", _VENV]
    pip = pip if shutil.which("uv") else [_VENV, "-m", "pip", "install"]
    _run(*pip, "--quiet", *options)


def _run(*command: str) -> None:
    if subprocess.run(command).returncode:
        remedy = "look at it and run make again"
        refuse("set-up", f"success of {' '.join(command)}", "the error above", remedy)


def _look_at_conda(python: str) -> None:
    """Refuse an environment that lacks something; nothing is installed into it."""
    found = sys.version.split()[0] if os.access(python, os.X_OK) else "none"
    if found == "none" or sys.version_info < (3, 11):
        expected = "Python 3.11 or newer in the active conda environment"
        refuse("set-up", expected, found, "run conda env create -f environment.yml")
    if missing := ", ".join(_lacking()):
        expected = "the active conda environment to hold what environment.yml names"
        remedy = (
            "run conda env update -f environment.yml, or conda deactivate to let make use .venv"
        )
        refuse("set-up", expected, f"one without {missing}", remedy)
    # What tells nbconvert of this project's exporters; the Makefile puts it on PYTHONPATH.
    shutil.rmtree(".cache/rnn", ignore_errors=True)
    Path(".cache/rnn").mkdir()
    build = "from flit_core.buildapi import prepare_metadata_for_build_wheel as metadata;"
    _run(python, "-c", f"{build} metadata('.cache/rnn')")


def _lacking() -> Iterator[str]:
    """Yield what the Python that runs this lacks to run, test and show the project."""
    import tomllib
    from importlib.metadata import distributions

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for line in [*project["dependencies"], *extras["dev"], *extras["lab"]]:
        name, least = line.split(" >=")
        conda_name = _CONDA_NAMES.get(name, name)
        found = [one.version for known in (name, conda_name) for one in distributions(name=known)]
        if not found or _numbers(found[0]) < _numbers(least):
            yield f"{conda_name} >={least}" + "".join(f" (there is {one})" for one in found[:1])
    # The wheel pypandoc_binary carries it inside.
    inside = any(distributions(name="pypandoc_binary"))
    if not inside and not Path(sys.executable).with_name("pandoc").exists():
        yield "pandoc"


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)[:3]]
