"""What the assignment asks for, ticked off against files."""

import json
from pathlib import Path

import pytest

from rnn.errors import ReportError
from rnn.report.sections.results import checklist_facts as facts

UPDATES = [1, *range(10_000, 100_001, 10_000)]
ITEMS = ("gradients", "loss", "snapshots", "best")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder with all that the assignment asks for."""
    lines = ["setting,oracle,h,parameter,max,mean,norm_wise,exactly_zero,verdict"]
    lines += [f"a,central differences,1e-4,{name},4e-6,1e-7,3e-8,0,good" for name in "WUVbc"]
    (tmp_path / "gradient_check.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "history.csv").write_text("update,epoch,smooth_loss\n1,1,109.8\n100000,2,45.0\n")
    snapshots = [{"update": u, "smooth_loss": 50.0, "text": "x" * 200} for u in UPDATES]
    (tmp_path / "snapshots.json").write_text(json.dumps(snapshots))
    (tmp_path / "best_model.npz").write_bytes(b"model")
    results = {
        "sampling": {"seed": 3, "text": "y" * 1000},
        "training": {
            "updates_per_epoch": 50_000, "lowest_smooth_loss": 44.5,
            "lowest_smooth_loss_update": 99_000,
        },
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def done(folder: Path) -> list[bool]:
    values = facts(folder)
    return [bool(values[item].get("done")) for item in ITEMS]


def test_a_whole_run_has_every_item_ticked(run: Path) -> None:
    values = facts(run)
    best = values["best"]["training"]
    assert done(run) == [True] * 4
    assert values["gradients"]["parameters"] == list("WUVbc")
    assert values["gradients"]["oracles"] == ["central differences"]
    assert (values["loss"]["updates"], values["loss"]["epochs"]) == (100_000, 2)
    assert values["snapshots"]["found"] == values["wanted"] == 11
    assert (best["lowest_smooth_loss"], best["lowest_smooth_loss_update"]) == (44.5, 99_000)


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    values = facts(tmp_path)
    assert [values[item] for item in ITEMS] == [{}] * 4


def test_every_row_says_what_there_is(run: Path, shown) -> None:
    out = shown("results.checklist", run)
    assert out.labels == ["tab-checklist"]
    for words in ("W, U, V, b and c", "3e-08", "100,000 updates, 2 epochs", "11 snapshots of 11",
                  "44.5000 at update 99,000"):  # fmt: skip
        assert words in out.texts[0]
    assert out.texts[0].count("yes") == 4


def test_every_row_of_an_empty_folder_says_what_to_run(tmp_path: Path, shown) -> None:
    out = shown("results.checklist", tmp_path)
    notebooks = ("01_gradient_check", "02_training_evolution", "03_best_model_sampling")
    assert all(name in out.texts[0] for name in notebooks)
    assert out.prose.count(";") == 3, "four items are missing"


def test_gradients_that_differ_are_not_ticked(run: Path, shown) -> None:
    change(run / "gradient_check.csv", "V,4e-6,1e-7,3e-8", "V,4e-6,1e-7,0.02")
    assert done(run) == [False, True, True, True]
    assert "0.02" in shown("results.checklist", run).texts[0]


def test_errors_with_other_steps_than_the_checks_own_do_not_count(run: Path) -> None:
    with open(run / "gradient_check.csv", "a") as file:
        file.write("a,central differences,1e-10,W,0.9,0.5,0.3,0,wrong\n")
        file.write("a,complex step,1e-20,W,1e-15,1e-16,1e-16,0,good\n")
    gradients = facts(run)["gradients"]
    assert gradients["done"] and gradients["worst"] == 3e-8
    assert gradients["oracles"] == ["central differences", "complex step"]


def test_a_gradient_error_that_is_nan_is_not_ticked(run: Path) -> None:
    change(run / "gradient_check.csv", "V,4e-6,1e-7,3e-8", "V,4e-6,1e-7,")
    assert not facts(run)["gradients"]["done"]


def test_not_quite_two_epochs_are_not_two(run: Path, shown) -> None:
    change(run / "history.csv", "100000,2", "99999,2")
    loss = facts(run)["loss"]
    assert not loss["done"]
    assert loss["epochs"] < 2 and loss["least"] == 100_000
    assert "1.99 epochs" in shown("results.checklist", run).texts[0]


def test_a_missing_snapshot_is_named(run: Path, shown) -> None:
    change(run / "snapshots.json", '"update": 70000', '"update": 70001')
    snapshots = facts(run)["snapshots"]
    assert not snapshots["done"]
    assert (snapshots["found"], snapshots["missing"]) == (10, [70_000])
    assert "70,000" in shown("results.checklist", run).texts[0]


def test_a_short_snapshot_is_named(run: Path) -> None:
    change(run / "snapshots.json", '"update": 10000, "smooth_loss": 50.0, "text": "x',
           '"update": 10000, "smooth_loss": 50.0, "text": "')  # fmt: skip
    snapshots = facts(run)["snapshots"]
    assert not snapshots["done"]
    assert (snapshots["short"], snapshots["characters"]) == ([10_000], 199)


def test_a_short_text_of_the_best_model_is_not_ticked(run: Path, shown) -> None:
    change(run / "results.json", "y" * 1000, "y" * 999)
    assert facts(run)["best"]["characters"] == 999
    assert done(run) == [True, True, True, False]
    assert "999 characters" in shown("results.checklist", run).texts[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", "a,b\n1,2\n"),
        ("history.csv", ""),
        ("gradient_check.csv", "\x00"),
        ("snapshots.json", "{"),
        ("snapshots.json", "[1]"),
        ("snapshots.json", '[{"update": "1", "text": 2}]'),
        ("results.json", "{"),
    ],
)
def test_a_file_that_no_run_wrote_is_refused_in_one_line(
    run: Path, name: str, content: str
) -> None:
    (run / name).write_text(content)
    with pytest.raises(ReportError, match=rf"^{name}: expected .* got .* run again$"):
        facts(run)
