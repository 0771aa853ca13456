"""A run that is made again, and what is found when the first one was changed afterwards."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_handin import notebook, zipped

from rnn import ROOT
from rnn.errors import ReportError
from rnn.pipeline import verify
from rnn.pipeline.differences import _values
from rnn.pipeline.handin import pack
from rnn.pipeline.unpack import METADATA
from rnn.pipeline.verify import DIFFERENT, NOT_COMPARED, SAME, STOPPED, Again, main
from rnn.settings import Settings
from rnn.text.files import sha256_of

pytestmark = pytest.mark.slow

TRAINING = "02_training_evolution"
FOREIGN = {
    "commit": "0123456789" * 4,
    "clean": True,
    "versions": {"python": "3.11.0", "numpy": "0.1"},
    "machine": "x86_64, 2 cores, Linux",
}


def python(*words: str) -> None:
    environment = os.environ | {"RNN_PROVENANCE": json.dumps(FOREIGN)}
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def make(folder: Path, steps: dict[str, dict[str, object]]) -> None:
    """Make a run as make does, with small values, into a folder of the project."""
    run_dir = str(folder.relative_to(ROOT))
    for name, values in steps.items():
        words = [word for pair in values.items() for word in ("-p", pair[0], str(pair[1]))]
        given = ["-d", "text", "", *words, "-d", "run_dir", run_dir]
        python("rnn.pipeline.execute", f"notebooks/{name}.ipynb", f"{folder}/{name}.ipynb", *given)
    python("rnn.report.pages.render", str(folder), "--title=A run", "--author=N. N.")


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Return a folder of the project that git ignores."""
    with verify._temporary() as folder:
        yield folder


