"""Say what the Python that runs this lacks to run the pipeline; nothing is installed.

For an active conda environment.  Standard library only: it runs where nothing else is there yet.
"""

import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

#: What conda-forge calls differently from the package registry of Python.
CONDA_NAMES = {"brotli": "brotli-python", "pypandoc_binary": "pypandoc", "typst": "typst-py"}


def requirements(pyproject: Path) -> dict[str, str]:
    """Return the lowest version by name: what runs, tests and shows the project."""
    import tomllib

    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["dev"], *extras["lab"]]
    return dict(line.split(" >=") for line in lines)


def installed(name: str) -> str:
    """Return the version of a package, or an empty text."""
    for candidate in (name, CONDA_NAMES.get(name, name)):
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return ""


def lacking(required: dict[str, str]) -> list[str]:
    """Return what is missing or too old, a phrase each."""
    phrases = []
    for name, least in required.items():
        found = installed(name)
        conda_name = CONDA_NAMES.get(name, name)
        if not found:
            phrases.append(f"{conda_name} >={least}")
        elif _numbers(found) < _numbers(least):
            phrases.append(f"{conda_name} >={least} (there is {found})")
    if not shutil.which("pandoc", path=str(Path(sys.executable).parent)) and not _has_pandoc():
        phrases.append("pandoc")
    return phrases


def _has_pandoc() -> bool:
    """Tell whether the wheel that carries pandoc inside is installed."""
    try:
        return bool(version("pypandoc_binary"))
    except PackageNotFoundError:
        return False


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)[:3]]


def main() -> None:
    """Exit with a line that names what is missing, if anything is."""
    if sys.version_info < (3, 11):  # noqa: UP036 -- the environment's Python may be any
        sys.exit(
            "set-up: expected Python 3.11 or newer in the active conda environment, got "
            f"{sys.version.split()[0]}; do conda env create -f environment.yml"
        )
    missing = lacking(requirements(ROOT / "pyproject.toml"))
    if missing:
        sys.exit(
            "set-up: expected the active conda environment to hold what environment.yml names, "
            f"got one without {', '.join(missing)}; do conda env update -f environment.yml, "
            "or conda deactivate to let make use a .venv of its own"
        )


if __name__ == "__main__":
    main()
