"""What the assignment asks for, ticked off against files; and where the numbers come from."""

import json
from pathlib import Path

import pytest

from rnn.errors import ReportError
from rnn.report.sections.checklist import checklist, checklist_reading
from rnn.report.sections.provenance import provenance_table

UPDATES = [1, *range(10_000, 100_001, 10_000)]


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
        "provenance": {"commit": "abc", "clean": True, "versions": {"numpy": "2.0"},
                       "machine": "x86_64, 2 cores, Linux"},
        "sampling": {"seed": 3, "text": "y" * 1000},
        "training": {
            "updates_per_epoch": 50_000, "lowest_smooth_loss": 44.5,
            "lowest_smooth_loss_update": 99_000, "book": {"sha256": "b00c"},
            "parameters": {"m": 100, "eta": 0.1, "document_end": "", "clip": None, "seed": 7},
        },
    }  # fmt: skip
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_whole_run_has_every_item_ticked(run: Path) -> None:
    table = checklist(run)
    assert list(table["done"]) == ["yes"] * 4
    assert "W, U, V, b and c against central differences" in table["found"][0]
    assert table["found"][1] == "100,000 updates, 2 epochs"
    assert table["found"][3] == "1,000 characters, smooth loss 44.5000 at update 99,000"
    assert "All that the assignment asks for" in checklist_reading(table)


def test_an_empty_folder_has_none_and_every_row_says_what_to_run(tmp_path: Path) -> None:
    table = checklist(tmp_path)
    assert list(table["done"]) == ["no"] * 4
    assert table["found"].str.contains("run 0[123]_").all()
    assert "has not: how the gradients were checked" in checklist_reading(table)


def test_gradients_that_differ_are_not_ticked(run: Path) -> None:
    change(run / "gradient_check.csv", "V,4e-6,1e-7,3e-8", "V,4e-6,1e-7,0.02")
    table = checklist(run)
    assert table["done"][0] == "no" and "0.02" in table["found"][0]


def test_errors_with_other_steps_than_the_checks_own_do_not_count(run: Path) -> None:
    with open(run / "gradient_check.csv", "a") as file:
        file.write("a,central differences,1e-10,W,0.9,0.5,0.3,0,wrong\n")
        file.write("a,complex step,1e-20,W,1e-15,1e-16,1e-16,0,good\n")
    table = checklist(run)
    assert table["done"][0] == "yes"
    assert "central differences and complex step" in table["found"][0]
    assert "3e-08" in table["found"][0]


def test_a_gradient_error_that_is_no_number_is_not_ticked(run: Path) -> None:
    change(run / "gradient_check.csv", "V,4e-6,1e-7,3e-8", "V,4e-6,1e-7,")
    assert checklist(run)["done"][0] == "no"


def test_not_quite_two_epochs_are_not_two(run: Path) -> None:
    change(run / "history.csv", "100000,2", "99999,2")
    table = checklist(run)
    assert table["done"][1] == "no"
    assert "1.99 epochs; train for at least 100,000 updates" in table["found"][1]


def test_a_missing_snapshot_is_named(run: Path) -> None:
    change(run / "snapshots.json", '"update": 70000', '"update": 70001')
    assert checklist(run)["found"][2] == "10 snapshots of 11; none before update 70,000"


def test_a_short_snapshot_is_named(run: Path) -> None:
    change(run / "snapshots.json", '"update": 10000, "smooth_loss": 50.0, "text": "x',
           '"update": 10000, "smooth_loss": 50.0, "text": "')  # fmt: skip
    assert "199 characters before update 10,000" in checklist(run)["found"][2]


def test_a_short_text_of_the_best_model_is_not_ticked(run: Path) -> None:
    change(run / "results.json", "y" * 1000, "y" * 999)
    assert checklist(run)["found"][3] == "999 characters; raise length"


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
        checklist(run)


def test_provenance_tells_code_settings_seeds_machine_and_files(run: Path) -> None:
    table = provenance_table(run).set_index("property")["value"]
    assert table["commit"] == "abc, nothing changed since"
    assert table["settings"] == "m = 100, eta = 0.1, document_end = none, clip = none"
    assert table["seeds"] == "7 (training), 3 (text of the best model)"
    assert table["sha256 of the text"] == "b00c"
    # printf model | sha256sum
    digest = "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"
    assert table["sha256 of best_model.npz"] == digest
    assert len(table["sha256 of history.csv"]) == 64


def test_provenance_says_when_the_tree_was_changed_or_there_is_no_git(run: Path) -> None:
    change(run / "results.json", '"clean": true', '"clean": false')
    assert provenance_table(run)["value"][0] == "abc, with changes since"
    change(run / "results.json", '"commit": "abc"', '"commit": null')
    assert "not run from a git repository" in provenance_table(run)["value"][0]


def test_provenance_of_a_folder_without_a_run_claims_nothing(tmp_path: Path) -> None:
    assert list(provenance_table(tmp_path)["property"]) == ["commit", "machine"]


def test_two_readings_of_one_run_are_the_same_and_hold_no_path(run: Path) -> None:
    first, second = provenance_table(run), provenance_table(run)
    assert first.equals(second)
    assert not first["value"].str.contains(str(run), regex=False).any()