@pytest.fixture(scope="session")
def book(place: Path) -> Path:
    path = place / "a book.txt"
    text = (ROOT / "data" / "saltmarrow.txt").read_text(encoding="utf-8")
    path.write_text(text[:6000], encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def again(place: Path, book: Path) -> Iterator[Again]:
    """Make a tiny run from nothing but what its results say, elsewhere by their provenance."""
    there, text = place / "tiny", book.read_text(encoding="utf-8")
    settings = Settings(m=6, max_updates=150, snapshot_every=100, snapshot_length=40)
    facts = {"title": book.name, "bytes": len(book.read_bytes()), "characters": len(text)}
    training = {
        "corpus": str(book.relative_to(ROOT)),
        "parameters": settings.as_dict(),
        "book": facts | {"sha256": sha256_of(book)},
        "updates": 150,
        "seeds": [{}, {}],
    }
    there.mkdir()
    results = {"training": training, "provenance": FOREIGN}
    (there / "results.json").write_text(json.dumps(results))
    (there / "report.ipynb").write_text(json.dumps({"metadata": {"title": "A run"}}))
    with verify._temporary() as work:
        again = Again(there, work, foreign=False)
        again.run()
        yield again


@pytest.fixture(scope="session")
def run(again: Again, place: Path) -> Path:
    """Return the tiny run as if make had made it."""
    shutil.copytree(again.folder, place / "made" / "tiny")
    return place / "made" / "tiny"


Tamper = Callable[[Path], None]


@pytest.fixture
def compare(
    again: Again, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[[Tamper], tuple[int, dict[str, str]]]:  # fmt: skip
    """Return what compares a copy of the tiny run: the status, and what is said of each file."""

    def compare(tamper: Tamper) -> tuple[int, dict[str, str]]:
        copy = tmp_path / "copy"
        shutil.copytree(run, copy)
        tamper(copy)
        monkeypatch.setattr(again, "there", copy)
        status = again.compare()
        *lines, _ = capsys.readouterr().out.splitlines()
        return status, {line.split()[0]: line[30:] for line in lines}

    return compare


def edit(name: str, old: str, new: str) -> Tamper:
    def tamper(folder: Path) -> None:
        content = (folder / name).read_text(encoding="utf-8")
        assert old in content
        (folder / name).write_text(content.replace(old, new, 1), encoding="utf-8")

    return tamper


def test_every_file_of_an_untouched_run_has_the_same_bytes(compare, run: Path) -> None:
    status, told = compare(lambda folder: None)
    assert status == SAME
    assert set(told.values()) == {"same bytes"}
    wanted = {"results.json", "history.csv", "best_model.npz", "report.pdf", "report.html"}
    assert wanted <= told.keys()
    assert not {"speed.json", ".results.lock"} & told.keys()


@pytest.mark.parametrize(("m", "held"), [(100, True), (50, False)])
def test_default_run_is_held_to_the_stored_sha256(
    compare, again: Again, run: Path, monkeypatch: pytest.MonkeyPatch, m: int, held: bool
) -> None:
    monkeypatch.setattr(again, "given", {TRAINING: {"m": m, "seed": 0, "run_dir": "anywhere"}})
    here = {name: sha256_of(run / name) for name in ("history.csv", "snapshots.json")}
    monkeypatch.setattr(verify, "DEFAULT_RUN", {TRAINING: here | {"snapshots.json": "0" * 64}})
    status, told = compare(lambda folder: None)
    assert status == (DIFFERENT if held else SAME)
    assert ("default run" in told["history.csv"]) == held
    assert ("not the one of the project's default run" in told["snapshots.json"]) == held
    assert told["best_model.npz"] == "same bytes"


def test_other_origin_is_said_and_what_the_run_noted_stands_on_its_pages(again: Again) -> None:
    told = "; ".join(again.origin)
    assert "another commit (0123456789" in told and "numpy 0.1, here" in told
    assert json.loads((again.folder / "results.json").read_bytes())["provenance"] == FOREIGN
    assert "numpy 0.1" in (again.folder / f"{TRAINING}.ipynb").read_text(encoding="utf-8")


def test_tampered_number_is_named_with_both_values(
    compare, run: Path, again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "origin", [])
    lowest = json.loads((run / "results.json").read_bytes())["training"]["lowest_smooth_loss"]
    status, told = compare(
        edit("results.json", f'"lowest_smooth_loss": {lowest}', '"lowest_smooth_loss": 1.5')
    )
    assert status == DIFFERENT
    (name,) = [name for name, words in told.items() if words != "same bytes"]
    assert name == "results.json"
    assert "lowest_smooth_loss: 1.5" in told[name] and str(lowest) in told[name]
    assert "edited" in told[name]


def test_tampered_row_is_named_by_its_number_and_column(compare, run: Path) -> None:
    row = (run / "history.csv").read_text().splitlines()[2]
    update, epoch, loss = row.split(",")
    status, told = compare(edit("history.csv", row, f"{update},{epoch},3.25"))
    assert status == DIFFERENT
    assert told["history.csv"].startswith(f"row 2, column smooth_loss: '3.25', made again '{loss}'")
    assert "another commit" in told["history.csv"] and "edited" in told["history.csv"]


def change_weight(folder: Path) -> None:
    with np.load(folder / "best_model.npz", allow_pickle=False) as model:
        arrays = dict(model)
    arrays["W"][2, 3] = 0.5
    np.savez(folder / "best_model.npz", **arrays)


def test_changed_weight_is_named_by_its_array_and_index(compare) -> None:
    status, told = compare(change_weight)
    assert status == DIFFERENT
    assert told["best_model.npz"].startswith("W[2, 3]: 0.5, made again ")
    assert told["last_model.npz"] == "same bytes"


def swap_figures(path: Path) -> None:
    """Show the figure of the losses in the place of that of the quality, and the other way."""
    notebook = json.loads(path.read_bytes())
    drawn = [
        output["data"]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "image/svg+xml" in output.get("data", {})
    ]
    one, other = drawn[:2]
    one["image/svg+xml"], other["image/svg+xml"] = other["image/svg+xml"], one["image/svg+xml"]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def test_swapped_figure_is_named_in_the_notebook_and_on_the_page(compare) -> None:
    def tamper(folder: Path) -> None:
        swap_figures(folder / f"{TRAINING}.ipynb")
        swap_figures(folder / "report.ipynb")
        page = (folder / "report.html").read_text(encoding="utf-8")
        one, other = re.findall(r'src="(data:image[^"]*)"', page)[:2]
        swapped = page.replace(one, "the other").replace(other, one).replace("the other", other)
        (folder / "report.html").write_text(swapped, encoding="utf-8")

    status, told = compare(tamper)
    assert status == DIFFERENT
    for name in (f"{TRAINING}.ipynb", "report.ipynb", "report.html"):
        assert re.search("fig-(loss|quality) is drawn otherwise", told[name])
    assert told["report.pdf"] == told["results.json"] == told["history.csv"] == "same bytes"


def test_changed_page_is_named_by_its_byte(compare) -> None:
    def tamper(folder: Path) -> None:
        content = bytearray((folder / "report.pdf").read_bytes())
        content[2000] ^= 1
        (folder / "report.pdf").write_bytes(content)

    status, told = compare(tamper)
    assert status == DIFFERENT
    assert "from byte 2,000 of" in told["report.pdf"]


def test_changed_sentence_is_named_by_its_line_and_a_missing_file_as_missing(compare) -> None:
    def tamper(folder: Path) -> None:
        edit("report.html", "<title>A run", "<title>My run")(folder)
        (folder / "snapshots.json").unlink()

    status, told = compare(tamper)
    assert status == DIFFERENT
    assert told["report.html"].startswith("line ") and "My run" in told["report.html"]
    assert told["snapshots.json"].startswith("missing")


def with_output(cell: int, output: dict[str, Any]) -> Tamper:
    """Put an output before those of a code cell of the training's notebook."""

    def tamper(folder: Path) -> None:
        path = folder / f"{TRAINING}.ipynb"
        notebook = json.loads(path.read_bytes())
        codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        codes[cell]["outputs"].insert(0, output)
        path.write_text(json.dumps(notebook))

    return tamper


def test_messages_make_no_difference(compare) -> None:
    message = {"output_type": "stream", "name": "stderr", "text": ["going on from update 7\n"]}
    status, told = compare(with_output(2, message))
    assert status == SAME
    assert told[f"{TRAINING}.ipynb"].startswith("same, but for messages")


@pytest.mark.parametrize("cell", [2, -1], ids=["called a message", "with the provenance"])
def test_made_up_output_is_a_difference(compare, cell: int) -> None:
    data = {"text/html": "<h1>Lowest smooth loss 1.0</h1>"}
    output = {"output_type": "display_data", "name": "stderr", "metadata": {}, "data": data}
    status, told = compare(with_output(cell, output))
    assert status == DIFFERENT
    assert told[f"{TRAINING}.ipynb"].startswith("cell ")


def end_lines_otherwise(folder: Path) -> None:
    page = folder / "report.html"
    page.write_bytes(page.read_bytes().replace(b"\n", b"\r\n"))


def write_otherwise(folder: Path) -> None:
    path = folder / "report.ipynb"
    path.write_text(json.dumps(json.loads(path.read_bytes())))


@pytest.mark.parametrize("tamper", [end_lines_otherwise, write_otherwise])
def test_the_same_written_otherwise_is_a_difference_and_no_message(compare, tamper: Tamper) -> None:
    status, told = compare(tamper)
    assert status == DIFFERENT
    (name,) = [name for name, words in told.items() if words != "same bytes"]
    assert "written otherwise" in told[name]


def test_what_is_not_a_number_is_not_like_any_number() -> None:
    assert _values({"loss": math.nan}, {"loss": math.nan}) == ""
    assert _values({"loss": math.nan}, {"loss": 1.5}) == "loss: nan, made again 1.5"


def test_folder_in_the_place_of_a_file_is_told_in_a_line(compare) -> None:
    def tamper(folder: Path) -> None:
        (folder / "history.csv").unlink()
        (folder / "history.csv").mkdir()

    status, told = compare(tamper)
    assert status == DIFFERENT and told["history.csv"].startswith("expected a csv file")


def test_other_text_in_a_zip_is_named(
    compare, again: Again, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tamper(folder: Path) -> None:
        (folder / "data").mkdir()
        shutil.copy(again.given[TRAINING]["corpus"], folder / "data" / "its own.txt")
        (folder / "data" / "another.txt").write_text("Another text.")

    monkeypatch.setattr(again, "foreign", True)
    status, told = compare(tamper)
    assert status == DIFFERENT
    assert [name for name in told if name.startswith("data/")] == ["data/another.txt"]


@pytest.mark.parametrize("content", [b"", b"[1", b"[" * 100_000, b"\xff\xfe", b"PK\x05\x06"])
@pytest.mark.parametrize("name", ["results.json", "history.csv", "best_model.npz", "report.ipynb"])
def test_what_is_no_such_file_is_a_difference_not_a_crash(
    compare, name: str, content: bytes
) -> None:
    status, told = compare(lambda folder: (folder / name).write_bytes(content))
    assert status == DIFFERENT and told[name] != "same bytes"


def test_nothing_of_the_temporary_folder_is_in_what_was_made_again(again: Again) -> None:
    for path in again.folder.rglob("*.*"):
        if path.suffix in (".json", ".ipynb", ".html", ".csv"):
            assert again.work.name not in path.read_text(encoding="utf-8"), path.name


def test_data_without_notebooks_and_pages_are_told_what_their_results_say(run: Path) -> None:
    given = verify._parameters(run, json.loads((run / "results.json").read_bytes()))
    bare = verify._told_by_results("training", json.loads((run / "results.json").read_bytes()))
    assert bare["seeds"] == given[TRAINING]["seeds"] == 2
    assert {name: bare[name] for name in ("m", "max_updates", "corpus", "seed")} == {
        "m": 6, "max_updates": 150, "corpus": given[TRAINING]["corpus"], "seed": 0
    }  # fmt: skip


def copied(run: Path, tmp_path: Path, **training: object) -> Path:
    """Return a copy of a run's data, with other values among its results."""
    results = json.loads((run / "results.json").read_bytes())
    results["training"] |= training
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(json.dumps(results))
    return tmp_path / "run"


def test_text_is_found_by_its_sha256_wherever_it_was(
    run: Path, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = copied(run, tmp_path, corpus="/home/nobody/../my texts/novel.txt")
    (there / "data").mkdir()
    shutil.copy(book, there / "data" / "other name.txt")
    with verify._temporary() as work:
        again = Again(there, work, foreign=True)
        corpus = again.given[TRAINING]["corpus"]
        assert (ROOT / corpus).read_bytes() == book.read_bytes()
        assert Path(corpus).name == "novel.txt"
        told = json.dumps({"corpus": corpus}).encode()
        assert json.loads(again._back(told))["corpus"] == "/home/nobody/../my texts/novel.txt"


@pytest.fixture
def gone_on(run: Path, book: Path, tmp_path: Path) -> Path:
    """Return a run that went on with the model of another, which lies in it as in a zip."""
    there = copied(run, tmp_path)
    old = there / "from_run"
    old.mkdir()
    for name in ("best_model.npz", "results.json"):
        shutil.copy(run / name, old)
    results = json.loads((there / "results.json").read_bytes())
    digest = sha256_of(old / "best_model.npz")
    results["training"]["from_run"] = {"run": "../elsewhere/old", "sha256": digest}
    results["losses_before_and_after"] = {"old text": {"before": 2.0, "after": 1.0}}
    (there / "results.json").write_text(json.dumps(results))
    (there / "data").mkdir()
    shutil.copy(book, there / "data" / "a text.txt")
    return there


def test_model_that_a_run_went_on_with_is_given_to_the_run_made_again(
    gone_on: Path, book: Path
) -> None:
    with verify._temporary() as work:
        again = Again(gone_on, work, foreign=True)
        moved = again.given[TRAINING]["from_run"]
        assert json.loads(again._back(json.dumps(moved).encode())) == "../elsewhere/old"
        copy = ROOT / moved
        assert copy.is_relative_to(work) and copy.name == "old"
        assert sha256_of(copy / "best_model.npz") == sha256_of(
            gone_on / "from_run" / "best_model.npz"
        )
        text = json.loads((copy / "results.json").read_bytes())["training"]["corpus"]
        assert (ROOT / text).read_bytes() == book.read_bytes()


def test_old_text_that_was_not_measured_is_not_measured_again(gone_on: Path) -> None:
    results = json.loads((gone_on / "results.json").read_bytes())
    del results["losses_before_and_after"]
    (gone_on / "results.json").write_text(json.dumps(results))
    with verify._temporary() as work:
        folder = ROOT / Again(gone_on, work, foreign=True).given[TRAINING]["from_run"]
        told = json.loads((folder / "results.json").read_bytes())
        assert not (ROOT / told["training"]["corpus"]).exists()


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"another")])
@pytest.mark.parametrize("foreign", [True, False])
def test_run_whose_model_before_is_not_here_is_refused(
    gone_on: Path, foreign: bool, spoil: Callable[[Path], object]
) -> None:
    spoil(gone_on / "from_run" / "best_model.npz")
    with verify._temporary() as work, pytest.raises(ReportError, match=r"^from_run: expected "):
        Again(gone_on, work, foreign=foreign)


def test_text_that_is_not_here_is_named_in_one_line_and_nothing_is_left(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = json.loads((run / "results.json").read_bytes())["training"]["book"] | {
        "sha256": "0f" * 32
    }
    before = set((ROOT / ".cache").iterdir())
    assert main([str(copied(run, tmp_path, book=book))]) == NOT_COMPARED
    (line,) = capsys.readouterr().err.splitlines()
    assert "'a book.txt' of" in line and "0f0f0f" in line and "put it into data/" in line
    assert set((ROOT / ".cache").iterdir()) <= before


def test_training_that_was_stopped_is_not_compared(run: Path, tmp_path: Path) -> None:
    with (
        verify._temporary() as work,
        pytest.raises(ReportError, match=r"150 updates, got one .* 70"),
    ):
        Again(copied(run, tmp_path, updates=70), work, foreign=False)


def test_training_that_ended_by_itself_is_compared() -> None:
    ended = {"parameters": {}, "book": {"characters": 9000}, "updates": 70}
    for why in ("diverged", "early_stopping"):
        verify._require_end("a-run", ended | {why: "after update 70"})
    with pytest.raises(ReportError, match="70"):
        verify._require_end("a-run", ended)


def test_run_of_an_older_version_is_said_to_be_one(run: Path, tmp_path: Path) -> None:
    results = json.loads((run / "results.json").read_bytes())
    settings = {k: v for k, v in results["training"]["parameters"].items() if k != "order"}
    del results["provenance"]
    results["training"]["parameters"] = settings
    told = verify._origin(results, {"machine": "s390x, 2 cores"})
    assert any("noted neither commit nor packages" in words for words in told)
    assert any("older version (without order)" in words for words in told)
    assert any("another processor (s390x" in words for words in told)


@pytest.mark.parametrize("name", ["A.ZIP", "no suffix"])
def test_zip_is_known_by_what_it_holds(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = zipped(tmp_path / name, {"results.json": b"{}"}, told=False)
    assert main([str(archive)]) == NOT_COMPARED
    assert METADATA in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", "nowhere.zip"])
def test_what_is_not_there_is_refused_in_one_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / name)]) == NOT_COMPARED
    (line,) = capsys.readouterr().err.splitlines()
    assert name in line and "expected" in line


