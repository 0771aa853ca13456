"""A sweep trains what is not trained yet, keeps what it has, and tells what failed.

The workers are a stand-in that trains in this process; those of Dask are in test_cluster.py.
"""

import errno
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import reference

from rnn.errors import ReportError
from rnn.pipeline import sweep
from rnn.pipeline.grid import Asked
from rnn.pipeline.parameters import read_values
from rnn.pipeline.sweep import Sweeping
from rnn.report.sections.sweep_finished import read_sweep
from rnn.runs.points import train_slice
from rnn.runs.results import read_results
from rnn.text.corpus import Corpus

SMALL = "-p max_updates 300 -p seq_length 5 -p epochs 50 -p held_out 0.1"


@dataclass
class InThisProcess:
    """Trains a slice when its answer is asked for."""

    corpus: Corpus
    before: Callable[[str], dict[str, Any] | None] = lambda name: None
    cores: int = 2
    waiting: deque[str] = field(default_factory=deque)
    tasks: dict[str, Any] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)

    def submit(self, name: str, task: Any) -> str:
        self.tasks[name] = task
        self.waiting.append(name)
        return name

    def next(self, timeout: float) -> str:
        return self.waiting.popleft()

    def answer(self, name: str) -> dict[str, Any]:
        got = self.before(name) or train_slice(self.corpus, self.tasks[name])
        self.trained.append(name)
        return got


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return reference.book(tmp_path, 2000).path


@dataclass
class Made:
    """What one sweep did: its folder, and the slices that were trained, by point and seed."""

    folder: Path
    trained: list[str]


@pytest.fixture
def make(tmp_path: Path, book: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Made]:
    """Return a function that makes a sweep as the command does."""
    monkeypatch.setattr(sweep.stop, "heard", 0.0)

    def made(grid: str, before: Any = lambda name: None, **given: str) -> Made:
        said = {"CORPUS": str(book), "ENCODING": "utf-8", "SEED": "0", "SEEDS": "2"}
        asked = Asked.of(said | {"PARAMS": SMALL, "GRID": grid} | given)
        (tmp_path / "sweep").mkdir(exist_ok=True)
        at_work = Sweeping(tmp_path / "sweep", asked)
        workers = InThisProcess(at_work.corpus, before)

        @contextmanager
        def cluster() -> Iterator[InThisProcess]:
            yield workers

        monkeypatch.setattr(at_work, "_cluster", cluster)
        made = Made(tmp_path / "sweep", workers.trained)
        try:
            at_work.run()
        except BaseException as error:
            error.made = made  # type: ignore[attr-defined]
            raise
        return made

    return made


