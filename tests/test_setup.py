"""pyproject.toml, requirements.lock and environment.yml say the same."""

import ast
import re
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest
import yaml
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


@pytest.mark.parametrize("python", ["3.11.2", "3.12.1", "3.13.0"])
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


def imported(folder: str) -> set[str]:
    """Return the top-level names that the code in a folder imports."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
    own = {"rnn", "benchmarks", *(path.stem for path in (ROOT / folder).rglob("*.py"))}
    return names - set(sys.stdlib_module_names) - own


def undeclared(folder: str, declared: set[str]) -> set[str]:
    providers = packages_distributions()
    return {
        name
        for name in imported(folder)
        if not {canonicalize_name(known) for known in providers.get(name, [name])} & declared
    }


def test_every_package_that_the_code_imports_is_required_by_name() -> None:
    runtime = set(named(PROJECT["project"]["dependencies"]))
    assert undeclared("rnn", runtime) == set()
    assert undeclared("tests", set(REQUIRED) | set(named(EXTRAS["browser"]))) == set()


def test_the_steps_around_make_run_with_the_standard_library_alone() -> None:
    assert imported("rnn/pipeline") == set()


@pytest.mark.parametrize("name", ["report-pdf", "report-html"])
def test_nbconvert_finds_the_exporters_by_name(name: str) -> None:
    (found,) = entry_points(group="nbconvert.exporters", name=name)
    assert found.load().__module__ == "rnn.report.pages.exporters"


def test_every_python_file_and_template_of_the_package_is_under_its_folder() -> None:
    # The build backend packs the folder rnn/ whole, so nothing it needs may lie elsewhere.
    assert PROJECT["project"]["name"] == "rnn"
    assert (ROOT / "rnn" / "__init__.py").is_file()
    assert list((ROOT / "rnn" / "report" / "templates").rglob("*.j2"))