def test_sentences_of_somebody_else_are_not_run(run: Path, book: Path, tmp_path: Path) -> None:
    there = tmp_path / "handed in"
    shutil.copytree(run, there)
    notebook = json.loads((there / f"{TRAINING}.ipynb").read_bytes())
    notebook["metadata"]["papermill"]["parameters"]["text"] = "swedish"
    (cell,) = [one for one in notebook["cells"] if one["id"] == "injected-parameters"]
    cell["source"].append('\ntext = "swedish"')
    (there / f"{TRAINING}.ipynb").write_text(json.dumps(notebook))
    (there / "sentences").mkdir()
    (there / "sentences" / "loss.md").write_text("{% block caption %}{% endblock %}")
    (there / "data").mkdir()
    shutil.copy(book, there / "data")
    with verify._temporary() as work:
        again = Again(there, work, foreign=True)
        assert again.given[TRAINING]["text"] == ""
        assert {"report.html", f"{TRAINING}.ipynb"} <= again.left_out.keys()
        assert "results.json" not in again.left_out


HOSTILE = [
    [],
    {"training": 3},
    {"training": {"parameters": []}},
    {"training": {"corpus": "x\0y", "parameters": {}, "book": {"sha256": "0"}}},
    {"training": {"corpus": {}, "parameters": {}, "book": []}},
    {"training": {"corpus": "saltmarrow", "parameters": {}}, "provenance": "here"},
    {"training": {"corpus": "saltmarrow", "parameters": {}}, "provenance": {"versions": 7}},
    {"sampling": [1]},
    {"gradient_check": {}},
    {"comparison": {}},
]


