"""What the report says of the gradient check: the numbers of the check, whatever they are."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from pages import Page, to_html
from section_outputs import Show, rows, said

from rnn.gradient_check import (
    CENTRAL,
    COMPLEX,
    FEW,
    PARAMETERS,
    Case,
    check,
    check_cases,
    check_steps,
    table_1,
)
from rnn.gradient_mistakes import NO_H0, check_mistakes
from rnn.report.escaping import escape
from rnn.report.figures import PAGE_WIDTH, svg
from rnn.report.sections import gradients
from rnn.text.corpus import Corpus, load_corpus

SETTING: dict[str, Any] = {"seed": 0, "m": 3, "seq_length": 10, "sig": 0.01}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus()


@pytest.fixture(scope="module")
def cases(corpus: Corpus) -> list[Case]:
    return check_cases(corpus, **SETTING)


@pytest.fixture(scope="module")
def errors(cases: list[Case]) -> pd.DataFrame:
    return check(cases)


@pytest.fixture(scope="module")
def many_steps(cases: list[Case]) -> pd.DataFrame:
    return check_steps(cases[0])


@pytest.fixture(scope="module")
def planted(cases: list[Case]) -> pd.DataFrame:
    return check_mistakes(cases[0], cases[-1])


def page(outputs: list[Any]) -> Page:
    return Page(to_html(new_notebook(cells=[new_code_cell("x", outputs=outputs)])))


def power(number: float) -> str:
    """Write a number as the sentences do."""
    digits, exponent = f"{number:.1e}".split("e")
    return rf"${digits} \cdot 10^{{{int(exponent)}}}$"


# ---- What is shown --------------------------------------------------------------------------


def test_every_section_shows_its_tables_figure_and_sentences(
    shown: Show,
    corpus: Corpus,
    cases: list[Case],
    errors: pd.DataFrame,
    many_steps: pd.DataFrame,
    planted: pd.DataFrame,
) -> None:
    sections = [
        shown("gradients", errors, cases[0], corpus, 0.01, 1e-6).stored,
        shown("gradients.oracles", errors, cases[0]).stored,
        shown("gradients.steps", many_steps, 1e-4).stored,
        shown("gradients.mistakes", planted, cases).stored,
    ]
    kinds = [
        [out.metadata.get("report", {}).get("kind", "prose") for out in outputs]
        for outputs in sections
    ]
    table, figure = ["caption", "table"], ["figure", "caption"]
    assert kinds == [
        ["prose", *table, "prose"],
        ["prose", *table, "prose", "prose", *table],
        ["prose", *figure],
        [*table, "prose"],
    ]
    labels = [out.metadata.report.label for outputs in sections for out in outputs
              if out.metadata.get("report", {}).get("label")]  # fmt: skip
    assert labels == ["tab-gradients", "tab-oracles", "tab-settings", "fig-step", "tab-mistakes"]
    text = page([out for outputs in sections for out in outputs]).text
    assert not re.search(r"\b(nan|NaN|inf|None)\b", text)
    for number in range(1, 5):
        assert f"Table {number}:" in text
    assert "gradient_check.csv" in text and "results.json" in text


def test_a_title_is_no_markup(shown: Show, cases: list[Case], errors: pd.DataFrame) -> None:
    strange = replace(load_corpus(), title="<b>*A* $x$</b>")
    text = page(shown("gradients", errors, cases[0], strange, 0.01, 1e-6).stored).text
    assert "<b>*A* $x$</b>" in text


# ---- The first setting ----------------------------------------------------------------------


def first_facts(errors: pd.DataFrame, case: Case, corpus: Corpus) -> dict[str, Any]:
    told = {"case": case, "corpus": corpus, "sig": 0.01, "eps": 1e-6}
    told |= {"entries": case.entries, "cell": "vanilla", "layers": 1}
    return gradients.facts(errors) | told


def test_the_setting_is_told_with_all_its_numbers(
    errors: pd.DataFrame, cases: list[Case], corpus: Corpus
) -> None:
    text = said("gradients", "setting", first_facts(errors, cases[0], corpus))
    for words in ("eps = 1e-06", "h = 0.0001", "m = 3", "sig = 0.01", "seq_length = 10"):
        assert f"`{words}`" in text
    assert corpus.title in text and f"K = {corpus.K}" in text
    assert f"{cases[0].theta.size:,}" in text


def test_right_gradients_are_accepted_by_both_oracles(
    errors: pd.DataFrame, cases: list[Case], corpus: Corpus
) -> None:
    values = first_facts(errors, cases[0], corpus)
    assert values["central_accepts"] and values["complex_accepts"]
    text = said("gradients", "reading", values)
    assert power(table_1(errors).loc["Mean"].max()) in text
    assert power(table_1(errors).loc["Max"].max()) in text
    stepped = errors[(errors["oracle"] == COMPLEX) & (errors["setting"] == cases[0].name)]
    assert power(stepped["max"].max()) in text


@pytest.mark.parametrize("wrong", [0.3, np.nan])
def test_wrong_gradients_are_accepted_by_none(
    errors: pd.DataFrame, cases: list[Case], corpus: Corpus, wrong: float
) -> None:
    others = errors.copy()
    others.loc[others["parameter"] == "b", ["max", "mean", "norm_wise"]] += wrong
    values = first_facts(others, cases[0], corpus)
    assert not values["central_accepts"] and not values["complex_accepts"]
    assert values["worst"]["parameter"] == "b"
    verdict = said("gradients", "reading", values).split("**")
    right = said("gradients", "reading", first_facts(errors, cases[0], corpus)).split("**")
    assert (len(verdict), len(right)) == (3, 1), "it stands out"


def test_too_coarse_a_step_leaves_the_verdict_to_the_complex_step(
    cases: list[Case], corpus: Corpus
) -> None:
    values = first_facts(check(cases[:1], h=0.1), cases[0], corpus)
    assert (values["central_accepts"], values["complex_accepts"]) == (False, True)
    text = said("gradients", "reading", values)
    assert power(values["largest_complex"]) in text and "**" not in text


# ---- Two oracles, four settings -------------------------------------------------------------


def test_zeros_of_U_are_told_with_what_they_do_to_the_mean(
    errors: pd.DataFrame, cases: list[Case]
) -> None:
    values = gradients.oracles_facts(errors, cases[0])
    text = said("gradients_oracles", "reading", values)
    unread = cases[0].architecture.K - len(np.unique(cases[0].x))
    assert values["not_read"] == unread and values["zeros"] == unread / cases[0].architecture.K
    assert (
        f"{unread} of the {cases[0].architecture.K}" in text
        and f"{unread / cases[0].architecture.K:.1%}" in text
    )
    assert f"{cases[0].architecture.K / (cases[0].architecture.K - unread):.1f}" in text


def test_rows_that_were_left_out_are_told_of(
    errors: pd.DataFrame, cases: list[Case], tmp_path: Path
) -> None:
    assert gradients.oracles_facts(errors, cases[0])["looked_at"] == cases[0].architecture.K
    path = tmp_path / "many.txt"
    path.write_text("".join(chr(0x4E00 + i) for i in range(300)), encoding="utf-8")
    many = check_cases(load_corpus(path), 0, 2, 5, 0.01)
    values = gradients.oracles_facts(check(many[:1]), many[0])
    assert (values["looked_at"], many[0].architecture.K) == (FEW, 300)
    text = said("gradients_oracles", "setting", values)
    assert re.search(rf"\b300\b.*\b{FEW}\b", text)
    assert not re.search(
        rf"\b{FEW}\b",
        said("gradients_oracles", "setting", gradients.oracles_facts(errors, cases[0])),
    )


def test_entries_that_were_left_out_are_told_of_with_how_many(
    errors: pd.DataFrame, cases: list[Case], corpus: Corpus
) -> None:
    size = cases[0].theta.size
    values = first_facts(errors, cases[0], corpus)
    assert f"{size:,} in all" in said("gradients", "setting", values | {"entries": size})
    assert f"123 of the {size:,}" in said("gradients", "setting", values | {"entries": 123})
    values = gradients.oracles_facts(errors, cases[0])
    assert values["entries"] == values["of_entries"] == size
    assert f"of the {size:,}" not in said("gradients_oracles", "setting", values)
    told = said("gradients_oracles", "setting", values | {"entries": 123})
    assert f"123 of the {size:,}" in told


def test_thresholds_of_the_verdicts_are_told(errors: pd.DataFrame, cases: list[Case]) -> None:
    text = said("gradients_oracles", "setting", gradients.oracles_facts(errors, cases[0]))
    assert all(word in text for word in ("good", "acceptable", "too high", "$10^{-7}$", "0.01"))


def test_a_table_has_both_oracles_verdicts_and_another_every_setting(
    errors: pd.DataFrame, cases: list[Case]
) -> None:
    both = rows("gradients_oracles", "table", gradients.oracles_facts(errors, cases[0]))
    assert list(both.index) == list(PARAMETERS)
    assert both.iloc[:, 2].tolist() == ["good"] * 5 == both.iloc[:, 4].tolist()
    settings = gradients.settings_table(errors)
    assert list(settings.index) == [case.name for case in cases]
    assert list(settings.columns[:5]) == list(PARAMETERS)
    central = errors[errors["oracle"] == CENTRAL].set_index(["setting", "parameter"])["norm_wise"]
    for case in cases:
        for name in PARAMETERS:
            assert settings.loc[case.name, name] == f"{central[case.name, name]:.1e}"


def test_settings_with_a_bad_verdict_are_counted(errors: pd.DataFrame, cases: list[Case]) -> None:
    assert gradients.oracles_facts(errors, cases[0])["rejected"] == 0
    bad = errors.copy()
    bad.loc[bad["setting"] == cases[1].name, "verdict"] = "too high"
    values = gradients.oracles_facts(bad, cases[0])
    assert (values["rejected"], values["settings"]) == (1, 4)
    assert "1 of the 4" in said("gradients_oracles", "harder", values)


# ---- The step -------------------------------------------------------------------------------


def test_the_best_step_and_the_check_s_are_told(shown: Show, many_steps: pd.DataFrame) -> None:
    worst = many_steps.groupby("h")["norm_wise"].max()
    assert worst[0.1] / worst[0.01] == pytest.approx(100, rel=0.05)
    told = shown("gradients.steps", many_steps, 1e-4)
    text, (figure,) = told.prose, told.records
    assert power(worst.min()) in text and power(worst[1e-4]) in text
    assert power(worst.idxmin()) in text
    assert f"{worst.idxmin():g} with {worst.min():.1e}" in figure.alt


@pytest.mark.parametrize("h", [1e-4, 1e-8])
def test_the_step_is_drawn_with_a_curve_for_every_parameter(
    many_steps: pd.DataFrame, h: float
) -> None:
    drawn = gradients.steps_figure(many_steps, h)
    assert svg(drawn) == svg(gradients.steps_figure(many_steps, h))
    assert drawn.get_figwidth() == PAGE_WIDTH
    *curves, mark = drawn.axes[0].lines
    assert [curve.get_label() for curve in curves] == [f"${name}$" for name in PARAMETERS]
    assert list(mark.get_xdata()) == [h, h]
    ours = many_steps[many_steps["parameter"] == "W"]
    np.testing.assert_array_equal(curves[0].get_ydata(), ours["norm_wise"])


# ---- Planted mistakes -----------------------------------------------------------------------


def test_mistakes_stand_in_a_table_with_their_errors_in_both_settings(
    shown: Show, planted: pd.DataFrame, cases: list[Case]
) -> None:
    page = shown("gradients.mistakes", planted, cases).stored[1].data["text/html"]
    cells = [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", page)]
    rows = np.array(cells).reshape(-1, 5)
    table = pd.DataFrame(rows[1:, 1:], index=rows[1:, 0], columns=rows[0, 1:])
    assert list(table.columns[:2]) == [cases[0].name, cases[-1].name]
    assert table.index.tolist() == planted["mistake"].tolist()
    assert table.loc[NO_H0].tolist()[:3] == [
        f"{planted.set_index('mistake').loc[NO_H0, which]:.1e}"
        for which in ("easy", "hard", "complex")
    ]
    assert table["verdict"].nunique() == 2 and table["verdict"].duplicated().sum() == 4


def test_mistakes_that_the_first_setting_hides_are_named(planted: pd.DataFrame) -> None:
    values = gradients.mistakes_facts(planted) | {"dropout": False}
    errors = planted.set_index("mistake")["easy"].drop("none")
    hidden = [name for name, error in errors.items() if error <= 1e-4]
    assert NO_H0 in hidden and 1 < len(hidden) < 5
    assert values["hidden"] == hidden and values["planted"] == 5
    text = said("gradients_mistakes", "reading", values)
    assert all(escape(name) in text for name in [*hidden, values["nearest"]["mistake"]])
    assert power(planted["complex"].iloc[0]) in text
    none_hidden = said("gradients_mistakes", "reading", values | {"hidden": []})
    assert escape(NO_H0) not in none_hidden
