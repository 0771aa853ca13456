"""The check accepts right gradients, rejects wrong ones, and says by how much."""

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import reference
from tqdm import tqdm

from rnn.cells import CELLS
from rnn.errors import ReportError
from rnn.gradient_check import (
    CENTRAL,
    COMPLEX,
    FEW,
    JUDGED,
    MOST_OF_OTHERS,
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
    NO_H0,
    NO_RESET,
    NO_TANH,
    NOT_CARRIED,
    NOT_PAST,
    SWAPPED,
    TRANSPOSED,
    UNMASKED,
    check_mistakes,
    gradients_with_mistake,
)
from rnn.model import Architecture
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
def estimates(cases: list[Case]) -> dict[str, np.ndarray]:
    """Return the first case's gradient by both oracles."""
    easy = cases[0]
    return {
        CENTRAL: central_differences(easy.loss, easy.theta),
        COMPLEX: complex_step(easy.loss, easy.theta),
    }


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


def test_every_entry_is_that_of_plain_numpy(cases: list[Case]) -> None:
    for case in cases:
        p = reference.named(case.theta, case.architecture.m, case.architecture.K)
        _, g, _ = reference.segment(p, case.x[:, 0], case.y[:, 0], case.h[0])
        g["U1"] = g["U1"].T
        want = np.concatenate([g[name].ravel() for name in ("W1", "b1", "V", "c", "U1")])
        np.testing.assert_allclose(case.gradient(), want, rtol=1e-11, atol=1e-13)


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
        np.testing.assert_array_equal(case.x[:, 0], book.ids[:25])
        np.testing.assert_array_equal(case.y[:, 0], book.ids[1:26])
        assert len(case.gradient()) == case.theta.size
    assert not easy.h.any()
    assert not trained.h.any()
    assert moved.h.all()
    np.testing.assert_array_equal(moved.h, hard.h)
    np.testing.assert_array_equal(easy.theta, moved.theta)
    assert np.abs(hard.theta).max() > 10 * np.abs(easy.theta).max()


def test_share_of_zeros_of_U_is_that_of_characters_not_read(
    cases: list[Case], errors: pd.DataFrame
) -> None:
    read = len(np.unique(cases[0].x))
    shares = errors.groupby("parameter")["exactly_zero"].unique()
    assert shares["U"] == pytest.approx([1 - read / cases[0].architecture.K])
    assert all((shares[name] == 0).all() for name in "WVbc")


@pytest.mark.parametrize("name", PARAMETERS)
def test_checker_rejects_an_error_of_a_thousandth(
    cases: list[Case], estimates: dict[str, np.ndarray], name: str
) -> None:
    case = cases[0]
    ga = case.gradient()
    ga[dict(case.parts())[name]] *= 1.001
    for oracle, gn in estimates.items():
        judged = compare(case, ga, gn).set_index("parameter")[JUDGED[oracle]].map(verdict)
        assert judged[name] == "too high"
        assert set(judged.drop(name)) <= {"good", "acceptable"}


def test_checker_rejects_a_single_wrong_entry(
    cases: list[Case], estimates: dict[str, np.ndarray]
) -> None:
    case = cases[0]
    for name, entries in case.parts():
        ga = case.gradient()
        ga[entries[-1]] += 1e-3 * np.abs(ga[entries]).max()
        errors = compare(case, ga, estimates[COMPLEX]).set_index("parameter")["max"]
        assert verdict(errors[name]) in ("too high", "wrong")


def test_two_layers_are_checked_under_names_of_their_own() -> None:
    rng, architecture = np.random.default_rng(1), Architecture(CELLS["vanilla"], 3, 5, layers=2)
    theta = rng.normal(0, 0.6, architecture.size)
    x, y = rng.integers(5, size=(2, 6, 1))
    case = Case("two layers", theta, architecture, x, y, rng.uniform(-1, 1, (1, 6)))
    right = check([case])
    assert set(right["parameter"]) == {"V", "c", *(f"{name}{n}" for name in "WUb" for n in (1, 2))}
    assert rows(right, COMPLEX)["max"].max() < 1e-12
    ga = case.gradient()
    ga[dict(case.parts())["U2"]] *= 1.001
    assert list(right["parameter"][:8]) == ["W1", "U1", "b1", "W2", "U2", "b2", "V", "c"]
    errors = compare(case, ga, complex_step(case.loss, theta)).set_index("parameter")["max"]
    assert errors.idxmax() == "U2" and verdict(errors["U2"]) == "too high"
    assert errors.drop("U2").max() < 1e-12


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