@pytest.mark.parametrize("results", HOSTILE)
def test_results_that_no_run_left_are_refused_in_one_line(
    tmp_path: Path, results: object, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = zipped(tmp_path / "evil.zip", {"results.json": json.dumps(results).encode()})
    assert main([str(archive)]) == NOT_COMPARED
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected" in line


@pytest.mark.parametrize(
    "given",
    [
        {"x = 1; import os": 1},
        {"x": {"y": 1}},
        {"x": [1]},
        {"x.y": 1},
        {"": 1},
        [],
    ],
)
def test_parameters_that_papermill_did_not_put_in_are_refused(
    tmp_path: Path, given: dict[str, object]
) -> None:
    path = tmp_path / "02_training_evolution.ipynb"
    lines = [f"{name} = {value!r}\n" for name, value in dict(given).items()]
    cell = {"metadata": {"tags": ["injected-parameters"]}, "source": lines}
    metadata = {"papermill": {"parameters": given}}
    path.write_text(json.dumps({"cells": [cell], "metadata": metadata}))
    with pytest.raises(ReportError, match="its parameters"):
        verify.told_by_notebook(path)


@pytest.mark.parametrize("run_dir", ["/etc", "../up", ".", "~/x", 5, None, "a/../../b"])
def test_run_is_made_again_nowhere_but_in_the_temporary_folder(
    run: Path, book: Path, tmp_path: Path, run_dir: object
) -> None:
    there = copied(run, tmp_path)
    given = {"run_dir": run_dir, "corpus": str(book), "m": 6}
    lines = [f"{name} = {value!r}\n" for name, value in given.items()]
    cell = {"metadata": {"tags": ["injected-parameters"]}, "source": lines}
    content = {"cells": [cell], "metadata": {"papermill": {"parameters": given}}}
    (there / f"{TRAINING}.ipynb").write_text(json.dumps(content))
    with verify._temporary() as work:
        try:
            again = Again(there, work, foreign=False)
        except OSError:
            return
        assert again.folder.resolve().is_relative_to(work)
        assert (ROOT / str(again.given[TRAINING]["run_dir"])).resolve() == again.folder.resolve()
        assert f"{TRAINING}.ipynb" in again.left_out


@pytest.mark.parametrize("checkpoints", ["reports/size/m6/checkpoints", "/", "../up", "nowhere"])
def test_run_made_again_takes_no_checkpoints_from_elsewhere(
    run: Path, book: Path, tmp_path: Path, checkpoints: str
) -> None:
    there = copied(run, tmp_path)
    given = {"corpus": str(book), "checkpoints": checkpoints}
    (there / f"{TRAINING}.ipynb").write_text(notebook(**given))
    with verify._temporary() as work:
        again = Again(there, work, foreign=False)
        moved = again.given[TRAINING]["checkpoints"]
        assert (ROOT / moved).resolve().is_relative_to(work)
        assert (ROOT / moved).is_dir() and not list((ROOT / moved).rglob("*.state"))
        assert json.loads(again._back(json.dumps(moved).encode())) == checkpoints


def test_interrupt_leaves_nothing_behind(run: Path) -> None:
    before = set((ROOT / ".cache").glob("verify*"))
    command = [sys.executable, "-m", "rnn.pipeline.verify", str(run)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        while b"running" not in process.stdout.readline():
            assert process.poll() is None
        time.sleep(1)
        os.killpg(process.pid, signal.SIGINT)
        told = process.communicate(timeout=60)[1].decode()
    assert process.returncode == STOPPED, told
    assert "nothing is left behind" in told.splitlines()[-1]
    assert set((ROOT / ".cache").glob("verify*")) <= before


@pytest.mark.exhaustive
def test_whole_run_is_verified_and_handed_in_and_what_was_changed_is_found(
    place: Path, book: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = place / "whole"
    folder.mkdir()
    corpus = {"corpus": book.relative_to(ROOT)}
    training = {"m": 6, "max_updates": 150, "snapshot_every": 100}
    make(
        folder,
        {
            "01_gradient_check": corpus,
            TRAINING: corpus | training,
            "03_best_model_sampling": {"length": 80},
        },
    )
    assert main([str(folder)]) == SAME
    assert "0 different" in capfd.readouterr().out
    archive = pack(folder)
    assert main([str(archive)]) == NOT_COMPARED, "the text may not be passed on, and is not here"
    data = ROOT / "data" / f"{place.name}.txt"
    try:
        shutil.copy(book, data)
        change_weight(folder)
        swap_figures(folder / f"{TRAINING}.ipynb")
        with zipfile.ZipFile(pack(folder)) as renewed:
            assert renewed.testzip() is None
        assert main([str(archive)]) == DIFFERENT
    finally:
        data.unlink()
    told = capfd.readouterr().out
    assert "W[2, 3]: 0.5, made again" in told
    assert "fig-loss is drawn otherwise" in told
    assert " 2 different" in told, "the rest is the same"
