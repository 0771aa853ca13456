"""The check accepts right gradients, rejects wrong ones, and says by how much."""

import csv
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tqdm import tqdm

from rnn.errors import ReportError
from rnn.gradient_check import (
    CENTRAL,
    COMPLEX,
    FEW,
    PARAMETERS,
    Case,
    central_differences,
    check,
    check_cases,
    check_steps,
    compare,
    complex_step,
    norm_wise_error,
    relative_errors,
    table_1,
    verdict,
)
from rnn.gradient_mistakes import (
    CLIPPED,
    FACTOR,
    FORGOTTEN,
    LEFT_OUT,
    TRANSPOSED,
    check_mistakes,
    plain_gradients,
)
from rnn.report.sections import reading_check as reading
from rnn.runs import progress
from rnn.text.corpus import Corpus, load_corpus

SETTING: dict[str, Any] = {"seed": 0, "m": 5, "seq_length": 25, "sig": 0.01}


@pytest.fixture(scope="module")
def book() -> Corpus:
    return load_corpus()


@pytest.fixture(scope="module")
def cases(book: Corpus) -> list[Case]:
    return check_cases(book, **SETTING)


@pytest.fixture(scope="module")
def errors(cases: list[Case]) -> pd.DataFrame:
    return check(cases)


@pytest.fixture(scope="module")
def steps(cases: list[Case]) -> pd.DataFrame:
    return check_steps(cases[0])


@pytest.fixture(scope="module")
def mistakes(cases: list[Case]) -> pd.DataFrame:
    return check_mistakes(cases[0], cases[-1])


def rows(errors: pd.DataFrame, oracle: str) -> pd.DataFrame:
    return errors[errors["oracle"] == oracle]


# ---- The oracles ----------------------------------------------------------------------------


def wave(theta: np.ndarray) -> Any:
    return np.sum(np.exp(np.sin(theta)) * theta)


def wave_derivative(theta: np.ndarray) -> np.ndarray:
    return np.exp(np.sin(theta)) * (1 + theta * np.cos(theta))


def test_central_differences_err_by_the_square_of_the_step() -> None:
    theta = np.linspace(-2, 2, 9)
    errors = [
        np.abs(central_differences(wave, theta, h) - wave_derivative(theta)).max()
        for h in (1e-2, 1e-3)
    ]
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.01)


def test_complex_step_is_exact_to_the_last_digits() -> None:
    theta = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(complex_step(wave, theta), wave_derivative(theta), rtol=4e-15)


@pytest.mark.parametrize("oracle", [central_differences, complex_step])
def test_oracles_leave_the_parameters_alone_and_take_only_the_places_asked_for(
    oracle: Any,
) -> None:
    theta = np.linspace(-2, 2, 9)
    before, places = theta.copy(), np.array([7, 2])
    found = oracle(wave, theta, places=places)
    np.testing.assert_array_equal(theta, before)
    np.testing.assert_array_equal(found, oracle(wave, theta)[places])


# ---- The errors -----------------------------------------------------------------------------


def test_relative_error_is_the_assignment_s_formula() -> None:
    ga, gn = np.array([2.0, 0.0, 3e-7, -1.0]), np.array([1.0, 0.0, 1e-7, 1.0])
    np.testing.assert_allclose(relative_errors(ga, gn, 1e-6), [1 / 3, 0, 0.2, 1])


def test_norm_wise_error_is_not_swayed_by_a_tiny_entry() -> None:
    ga, gn = np.array([1.0, 1e-6]), np.array([1.0, -1e-6])
    assert relative_errors(ga, gn).max() == pytest.approx(1)
    assert norm_wise_error(ga, gn) == pytest.approx(1e-6)


def test_verdicts_follow_the_stated_thresholds() -> None:
    said = [verdict(error) for error in (0.0, 1e-7, 2e-7, 1e-4, 2e-4, 1e-2, 2e-2)]
    expected = ["good", "good", "acceptable", "acceptable", "too high", "too high", "wrong"]
    assert said == expected


@pytest.mark.parametrize("error", [float("nan"), float("inf")])
def test_an_error_that_is_no_number_is_wrong(error: float) -> None:
    assert verdict(error) == "wrong"


