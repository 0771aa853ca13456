"""The notebooks under plain papermill, from any folder, with no make."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from click.testing import CliRunner
from papermill.cli import papermill as papermill_command

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
TRAINING, SAMPLE = (
    NOTEBOOKS / "02_training_evolution.ipynb",
    NOTEBOOKS / "03_best_model_sampling.ipynb",
)


def command(folder: Path, notebook: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Give the command from a folder of the user's own, as they would."""
    tool = Path(sys.executable).with_name("papermill")
    return subprocess.run(
        [str(tool), str(notebook), "out.ipynb", *options],
        cwd=folder,
        env=os.environ | {"JUPYTER_RUNTIME_DIR": str(folder / "runtime")},
        capture_output=True,
        text=True,
        timeout=300,
    )


def executed(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown(notebook: Any) -> str:
    """Return all that the outputs say as plain text."""
    texts = [
        out.get("data", {}).get("text/plain", out.get("text", "")) for out in outputs(notebook)
    ]
    return "\n".join(texts)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a small run by papermill's command; return the folder it was given in."""
    folder = tmp_path_factory.mktemp("anywhere")
    (folder / "settings.yaml").write_text("m: 8\nsig: 1e-2\neta: 1e-1\n")
    words = ["-f", "settings.yaml", "-y", "{max_updates: 300, held_out: 1e-1}"]
    words += ["-p", "snapshot_every", "100", "-p", "run_dir", str(folder / "run")]
    done = command(folder, TRAINING, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_command_runs_from_any_folder_and_writes_there_alone(trained: Path) -> None:
    left = {path.name for path in trained.iterdir()} - {"runtime"}
    assert left == {"settings.yaml", "out.ipynb", "run"}
    assert (trained / "run" / "best_model.npz").exists()


def test_files_and_texts_of_yaml_give_numbers_also_without_a_point(trained: Path) -> None:
    results = json.loads((trained / "run" / "results.json").read_text())
    parameters = results["training"]["parameters"]
    assert (parameters["m"], parameters["sig"], parameters["eta"]) == (8, 0.01, 0.1)
    assert (parameters["max_updates"], parameters["held_out"]) == (300, 0.1)


def test_executed_notebook_is_complete_in_itself(trained: Path) -> None:
    notebook = executed(trained / "out.ipynb")
    about = [out.get("metadata", {}).get("report", {}) for out in outputs(notebook)]
    injected = [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1 and "max_updates = 300" in injected[0].source
    assert {"fig-loss", "fig-quality", "tab-provenance"} <= {a.get("label") for a in about}
    assert f"{trained.name}/run" not in shown(notebook), "relative to where one is"
    assert re.search(r"\bresults .*\brun\b", shown(notebook))
    assert not [out for out in outputs(notebook) if out.output_type == "error"]


def test_nothing_interactive_is_in_the_executed_notebook(trained: Path) -> None:
    for output in outputs(executed(trained / "out.ipynb")):
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        assert "rnn-live" not in json.dumps(output)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of Unix")
def test_command_shows_a_live_bar_and_says_where_it_wrote_on_a_terminal(tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    words = ["papermill", str(TRAINING), "out.ipynb", "-p", "run_dir", str(tmp_path / "run")]
    words += ["-p", "m", "8", "-p", "max_updates", "20000"]
    # Under pytest a kernel would not know of the terminal.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")}
    given = [sys.executable, "-m", *words]
    with subprocess.Popen(
        given, cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the terminal's other end is gone
            while piece := os.read(ours, 10_000):
                seen += piece
    os.close(ours)
    assert process.returncode == 0, seen.decode(errors="replace")[-2000:]
    assert b"epoch 1/7" in seen and b"20,000/20,000" in seen and b"smooth loss" in seen
    assert re.search(rb"results .*\brun\b", seen)
    stored = json.dumps([out for out in outputs(executed(tmp_path / "out.ipynb"))])
    assert "epoch 1/7" not in stored, "the bar is not in the notebook"


def test_run_goes_on_with_the_network_of_another(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("Ööken är ödslig. " * 60, encoding="utf-8")
    words = ["-p", "corpus", "mine.txt", "-p", "from_run", str(trained / "run")]
    words += ["-p", "max_updates", "150", "-p", "run_dir", str(tmp_path / "run")]
    done = command(tmp_path, TRAINING, *words)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["training"]["parameters"]["m"] == 8
    assert set(results["training"]["from_run"]["new"]) == set("Öäö")
    losses = results["losses_before_and_after"]
    assert losses["new text"]["before"] > losses["new text"]["after"]
    assert "old text" in losses
    assert any(
        out.get("metadata", {}).get("report", {}).get("label") == "tab-pretrained"
        for out in outputs(executed(tmp_path / "out.ipynb"))
    )


def test_network_other_than_that_of_the_model_is_refused_even_if_it_is_usual(
    trained: Path, tmp_path: Path
) -> None:
    words = ["-p", "from_run", str(trained / "run"), "-p", "run_dir", str(tmp_path / "run")]
    done = command(tmp_path, TRAINING, *words, "-p", "m", "100")
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1].startswith("ReportError: m: expected 8, ")
    assert not (tmp_path / "run" / "results.json").exists()


def test_wrong_parameter_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = command(tmp_path, TRAINING, "-p", "epoch", "2", "-p", "run_dir", str(run))
    assert done.returncode != 0
    told = done.stderr.strip().splitlines()[-1]
    assert told.startswith("ReportError: epoch: expected a parameter of this notebook")
    assert "epochs" in told
    assert not run.exists()


def test_sampling_before_training_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError) as told:
        papermill.execute_notebook(
            str(SAMPLE), str(tmp_path / "out.ipynb"), {"run_dir": str(tmp_path / "run")},
            progress_bar=False,
        )  # fmt: skip
    assert told.value.ename == "ReportError"
    assert "02_training_evolution.ipynb" in told.value.evalue
    assert len(told.value.traceback) == 1


@pytest.mark.parametrize("name", [path.name for path in sorted(NOTEBOOKS.glob("0*.ipynb"))])
def test_help_shows_type_default_and_a_sentence_for_every_parameter(name: str) -> None:
    words = ["--help-notebook", str(NOTEBOOKS / name)]
    told = " ".join(CliRunner().invoke(papermill_command, words).output.split())
    declared = next(
        cell for cell in executed(NOTEBOOKS / name).cells
        if "parameters" in cell.metadata.get("tags", [])
    ).source.splitlines()  # fmt: skip
    for line in filter(None, declared):
        left, sentence = line.split("  # ")
        variable, kind, value = re.fullmatch(r"(\w+): (\w+) = (.*)", left).groups()
        assert f"{variable}: {kind} (default {value}) {sentence}" in told
