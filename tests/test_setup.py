"""What is installed, and from what: the files that say so agree with each other and the code."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest
import yaml
from flit_core import buildapi
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]

#: What conda-forge calls differently; the second is what a wheel carries inside.
CONDA_NAMES = {
    "brotli": ["brotli-python"],
    "pypandoc-binary": ["pypandoc", "pandoc"],
    "typst": ["typst-py"],
}


def named(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def lowest(requirement: Requirement) -> Version:
    (bound,) = requirement.specifier
    assert bound.operator == ">=", f"{requirement}: a lower bound alone"
    return Version(bound.version)


REQUIRED = named(PROJECT["project"]["dependencies"] + EXTRAS["dev"] + EXTRAS["lab"])


def lock_entries() -> list[tuple[Requirement, int]]:
    """Return each pin of the lock with the number of its hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = []
    for entry in re.split(r"\n(?=[a-z0-9])", text.replace("\\\n", " ")):
        pin = entry.split(" --hash")[0].split("#")[0]
        entries.append((Requirement(pin.strip()), entry.count("--hash=sha256:")))
    return entries


@pytest.mark.parametrize("python", ["3.11.2", "3.12.1", "3.13.0", "3.14.0"])
def test_lock_pins_every_requirement_once_for_each_python(python: str) -> None:
    machine = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    pins: dict[str, list[Version]] = {}
    for pin, _ in lock_entries():
        if pin.marker is None or pin.marker.evaluate(machine):
            (exact,) = pin.specifier
            pins.setdefault(canonicalize_name(pin.name), []).append(Version(exact.version))
    assert {name: len(versions) for name, versions in pins.items()} == dict.fromkeys(pins, 1)
    too_old = {
        name: pins.get(name)
        for name, requirement in REQUIRED.items()
        if name not in pins or pins[name][0] < lowest(requirement)
    }
    assert not too_old


def test_lock_has_a_hash_for_every_pin_and_no_address() -> None:
    assert all(count > 0 for _, count in lock_entries())
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|file:|--(extra-)?index|--find-links|--trusted|^/| @ ", text, re.M)


def test_lock_holds_the_build_backend_and_leaves_out_what_few_want() -> None:
    locked = {canonicalize_name(pin.name) for pin, _ in lock_entries()}
    assert set(named(PROJECT["build-system"]["requires"])) <= locked
    assert not set(named(EXTRAS["bench"] + EXTRAS["browser"])) & locked


def test_environment_names_the_same_requirements_with_the_same_bounds() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    there = {line.split(" >=")[0]: line.split(" >=")[1] for line in environment["dependencies"]}
    assert there.pop("python") == PROJECT["project"]["requires-python"].removeprefix(">=")
    carried = there.pop("pandoc")
    assert Version(carried) >= Version("3"), "MathML and Typst as they are used need pandoc 3"
    wanted = {
        CONDA_NAMES.get(name, [name])[0]: str(lowest(requirement))
        for name, requirement in REQUIRED.items()
    }
    assert {canonicalize_name(name): bound for name, bound in there.items()} == {
        canonicalize_name(name): bound for name, bound in wanted.items()
    }


def imported(paths: Iterable[Path]) -> set[str]:
    """Return the full names of the modules that files import."""
    names = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def packages(paths: list[Path]) -> set[str]:
    """Return the names of what files import, but for the standard library and this project."""
    own = {"rnn", "benchmarks", *(path.stem for path in paths)}
    return {name.split(".")[0] for name in imported(paths)} - set(sys.stdlib_module_names) - own


def undeclared(folder: str, declared: set[str]) -> set[str]:
    providers = packages_distributions()
    return {
        name
        for name in packages(list((ROOT / folder).rglob("*.py")))
        if not {canonicalize_name(known) for known in providers.get(name, [name])} & declared
    }


def test_packages_that_the_package_and_its_tests_import_are_required_by_name() -> None:
    runtime = set(named(PROJECT["project"]["dependencies"]))
    wanted_by_few = set(named(EXTRAS["browser"])) | set(named(EXTRAS["sweep"]))
    assert undeclared("rnn", runtime | set(named(EXTRAS["sweep"]))) == set()
    assert undeclared("tests", set(REQUIRED) | wanted_by_few) == set()


def test_what_make_runs_before_the_installation_imports_the_standard_library_alone() -> None:
    makefiles = (ROOT / "Makefile", ROOT / "rnn" / "pipeline" / "environment.mk")
    text = "".join(path.read_text(encoding="utf-8") for path in makefiles)
    # `$$python` is what the shell has found; `$(python)` is there once all is installed.
    waiting = set(re.findall(r'"\$\$python" -m ([\w.]+)', text))
    assert waiting, "make runs something before the installation"
    files: set[Path] = set()
    while waiting:
        path = ROOT / waiting.pop().replace(".", "/")
        # A name may be that of a package, of a module, or of something in one.
        new = {*path.parent.glob("__init__.py"), *path.glob("__*__.py"), path.with_suffix(".py")}
        new = {file for file in new if file.is_file() and file.is_relative_to(ROOT / "rnn")} - files
        files |= new
        waiting |= {name for name in imported(new) if name.split(".")[0] == "rnn"}
    assert {"__main__.py", "set_up.py"} <= {path.name for path in files}
    assert packages(list(files)) == set()


@pytest.mark.parametrize("name", ["report-pdf", "report-html"])
def test_nbconvert_finds_the_exporters_by_name(name: str) -> None:
    (found,) = entry_points(group="nbconvert.exporters", name=name)
    assert found.load().__module__ == "rnn.report.pages.exporters"


def test_the_wheel_holds_the_package_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / buildapi.build_wheel(str(tmp_path))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("rnn/")}
    files = (path.relative_to(ROOT).as_posix() for path in (ROOT / "rnn").rglob("*.*"))
    assert packed == {name for name in files if "__pycache__" not in name}
    assert {"py", "md", "j2", "css", "lua"} <= {name.rpartition(".")[2] for name in packed}


def test_hosted_tests_run_ci_with_the_oldest_and_the_newest_python() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = sorted(re.findall(r"python3\.(\d+)", makefile), key=int)
    assert job["strategy"]["matrix"]["python"] == [f"3.{known[0]}", f"3.{known[-1]}"]
    assert PROJECT["project"]["requires-python"] == f">=3.{known[0]}"
    assert job["steps"][-1]["run"] == ".ci/run"
    assert not re.search(r"://", text), "no address of a registry"


def test_version_is_the_same_wherever_it_is_said() -> None:
    version = PROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert citation["license"] == PROJECT["project"]["license"]
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in PROJECT["project"]["authors"]
    ]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[(.+?)\]", changes, re.M)[1] == version


@pytest.mark.parametrize(
    ("name", "value"),
    [("NUMBA_NUM_THREADS", "many"), ("NUMBA_NUM_THREADS", "0"), ("MPLBACKEND", "x")],
)
def test_value_in_the_environment_that_libraries_stumble_over_is_named(
    name: str, value: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import rnn.report"],
        cwd=ROOT, env=os.environ | {name: value}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode
    last = done.stderr.splitlines()[-1]
    assert f"ReportError: {name}: expected" in last
    assert repr(value) in last
