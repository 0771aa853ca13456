"""Where the numbers come from."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

RESULTS: dict[str, Any] = {
    "provenance": {"commit": "abc", "clean": True, "versions": {"numpy": "2.0"}},
    "sampling": {"seed": 3},
    "training": {
        "book": {"sha256": "b00c"},
        "parameters": {"m": 100, "eta": 0.1, "document_end": "", "clip": None, "seed": 7},
    },
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "best_model.npz").write_bytes(b"model")
    (tmp_path / "results.json").write_text(json.dumps(RESULTS))
    return tmp_path


def test_code_settings_seeds_and_files_are_told(run: Path, shown) -> None:
    out = shown("results.provenance", run)
    assert out.labels == ["tab-provenance"]
    for words in ("abc", "m = 100, eta = 0.1, document_end = none, clip = none", "7 (training), 3",
                  "numpy 2.0", "b00c", "sha256 of best_model.npz",
                  hashlib.sha256(b"model").hexdigest()):  # fmt: skip
        assert words in out.texts[0]
    assert "history.csv" not in out.texts[0], "it is not there"


def test_a_changed_tree_reads_otherwise_and_so_does_none(run: Path, shown) -> None:
    def commit(**source: Any) -> str:
        changed = RESULTS | {"provenance": RESULTS["provenance"] | source}
        (run / "results.json").write_text(json.dumps(changed))
        return shown("results.provenance", run).texts[0].splitlines()[1]

    clean, dirty, none = commit(), commit(clean=False), commit(commit=None)
    assert "abc" in clean and "abc" in dirty and clean != dirty
    assert "abc" not in none


def test_a_folder_without_a_run_claims_nothing(tmp_path: Path, shown) -> None:
    assert len(shown("results.provenance", tmp_path).texts[0].splitlines()) == 2, "heads, commit"


def test_two_readings_of_one_run_are_the_same_and_hold_no_path(run: Path, shown) -> None:
    first, second = (shown("results.provenance", run).texts for _ in range(2))
    assert first == second
    assert str(run) not in first[0]


def test_line_ends_in_a_setting_do_not_break_the_row(run: Path, shown) -> None:
    change = json.dumps(RESULTS).replace('"document_end": ""', '"document_end": "\\n\\n| b"')
    (run / "results.json").write_text(change)
    assert "document_end = ↵↵| b, clip = none" in shown("results.provenance", run).texts[0]


def test_what_a_step_shows_does_not_depend_on_the_steps_after_it(run: Path, shown) -> None:
    def told(step: str) -> str:
        return shown("results.provenance", run, step).texts[0]

    assert len(told("gradient_check").splitlines()) == 3, "heads, commit, versions"
    before = told("training")
    (run / "results.json").write_text(json.dumps(RESULTS | {"sampling": {"seed": 4}}))
    assert told("training") == before and "7 (training)" in before
