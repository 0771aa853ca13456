"""The stored notebooks keep their contract: prose with calls, typed parameters, no outputs."""

import ast
import json
import re
import shlex
import statistics
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.inspection import inspect_notebook

from rnn.pipeline.parameters import declared_parameters
from rnn.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"

#: What the assignment names, in its order, and the folder with sentences of one's own.
PARAMETERS = {
    "01_gradient_check": "corpus seed m seq_length sig h eps run_dir text".split(),
    "02_training_evolution": [
        *"corpus seed m seq_length eta sig epochs max_updates".split(),
        *"snapshot_every snapshot_length run_dir text".split(),
    ],
    "03_best_model_sampling": "seed length run_dir embed_model text".split(),
    "04_compare_runs": "runs sample_length text".split(),
    "05_sweep": "sweep sample_length text".split(),
}

#: Parameters of the training that say what is read and where results go, not how to train.
NO_SETTINGS = {"corpus", "encoding", "seeds", "run_dir", "checkpoints", "from_run", "text"}


@pytest.fixture(params=PARAMETERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notebook(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_stored_notebook_is_held_to_this_contract() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(PARAMETERS)


def test_notebook_is_valid_and_every_cell_has_its_own_id(notebook: Any) -> None:
    nbformat.validate(notebook)
    ids = [cell["id"] for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_notebook_is_stored_without_outputs_or_counts(notebook: Any) -> None:
    kept = [cell["id"] for cell in code(notebook) if cell.outputs or cell.execution_count]
    assert not kept, "run make strip"


def test_notebook_has_clean_metadata(notebook: Any) -> None:
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}, "run make strip"
    assert notebook.metadata.kernelspec.name == "python3"
    # The version of whoever saved it last would change with every hand.
    assert "version" not in notebook.metadata.get("language_info", {}), "run make strip"
    extra = {key for cell in notebook.cells for key in cell.metadata} - {"tags", "jupyter"}
    assert not extra, "run make strip"


def test_first_code_cell_is_tagged_parameters_and_no_other(notebook: Any) -> None:
    tagged = [
        number
        for number, cell in enumerate(code(notebook))
        if "parameters" in cell.metadata.get("tags", [])
    ]
    assert tagged == [0]


def test_parameters_are_typed_commented_literals_one_a_line(name: str, notebook: Any) -> None:
    lines = code(notebook)[0].source.splitlines()
    for line in filter(None, lines):
        (statement,) = ast.parse(line).body
        assert isinstance(statement, ast.AnnAssign), line
        assert statement.value is not None, line
        value = ast.literal_eval(statement.value)
        declared = ast.unparse(statement.annotation)
        assert value is None or type(value).__name__ == declared, line
        assert re.search(r"  # \w.*", line), f"{line}: a comment that says what it is"
    assert {line.split(":")[0] for line in filter(None, lines)} >= set(PARAMETERS[name])


def test_parameters_of_the_training_are_the_settings_with_the_same_defaults() -> None:
    notebook = nbformat.read(NOTEBOOKS / "02_training_evolution.ipynb", as_version=4)
    lines = declared_parameters([code(notebook)[0].source])
    defaults = {name: ast.literal_eval(line.value) for name, line in lines.items()}
    assert defaults.keys() >= NO_SETTINGS
    settings = {name: value for name, value in defaults.items() if name not in NO_SETTINGS}
    assert settings == {field.name: field.default for field in fields(Settings)}


def test_parameters_have_the_course_s_names_and_help_for_papermill(name: str) -> None:
    found = inspect_notebook(str(NOTEBOOKS / f"{name}.ipynb"))
    assert [known for known in found if known in PARAMETERS[name]] == PARAMETERS[name]
    assert all(parameter["help"] for parameter in found.values())


def test_code_is_calls_without_functions_or_loops(notebook: Any) -> None:
    machinery = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While, ast.Try, ast.With)
    for cell in code(notebook):
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not [node for node in nodes if isinstance(node, machinery)], cell.source
        for loop in (node for node in nodes if isinstance(node, ast.For)):
            assert len(loop.body) == 1, f"a loop that belongs in the module:\n{cell.source}"


def test_code_cells_are_few_and_short(notebook: Any) -> None:
    lengths = [len(cell.source.splitlines()) for cell in code(notebook)[1:]]
    assert 3 <= len(lengths) + 1 <= 20
    assert statistics.median(lengths) <= 3


def test_stripping_notebooks_that_were_run_gives_the_stored_ones(tmp_path: Path) -> None:
    for name in PARAMETERS:
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        for cell in code(notebook):
            cell.execution_count = 3
            cell.outputs = [nbformat.v4.new_output("stream", text="something")]
            cell.metadata["scrolled"] = True
        notebook.metadata["widgets"] = {}
        notebook.metadata["language_info"]["version"] = "3.99"
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    plan = subprocess.run(["make", "-n", "strip"], cwd=ROOT, capture_output=True, text=True)
    command = next(
        line for line in plan.stdout.replace("\\\n", "").splitlines() if "--inplace" in line
    )
    words = shlex.split(command)
    words = words[words.index("-m") : words.index("notebooks/*.ipynb")]
    subprocess.run([sys.executable, *words, *map(str, tmp_path.glob("*.ipynb"))], check=True)
    for name in PARAMETERS:
        stored = (NOTEBOOKS / f"{name}.ipynb").read_bytes()
        assert (tmp_path / f"{name}.ipynb").read_bytes() == stored, name


def test_notebook_begins_with_its_title(notebook: Any) -> None:
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


def test_prose_holds_no_absolute_path_and_no_raw_html(notebook: Any) -> None:
    text = json.dumps([cell.source for cell in notebook.cells])
    assert not re.search(r"/(home|root|Users|tmp|work)/", text)
    assert not re.search(r"<(script|div|span|img|style)\b", text)