def stamps(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*")) if p.is_file()}


def test_every_point_is_a_run_and_the_best_has_its_parameters(make: Callable[..., Made]) -> None:
    made = make("m=3,6")
    assert sorted(made.trained) == ["m3/0", "m3/1", "m6/0", "m6/1"]
    for name, m in (("m3", 3), ("m6", 6)):
        training = read_results(made.folder / name)["training"]
        assert training["parameters"]["m"] == m and training["updates"] == 300
        assert [one["seed"] for one in training["seeds"]] == [0, 1]
        left = {path.name for path in (made.folder / name).iterdir()}
        assert left >= {"history.csv", "snapshots.json", "best_model.npz", "last_model.npz"}
    found = read_sweep(made.folder)
    assert found.points[0].loss < found.points[1].loss and found.varied == {"m": [3, 6]}
    best = read_values(made.folder / "best.yaml")
    assert best["m"] == found.points[0].parameters["m"]
    assert (made.folder / found.points[0].name / "checkpoints").samefile(best["checkpoints"])


def test_a_finished_sweep_is_left_alone_to_the_last_file(make: Callable[..., Made]) -> None:
    made = make("m=3,6")
    before = stamps(made.folder)
    again = make("m=3,6")
    assert not again.trained and stamps(made.folder) == before


def test_a_larger_grid_and_more_seeds_train_what_is_new(make: Callable[..., Made]) -> None:
    make("m=3,6")
    assert make("m=3,6,4").trained == ["m4/0", "m4/1"]
    assert sorted(make("m=3,6,4", SEEDS="3").trained) == ["m3/2", "m4/2", "m6/2"]
    # Fewer seeds take nothing away.
    assert not make("m=3,6,4", SEEDS="1").trained
    assert not make("m=3,6,4", SEEDS="3").trained


def test_an_interrupted_sweep_goes_on_from_its_checkpoints(
    make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make("m=6,3")
    bytes_of = {
        name: (whole.folder / "m6" / name).read_bytes()
        for name in ("results.json", "history.csv", "best_model.npz")
    }
    states = {path.name for path in whole.folder.rglob("m6/**/*.state")}
    whole.folder.rename(whole.folder.with_name("whole"))

    monkeypatch.setattr(sweep, "_SLICE", 0.0)
    monkeypatch.setattr(sweep, "_SLICES_PER_SECOND", 1e9)
    monkeypatch.setattr("rnn.runs.points._SHARE", 1e9)
    slices: list[str] = []

    def interrupt(name: str) -> None:
        slices.append(name)
        if len(slices) == 3:
            sweep.stop.heard = 1.0  # long ago: nothing is waited for

    with pytest.raises(KeyboardInterrupt) as stopped:
        make("m=6,3", interrupt)
    assert list(stopped.value.made.folder.rglob("*.state"))  # type: ignore[attr-defined]
    sweep.stop.heard = 0.0
    monkeypatch.setattr(sweep, "_SLICE", 60.0)
    again = make("m=6,3")
    assert len(again.trained) == 4
    for name, content in bytes_of.items():
        assert (again.folder / "m6" / name).read_bytes() == content, name
    assert states <= {path.name for path in again.folder.rglob("m6/**/*.state")}


def test_what_fails_or_diverges_is_a_row_that_says_why(make: Callable[..., Made]) -> None:
    def fail(name: str) -> dict[str, Any] | None:
        return {"error": "out of luck"} if name == "m4/1" else None

    made = make("m=3,4 eta=0.1,1e38", lambda name: fail(name.replace("-eta0.1", "")))
    found = read_sweep(made.folder)
    assert [one.name for one in found.points] == ["m3-eta0.1"]
    reasons = {one.name: one.trouble for one in found.failed}
    assert reasons.keys() == {"m4-eta0.1", "m3-eta1e_38", "m4-eta1e_38"}
    assert reasons["m4-eta0.1"] == "out of luck" and "finite" in reasons["m3-eta1e_38"]
    # What failed is tried again; what diverged would only do so again.
    again = make("m=3,4 eta=0.1,1e38")
    assert again.trained == ["m4-eta0.1/1"]
    assert len(read_sweep(made.folder).points) == 2


def test_settings_that_do_not_fit_the_text_are_rows_too(make: Callable[..., Made]) -> None:
    made = make("batch_size=1,5000")
    assert sorted(made.trained) == ["batch_size1/0", "batch_size1/1"]
    (failed,) = read_sweep(made.folder).failed
    assert "batch_size" in failed.trouble


def test_a_full_disk_ends_the_sweep_in_one_line_and_loses_nothing(
    make: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, full = os.replace, []

    def replaced(source: Any, target: Any) -> None:
        if "/sweep/" in str(target) and full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        there(source, target)

    monkeypatch.setattr(os, "replace", replaced)
    with pytest.raises(ReportError, match=os.strerror(errno.ENOSPC)):
        make("m=3,6", lambda name: full.append(name) if name == "m3/1" else None)
    full.clear()
    again = make("m=3,6")
    assert sorted(again.trained) == ["m3/1"] or "m6/0" not in again.trained
    assert len(read_sweep(again.folder).points) == 2


def test_halving_lets_the_best_go_on_from_their_checkpoints(make: Callable[..., Made]) -> None:
    made = make("m=2,3,4,5,6,7,8,9,10", HALVING="3", SEEDS="1")
    found = read_sweep(made.folder)
    updates = sorted(one.updates for one in found.measured)
    assert updates == [34] * 6 + [100] * 2 + [300]
    assert [(one.stopped, one.updates) for one in found.points] == [(0, 300)]
    by_early = sorted(found.measured, key=lambda one: float(one.early.mean()))
    kept = {one.name for one in found.measured if one.updates > 34}
    assert kept == {one.name for one in by_early[:3]}
    assert len(made.trained) == 9 + 3 + 1
    assert [stage["kept"] for stage in found.asked["stages"]] == [3, 1, 1]
    # The same again trains nothing; all to the end trains what was stopped, from where it was.
    assert not make("m=2,3,4,5,6,7,8,9,10", HALVING="3", SEEDS="1").trained
    whole = make("m=2,3,4,5,6,7,8,9,10", SEEDS="1")
    assert len(whole.trained) == 8
    assert {one.updates for one in read_sweep(made.folder).points} == {300}


def test_a_halving_resumed_in_its_second_stage_decides_as_before(
    make: Callable[..., Made],
) -> None:
    grid = "m=2,3,4,5,6,7,8,9,10"
    made = make(grid, HALVING="3", SEEDS="1")
    whole = json.loads((made.folder / "sweep.json").read_text())
    made.folder.rename(made.folder.with_name("whole"))
    slices: list[str] = []

    def interrupt(name: str) -> None:
        slices.append(name)
        if len(slices) == 10:
            sweep.stop.heard = 1.0

    with pytest.raises(KeyboardInterrupt):
        make(grid, interrupt, HALVING="3", SEEDS="1")
    sweep.stop.heard = 0.0
    again = make(grid, HALVING="3", SEEDS="1")
    assert len(again.trained) <= 4
    resumed = json.loads((again.folder / "sweep.json").read_text())

    def decided(facts: Any) -> Any:
        return [(one["name"], one["stopped"], one["seeds"][0]["stages"]) for one in facts["points"]]

    assert decided(resumed) == decided(whole)


def test_a_halving_decides_the_same_whatever_was_trained_before(make: Callable[..., Made]) -> None:
    grid = "m=2,3,4,5,6,7,8,9,10"

    def decided(made: Made) -> Any:
        facts = json.loads((made.folder / "sweep.json").read_text())
        first = [one["seeds"][0]["stages"][0] for one in facts["points"]]
        points = read_sweep(made.folder).measured
        losses = sorted((one.name, one.updates, one.loss) for one in points)
        return [one["stopped"] for one in facts["points"]], first, facts["stages"], losses

    fresh = make(grid, HALVING="3", SEEDS="1")
    wanted = decided(fresh)
    fresh.folder.rename(fresh.folder.with_name("fresh"))
    make("m=2,5,8,9", SEEDS="1")
    make(grid, HALVING="2", SEEDS="1")
    assert decided(make(grid, HALVING="3", SEEDS="1")) == wanted
    again = make(grid, HALVING="3", SEEDS="1")
    assert not again.trained and decided(again) == wanted
    # What was trained to the end stays so.
    assert read_results(again.folder / "m2")["training"]["updates"] == 300
    whole = make(grid, SEEDS="1")
    assert "m2/0" not in whole.trained
    assert {stages for one in decided(whole)[1] for stages in one[:1]} == {300}


def test_a_text_that_changed_is_trained_anew_and_back_again(
    make: Callable[..., Made], book: Path
) -> None:
    made = make("m=3,6", SEEDS="1")
    names = ("results.json", "history.csv", "best_model.npz")
    text, loss = book.read_bytes(), read_sweep(made.folder).points[0].loss
    first = [(made.folder / "m3" / name).read_bytes() for name in names]
    book.write_bytes(text[::-1])
    assert make("m=3,6", SEEDS="1").trained == ["m6/0", "m3/0"]
    other = [(made.folder / "m3" / name).read_bytes() for name in names]
    assert all(one != before for one, before in zip(other, first, strict=True))
    assert read_sweep(made.folder).points[0].loss != loss
    book.write_bytes(text)
    make("m=3,6", SEEDS="1")
    assert [(made.folder / "m3" / name).read_bytes() for name in names] == first
    assert read_sweep(made.folder).points[0].loss == loss


@pytest.mark.parametrize(
    "entry", [{}, {"seed": 0, "updates": 300}, {"updates": "x"}, {"stages": 1}]
)
def test_what_is_not_whole_in_a_sweep_s_notes_is_trained_again(
    make: Callable[..., Made], entry: dict[str, Any]
) -> None:
    notes = make("m=3,6").folder / "m3" / "seeds.json"
    before = notes.read_bytes()
    first, second = json.loads(before)
    damaged = entry if "seed" in entry or not entry else first | entry
    notes.write_text(json.dumps([damaged, second]))
    assert make("m=3,6").trained == ["m3/0"]

    def results(content: bytes) -> Any:
        return [one | {"seconds": 0, "timed_updates": 0} for one in json.loads(content)]

    assert results(notes.read_bytes()) == results(before)