def test_without_a_mistake_the_gradients_are_those_of_training(cases: list[Case]) -> None:
    for case in cases:
        np.testing.assert_array_equal(gradients_with_mistake(case, ""), case.gradient())


@pytest.mark.parametrize("mistake", [NO_H0, FORGOTTEN, TRANSPOSED, FACTOR, CLIPPED])
def test_a_planted_mistake_leaves_the_case_as_it_was(cases: list[Case], mistake: str) -> None:
    case = cases[-1]
    theta, before, h = case.theta.copy(), case.gradient(), case.h.copy()
    assert not np.allclose(gradients_with_mistake(case, mistake), before, rtol=1e-4)
    np.testing.assert_array_equal(case.theta, theta)
    np.testing.assert_array_equal(case.h, h)
    np.testing.assert_array_equal(case.gradient(), before)


@pytest.mark.parametrize("mistake", [NO_H0, FORGOTTEN, TRANSPOSED, FACTOR, CLIPPED])
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
    assert errors[NO_H0] == errors["none"]


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


@pytest.mark.parametrize(
    ("cell", "layers"),
    [
        ("vanilla", 2),
        pytest.param("gru", 1, marks=pytest.mark.exhaustive),
        pytest.param("lstm", 3, marks=pytest.mark.exhaustive),
    ],
)
def test_other_networks_are_checked_with_dropout_too_and_their_mistakes_are_caught(
    book: Corpus, cell: str, layers: int
) -> None:
    cases = check_cases(book, **(SETTING | {"m": 3}), cell=cell, layers=layers)
    easy, *_, before, hard = cases
    assert all(case.mask is None for case in cases[:-1])
    assert set(np.unique(hard.mask)) == {0, 2}
    np.testing.assert_array_equal(hard.theta, before.theta)
    errors = check([hard])
    assert rows(errors, COMPLEX)["max"].max() < 1e-11
    assert set(errors["verdict"]) <= {"good", "acceptable"}
    found = check_mistakes(easy, hard)
    assert found["caught"].tolist() == [False] + [True] * (len(found) - 1)
    planted = set(found["mistake"])
    assert UNMASKED in planted
    own = {"vanilla": {FORGOTTEN}, "gru": {SWAPPED, NO_RESET, NOT_PAST}}
    own["lstm"] = {SWAPPED, NO_TANH, NOT_CARRIED}
    assert own[cell] <= planted
    without_h0 = compare(hard, gradients_with_mistake(hard, NO_H0), hard.gradient())
    assert {name[0] for name in without_h0[without_h0["max"] > 0]["parameter"]} == {"W"}
    for mistake in own[cell]:
        assert not np.allclose(gradients_with_mistake(hard, mistake), hard.gradient(), rtol=1e-4)
    np.testing.assert_array_equal(gradients_with_mistake(hard, ""), hard.gradient())


def test_the_assignment_s_network_is_checked_without_dropout(cases: list[Case]) -> None:
    assert all(case.mask is None for case in cases)


# ---- Any text, any value --------------------------------------------------------------------


def test_of_thousands_of_characters_those_of_the_segment_are_looked_at() -> None:
    m = 3
    architecture = Architecture(CELLS["vanilla"], m, K=3000)
    theta = np.zeros(architecture.size)
    x, y = np.array([[5], [2999], [7]]), np.array([[2999], [7], [1234]])
    whole = Case("", theta, architecture, x, y, np.zeros((1, m)))
    case = whole.small()
    sizes = {name: len(entries) for name, entries in case.parts()}
    assert sizes == {"W": 9, "b": 3, "V": FEW * m, "c": FEW, "U": FEW * m}
    index = architecture.parameters(np.arange(theta.size))
    for k in (5, 7, 1234, 2999):
        assert np.isin(index.V[k], case.places).all()
        assert np.isin(index.U[k], case.places).all()
        assert index.c[k] in case.places


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
        ({"dropout": 1}, "dropout: expected"),
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