# ---- The gradients --------------------------------------------------------------------------


def test_every_entry_agrees_with_the_complex_step(errors: pd.DataFrame) -> None:
    found = rows(errors, COMPLEX)
    assert len(found) == 4 * len(PARAMETERS)
    assert found["norm_wise"].max() < 1e-15
    assert found["max"].max() < 1e-12
    assert set(found["verdict"]) == {"good"}


def test_every_parameter_agrees_with_central_differences_in_every_setting(
    errors: pd.DataFrame,
) -> None:
    found = rows(errors, CENTRAL)
    assert len(found) == 4 * len(PARAMETERS)
    assert found["max"].max() < 1e-4
    assert set(found["verdict"]) <= {"good", "acceptable"}


def test_settings_are_first_weights_and_trained_ones_with_h0_zero_and_not(
    cases: list[Case], book: Corpus
) -> None:
    easy, moved, trained, hard = cases
    for case in cases:
        np.testing.assert_array_equal(case.x, book.ids[:25])
        np.testing.assert_array_equal(case.y, book.ids[1:26])
        assert len(case.gradient()) == case.theta.size
    assert not easy.h0.any()
    assert not trained.h0.any()
    assert moved.h0.all()
    np.testing.assert_array_equal(moved.h0, hard.h0)
    np.testing.assert_array_equal(easy.theta, moved.theta)
    assert np.abs(hard.theta).max() > 10 * np.abs(easy.theta).max()


def test_share_of_zeros_of_U_is_that_of_characters_not_read(
    cases: list[Case], errors: pd.DataFrame
) -> None:
    read = len(np.unique(cases[0].x))
    shares = errors.groupby("parameter")["exactly_zero"].unique()
    assert shares["U"] == pytest.approx([1 - read / cases[0].K])
    assert all((shares[name] == 0).all() for name in "WVbc")


@pytest.mark.parametrize("name", PARAMETERS)
def test_checker_rejects_an_error_of_a_thousandth(cases: list[Case], name: str) -> None:
    case = cases[0]
    ga = case.gradient()
    ga[dict(case.parts())[name]] *= 1.001
    central = central_differences(case.loss, case.theta)
    stepped = complex_step(case.loss, case.theta)
    for gn, error in ((central, "norm_wise"), (stepped, "max")):
        judged = compare(case, ga, gn).set_index("parameter")[error].map(verdict)
        assert judged[name] == "too high"
        assert set(judged.drop(name)) <= {"good", "acceptable"}


def test_checker_rejects_a_single_wrong_entry(cases: list[Case]) -> None:
    case = cases[0]
    gn = complex_step(case.loss, case.theta)
    for name, entries in case.parts():
        ga = case.gradient()
        ga[entries[-1]] += 1e-3 * np.abs(ga[entries]).max()
        errors = compare(case, ga, gn).set_index("parameter")["max"]
        assert verdict(errors[name]) in ("too high", "wrong")


def test_error_falls_with_the_square_of_the_step_until_rounding_takes_over(
    steps: pd.DataFrame,
) -> None:
    worst = steps.groupby("h")["norm_wise"].max()
    assert worst[1e-1] / worst[1e-2] == pytest.approx(100, rel=0.05)
    assert 1e-6 < worst.idxmin() < 1e-2
    assert worst[1e-10] > 1000 * worst.min()
    assert {1e-1, 1e-4, 1e-10} <= set(worst.index)


def test_step_of_the_check_is_among_the_steps(cases: list[Case]) -> None:
    few = replace(cases[0], places=np.array([part[0] for _, part in cases[0].parts()]))
    assert 2e-5 in set(check_steps(few, 2e-5)["h"])


# ---- Planted mistakes -----------------------------------------------------------------------


