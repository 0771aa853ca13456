"""What the gradient check leaves can be read by anyone."""

import csv
import json
from pathlib import Path
from typing import Any

from rnn.gradient_check import (
    CENTRAL,
    COMPLEX,
    PARAMETERS,
    check,
    check_cases,
    check_steps,
    first_setting,
    table_1,
)
from rnn.gradient_mistakes import check_mistakes
from rnn.runs.results import save_check
from rnn.text.corpus import load_corpus

SETTING: dict[str, Any] = {"seed": 0, "m": 3, "seq_length": 10, "sig": 0.01}


def test_errors_of_all_settings_and_steps_are_in_one_file_and_the_headlines_in_another(
    tmp_path: Path,
) -> None:
    cases = check_cases(load_corpus(), **SETTING)
    errors, steps = check(cases), check_steps(cases[0])
    mistakes = check_mistakes(cases[0], cases[-1])
    save_check(tmp_path, errors, steps, mistakes, SETTING)
    with open(tmp_path / "gradient_check.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["oracle"] for line in lines} == {CENTRAL, COMPLEX}
    assert {line["parameter"] for line in lines} == set(PARAMETERS)
    keys = {(line["setting"], line["oracle"], line["h"], line["parameter"]) for line in lines}
    assert len(keys) == len(lines)
    assert {float(line["h"]) for line in lines} == {1e-20, *steps["h"]}
    facts = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["gradient_check"]
    assert facts["largest_relative_error"] == table_1(errors).loc["Max"].max()
    assert facts["largest_mean_relative_error"] == table_1(errors).loc["Mean"].max()
    assert facts["parameters"] == SETTING
    assert facts["verdicts"] == dict.fromkeys(PARAMETERS, "good")
    assert list(facts["planted_mistakes"]) == sorted(mistakes["mistake"])


def test_the_first_setting_is_that_of_the_first_case() -> None:
    cases = check_cases(load_corpus(), **SETTING)[:2]
    errors = check(cases)
    for oracle in (CENTRAL, COMPLEX):
        found = first_setting(errors, oracle)
        assert list(found.index) == list(PARAMETERS)
        assert set(found["setting"]) == {cases[0].name} and set(found["oracle"]) == {oracle}
