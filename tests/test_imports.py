"""Imports point one way: mathematics below, pages above."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Modules of the math by layer; a module imports only from layers before its own, or its own.
LAYERS = [
    # What all lean on: messages, folders, compilation, the reading of files.
    {"errors", "paths", "compiled", "randomness", "visible", "archive", "progress"}
    | {"decoding", "library", "ids", "cautions"},
    # Texts and equations.
    {"corpus", "passport", "text_quality", "baselines", "products", "cell", "vanilla", "model"},
    # What is done with them.
    {"optimizers", "settings", "reading", "sampling", "evaluation", "neurons"}
    | {"gradient_cases", "gradient_check", "gradient_mistakes"},
    # Whole runs.
    {"state", "engine", "epoch_ends", "trainer", "run", "training", "checkpoint", "writing"},
]

MODULES = sorted((ROOT / "rnn").rglob("*.py"))


def imports(source: str) -> set[str]:
    """Return the full names of the modules that a source imports when it runs."""
    names = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


MATH = [path for path in MODULES if path.parent == ROOT / "rnn" and path.stem != "__init__"]
PLACE = {f"rnn.{name}": level for level, names in enumerate(LAYERS) for name in names}


def test_every_module_of_the_math_has_one_layer() -> None:
    assert {path.stem for path in MATH} == set.union(*LAYERS)
    assert len(PLACE) == sum(map(len, LAYERS))


@pytest.mark.parametrize("path", MATH, ids=label)
def test_math_imports_no_page_and_no_plot(path: Path) -> None:
    forbidden = ("rnn.report", "matplotlib", "nbconvert", "papermill", "nbformat", "typst")
    assert not [name for name in imports(path.read_text()) if name.startswith(forbidden)]


@pytest.mark.parametrize("path", MATH, ids=label)
def test_math_imports_from_its_own_layer_or_below(path: Path) -> None:
    own = PLACE[f"rnn.{path.stem}"]
    above = {name for name in imports(path.read_text()) if PLACE.get(name, 0) > own}
    assert not above


def test_no_two_modules_import_one_another() -> None:
    graph = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): imports(path.read_text())
        for path in MODULES
    }
    seen: dict[str, str] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"a circle of imports: {' -> '.join([*trail, name])}"
        if name not in seen:
            for below in sorted(graph[name] & graph.keys()):
                visit(below, (*trail, name))
            seen[name] = "done"

    for name in graph:
        visit(name, ())
    assert len(seen) == len(graph)


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_only_figures_import_matplotlib(path: Path) -> None:
    plots = {name for name in imports(path.read_text()) if name.startswith("matplotlib")}
    assert not plots or path.stem.startswith(("figures", "tables"))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=label)
def test_notebooks_import_this_project_and_little_else(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    assert all(name.startswith("rnn") for name in imports(source))