def test_the_copy_without_a_mistake_has_the_gradients_of_the_engine(cases: list[Case]) -> None:
    for case in cases:
        ga, copy = case.gradient(), case.vector(plain_gradients(case))
        np.testing.assert_allclose(copy, ga, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("mistake", [LEFT_OUT, FORGOTTEN, TRANSPOSED, FACTOR, CLIPPED])
def test_every_planted_mistake_is_caught(mistakes: pd.DataFrame, mistake: str) -> None:
    (found,) = mistakes[mistakes["mistake"].str.startswith(mistake)].to_dict("records")
    assert found["caught"]
    assert found["complex"] > 1e-4
    assert found["hard"] > 1e-4


def test_the_right_gradients_are_not_caught(mistakes: pd.DataFrame) -> None:
    right = mistakes.iloc[0]
    assert right["mistake"] == "none"
    assert not right["caught"]
    assert right["complex"] < 1e-12


def test_h0_left_out_cannot_be_seen_where_h0_is_zero(mistakes: pd.DataFrame) -> None:
    errors = mistakes.set_index("mistake")["easy"]
    assert errors[LEFT_OUT] == errors["none"]


def test_a_control_that_passes_is_an_error(cases: list[Case]) -> None:
    # An eps above all gradients makes every relative error small.
    with pytest.raises(ReportError, match="expected to catch the planted mistake"):
        check_mistakes(cases[0], cases[-1], eps=1e9)


@pytest.mark.parametrize(
    "few", [{"m": 1}, {"seq_length": 1}, {"m": 1, "seq_length": 1}, {"seed": 3}, {"sig": 1.0}]
)
def test_mistakes_are_caught_in_networks_of_any_size(book: Corpus, few: dict[str, Any]) -> None:
    cases = check_cases(book, **(SETTING | few))
    found = check_mistakes(cases[0], cases[-1])
    assert found["caught"].tolist() == [False] + [True] * (len(found) - 1)
    has_transpose = "seed" in few or "sig" in few
    assert (TRANSPOSED in set(found["mistake"])) == has_transpose


# ---- Any text, any value --------------------------------------------------------------------


def test_of_thousands_of_characters_those_of_the_segment_are_looked_at() -> None:
    K, m = 3000, 3
    theta = np.zeros(m * m + m + 2 * K * m + K)
    x, y = np.array([5, 2999, 7]), np.array([2999, 7, 1234])
    whole = Case("", theta, m, K, x, y, np.zeros(m))
    case = whole.small()
    sizes = {name: len(entries) for name, entries in case.parts()}
    assert sizes == {"W": 9, "b": 3, "V": FEW * m, "c": FEW, "U": FEW * m}
    index = whole.parameters(np.arange(theta.size))
    for k in (5, 7, 1234, 2999):
        assert np.isin(index.V[k], case.places).all()
        assert np.isin(index.U[k], case.places).all()
        assert index.c[k] in case.places


def test_rows_left_out_are_said(cases: list[Case]) -> None:
    assert "looks at" not in reading.oracles_setting(cases[0])
    assert f"looks at {FEW}" in reading.oracles_setting(replace(cases[0], K=3000))


def test_a_text_of_one_segment_can_be_checked(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("abracadabra, simsalabim, hm")
    cases = check_cases(load_corpus(path), **(SETTING | {"seq_length": 26}))
    assert set(check(cases)["verdict"]) <= {"good", "acceptable"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"m": 0}, "m: expected a whole number"),
        ({"m": 2.5}, "m: expected a whole number"),
        ({"m": 10**6}, "m: expected a whole number"),
        ({"seq_length": 0}, "seq_length: expected a whole number of at least 1, got 0"),
        ({"seq_length": 10**9}, "corpus: expected at least seq_length"),
        ({"seed": -1}, "seed: expected"),
        ({"sig": 0}, "sig: expected a finite number"),
        ({"sig": float("nan")}, "sig: expected a finite number"),
    ],
)
def test_values_that_cannot_be_are_refused(
    book: Corpus, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        check_cases(book, **(SETTING | values))


@pytest.mark.parametrize("values", [{"h": 0}, {"h": -1e-4}, {"h": "small"}, {"eps": 0}])
def test_steps_and_eps_that_cannot_be_are_refused(
    cases: list[Case], values: dict[str, Any]
) -> None:
    name = next(iter(values))
    with pytest.raises(ReportError, match=f"^{name}: expected a finite number above 0"):
        check(cases, **values)


# ---- What the report says -------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        lambda cases: check(cases),
        lambda cases: check_steps(cases[0]),
        lambda cases: check_mistakes(cases[0], cases[-1]),
    ],
    ids=["check", "steps", "mistakes"],
)
def test_bar_counts_every_derivative_and_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Any
) -> None:
    # So many characters that the complex step looks at fewer of them.
    path = tmp_path / "many.txt"
    path.write_text("".join(chr(0x4E00 + i) for i in range(300)), encoding="utf-8")
    cases = check_cases(load_corpus(path), 0, 2, 5, 0.01)
    made: list[Any] = []

    def bar(**options: Any) -> Any:
        made.append(tqdm(**options | {"delay": 0}, file=StringIO()))
        return made[-1]

    monkeypatch.setattr(progress, "bar", bar)
    work(cases)
    (shown,) = made
    assert shown.n == shown.total > 100


