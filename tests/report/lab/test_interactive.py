"""A notebook that a person runs and one that papermill runs: the same where they should be."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from pages import to_html

pytestmark = pytest.mark.slow  # six notebooks are run

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
VALUES = {
    "01_gradient_check": {"m": 2, "seq_length": 4, "eps": "1e-6"},
    "02_training_evolution": {"m": 8, "max_updates": 400, "snapshot_every": 100},
    "03_best_model_sampling": {"length": 60, "temperature": "5e-1"},
}


class Person(NotebookClient):
    """Runs a notebook as JupyterLab does: it could be asked, and no cell is skipped."""

    async def async_start_new_kernel_client(self) -> Any:
        client = await super().async_start_new_kernel_client()
        client.allow_stdin = True
        return client


Person.start_new_kernel_client = Person.async_start_new_kernel_client


def by_a_person(name: str, values: dict[str, Any], folder: Path) -> Any:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    # What a person does who wants other values: change them where they stand.
    lines = []
    for line in cell.source.splitlines():
        variable = line.split(":")[0]
        declared = line.split(" = ")[0]
        lines.append(f"{declared} = {values[variable]!r}" if variable in values else line)
    cell.source = "\n".join(lines)
    path = {"metadata": {"path": str(folder)}}
    Person(notebook, kernel_name="python3", skip_cells_with_tag="", resources=path).execute()
    return notebook


def outputs(notebook: Any, ends: str) -> list[Any]:
    (cell,) = [cell for cell in notebook.cells if cell.id.endswith(ends)]
    return list(cell.outputs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("both")


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, tuple[Any, Any]]:
    """Run every notebook twice, in folders of the same name."""
    both: dict[str, list[Any]] = {name: [] for name in VALUES}
    for person in (True, False):
        for name, values in VALUES.items():
            given = values | {"run_dir": str(folder / "run")}
            if person:
                both[name].append(by_a_person(name, given, folder))
            else:
                notebook = papermill.execute_notebook(
                    str(NOTEBOOKS / f"{name}.ipynb"), None, given,
                    progress_bar=False, cwd=str(folder),
                )  # fmt: skip
                both[name].append(notebook)
        shutil.move(folder / "run", folder / f"run by {'a person' if person else 'papermill'}")
    return {name: (pair[0], pair[1]) for name, pair in both.items()}


@pytest.mark.parametrize("name", VALUES)
def test_pages_of_both_have_the_same_bytes(runs: dict[str, tuple[Any, Any]], name: str) -> None:
    pages = []
    for notebook in runs[name]:
        shown = nbformat.from_dict(notebook)
        # The values stand in other cells, by which of the two they were given.
        shown.cells = [
            cell for cell in shown.cells
            if not {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", []))
        ]  # fmt: skip
        for cell in shown.cells:
            cell.metadata["source"] = "cell"
        pages.append(to_html(shown, title="T"))
    assert pages[0] == pages[1]
    assert len(pages[0]) > 10_000


def test_person_saw_the_training_live_and_papermill_did_not(
    runs: dict[str, tuple[Any, Any]],
) -> None:
    person, batch = (outputs(notebook, "02-04") for notebook in runs["02_training_evolution"])
    kinds = [out.get("metadata", {}).get("report", {}).get("kind") for out in person]
    assert kinds.count("live") == 1
    assert any(WIDGET in out.get("data", {}) for out in person), "the bar"
    assert "live" not in [out.get("metadata", {}).get("report", {}).get("kind") for out in batch]
    assert not any(WIDGET in out.get("data", {}) for out in batch)


@pytest.mark.parametrize("name", ["01_gradient_check", "03_best_model_sampling"])
def test_person_had_the_playground_and_papermill_did_not(
    runs: dict[str, tuple[Any, Any]], name: str
) -> None:
    found = []
    for notebook in runs[name]:
        (cell,) = [c for c in notebook.cells if "skip-execution" in c.metadata.get("tags", [])]
        found.append([out for out in cell.outputs if WIDGET in out.get("data", {})])
    assert found[0] and not found[1]


def test_check_runs_alone_and_shows_where_its_numbers_come_from(
    runs: dict[str, tuple[Any, Any]],
) -> None:
    _, notebook = runs["01_gradient_check"]  # the first that runs, in a folder that is not there
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    labels = {output.get("metadata", {}).get("report", {}).get("label") for output in shown}
    assert {"tab-gradients", "fig-step", "tab-mistakes", "tab-provenance"} <= labels


def test_python_interface_reads_the_model_and_skips_the_playground(
    runs: dict[str, tuple[Any, Any]], folder: Path
) -> None:
    _, notebook = runs["03_best_model_sampling"]
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    told = "\n".join(str(out.get("data", {}).get("text/plain", out.get("text"))) for out in shown)
    assert re.search(r"temperature.*\b0\.5\b", told)
    skipped = [c for c in notebook.cells if "skip-execution" in c.metadata.get("tags", [])]
    assert skipped and not any(c.outputs or c.execution_count for c in skipped)
    run = folder / "run by papermill"
    assert len(json.loads((run / "results.json").read_text())["sampling"]["text"]) == 60
    assert (run / "gradient_check.csv").exists()