# ---- What the report needs ------------------------------------------------------------------


@pytest.mark.parametrize(
    "work",
    [
        lambda cases, bar: check(cases, bar=bar),
        lambda cases, bar: check_steps(cases[0], bar=bar),
        lambda cases, bar: check_mistakes(cases[0], cases[-1], bar=bar),
    ],
    ids=["check", "steps", "mistakes"],
)
def test_bar_counts_every_derivative_and_none_twice(tmp_path: Path, work: Any) -> None:
    # So many characters that the complex step looks at fewer of them.
    path = tmp_path / "many.txt"
    path.write_text("".join(chr(0x4E00 + i) for i in range(300)), encoding="utf-8")
    cases = check_cases(load_corpus(path), 0, 2, 5, 0.01)
    made: list[Any] = []

    def bar(**options: Any) -> Any:
        made.append(tqdm(**options | {"delay": 0}, file=StringIO()))
        return made[-1]

    work(cases, bar)
    (shown,) = made
    assert shown.n == shown.total > 100


def test_table_1_has_the_rows_and_columns_of_the_report(errors: pd.DataFrame) -> None:
    table = table_1(errors)
    assert list(table.index) == ["Mean", "Max"]
    assert list(table.columns) == ["W", "U", "V", "b", "c"]
    first = rows(errors, CENTRAL).iloc[:5].set_index("parameter")
    assert table.loc["Max", "V"] == first.loc["V", "max"]
    assert table.loc["Mean", "b"] == first.loc["b", "mean"]


def test_dropout_is_checked_where_a_training_has_it(book: Corpus) -> None:
    small = SETTING | {"m": 4}
    *others, last = check_cases(book, **small, dropout=0.1)
    assert all(case.mask is None for case in (*others, *check_cases(book, **small)))
    assert set(np.unique(last.mask)) == {0, 2}
    assert rows(check([last]), COMPLEX)["max"].max() < 1e-11
    assert UNMASKED in set(check_mistakes(others[0], last)["mistake"])


@pytest.mark.parametrize(
    ("m", "seq_length", "K", "few"),
    [(5, 25, 81, False), (10, 25, 81, False), (5, 2000, 81, True), (5, 25, 4000, True)],
)
def test_entries_are_sampled_evenly_where_all_would_take_more_than_half_a_minute(
    m: int, seq_length: int, K: int, few: bool
) -> None:
    architecture = Architecture(CELLS["vanilla"], m, K)
    theta, x = np.zeros(architecture.size), np.zeros((seq_length, 1), int)
    case = Case("", theta, architecture, x, x, np.zeros((1, m)))
    small = case.small()
    looked_at, again = small.sampled(), small.sampled()
    assert (looked_at.entries < small.entries) == few and (looked_at is small) == (not few)
    entries = np.arange(theta.size)
    assert np.array_equal(entries[looked_at.places], entries[again.places])
    whole, parts = dict(small.parts()), dict(looked_at.parts())
    shares = [len(parts[name]) / len(whole[name]) for name in whole]
    assert min(shares) > 0
    if few:
        assert looked_at.cost < 1.2 * MOST_OF_OTHERS
        assert all(len(parts[name]) >= min(len(whole[name]), 5) for name in whole)


def test_sampled_entries_have_the_errors_that_they_have_among_all(book: Corpus) -> None:
    case = check_cases(book, **SETTING)[2]
    some = case.sampled(case.cost / 3)
    assert 0 < some.entries < case.entries / 2
    estimated = central_differences(case.loss, case.theta)
    of_some = central_differences(case.loss, case.theta, places=some.places)
    assert (of_some == estimated[some.places]).all()
    assert (some.gradient() == case.gradient()[some.places]).all()
    errors = compare(some, some.gradient(), of_some)
    assert errors["parameter"].tolist() == list(PARAMETERS)
    assert errors["norm_wise"].max() < 1e-6
