"""Three executed notebooks become one report, the same bytes for the same results."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_output
from pages import Page, code, figure, notebook, pdf_lines, prose, stream, table

from rnn.errors import ReportError
from rnn.report.pages.render import assemble, main, render


def run_of(folder: Path, started: str = "2026-01-01T00:00:00") -> Path:
    """Write three executed notebooks as a run leaves them, with its traces of time and place."""
    names = ("01_gradient_check", "02_training_evolution", "03_best_model_sampling")
    for number, name in enumerate(names, start=1):
        parameters = code("m = 5", tags=("parameters",))
        injected = code("m = 7", tags=("injected-parameters",))
        work = code("work()", stream(f"{started} 3%|###", "stderr"), figure(f"fig-{number}"))
        work.execution_count = number
        work.metadata["papermill"] = {"start_time": started, "duration": 1.0}
        work.metadata["execution"] = {"iopub.execute_input": started}
        cells = [prose(f"# Section {number}\n\nSee [Figure](#fig-{number})."), parameters, injected]
        nb = notebook(*cells, work, code("t", table(f"tab-{number}")), prose("## Detail"))
        nb.metadata["papermill"] = {"output_path": str(folder / name), "start_time": started}
        nb.metadata["kernelspec"] = {"name": "python3", "display_name": str(folder)}
        nbformat.write(nb, folder / f"{name}.ipynb")
    return folder


def test_each_notebook_becomes_a_section_in_order(tmp_path: Path) -> None:
    nb = assemble(run_of(tmp_path), title="T")
    headings = [
        line for cell in nb.cells for line in cell.source.splitlines() if line.startswith("# ")
    ]
    assert headings == ["# Section 1", "# Section 2", "# Section 3"]


def test_the_assembled_notebook_is_valid_and_names_title_author_and_date(tmp_path: Path) -> None:
    nb = assemble(run_of(tmp_path), title="T <b>", author="A", date="2021-06-05")
    nbformat.validate(nb)
    assert nb.metadata.title == "T <b>"
    assert nb.metadata.authors == [{"name": "A"}]
    assert nb.metadata.date == "2021-06-05"


def test_parameters_progress_time_and_place_are_left_behind(tmp_path: Path) -> None:
    text = nbformat.writes(assemble(run_of(tmp_path), title="T"))
    assert "work()" in text
    for trace in ("m = 5", "m = 7", "3%", "2026", str(tmp_path), "papermill"):
        assert trace not in text


@pytest.mark.parametrize("tag", ["standalone", "remove-cell"])
def test_what_belongs_to_the_one_notebook_alone_is_left_behind(tmp_path: Path, tag: str) -> None:
    path = run_of(tmp_path) / "01_gradient_check.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells.append(code("about_this_notebook()", tags=(tag,)))
    nb.cells.append(prose("How to read it", metadata={"tags": [tag]}))
    nbformat.write(nb, path)
    text = nbformat.writes(assemble(tmp_path, title="T"))
    assert "about_this_notebook" not in text and "How to read it" not in text


def test_assembling_twice_gives_the_same_bytes_whenever_it_ran(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, started in ((first, "2026-01-01"), (second, "2027-02-02")):
        folder.mkdir()
        run_of(folder, started)
    texts = [nbformat.writes(assemble(folder, title="T")) for folder in (first, second)]
    assert texts[0] == texts[1]
    identifiers = [cell["id"] for cell in json.loads(texts[0])["cells"]]
    assert len(set(identifiers)) == len(identifiers)


def test_a_folder_without_notebooks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="expected executed notebooks"):
        assemble(tmp_path, title="T")


@pytest.mark.parametrize("content", ["", "{", "[]", "no json", '{"cells": 3}'])
def test_a_file_that_is_no_notebook_is_refused_by_name(tmp_path: Path, content: str) -> None:
    run_of(tmp_path)
    (tmp_path / "02_training_evolution.ipynb").write_text(content)
    with pytest.raises(ReportError, match=r"02_training_evolution\.ipynb: expected a notebook"):
        assemble(tmp_path, title="T")


def test_render_writes_the_three_files_and_nothing_else(tmp_path: Path) -> None:
    before = set(run_of(tmp_path).iterdir())
    written = render(tmp_path, title="T", author="A", date="2021-06-05")
    assert set(tmp_path.iterdir()) - before == set(written)
    assert [path.name for path in written] == ["report.ipynb", "report.pdf", "report.html"]
    lines = pdf_lines((tmp_path / "report.pdf").read_bytes())
    assert lines[:3] == ["T", "A", "June 5, 2021"]
    assert [line for line in lines if re.match(r"\d(\.\d)? (Section|Detail)", line)] == [
        f"{number}{rest}" for number in (1, 2, 3) for rest in (f" Section {number}", ".1 Detail")
    ]
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    for number in (1, 2, 3):
        assert f"See Figure {number}." in page.text
        assert f"See Figure {number}." in lines


def test_rendering_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    run_of(tmp_path)
    first = [path.read_bytes() for path in render(tmp_path, title="T")]
    run_of(tmp_path, "2031-03-03")
    assert [path.read_bytes() for path in render(tmp_path, title="T")] == first


def test_the_pages_hold_no_path_of_the_machine(tmp_path: Path) -> None:
    for path in render(run_of(tmp_path), title="T"):
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_failed_rendering_leaves_the_last_report_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path)
    render(tmp_path, title="T")
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if "report" in path.name}
    broken = nbformat.read(tmp_path / "03_best_model_sampling.ipynb", 4)
    broken.cells.append(prose("See [Table](#tab-nowhere)."))
    nbformat.write(broken, tmp_path / "03_best_model_sampling.ipynb")
    assert main([str(tmp_path), "--title", "T"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "03_best_model_sampling cell 7" in error
    assert "#tab-nowhere" in error
    after = {path: path.read_bytes() for path in tmp_path.iterdir() if "report" in path.name}
    assert after == before


def test_a_file_that_cannot_be_written_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    run_of(tmp_path)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ReportError, match="No space left on device"):
        render(tmp_path, title="T")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "report"))]


def test_the_command_names_the_two_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(tmp_path)
    assert main([str(tmp_path), "--title", "T", "--author", "A", "--date", "soon"]) == 0
    said = capsys.readouterr().out.split()
    assert said == [str(tmp_path / "report.pdf"), str(tmp_path / "report.html")]


def test_an_error_in_a_notebook_is_shown_where_it_happened(tmp_path: Path) -> None:
    run_of(tmp_path)
    path = tmp_path / "02_training_evolution.ipynb"
    nb: NotebookNode = nbformat.read(path, 4)
    nb.cells.append(code("x", new_output("error", ename="E", evalue="stopped", traceback=[])))
    nbformat.write(nb, path)
    render(tmp_path, title="T")
    assert "E: stopped" in pdf_lines((tmp_path / "report.pdf").read_bytes())
