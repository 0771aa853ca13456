"""The benchmark compares systems that do the same work, and writes down what it found."""

import importlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks.build import build
from benchmarks.measure import CHECK_ETA, Measurement, check, reference
from benchmarks.peers import one_hot
from benchmarks.studies import QUICK
from benchmarks.systems import SYSTEMS, System, Worker, missing
from rnn.errors import ReportError

UPDATES = 40
SIZE = {"m": 9, "tau": 7, "K": 20}
MEASURED: dict[str, Any] = {
    "study": "peers", "title": "this project", "name": "rnn", "version": "1", "dtype": "float32",
    "m": 16, "tau": 10, "K": 81, "batch": 1, "cell": "vanilla", "layers": 1, "updates": 5,
    "difference": 0.0,
}  # fmt: skip


def losses_of(system, **size):
    if system in missing():
        pytest.skip(f"{system.package} is not installed")
    prepare = importlib.import_module(f"benchmarks.peers.{system.module}").prepare
    return prepare(build(**size, dtype=system.dtype))(UPDATES, CHECK_ETA)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_every_system_has_the_losses_of_the_one_hot_loop(system):
    expected = one_hot.prepare(build(**SIZE, dtype="float64"))(UPDATES, CHECK_ETA)
    assert expected[0] == pytest.approx(7 * np.log(20), rel=1e-3)
    assert expected[-5:].mean() < expected[0]
    assert check(system.title, losses_of(system, **SIZE), expected) < 1e-5


@pytest.mark.parametrize(
    "system", [s for s in SYSTEMS if s.name != "one-hot"], ids=lambda system: system.name
)
def test_every_system_reads_streams_side_by_side_alike(system):
    size = SIZE | {"batch": 3}
    check(system.title, losses_of(system, **size), reference(build(**size), UPDATES))


@pytest.mark.exhaustive
@pytest.mark.parametrize("system", [s for s in SYSTEMS if s.name in ("pytorch", "jax", "rnn")],
                         ids=lambda system: system.name)  # fmt: skip
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_systems_with_other_cells_do_the_same_work(system, cell):
    size = SIZE | {"cell": cell, "layers": 2, "batch": 3}
    check(system.title, losses_of(system, **size), reference(build(**size), UPDATES))


def test_the_first_loss_of_a_batch_is_the_mean_of_its_streams():
    problem = build(**SIZE, batch=3, dtype="float64")
    alone = [
        one_hot.prepare(replace(problem, batch=1, starts=problem.starts[:, s : s + 1]))(
            1, CHECK_ETA
        )
        for s in range(3)
    ]
    assert reference(problem, 1)[0] == pytest.approx(np.mean(alone), rel=1e-12)


@pytest.mark.parametrize("change", [{"clip": 0.01}, {"eps": 1e-3}, {"tau": 6}])
def test_a_system_that_does_other_work_is_an_error(change):
    problem = build(**SIZE)
    other = reference(replace(problem, **change), UPDATES)
    with pytest.raises(ReportError, match="do not do the same work"):
        check("other", other, reference(problem, UPDATES))


def test_a_process_that_ends_is_an_error_in_one_line():
    worker = Worker(System("none", "A system that is not there", "none", "numpy", "float32"))
    with pytest.raises(ReportError, match=r"^A system that is not there: [^\n]+none[^\n]+$"):
        worker.run(1, CHECK_ETA)
    worker.close()


@pytest.mark.slow
def test_a_quick_run_writes_every_field(tmp_path, capsys):
    status = command.main(["--quick", "--only", "peers", "batch", "--out", str(tmp_path)])
    shown = capsys.readouterr().out
    found = json.loads((tmp_path / "bench.json").read_text())
    assert status == 0
    assert not found["interrupted"]
    here = {system.name for system in SYSTEMS} - {system.name for system in missing()}
    peers = [one for one in found["measurements"] if one["study"] == "peers"]
    assert {one["name"] for one in peers} == here
    assert found["missing"] == [system.name for system in missing()]
    assert found["ratios"]["rnn"] == 1
    for one in found["measurements"]:
        assert one["version"]
        assert one["dtype"] in ("float32", "float64")
        assert one["m"] == QUICK.size["m"]
        assert one["tau"] == QUICK.size["tau"]
        assert one["K"] == 81
        assert one["median_us"] == pytest.approx(np.median(one["repetitions_us"]))
        assert one["difference"] <= found["check"]["tolerance"]
    batches = {one["batch"] for one in found["measurements"] if one["name"] == "rnn"}
    assert batches == set(QUICK.batch) | {1}
    assert (tmp_path / "bench.svg").stat().st_size > 0
    for system in SYSTEMS:
        assert system.title in shown


@pytest.mark.slow
def test_the_parts_of_an_update_are_timed_beside_what_is_possible(tmp_path, capsys):
    assert command.main(["--quick", "--only", "parts", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "bench.json").read_text())["parts"]
    shown = capsys.readouterr().out
    assert found["peak"] > 0
    assert found["bound"] < sum(seconds for seconds, _ in found["parts"].values())
    assert all(name in shown for name in found["parts"])


@pytest.mark.slow
def test_char_rnns_network_learns_and_its_recipe_is_shown(tmp_path, capsys):
    assert command.main(["--quick", "--only", "char-rnn", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "bench.json").read_text())["char-rnn"]
    installed = {"rnn", "pytorch"} - {system.name for system in missing()}
    assert found.keys() == {"text", "recipe"} | installed
    for name in installed:
        assert 0 < found[name]["held_out_loss"] < np.log(81)
    assert f"-p eta_schedule {found['recipe']['eta_schedule']}" in capsys.readouterr().out


@pytest.mark.exhaustive
def test_the_same_training_is_compiled_for_several_processors(tmp_path, capsys):
    assert command.main(["--quick", "--only", "targets", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "bench.json").read_text())["targets"]
    assert len(found) > 1
    assert len({one["hash"] for one in found.values()}) == 1


def test_a_ratio_is_taken_within_each_turn() -> None:
    slow, fast = (
        Measurement(**MEASURED, repetitions_us=times) for times in ([30.0, 10.0, 9.0], [10.0, 5.0])
    )
    assert slow.ratio_to(fast) == 2.5
    assert fast.ratio_to(fast) == 1


def test_ctrl_c_keeps_what_was_measured(tmp_path, monkeypatch, capsys):
    def interrupted(study, plan, results, done):
        results.append(Measurement(**MEASURED | {"study": study}, repetitions_us=[60.0]))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "times", interrupted)
    assert command.main(["--quick", "--out", str(tmp_path)]) == 130
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["interrupted"]
    assert [one["median_us"] for one in found["measurements"]] == [60.0]
    assert "Interrupted" in capsys.readouterr().out


def test_a_mismatch_ends_the_command_with_an_error(tmp_path, monkeypatch, capsys):
    def mismatch(study, plan, results, done):
        raise ReportError("losses differ")

    monkeypatch.setattr(command, "times", mismatch)
    assert command.main(["--quick", "--only", "peers", "--out", str(tmp_path)]) == 1
    assert "losses differ" in capsys.readouterr().err


def test_help_explains_every_study(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    for word in "peers parts targets precision memory --quick --out mismatch".split():
        assert word in shown
