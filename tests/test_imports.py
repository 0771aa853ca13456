"""Imports point one way: mathematics below, pages above."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: The folders are the layers: a module imports from its own and from those above it in this list.
LAYERS = [
    ["rnn/kernels"],
    ["rnn/text"],
    ["rnn"],
    ["rnn/runs", "rnn/analysis"],
    ["rnn/report"],
    ["rnn/report/sections", "rnn/report/pages", "rnn/report/lab"],
    ["rnn/pipeline"],
]
LEVEL = {folder: level for level, folders in enumerate(LAYERS) for folder in folders}

#: What every layer may import: where the project is, and how it says what is wrong.
FOR_ALL = {"rnn", "rnn.errors"}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "rnn").rglob("*.py"))
}


def imports(source: str) -> set[str]:
    """Return the full names of the modules, and of what is taken from them, that a source imports.

    What is imported for type checkers alone does not count.
    """
    tree = ast.parse(source)
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


IMPORTS = {name: imports(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def folder(name: str) -> str:
    return str(MODULES[name].parent.relative_to(ROOT))


def test_every_folder_with_code_is_a_layer() -> None:
    assert {folder(name) for name in MODULES} == set(LEVEL)


@pytest.mark.parametrize("path", LEVEL)
def test_modules_import_from_their_own_layer_or_below(path: str) -> None:
    upwards = {
        (name, imported)
        for name in MODULES
        if folder(name) == path
        for imported in (IMPORTS[name] & MODULES.keys()) - FOR_ALL
        if LEVEL[folder(imported)] > LEVEL[path]
    }
    assert not upwards


def test_names_with_an_underscore_are_used_in_their_own_file_alone() -> None:
    private = re.compile(r"rnn\b.*\._[a-z]")
    assert {
        name: taken for name in MODULES if (taken := [*filter(private.match, IMPORTS[name])])
    } == {}


def test_no_two_modules_import_one_another() -> None:
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"a circle of imports: {' -> '.join([*trail, name])}"
        if name not in done:
            for below in sorted(IMPORTS[name] & MODULES.keys()):
                visit(below, (*trail, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def test_only_the_report_imports_what_makes_figures_and_pages() -> None:
    makers = ("matplotlib", "nbconvert", "typst", "pypandoc", "jinja2", "fontTools")
    strangers = {
        (name, imported)
        for name, all_imported in IMPORTS.items()
        if not folder(name).startswith("rnn/report")
        for imported in all_imported
        if imported.startswith(makers)
    }
    assert not strangers


@pytest.mark.parametrize("name", ["pipeline.execute", "pipeline.grid", "report.pages.render"])
def test_no_step_waits_for_a_grammar_that_no_notebook_needs(name: str) -> None:
    told = f"import rnn.{name}, sys; print(*{{'nbformat', 'rfc3987_syntax'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["nbformat"], done.stderr


def code(notebook: Path) -> str:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def needed(notebooks: list[Path]) -> set[Path]:
    """Return the files that notebooks run, from their imports and from the sections they show.

    What lies beside the code of a layer and is no Python is read by some of it.
    """
    sources = [code(notebook) for notebook in notebooks]
    names = {name for source in sources for name in imports(source)}
    sections = {name for source in sources for name in re.findall(r'\bshow\("([\w.]+)"', source)}
    modules = {f"rnn.report.sections.{name.split('.')[0]}" for name in sections}
    waiting = (names | modules) & MODULES.keys()
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= (IMPORTS[name] & MODULES.keys()) - found
    files = {MODULES[name] for name in found}
    for path in {file.parent for file in files} - {ROOT / "rnn/report/sections"}:
        files |= {file for file in path.glob("*.*") if file.is_file() and file.suffix != ".py"}
    texts = {ROOT / f"rnn/report/sections/{name.replace('.', '_')}.md" for name in sections}
    assert texts and all(path.is_file() for path in texts)
    return files | texts


def prerequisites(variable: str) -> set[Path]:
    """Return the files that a variable of the Makefile names."""
    shown = subprocess.run(
        ["make", "-pn", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    (names,) = re.findall(rf"^{variable} := (.*)$", shown, re.M)
    return {ROOT / name for name in names.split()}


def test_make_runs_a_notebook_again_when_code_that_it_needs_has_changed() -> None:
    *run, comparison, sweep = sorted((ROOT / "notebooks").glob("*.ipynb"))
    # These do not change what an executed notebook holds.
    apart = {"rnn/report/lab", "rnn/report/pages", "rnn/pipeline"}

    def counted(files: set[Path]) -> set[Path]:
        return {path for path in files if str(path.parent.relative_to(ROOT)) not in apart}

    assert counted(needed(run)) <= prerequisites("code")
    assert counted(needed([comparison, sweep])) <= prerequisites("compared")
    only_compared = needed([comparison]) - needed(run)
    assert not only_compared & prerequisites("code"), "it would train again for them"


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebooks_import_this_project_alone(path: Path) -> None:
    assert {name.split(".")[0] for name in imports(code(path))} == {"rnn"}