def test_table_1_has_the_rows_and_columns_of_the_report(errors: pd.DataFrame) -> None:
    table = table_1(errors)
    assert list(table.index) == ["Mean", "Max"]
    assert list(table.columns) == ["W", "U", "V", "b", "c"]
    first = rows(errors, CENTRAL).iloc[:5].set_index("parameter")
    assert table.loc["Max", "V"] == first.loc["V", "max"]
    assert table.loc["Mean", "b"] == first.loc["b", "mean"]


def test_reading_of_right_gradients_says_so(errors: pd.DataFrame) -> None:
    text = reading.table_1_reading(errors)
    assert "I therefore take the analytic gradients to be right" in text
    assert reading.power(table_1(errors).loc["Max"].max()) in text


def test_reading_of_wrong_gradients_says_so(cases: list[Case], errors: pd.DataFrame) -> None:
    wrong = errors.copy()
    wrong[["max", "mean", "norm_wise"]] += 0.3
    text = reading.table_1_reading(wrong)
    assert "the gradients are not right" in text
    assert "to be right" not in text


def test_reading_of_too_coarse_a_step_leaves_it_to_the_complex_step(cases: list[Case]) -> None:
    text = reading.table_1_reading(check(cases[:1], h=0.1))
    assert "too coarse to decide" in text
    assert "so I take the analytic gradients to be right" in text


def test_reading_of_the_mistakes_names_those_the_first_setting_hides(
    mistakes: pd.DataFrame,
) -> None:
    text = reading.mistakes_reading(mistakes)
    assert "all 5 mistakes are caught" in text
    assert LEFT_OUT in text
    assert "gradients clipped to" in text


def test_no_sentence_has_a_number_that_is_none(
    cases: list[Case],
    errors: pd.DataFrame,
    steps: pd.DataFrame,
    mistakes: pd.DataFrame,
    book: Corpus,
) -> None:
    sentences = [
        reading.setting(cases[0], book, 0.01, 1e-4, 1e-6),
        reading.table_1_reading(errors),
        reading.oracles_setting(cases[0]),
        reading.oracles_reading(errors, cases[0]),
        reading.settings_reading(errors),
        reading.steps_reading(steps, 1e-4),
        reading.steps_alt(steps),
        reading.mistakes_reading(mistakes),
    ]
    assert not [text for text in sentences if re.search(r"\b(nan|inf|None)\b", text)]


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (5.57e-5, r"$5.6 \cdot 10^{-5}$"),
        (1e-4, "$10^{-4}$"),
        (0.01, "0.01"),
        (0.0, "0"),
        (9.99e-6, "$10^{-5}$"),
    ],
)
def test_numbers_are_written_as_powers_of_ten(number: float, written: str) -> None:
    assert reading.power(number) == written


def test_what_the_check_leaves_can_be_read_by_anyone(
    tmp_path: Path, errors: pd.DataFrame, steps: pd.DataFrame, mistakes: pd.DataFrame
) -> None:
    reading.save_check(tmp_path, errors, steps, mistakes, SETTING)
    with open(tmp_path / "gradient_check.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["oracle"] for line in lines} == {CENTRAL, COMPLEX}
    assert {line["parameter"] for line in lines} == set(PARAMETERS)
    keys = {(line["setting"], line["oracle"], line["h"], line["parameter"]) for line in lines}
    assert len(keys) == len(lines)
    facts = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["gradient_check"]
    assert facts["largest_relative_error"] == table_1(errors).loc["Max"].max()
    assert facts["parameters"] == SETTING
    assert len(facts["planted_mistakes"]) == 6
